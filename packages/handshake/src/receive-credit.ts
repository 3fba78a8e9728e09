/**
 * What the other side may send, on the connection and on each lane, and what it is granted when bytes have been read.
 * Invariant: `consumed <= received <= limit <= consumed + 16 MiB`, and of each lane the same with its own window.
 */
import { CONNECTION_CREDIT_BYTES, CONNECTION_GRANT_BYTES, LANE_GRANT_BYTES } from './constants.ts'
import type { CoreLane } from './lane-core.ts'
import type { Outbox } from './outbox.ts'

export class ReceiveCredit {
  readonly #outbox: Outbox
  #received = 0
  #consumed = 0
  #limit = CONNECTION_CREDIT_BYTES

  constructor(outbox: Outbox) {
    this.#outbox = outbox
  }

  get leftBytes(): number {
    return this.#limit - this.#received
  }

  receive(bytes: number): void {
    this.#received += bytes
  }

  /** The reader of the lane took `bytes` of what was handed on. */
  read(lane: CoreLane, bytes: number): void {
    lane.consumed += bytes
    if (lane.isWrittenOff) return
    this.giveBack(bytes)
    if (lane.isOver || lane.isEndReceived || lane.isResetSent) return
    const grant = lane.consumed + lane.windowBytes - lane.receiveLimit
    if (grant < Math.min(LANE_GRANT_BYTES, Math.ceil(lane.windowBytes / 4))) return
    lane.receiveLimit += grant
    this.#outbox.pushGrant(lane.id, grant)
  }

  /** Gives the connection back what came on the lane and was not read: nobody needs to read it now. */
  writeOff(lane: CoreLane): void {
    if (lane.isWrittenOff) return
    lane.isWrittenOff = true
    this.giveBack(lane.received - lane.consumed)
  }

  /** Bytes that nobody holds any more; they are granted again in steps of 1 MiB. */
  giveBack(bytes: number): void {
    this.#consumed += bytes
    const grant = this.#consumed + CONNECTION_CREDIT_BYTES - this.#limit
    if (grant < CONNECTION_GRANT_BYTES) return
    this.#limit += grant
    this.#outbox.pushGrant(0, grant)
  }
}
