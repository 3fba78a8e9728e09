/**
 * The state of one lane on one side: two offsets and a limit for each direction, and what waits to be sent.
 *
 * Invariants: `sent <= sendLimit`, `consumed <= received <= receiveLimit`; all are DATA bytes since the lane opened, so `(lane, offset)`
 * names one byte. Held by the session core, handed to the driver as an opaque handle.
 */
/** Bytes that wait to be sent, with what the driver wants back when the last of them has been taken. */
export interface PendingWrite {
  readonly parts: readonly Uint8Array[]
  readonly token: unknown
  partIndex: number
  partOffset: number
}

export class CoreLane {
  readonly id: number
  /** What OPEN asked for, until the lane is taken; `openBody` is the whole body. */
  request: { readonly serviceId: number; readonly openBody: Uint8Array } | undefined
  /** OPEN and ACCEPT have both passed: DATA may flow. */
  isAccepted = false
  /** Out of the table: the lane ended both ways, was reset, or its session is over. */
  isOver = false

  sent = 0
  sendLimit = 0
  readonly writes: PendingWrite[] = []
  queuedBytes = 0
  isEnding = false
  isEndSent = false
  deficitBytes = 0
  isScheduled = false
  /** Paying sessions, as offsets of the lane: ends of units that were written, and the end of the one in progress, or of the last. */
  readonly unitEnds: number[] = []
  unitEnd = 0

  received = 0
  receiveLimit = 0
  consumed = 0
  /** The credit that the reader is kept at. */
  windowBytes = 0
  isEndReceived = false

  isResetSent = false
  /** Who ended it first, by RESET. */
  resetBy: 'client' | 'node' | undefined
  /** Its bytes were given back to the connection at once, because nobody will read them in order. */
  isWrittenOff = false
  /** Refused before it was one: it waits for the answer to its RESET only, and counts for nothing. */
  isRefused = false

  constructor(id: number) {
    this.id = id
  }

  /** The first credit of the reader, told in OPEN or ACCEPT. */
  grant(bytes: number): void {
    this.windowBytes = bytes
    this.receiveLimit = bytes
  }

  get creditBytes(): number {
    return this.sendLimit - this.sent
  }
}
