/**
 * Lanes that this client has reset, and whose RESET the node does not answer (sessions.md §3). Frames keep their order, so PONG to a PING that was sent behind a RESET
 * shows that the node has read it, and that its answer is not under way: the lane is over here, and its place is free. What the node says of it afterwards is
 * dropped; it may still answer, late.
 *
 * How long PONG is waited for is the time in which this side looked. One that stands still (a laptop that sleeps, a process that is stopped) may have PONG in its socket, and
 * its timers may run before that is read. So the time from one look, a tick or what the node says, to the next counts for `PONG_LOOK_MS` at most; and when all of it is over,
 * whatever has come by then is read first: the node is late `PONG_TURN_MS` after that.
 *
 * Invariants: one such PING is under way at a time. A lane that is over and not answered gets no credit, and over all of them no more than one unit of DATA is passed over.
 */
import { CODES } from './codes.ts'
import { PONG_LOOK_MS, PONG_TIMEOUT_MS, PONG_TURN_MS, UNANSWERED_BYTES_MAX, UNANSWERED_LANES_MAX } from './constants.ts'
import { protocolError } from './frames.ts'
import type { CoreLane } from './lane-core.ts'
import type { LaneTable } from './lane-table.ts'

/** Nonces above it are these PINGs': 0 is the keep-alive's, and the books and the payer count theirs from 1. */
export const RESETS_NONCE: bigint = 2n ** 63n

export class UnansweredResets {
  readonly #table: LaneTable
  #nonce = RESETS_NONCE
  /** The PING that is under way, and the lanes that were reset before it. */
  #asked: { readonly nonce: bigint; readonly lanes: readonly CoreLane[] } | undefined
  /** The last look since the node first said something after it, or the one with which the time was over; and how long was looked for by then. */
  #lookedMs: number | undefined
  #waitedMs = 0
  #droppedBytes = 0

  constructor(table: LaneTable) {
    this.#table = table
  }

  /** @returns the nonce of a PING to be sent behind the RESETs that are not answered; none where there is none of them, or one is asked for already. */
  ask(): bigint | undefined {
    if (this.#isWaiting) return undefined
    const lanes = this.#table.all.filter(({ isResetSent }) => isResetSent)
    if (lanes.length === 0) return undefined
    this.#nonce++
    this.restart()
    this.#asked = { nonce: this.#nonce, lanes }
    return this.#nonce
  }

  /** PONG came. @returns the lanes whose RESET the node has read, and not answered. */
  answered(nonce: bigint): readonly CoreLane[] {
    if (nonce !== this.#asked?.nonce) return []
    const lanes = this.#asked.lanes.filter(({ isOver }) => !isOver)
    this.restart()
    return lanes
  }

  /** Nothing that was asked is answered any more: its connection is gone. */
  restart(): void {
    this.#asked = undefined
    this.#lookedMs = undefined
    this.#waitedMs = 0
  }

  /** The lane is over here. @throws {HandshakeError} `HANDSHAKE_PROTOCOL`, 1: there are too many of them. */
  keep(lane: CoreLane): void {
    const { unanswered } = this.#table
    if (unanswered.size >= UNANSWERED_LANES_MAX)
      throw protocolError(CODES.badFrame, `more than ${UNANSWERED_LANES_MAX} lanes whose RESET was read and is not answered`)
    lane.isReadOn = false
    lane.request = undefined // an ACCEPT that comes late is told to no payer: the node knew that nobody wants it
    unanswered.set(lane.id, lane)
  }

  /** DATA came on such a lane. @throws {HandshakeError} `HANDSHAKE_PROTOCOL`, 15: it was too much, over all of them. */
  drop(bytes: number): void {
    this.#droppedBytes += bytes
    if (this.#droppedBytes > UNANSWERED_BYTES_MAX)
      throw protocolError(CODES.flowViolation, `more than ${UNANSWERED_BYTES_MAX} bytes on lanes whose RESET was read`)
  }

  /** When the next look is due. Of a node that lives, says other things and does not answer PING: of one that says nothing the keep-alive takes care. */
  get deadlineMs(): number {
    if (!this.#isWaiting || this.#lookedMs === undefined) return Number.POSITIVE_INFINITY
    const leftMs = PONG_TIMEOUT_MS - this.#waitedMs
    return this.#lookedMs + (leftMs > 0 ? Math.min(PONG_LOOK_MS, leftMs) : PONG_TURN_MS)
  }

  /** The node said something, which is not read yet. */
  heard(nowMs: number): void {
    if (this.#isWaiting) this.#look(nowMs)
  }

  isLate(nowMs: number): boolean {
    const isDue = nowMs >= this.deadlineMs
    if (isDue && this.#waitedMs >= PONG_TIMEOUT_MS) return true
    if (isDue) this.#look(nowMs)
    return false
  }

  #look(nowMs: number): void {
    if (this.#waitedMs >= PONG_TIMEOUT_MS) return
    const sinceMs = nowMs - (this.#lookedMs ?? nowMs)
    this.#waitedMs = Math.min(PONG_TIMEOUT_MS, this.#waitedMs + Math.min(PONG_LOOK_MS, sinceMs))
    this.#lookedMs = nowMs
  }

  get #isWaiting(): boolean {
    return this.#asked?.lanes.some(({ isOver }) => !isOver) === true
  }
}
