/**
 * What one side has to send, in the order in which it goes: control frames, credit, then DATA of the lanes by deficit round robin
 * (sessions.md §4), so that a small answer is not stuck behind a large one. DATA goes out as views of what the writer gave.
 *
 * Invariants: a lane is in the ring if and only if it has bytes queued and credit and the gate does not hold it; no lane gets more than one
 * quantum ahead of another that could send; what is taken never exceeds the credit of the lane or of the connection.
 */
import { CODES } from './codes.ts'
import { CONNECTION_CREDIT_BYTES, FRAME_BYTES_MAX, LANE_CREDIT_BYTES_MAX, QUANTUM_BYTES } from './constants.ts'
import { encodeCredit, encodeFrame, encodeHeader, FLAG_END, FRAME, protocolError } from './frames.ts'
import type { CoreLane } from './lane-core.ts'
import type { UnitGate } from './unit-gate.ts'

/** Bytes for the carrier, in order, and the tokens of the writes whose last byte is among them. */
export interface Batch {
  readonly parts: Uint8Array[]
  readonly tokens: unknown[]
  bytes: number
}

export class Outbox {
  #control: Uint8Array[] = []
  #controlBytes = 0
  readonly #grants = new Map<number, number>()
  readonly #ring: CoreLane[] = []
  readonly #onEndSent: (lane: CoreLane) => void
  sent = 0
  sendLimit = 0
  /** The last word of the session is in it: no credit follows. */
  isLast = false
  /**
   * Between two connections: control frames are not kept, for both sides say where they are (RESUME) before anything follows. Credit is kept once
   * this side has said so.
   */
  isDetached = false
  #hasSaid = false
  /** Of a paying session, at the node: what lets units go. */
  gate: UnitGate | undefined
  /** Lanes out of the ring because the gate let no unit of theirs begin. */
  readonly #held = new Set<CoreLane>()
  /** Calls of `wake`: one that comes while the gate is asked finds the lane still in the ring. */
  #wakes = 0

  constructor(onEndSent: (lane: CoreLane) => void) {
    this.#onEndSent = onEndSent
  }

  get controlBytes(): number {
    return this.#controlBytes
  }

  get hasOutput(): boolean {
    return this.#control.length > 0 || this.#grants.size > 0 || (this.#ring.length > 0 && this.sent < this.sendLimit)
  }

  /** The connection is gone, and what was not sent with it. */
  detach(): void {
    this.isDetached = true
    this.#hasSaid = false
    this.sendLimit = this.sent
    for (const lane of this.#ring) lane.isScheduled = false
    this.#ring.length = 0
    this.#held.clear()
    this.#control = []
    this.#controlBytes = 0
    this.#grants.clear()
  }

  /** Both sides know where they are: DATA flows again. */
  attach(): void {
    this.isDetached = false
    this.sendLimit = this.sent + CONNECTION_CREDIT_BYTES
  }

  /** Also while detached: HELLO, WELCOME and RESUME, which the credit that was granted before is a part of, and the last GOAWAY. */
  say(type: number, body: Uint8Array): void {
    this.#push(encodeFrame(type, 0, 0, body))
    if (type !== FRAME.resume) return
    this.#hasSaid = true
    this.#grants.clear()
  }

  pushControl(type: number, flags: number, lane: number, body: Uint8Array): void {
    if (!this.isDetached) this.#push(encodeFrame(type, flags, lane, body))
  }

  #push(frame: Uint8Array): void {
    this.#control.push(frame)
    this.#controlBytes += frame.length
  }

