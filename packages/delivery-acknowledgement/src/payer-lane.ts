/** One lane at a client that pays: how far it is verified, how far signed for, and in which of two epochs. Offsets count DATA from the lane's start. */

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
