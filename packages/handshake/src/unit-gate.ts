/**
 * Units of a paying session (sessions.md §4): the smallest pieces that the client can verify. One is begun only when the credit of the lane and
 * of the connection cover all of it and the meter allows it; then the rest of it is reserved, so that what was begun can be finished.
 *
 * Invariant: `#reserved` is the sum over all lanes of what their begun unit has not sent, and the connection's credit covers it.
 */
import { FRAME_BYTES_MAX, UNIT_BYTES_MAX } from './constants.ts'
import type { CoreLane } from './lane-core.ts'
import type { SessionMeter } from './paying.ts'

export class UnitGate {
  readonly #meter: Pick<SessionMeter, 'allow' | 'sent'>
  readonly #onFreed: () => void
  #reserved = 0

  /** `onFreed`: bytes that were reserved will not be sent, so a lane that waits for the connection's credit may have it. */
  constructor(meter: Pick<SessionMeter, 'allow' | 'sent'>, onFreed: () => void) {
    this.#meter = meter
    this.#onFreed = onFreed
  }

  /** `bytes` more are queued on the lane; `ends`: of the units in them, from their start. Without, every 64 KiB and the last byte. */
  written(lane: CoreLane, bytes: number, ends: readonly number[] = endsOfFrames(bytes)): void {
    const start = lane.written - bytes
    for (const end of ends) lane.unitEnds.push(start + end)
    const end = lane.unitEnds[0]
    if (end !== undefined && lane.sent < lane.unitEnd && end < lane.unitEnd) this.#cut(lane, end) // the end of the one in progress is known now
  }

  /** Nothing more is written on the lane: what is queued, or in progress, ends with its last byte. */
  ended(lane: CoreLane): void {
    const end = lane.written
    if (lane.waitingBytes > 0 && lane.unitEnds.at(-1) !== end) this.written(lane, 0, [0])
    if (lane.waitingBytes > 0 || lane.sent >= lane.unitEnd) return
    this.#cut(lane, end)
    this.#meter.sent(lane.id, BigInt(end), true)
  }

  /** What was sent beyond `offset` is sent again: it was allowed and counted, and has its place in the credit of the new connection. */
  rewind(lane: CoreLane, offset: number): void {
    this.#reserved += lane.sent - offset
  }

  /** Nothing more is sent on the lane. */
  drop(lane: CoreLane): void {
    lane.unitEnds.length = 0
    if (lane.sent < lane.unitEnd) this.#cut(lane, lane.sent)
  }

  /** How much of what is queued the lane sends now, up to `bytesMax`: begins units as it goes. 0: it has to wait. */
  take(lane: CoreLane, bytesMax: number, connectionBytes: number): number {
    let length = 0
    while (length < bytesMax) {
      const offset = lane.sent + length
      const isBegun = offset < lane.unitEnd
      if (!isBegun && !this.#begin(lane, offset, connectionBytes - length)) break
      if (isBegun && length === 0 && offset >= lane.sentMost && !this.#meter.allow(lane.id, lane.unitEnd - offset, true)) break
      const bytes = Math.min(bytesMax - length, lane.unitEnd - offset)
      length += bytes
      this.#reserved -= bytes
      const end = offset + bytes
      if (end >= lane.sentMost) this.#meter.sent(lane.id, BigInt(end), end === lane.unitEnd && end > lane.sentMost)
    }
    return length
  }

  #begin(lane: CoreLane, offset: number, connectionBytes: number): boolean {
    while (lane.unitEnds[0] !== undefined && lane.unitEnds[0] <= offset) lane.unitEnds.shift()
    const size = Math.min(UNIT_BYTES_MAX, (lane.unitEnds[0] ?? Number.POSITIVE_INFINITY) - offset)
    if (lane.sendLimit - offset < size || connectionBytes - this.#reserved < size) return false
    if (!this.#meter.allow(lane.id, size, false)) return false
    lane.unitEnd = offset + size
    this.#reserved += size
    return true
  }

  #cut(lane: CoreLane, end: number): void {
    this.#reserved -= lane.unitEnd - end
    lane.unitEnd = end
    this.#onFreed()
  }
}

/** Where nothing is verified the unit is one frame. */
function endsOfFrames(bytes: number): number[] {
  const ends: number[] = []
  for (let end = FRAME_BYTES_MAX; end < bytes; end += FRAME_BYTES_MAX) ends.push(end)
  ends.push(bytes)
  return ends
}
