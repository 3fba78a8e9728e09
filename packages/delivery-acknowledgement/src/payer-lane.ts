/**
 * One lane at a client that pays: how far it is verified, how far signed for, and in which of two epochs. Offsets count DATA from the lane's start.
 *
 * Invariant: unseen, behind what is verified, no more is ever signed for than the rest of one unit.
 */
import { OWN_LANES_END, UNIT_BYTES_MAX } from './constants.ts'

const UNIT = /* @__PURE__ */ BigInt(UNIT_BYTES_MAX)

export interface PayerLane {
  readonly id: number
  readonly serviceId: number
  readonly digest: Uint8Array
  readonly acceptedMs: number
  verified: bigint
  /** In the newest epoch. */
  signed: bigint
  /** What is left of the epoch that closes. */
  old: { signed: bigint; readonly end: bigint } | undefined
  /** DATA of the lane ends here. */
  end: bigint | undefined
  /** More may have come than will ever be verified. */
  isCut: boolean
  isRefused: boolean
  /** Its reader has left it. */
  isLeft: boolean
  /** Somebody verifies it all the same, until he gives it up. */
  isFollowed: boolean
}

/** Up to where it is signed for unseen, once nobody verifies any more of it: no honest node's bytes are to stay unpaid. Undefined: no farther than it is verified. */
export function unseenEndOf({ end, verified, isLeft, isFollowed, isRefused, isCut }: PayerLane): bigint | undefined {
  if (end === undefined || verified >= end || !isLeft || isFollowed || isRefused || isCut) return undefined
  return end < verified + UNIT ? end : verified + UNIT
}

/**
 * Whether bytes came that are never signed for, and that the node does not write off: its window never gets rid of them. What came on lanes of connections that joined only their
 * holders say.
 */
export function isOwedForGood({ id, end, verified, isRefused, isCut }: PayerLane): boolean {
  return id < OWN_LANES_END && end !== undefined && verified < end && isRefused && !isCut
}

/** Whether nothing more of it will be signed for. */
export function isDone({ end, old, signed, isLeft, isFollowed, isRefused, isCut }: PayerLane): boolean {
  if (end === undefined) return false
  return isRefused || (isCut && isLeft && !isFollowed) || (signed >= end && pendingOf(old, end) === 0n)
}

/** Bytes of the closing epoch that are verified and not signed for. */
export function pendingOf(old: PayerLane['old'], verified: bigint): bigint {
  if (old === undefined) return 0n
  const end = verified < old.end ? verified : old.end
  return end > old.signed ? end - old.signed : 0n
}

/** Bytes of the newest epoch that are verified and not signed for, of one service. */
export function unsignedOf(lanes: Iterable<PayerLane>, serviceId: number): bigint {
  let bytes = 0n
  for (const lane of lanes) if (lane.serviceId === serviceId && lane.verified > lane.signed) bytes += lane.verified - lane.signed
  return bytes
}
