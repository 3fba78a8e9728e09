/** What the reader of one lane owes for it, told to the signer of its session as the bytes are verified. */
import type { Payer } from '@selvedge/delivery-acknowledgement/client'
import { ClientError } from './errors.ts'

export interface LanePayment {
  /** DATA of the lane is verified up to `offset`. @throws {ClientError} `CLIENT_CAP`: more than the cap pays for has come */
  verified(offset: number): void
  /** Nothing behind what is verified is owed: it is wrong, or nobody asked for it. To be told before the lane is reset. */
  refuse(): void
  /** The reader has left the lane, whatever its state; what came on it until then and is not refused is signed for. */
  leave(): void
  /** @throws {ClientError} `CLIENT_CAP` where the session ended for it */
  check(): void
}

/** Of a guest. */
export const NO_PAYMENT: LanePayment = { verified() {}, refuse() {}, leave() {}, check() {} }

export function createLanePayment(payer: Payer, lane: number, node: string): LanePayment {
  const check = (): void => {
    if (payer.isCapped) throw capError(node)
  }
  return {
    verified(offset) {
      payer.verified(lane, BigInt(offset))
      check()
    },
    refuse: () => payer.refuse(lane),
    leave: () => payer.giveUp(lane),
    check,
  }
}

export function capError(node: string): ClientError {
  return new ClientError('CLIENT_CAP', `the cap is reached: ${node} is paid for no more`, { node })
}

/**
 * Hands on what a verifier yields, once it is signed for. What the verifier finds wrong is refused; so is what would follow its end.
 * @param endOf - the offset in the lane up to which everything is verified with the item; without one, up to the end.
 */
export function paidFor<T>(verified: AsyncIterable<T>, payment: LanePayment, endOf: EndOf<T>): AsyncIterable<T> {
  return payment === NO_PAYMENT ? verified : paying(verified, payment, endOf)
}

type EndOf<T> = (item: T | undefined) => number | undefined

async function* paying<T>(verified: AsyncIterable<T>, payment: LanePayment, endOf: EndOf<T>): AsyncGenerator<T, void, undefined> {
  try {
    for await (const item of verified) {
      const end = endOf(item)
      if (end !== undefined) payment.verified(end)
      yield item
    }
    const end = endOf(undefined)
    if (end !== undefined) payment.verified(end)
    payment.refuse()
  } catch (error) {
    if (isUnverified(error)) payment.refuse()
    payment.check()
    throw error
  }
}

/** Whether a verifier's word about what the node sent; what is wrong in the content itself was delivered truly. */
export function isUnverified(error: unknown): boolean {
  const { code, isFinal } = (typeof error === 'object' && error !== null ? error : {}) as { code?: unknown; isFinal?: unknown }
  return typeof code === 'string' && /^(CAR_|VERIFY_|CONTENT_|CLIENT_BAD_ANSWER$|CLIENT_NOT_FOUND$)/.test(code) && isFinal !== true
}
