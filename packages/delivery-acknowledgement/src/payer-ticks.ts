/** What a payer says ticks with, where it is handed that: a hash chain for each of its chains, made when the first tick is near. */
import { TICK_BYTES, TICK_CHAIN_LENGTH, TICKS_MAX } from './constants.ts'
import { createTickChain } from './tick.ts'

/** Ticks in place of signatures. */
export interface TickOptions {
  /** 32 secret bytes that nobody can guess, others at each call: the end of the hash chain of one service in one epoch. */
  readonly secret: () => Uint8Array
  /** Elements of a hash chain: each is one hash when the chain is made, at once, and 64 KiB said later. @default 65,536, which is the most */
  readonly length?: number
}

/** For `ticks` of `createPayer`; one may serve many payers. */
export interface Ticks {
  /** The payer's own call, for one service in one epoch. @param bytesMost - what may still be paid for: as many elements are made, and no more. */
  begin(bytesMost: bigint | undefined): ChainTicks | undefined
}

export interface ChainTicks {
  /** The element that the next acknowledgement names, 32 bytes. */
  readonly anchor: Uint8Array
  /** The element behind it that says as much of `bytes` as whole ticks do, where that is beyond `index`. */
  beyond(index: number, bytes: bigint): { readonly index: number; readonly preimage: Uint8Array } | undefined
  /** The elements up to `index` are known: nothing that follows may name one before them. */
  moveOn(index: number): void
}

/** @example createPayer({ …, ticks: createTicks({ secret: () => crypto.getRandomValues(new Uint8Array(32)) }) }) */
export function createTicks({ secret, length = TICK_CHAIN_LENGTH }: TickOptions): Ticks {
  const longest = BigInt(Math.min(length, TICK_CHAIN_LENGTH))
  return {
    begin(bytesMost) {
      const wanted = bytesMost === undefined ? longest : bytesMost / TICK_BYTES + 1n
      return wanted > 1n ? ticksOf(secret(), Number(wanted < longest ? wanted : longest)) : undefined
    },
  }
}

function ticksOf(secret: Uint8Array, length: number): ChainTicks {
  const chain = createTickChain(secret, length)
  let anchorAt = 0
  return {
    get anchor() {
      return chain.at(anchorAt)
    },
    beyond(index, bytes) {
      const next = Math.min(Number(bytes / TICK_BYTES), TICKS_MAX, length - 1 - anchorAt)
      return next > index ? { index: next, preimage: chain.at(anchorAt + next) } : undefined
    },
    moveOn(index) {
      anchorAt += index
    },
  }
}
