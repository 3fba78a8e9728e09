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
  /** Of connections, one after the other. */
  #connection = 0

  constructor(outbox: Outbox) {
    this.#outbox = outbox
  }

  get leftBytes(): number {
    return this.#limit - this.#received
  }

  /** A new connection has a credit of its own: what came on the one before and is not read is no part of it. */
  restart(): void {
    this.#connection++
    this.#received = 0
    this.#consumed = 0
    this.#limit = CONNECTION_CREDIT_BYTES
  }

  receive(lane: CoreLane, bytes: number): void {
    this.#settle(lane)
    lane.received += bytes
    this.#received += bytes
  }

  /** The reader of the lane took `bytes` of what was handed on. */
  read(lane: CoreLane, bytes: number): void {
    this.#settle(lane)
    lane.consumed += bytes
    if (lane.isWrittenOff) return
    this.#giveBackOf(lane, bytes)
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
    this.#settle(lane)
    this.#giveBackOf(lane, lane.received - lane.consumed)
  }

  #settle(lane: CoreLane): void {
    if (lane.carriedOn === this.#connection) return
    lane.carriedOn = this.#connection
    lane.carriedBytes = lane.received - lane.consumed
  }

  #giveBackOf(lane: CoreLane, bytes: number): void {
    const carried = Math.min(bytes, lane.carriedBytes)
    lane.carriedBytes -= carried
    this.giveBack(bytes - carried)
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
