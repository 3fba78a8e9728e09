/**
 * The client's end of a paying session: what it signs, and when. It signs for verified bytes only; when enough of them are unsigned, at the
 * end of a response, and for all of them while the node is stopped by its window. With `ticks` it shows one more element of a hash chain where only
 * the first of these is the reason. Of a lane that its reader leaves, what is in flight is verified and signed for too, and what is left of the unit in which that ends is signed
 * for unseen: one unit is all that a client can lose. Layouts and rules: docs/protocol/delivery-acknowledgements.md.
 */
import type { Evidence } from './check.ts'
import type { PriceFrame, SessionPayer } from './ports.ts'

export interface Payer extends SessionPayer {
  /** DATA of the lane is verified up to `offset`. Signs when it is time to. */
  verified(lane: number, offset: bigint): void
  /**
   * What came on the lane behind the verified offset is wrong: nothing more of it is ever signed for, also when the lane is reset next. A node that sent more will miss it for
   * ever, so the session is left, with code 22, when no other lane is open or the node is stopped.
   */
  refuse(lane: number): void
  /**
   * Who verifies the lane goes on behind its reset too, with what was in flight, and says with `giveUp` that he is done: until then nothing is signed for that he did not verify.
   * Without it a lane that is reset is given up at once.
   */
  follows(lane: number): void
  /**
   * Nobody verifies more of the lane. Where its reader left it, it is signed for to its end, so that no honest node's bytes stay unpaid, but unseen for no more than one unit (2 MiB +
   * 128 KiB): it is as if what is behind that were refused. (network.md §5.2)
   */
  giveUp(lane: number): void
  /** Signs what is verified and unsigned. */
  flush(): void
  /** Signs what is verified and unsigned, and that nothing follows; then the session may be closed. */
  finish(): void
  /** The newest prices that the node has told, and that were taken. */
  readonly prices: PriceFrame | undefined
  /** What was signed for, or said by ticks, all epochs of the session together. */
  readonly cost: { readonly bytes: bigint; readonly microUsd: bigint }
  /** Nothing more is signed, for the cap or the delegation's is reached; the session was left with code 14. */
  readonly isCapped: boolean
  readonly receipts: readonly Receipt[]
}

/** The newest acknowledgement of one chain, with its newest tick and all that is needed to check it offline. */
export interface Receipt {
  readonly evidence: Evidence
  readonly nodeKey: Uint8Array
}
