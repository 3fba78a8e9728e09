/**
 * One lane at a node that is paid: what was sent of it, what of that is acknowledged, and in which of two epochs.
 * Offsets count DATA from the lane's start. `debt` is what was begun and is neither acknowledged nor written off.
 */
import type { Stretch } from './payer-chain.ts'
import type { AckFrame, ResumedLane } from './ports.ts'

export class MeteredLane {
  readonly id: number
  readonly serviceId: number
  readonly digest: Uint8Array
  sent = 0
  /** In progress: begun, and charged whole. Its end may turn out to be nearer. */
  unit: { readonly start: number; readonly end: number } | undefined
  /** In the newest epoch. */
  acked = 0
  /** Acknowledged, in whichever epoch: never asked for again. */
  verified = 0
  /** What the epoch that closes has of it: up to `end`, and for a client that had not heard of the change, up to `limit`. */
  old: { acked: number; readonly end: number; limit: number } | undefined
  /** Nothing more is sent on it. */
  isOver = false
  /** By END of both: what was lost of it with a connection is sent again. */
  isEnded = false
  /** An epoch closed since nothing was owed for it any more. */
  isStale = false
  /** The node gave it up and wrote off the rest; what is acknowledged nevertheless is welcome. */
  isForgiven = false

  constructor(id: number, serviceId: number, digest: Uint8Array) {
    this.id = id
    this.serviceId = serviceId
    this.digest = digest
  }

  get oldDebt(): number {
    return this.old === undefined ? 0 : Math.max(0, this.old.end - this.old.acked)
  }

  /** Nothing of it can be acknowledged or be asked for any more; what an epoch closed over may, for another epoch. */
  get isSettled(): boolean {
    return this.isOver && this.debt === 0 && (!this.isEnded || this.verified >= this.sent)
  }

  /** What of the debt was sent: the rest is of a unit that has begun. */
  get sentDebt(): number {
    return this.oldDebt + Math.max(0, this.sent - this.acked)
  }

  get debt(): number {
    return this.oldDebt + Math.max(0, Math.max(this.sent, this.unit?.end ?? 0) - this.acked)
  }

  /** What an acknowledgement of the epoch may sign for, and ticks before it may say. */
  unsignedIn(isOld: boolean): number {
    if (!isOld) return Math.max(0, this.sent - this.acked)
    return this.old === undefined ? 0 : Math.max(0, this.old.limit - this.old.acked)
  }

  /** From where an acknowledgement of the epoch goes on, if it may name `offset`. */
  startFor(offset: bigint, isOld: boolean): number | undefined {
    const from = isOld ? this.old?.acked : this.acked
    const limit = isOld ? this.old?.limit : this.sent
    return from !== undefined && limit !== undefined && offset > BigInt(from) && offset <= BigInt(limit) ? from : undefined
  }

  /** @param offset - as `startFor` allowed it. */
  acknowledge(offset: number, isOld: boolean): void {
    this.verified = Math.max(this.verified, offset)
    if (isOld && this.old !== undefined) {
      this.old.acked = offset
      this.acked = Math.max(this.acked, offset)
      return
    }
    this.acked = offset
    if (this.old !== undefined) this.old.limit = this.old.end // the new chain has begun there: nothing counts twice
  }

  /** The epoch ends for this lane at the unit in progress. @returns the boundary. */
  beginEpoch(): number {
    const boundary = Math.max(this.unit?.start ?? this.sent, this.acked)
    const isKnown = Math.max(boundary, this.sent) > this.acked // of what was sent, a client that has not heard of the change may sign in the old one
    this.old = isKnown ? { acked: this.acked, end: boundary, limit: this.sent } : undefined
    this.acked = boundary
    return boundary
  }
}

/**
 * How many bytes are to be sent again to a client that has come back; undefined where it cannot have what it says. Of a lane that is not known any more all
 * was acknowledged: nothing of it is to be sent again.
 */
export function bytesMissing(lanes: ReadonlyMap<number, MeteredLane>, resumed: readonly ResumedLane[]): number | undefined {
  let bytes = 0
  for (const { lane: id, received, sent } of resumed) {
    const lane = lanes.get(id)
    const isRight = lane === undefined ? received === (sent ?? received) : received >= lane.verified && received <= lane.sent
    if (!isRight) return undefined
    if (lane !== undefined && sent !== undefined) bytes += lane.sent - received
  }
  return bytes
}

/** What the lanes of an acknowledgement moved by; undefined where one is not of this service, does not move, or was not sent so far. */
export function stretchesOf(
  lanes: ReadonlyMap<number, MeteredLane>,
  { lanes: moved }: AckFrame,
  serviceId: number,
  isOld: boolean,
): Stretch[] | undefined {
  const stretches: Stretch[] = []
  let last = -1
  for (const { lane: id, verifiedOffset } of moved) {
    const lane = lanes.get(id)
    const from = lane?.serviceId === serviceId && id > last ? lane.startFor(verifiedOffset, isOld) : undefined
    if (lane === undefined || from === undefined) return undefined
    stretches.push({ lane: id, digest: lane.digest, from: BigInt(from), to: verifiedOffset })
    last = id
  }
  return stretches
}
