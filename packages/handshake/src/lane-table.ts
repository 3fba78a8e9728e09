/** The lanes of one connection by number, and which numbers were ever used, so that a late frame is told from a wrong one. */
import { CODES } from './codes.ts'
import { ENDED_LANES_MAX, LANES_A_CONNECTION } from './constants.ts'
import { protocolError } from './frames.ts'
import { CoreLane } from './lane-core.ts'

/** Of numbers that were used, before there are more of them. */
const USED_BYTES_MIN = 8

export class LaneTable {
  readonly #lanes = new Map<number, CoreLane>()
  /** A bit for each number, up to the highest that was used: most connections use few, and a node has thousands of them. */
  #used = new Uint8Array(USED_BYTES_MIN)
  #last = 0
  /** Lanes of connection c are `c · 8192 + k`. */
  #first = 0
  /** Paying sessions: a number is used once, so that a lane and an offset name one byte for ever. */
  #isOnce = false
  /** The newest that ended both ways: what was sent last on them may have been lost with the connection (sessions.md §6). */
  readonly #ended: CoreLane[] = []
  /** Client: lanes that its RESUME ended, as long as the node may not have heard of them: it is to learn how much of them arrived. */
  readonly left: CoreLane[] = []
  /** Client: lanes that are over here, and whose RESET the node has read and not answered: something may come on them. */
  readonly unanswered: Map<number, CoreLane> = new Map()
  /** Lanes that were refused on arrival and wait for the answer to their RESET. */
  refused = 0

  /** Of a session that pays. @param connection - what WELCOME says: 0, or one that joined. */
  begin(connection: number): void {
    this.#isOnce = true
    this.#first = connection * LANES_A_CONNECTION
  }

  /** Whether lanes here may have the number; 0 is the session itself. */
  isOurs(id: number): boolean {
    return id === 0 || (id > this.#first && id < this.#first + LANES_A_CONNECTION)
  }

  get size(): number {
    return this.#lanes.size
  }

  /** Lanes that count against the limit. */
  get open(): number {
    return this.#lanes.size - this.refused
  }

  get(id: number): CoreLane | undefined {
    return this.#lanes.get(id)
  }

  /** Also one that ended and may have to end again. */
  find(id: number): CoreLane | undefined {
    return this.#lanes.get(id) ?? this.#ended.find((lane) => lane.id === id)
  }

  /** Also one that is over here and on which something may come. */
  heardOn(id: number): CoreLane | undefined {
    return this.#lanes.get(id) ?? this.unanswered.get(id)
  }

  wasUsed(id: number): boolean {
    const at = id - this.#first
    return this.isOurs(id) && ((this.#used[at >> 3] ?? 0) & (1 << (at & 7))) !== 0
  }

  /** No lane may be opened under this number now. */
  isTaken(id: number): boolean {
    return this.#lanes.has(id) || this.unanswered.has(id) || (this.#isOnce && this.wasUsed(id))
  }

  /** CREDIT and RESET may cross the end of their lane; on a lane that never was they are a mistake. */
  passOver(id: number, name: string): void {
    if (!this.wasUsed(id)) throw protocolError(CODES.badFrame, `${name} on lane ${id}, which never was`)
  }

  add(id: number): CoreLane {
    const lane = new CoreLane(id)
    this.#lanes.set(id, lane)
    this.#use(id - this.#first)
    return lane
  }

  #use(at: number): void {
    let { length } = this.#used
    while (length <= at >> 3) length *= 2
    if (length > this.#used.length) {
      const used = new Uint8Array(length)
      used.set(this.#used)
      this.#used = used
    }
    this.#used[at >> 3]! |= 1 << (at & 7)
  }

  /**
   * Adds a lane under the next free number; none when all are taken. Numbers go round: one comes back only after the 8,190 others, each
   * of which the other side has answered since, so that no late frame of the old lane can meet the new one. One that it did not answer does not come back.
   */
  addNext(): CoreLane | undefined {
    for (let tries = 1; tries < LANES_A_CONNECTION; tries++) {
      this.#last = (this.#last % (LANES_A_CONNECTION - 1)) + 1
      const id = this.#first + this.#last
      if (!this.isTaken(id)) return this.add(id)
    }
    return undefined
  }

  /** The session is over, and all lanes with it. */
  clear(): void {
    for (const lane of this.#lanes.values()) {
      lane.isOver = true
      lane.isWrittenOff = true
    }
    this.#lanes.clear()
    this.unanswered.clear()
    this.#ended.length = 0
    this.refused = 0
  }

  get all(): readonly CoreLane[] {
    return [...this.#lanes.values()]
  }

  get ended(): readonly CoreLane[] {
    return this.#ended
  }

  /** An ended lane is not over after all: something of it is sent again. */
  restore(lane: CoreLane): void {
    this.forget(lane)
    lane.isOver = false
    this.#lanes.set(lane.id, lane)
  }

  /** Nothing of the ended lane can have been lost. */
  forget(lane: CoreLane): void {
    const at = this.#ended.indexOf(lane)
    if (at >= 0) this.#ended.splice(at, 1)
  }

  remove(lane: CoreLane): void {
    lane.isOver = true
    if (this.#isOnce && lane.isEndSent && lane.isEndReceived && this.#ended.push(lane) > ENDED_LANES_MAX) this.#ended.shift()
    if (lane.isRefused) this.refused--
    this.#lanes.delete(lane.id)
  }
}
