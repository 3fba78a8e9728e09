/** What the reader of one lane owes for it, told to the signer of its session as the bytes are verified. */
import type { PriceFrame } from '@selvedge/delivery-acknowledgement/client'
import { ClientError } from './errors.ts'
import type { LanePayer, LanePort } from './ports.ts'

export interface LanePayment {
  /** The newest of the session; none for a guest. */
  readonly prices: PriceFrame | undefined
  /** DATA of the lane is verified up to `offset`. @throws {ClientError} `CLIENT_CAP`: more than the cap pays for has come */
  verified(offset: number): void
  /** Nothing behind what is verified is owed: it is wrong, or nobody asked for it. To be told before the lane is reset. */
  refuse(): void
  /** The reader is done with what is verified up to `offset`: the node may send as much more. */
  taken(offset: number): void
  /** Somebody verifies what comes, also behind the reader's leaving, until `settle`. */
  follow(): void
  /** Nobody verifies any more: of what came behind, if it is not refused, the rest of one unit is signed for unseen. */
  settle(): void
  /** The reader has left the lane, whatever its state. Where nobody verifies it, it is settled. */
  leave(): void
  /** Why the lane failed: `CLIENT_CAP` where the session ended for it, else `error`. */
  causeOf(error: unknown): unknown
}

/** Of a guest. */
export const NO_PAYMENT: LanePayment = {
  prices: undefined,
  verified() {},
  refuse() {},
  taken() {},
  follow() {},
  settle() {},
  leave() {},
  causeOf: (error) => error,
}

/** @param following - who verifies: each is there from `follow` to `settle`. */
export function createLanePayment(payer: LanePayer, lane: LanePort, node: string, following: Set<Promise<void>>): LanePayment {
  let takenOffset = 0
  let settled: (() => void) | undefined
  return {
    get prices() {
      return payer.prices
    },
    verified(offset) {
      payer.verified(lane.laneId, BigInt(offset))
      if (payer.isCapped === true) throw capError(node)
    },
    refuse: () => payer.refuse(lane.laneId),
    taken(offset) {
      lane.release?.(offset - takenOffset)
      takenOffset = offset
    },
    follow() {
      payer.follows(lane.laneId)
      const until = new Promise<void>((resolve) => (settled = resolve))
      following.add(until)
      void until.then(() => following.delete(until))
    },
    settle() {
      payer.giveUp(lane.laneId)
      settled?.()
      settled = undefined
    },
    leave() {
      if (settled === undefined) payer.giveUp(lane.laneId)
      lane.release?.(Number.MAX_SAFE_INTEGER) // what nobody will take any more is the connection's credit too
    },
    causeOf: (error) => (payer.isCapped === true ? capError(node) : error),
  }
}

export function capError(node: string): ClientError {
  return new ClientError('CLIENT_CAP', `the cap is reached: ${node} is paid for no more`, { node })
}

/** Whether a verifier's word about what the node sent; what is wrong in the content itself was delivered truly. */
export function isUnverified(error: unknown): boolean {
  const { code, isFinal } = (typeof error === 'object' && error !== null ? error : {}) as { code?: unknown; isFinal?: unknown }
  return typeof code === 'string' && /^(CAR_|VERIFY_|CONTENT_|CLIENT_BAD_ANSWER$|CLIENT_NOT_FOUND$)/.test(code) && isFinal !== true
}