  /** Several grants to one lane (0: the connection) that wait are one frame. */
  pushGrant(lane: number, bytes: number): void {
    if (this.isLast || (this.isDetached && !this.#hasSaid)) return
    this.#grants.set(lane, (this.#grants.get(lane) ?? 0) + bytes)
  }

  dropGrant(lane: number): void {
    this.#grants.delete(lane)
  }

  /** The other side takes `bytes` more: on the lane, or on the connection. */
  addCredit(lane: CoreLane | undefined, bytes: number): void {
    if (lane === undefined) this.sendLimit += bytes
    else lane.sendLimit += bytes
    if (this.sendLimit - this.sent > CONNECTION_CREDIT_BYTES) throw protocolError(CODES.flowViolation, 'CREDIT above 16 MiB')
    if (lane === undefined) return this.wake()
    if (lane.creditBytes > LANE_CREDIT_BYTES_MAX) throw protocolError(CODES.flowViolation, `CREDIT above 16 MiB for lane ${lane.id}`)
    this.schedule(lane)
  }

  /** Puts the lane into the ring when it can send; call it after a write and after credit came. */
  schedule(lane: CoreLane): void {
    if (lane.isScheduled || lane.queuedBytes === 0 || lane.creditBytes <= 0) return
    this.#held.delete(lane)
    lane.isScheduled = true
    lane.deficitBytes = 0
    this.#ring.push(lane)
  }

  /** Lanes that wait for the credit of the connection, or for the meter, are asked again. */
  wake(): void {
    this.#wakes++
    for (const lane of this.#held) this.schedule(lane)
  }

  /** Forgets what the lane had to send; the driver settles the writes. */
  dropLane(lane: CoreLane): void {
    lane.drop()
    const at = this.#ring.indexOf(lane)
    if (at >= 0) this.#ring.splice(at, 1)
    lane.isScheduled = false
    this.#held.delete(lane)
    this.gate?.drop(lane)
    this.#grants.delete(lane.id)
  }

  /** Forgets everything but what was acknowledged, for the last word of a session. */
  clear(): void {
    this.isLast = true
    for (const lane of this.#ring) lane.isScheduled = false
    this.#ring.length = 0
    this.#held.clear()
    this.#control = this.#control.filter((frame) => frame[0] === FRAME.ack)
    this.#controlBytes = this.#control.reduce((bytes, frame) => bytes + frame.length, 0)
    this.#grants.clear()
  }

  /** Takes all control frames and about `budgetBytes` of DATA. */
  take(budgetBytes: number): Batch {
    const batch: Batch = { parts: this.#control, tokens: [], bytes: this.#controlBytes }
    this.#control = []
    this.#controlBytes = 0
    for (const [lane, bytes] of this.#grants) addPart(batch, encodeFrame(FRAME.credit, 0, lane, encodeCredit(bytes)))
    this.#grants.clear()
    while (batch.bytes < budgetBytes && this.sent < this.sendLimit) {
      const lane = this.#ring[0]
      if (lane === undefined) break
      this.#takeFrame(lane, batch)
    }
    return batch
  }

  #takeFrame(lane: CoreLane, batch: Batch): void {
    if (lane.deficitBytes === 0) lane.deficitBytes = QUANTUM_BYTES
    const connectionBytes = this.sendLimit - this.sent
    const bytesMax = Math.min(FRAME_BYTES_MAX, lane.queuedBytes, lane.creditBytes, connectionBytes, lane.deficitBytes)
    const wakes = this.#wakes
    const length = this.gate === undefined ? bytesMax : this.gate.take(lane, bytesMax, connectionBytes)
    if (length === 0 && this.#wakes !== wakes) return // what let it wait has changed meanwhile: it stays first, and is asked again
    if (length === 0) return this.#hold(lane)
    const isEnd = lane.isEnding && lane.sent + length === lane.written
    addPart(batch, encodeHeader({ type: FRAME.data, flags: isEnd ? FLAG_END : 0, lane: lane.id, length }))
    takeBytes(lane, length, batch)
    this.sent += length
    lane.deficitBytes -= length
    if (lane.queuedBytes === 0 || lane.creditBytes === 0) {
      this.#ring.shift()
      lane.isScheduled = false
    } else if (lane.deficitBytes === 0) this.#ring.push(this.#ring.shift()!)
    if (isEnd) this.#onEndSent(lane)
  }

  #hold(lane: CoreLane): void {
    this.#ring.splice(this.#ring.indexOf(lane), 1)
    lane.isScheduled = false
    this.#held.add(lane)
  }
}

function takeBytes(lane: CoreLane, length: number, batch: Batch): void {
  lane.sent += length
  lane.sentMost = Math.max(lane.sentMost, lane.sent)
  lane.queuedBytes -= length
  for (let left = length; left > 0; ) {
    const write = lane.writes[0]!
    const part = write.parts[write.partIndex]!
    const count = Math.min(left, part.length - write.partOffset)
    addPart(batch, part.subarray(write.partOffset, write.partOffset + count))
    left -= count
    write.partOffset += count
    if (write.partOffset < part.length) continue
    write.partIndex++ // no part is empty: the core leaves those out
    write.partOffset = 0
    if (write.partIndex < write.parts.length) continue
    batch.tokens.push(write.token)
    lane.writes.shift()
  }
}

function addPart(batch: Batch, part: Uint8Array): void {
  batch.parts.push(part)
  batch.bytes += part.length
}
