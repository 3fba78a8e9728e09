/**
 * The state of one lane on one side: two offsets and a limit for each direction, and what waits to be sent.
 *
 * Invariants: `sent <= sendLimit`, `consumed <= received <= receiveLimit`; all are DATA bytes since the lane opened, so `(lane, offset)`
 * names one byte. Held by the session core, handed to the driver as an opaque handle.
 */
/**
 * Makes DATA of a lane again, from one of its offsets up to another: the very bytes that were written. Asked for what was lost with a connection.
 * `signal` aborts when they are not wanted any more; the lane is not asked for others before the iteration has ended.
 */
export type Resend = (from: number, to: number, signal: AbortSignal) => AsyncIterable<Uint8Array>

/** Bytes that wait to be sent, with what the driver wants back when the last of them has been taken. */
export interface PendingWrite {
  readonly parts: readonly Uint8Array[]
  readonly token: unknown
  partIndex: number
  partOffset: number
}

/** What was lost with a connection, while it is given again. */
export interface Again {
  /** Where it ends, as an offset of the lane. */
  readonly until: number
  /** What was written and not sent: it follows. */
  readonly later: PendingWrite[]
  queued: number
  /** It is not wanted any more. */
  onDropped: () => void
}

export class CoreLane {
  readonly id: number
  /** What OPEN asked for, until the lane is taken; `openBody` is the whole body. */
  request: { readonly serviceId: number; readonly openBody: Uint8Array } | undefined
  /** OPEN and ACCEPT have both passed: DATA may flow. */
  isAccepted = false
  /** Out of the table: the lane ended both ways, was reset, or its session is over. */
  isOver = false

  /** The whole body of this side's ACCEPT, to be repeated where it was lost with a connection. */
  acceptBody: Uint8Array | undefined
  resend: Resend | undefined

  sent = 0
  /** The most that was sent on any connection; below it, bytes are sent again. */
  sentMost = 0
  sendLimit = 0
  /** Where the next write begins. */
  written = 0
  writes: PendingWrite[] = []
  /** Of the writes that may go now. */
  queuedBytes = 0
  /** What is sent again comes first. */
  again: Again | undefined
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
  /** Of a connection before this one: received and not read, so no part of the connection's credit. */
  carriedBytes = 0
  /** Of the connection that `carriedBytes` was counted for. */
  carriedOn = 0

  isResetSent = false
  /** What comes behind our RESET is handed on too, until the other side has answered it. */
  isReadOn = false
  /** Who ended it first, by RESET. */
  resetBy: 'client' | 'node' | undefined
  resetBody: { readonly code: number; readonly reason: string } | undefined
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

  queue(write: PendingWrite, bytes: number): void {
    this.written += bytes
    if (this.again !== undefined) this.again.later.push(write)
    else {
      this.writes.push(write)
      this.queuedBytes += bytes
    }
  }

  /** The other side has DATA up to `offset` only: what was sent beyond it is to be given again, by `queueAgain`. */
  rewind(offset: number): Again {
    const { again } = this
    again?.onDropped()
    this.again = { until: again?.until ?? this.sent, later: again?.later ?? this.writes, queued: offset, onDropped: () => {} }
    this.writes = []
    this.queuedBytes = 0
    this.sent = offset
    return this.again
  }

  /** More of what was lost, in order. False, and nothing is queued, when it is not wanted any more. */
  queueAgain(again: Again, bytes: Uint8Array, token: unknown): boolean {
    if (this.again !== again) return false
    this.writes.push({ parts: [bytes], token, partIndex: 0, partOffset: 0 })
    this.queuedBytes += bytes.length
    again.queued += bytes.length
    if (again.queued < again.until) return true
    this.again = undefined
    this.writes.push(...again.later)
    this.queuedBytes += this.written - again.until
    return true
  }

  /** Forgets all that waits to be sent. */
  drop(): void {
    this.again?.onDropped()
    this.again = undefined
    this.writes = []
    this.queuedBytes = 0
  }

  /** Written, and not sent yet, or to be sent again. */
  get waitingBytes(): number {
    return this.written - this.sent
  }

  get creditBytes(): number {
    return this.sendLimit - this.sent
  }
}
