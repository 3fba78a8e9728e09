/** A lane as its user sees it: bytes in, bytes out, one end for each. All decisions are the core's; this keeps queues and promises. */
import { CODES, nameOfCode } from './codes.ts'
import { HandshakeError } from './errors.ts'
import type { CoreLane } from './lane-core.ts'
import { LaneMemory } from './lane-memory.ts'
import { ReceiveQueue } from './receive-queue.ts'

/** One independent, ordered, flow-controlled stream both ways. */
export interface Lane {
  readonly laneId: number
  /** What the other side said when the lane opened: ACCEPT's at the client, OPEN's at the node. */
  readonly metadata: Uint8Array
  /**
   * What the other side sends, once. Pieces are the reader's to keep (with `isMemoryReused`: until he releases them), though not to transfer, for several may
   * share one buffer; taking one gives its credit back (with `isCreditHeld`: `release` does), so a reader that stops stops the sender. Breaking out of the
   * loop resets the lane with code 25.
   * With `isReadOn` it goes on behind this side's own reset, with what was in flight, and fails when the other side has answered.
   * @throws {HandshakeError} `HANDSHAKE_LANE_RESET` after the last byte that came, `HANDSHAKE_CLOSED` when the session ended.
   */
  readonly source: AsyncIterable<Uint8Array>
  /**
   * Sends bytes, or several parts at once. They are borrowed until the promise settles, which is when the carrier has let go of them, or at
   * once for a few bytes (4 KiB, while less than 16 KiB of the lane wait), which are copied so that END can leave with them.
   *
   * Of a node that is paid, a write waits until the client has paid enough of what came before it. It goes out in units: what the client can
   * verify as a whole, at most 2 MiB + 128 KiB each (a longer one is cut there).
   * @throws {HandshakeError} `HANDSHAKE_LANE_RESET`, `HANDSHAKE_LANE_ENDED`, `HANDSHAKE_CLOSED`, `HANDSHAKE_BAD_ARGUMENT`.
   */
  write(bytes: Uint8Array | readonly Uint8Array[], options?: WriteOptions): Promise<void>
  /**
   * With `isCreditHeld`: `bytes` that `source` gave are done with, and the other side may send as many more. More than are held means all.
   *
   * With `isMemoryReused`, too, they are those that it gave first, and are overwritten by what comes. Where more are released than are held, or the lane was
   * reset by this side, nothing is overwritten from then on.
   */
  release(bytes: number): void
  /** Ends our half after all that was written. */
  end(): Promise<void>
  /** Ends both halves now. `reason` is cut at 256 bytes of UTF-8. */
  reset(code: number, reason?: string): void
}

export interface WriteOptions {
  /** Offsets from the start of this write at which units end, ascending, from 1 to its length. @default every 64 KiB, and its end */
  readonly unitEnds?: readonly number[]
}

/** What a lane asks of the session that it belongs to. */
export interface LaneOwner {
  write(core: CoreLane, parts: readonly Uint8Array[], token: PendingPromise, unitEnds?: readonly number[]): boolean
  end(core: CoreLane): void
  reset(core: CoreLane, code: number, reason: string, isReadOn: boolean): void
  consume(core: CoreLane, bytes: number): void
  /** Calls back when the carrier holds none of the bytes that it holds now. */
  afterFlush(callback: () => void): void
}

/** How a lane is read. */
export interface LaneReading {
  /** Credit goes back by `release`. */
  readonly isCreditHeld?: boolean | undefined
  /** And so does the memory. */
  readonly isMemoryReused?: boolean | undefined
  /** Whoever reads goes on behind this side's reset. */
  readonly isReadOn?: boolean | undefined
}

interface PendingRead {
  next(result: IteratorResult<Uint8Array>): void
  reject(error: unknown): void
}

export interface PendingPromise {
  resolve(): void
  reject(error: unknown): void
}

const COPIED_BYTES_MAX = 4 * 1024
const COPIED_QUEUE_BYTES_MAX = 16 * 1024
const DONE: IteratorResult<Uint8Array> = { done: true, value: undefined }
/** Of a write whose caller waits for nothing. */
const SETTLED: PendingPromise = { resolve: () => {}, reject: () => {} }

export class LaneDriver implements Lane {
  readonly core: CoreLane
  metadata: Uint8Array
  readonly source: AsyncIterable<Uint8Array>
  readonly #owner: LaneOwner
  readonly #queue: ReceiveQueue
  readonly #writes = new Set<PendingPromise>()
  /** Bytes that the reader has and did not release; undefined: taking them releases them. */
  #heldBytes: number | undefined
  /** Whoever reads goes on behind this side's reset. */
  #isReadOn: boolean
  /** This side reset it, and it is read until the other side has answered. */
  #isDraining = false
  readonly #onOver: (() => void)[] = []
  #waiting: PendingRead | undefined
  /** What waits is given to the reader when this turn's input is in it. */
  #isGiving = false
  #isEnded = false
  #isSourceTaken = false
  #isHalfClosed = false
  #isOver = false
  /** This side reset it: then its end is no whim of the other's. */
  isResetHere = false
  #failure: { readonly error: unknown } | undefined

  constructor(owner: LaneOwner, core: CoreLane, metadata: Uint8Array, reading: LaneReading = {}) {
    const { isCreditHeld = false, isMemoryReused = false, isReadOn = false } = reading
    if (isCreditHeld) this.#heldBytes = 0
    this.#queue = new ReceiveQueue(isCreditHeld && isMemoryReused ? new LaneMemory() : undefined)
    this.#isReadOn = isReadOn
    this.#owner = owner
    this.core = core
    this.metadata = metadata
    this.source = { [Symbol.asyncIterator]: () => this.#iterator() }
  }

  /** Why the lane failed, when it did. */
  get failure(): unknown {
    return this.#failure?.error
  }

  get laneId(): number {
    return this.core.id
  }

  async write(bytes: Uint8Array | readonly Uint8Array[], { unitEnds }: WriteOptions = {}): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure.error
    if (this.#isHalfClosed) throw new HandshakeError('HANDSHAKE_LANE_ENDED', `lane ${this.laneId} was ended by this side`)
    const parts = bytes instanceof Uint8Array ? [bytes] : bytes
    const length = parts.reduce((sum, part) => sum + part.length, 0)
    if (unitEnds !== undefined) verifyUnitEnds(unitEnds, length)
    if (length <= COPIED_BYTES_MAX && this.core.waitingBytes + length <= COPIED_QUEUE_BYTES_MAX)
      return void this.#owner.write(this.core, [joined(parts, length)], SETTLED, unitEnds)
    await new Promise<void>((resolve, reject) => {
      const pending: PendingPromise = {
        resolve: () => {
          this.#writes.delete(pending)
          resolve()
        },
        reject,
      }
      this.#writes.add(pending)
      if (!this.#owner.write(this.core, parts, pending, unitEnds)) pending.resolve() // nothing to send
    })
  }

  release(bytes: number): void {
    const held = this.#heldBytes ?? 0
    const released = Math.min(bytes, held)
    if (bytes > held) this.#queue.keep() // whoever has left, and verifies on, does not say what he is done with
    if (!(released > 0)) return
    this.#queue.release(released)
    this.#heldBytes! -= released
    this.#owner.consume(this.core, released)
  }

  async end(): Promise<void> {
    if (this.#isHalfClosed) return // also where it failed since: our half is sent
    if (this.#failure !== undefined) throw this.#failure.error
    this.#isHalfClosed = true
    this.#owner.end(this.core)
  }

  reset(code: number, reason = ''): void {
    if (!(Number.isInteger(code) && code >= 0 && code <= 0xffff))
      throw new HandshakeError('HANDSHAKE_BAD_ARGUMENT', `code must be a u16, got ${code}`)
    this.abort(
      code,
      reason,
      new HandshakeError('HANDSHAKE_LANE_RESET', `lane ${this.laneId} was reset by this side`, { laneCode: code, reason }),
    )
  }

  /** Resets the lane; readers and writers get `error`, and who reads on gets it last. */
  abort(code: number, reason: string, error: unknown): void {
    if (this.#isDraining) return
    if (this.#failure === undefined) this.isResetHere = true
    this.#isDraining = this.#isReadOn && this.#isSourceTaken
    this.#owner.reset(this.core, code, reason, this.#isDraining)
    if (this.#isDraining) return this.#drain(error)
    this.release(Number.MAX_SAFE_INTEGER) // of a lane that had ended, nobody else gives it back to the connection
    this.#discard()
    this.fail(error)
  }

  /** What comes is read and let go of at once: it is granted no credit again. */
  #drain(error: unknown): void {
    this.release(Number.MAX_SAFE_INTEGER)
    this.#heldBytes = undefined
    if (this.#failure === undefined) {
      this.#failure = { error }
      this.#failWrites(error)
    }
    if (this.#isOver) this.#failRead()
  }

  /** Nobody reads any more. */
  #stopReading(): void {
    this.reset(CODES.cancelled)
    this.#isReadOn = false
    this.#isDraining = false
    this.#discard()
    this.#failRead()
  }

  onData(view: Uint8Array): void {
    if (this.#failure !== undefined && !this.#isDraining) return this.#owner.consume(this.core, view.length)
    this.#queue.push(view)
    if (this.#waiting === undefined || this.#isGiving) return
    this.#isGiving = true
    queueMicrotask(() => this.#give())
  }

  /** To whoever waits for it: what came in one turn is one piece, where its memory is used again. */
  #give(): void {
    this.#isGiving = false
    const waiting = this.#waiting
    if (waiting === undefined) return
    this.#waiting = undefined
    const bytes = this.#queue.shift()
    if (bytes === undefined) return this.#failure === undefined ? waiting.next(DONE) : waiting.reject(this.#failure.error) // it was thrown away
    this.#taken(bytes.length)
    waiting.next({ done: false, value: bytes })
  }

  onEnd(): void {
    this.#isEnded = true
    this.#queue.keep() // nothing comes that could be put there
    if (this.#isGiving) return // what came before it is given first
    this.#waiting?.next(DONE)
    this.#waiting = undefined
  }

  onReset(code: number, reason: string): void {
    const tail = reason === '' ? '' : `: ${reason}`
    const message = `lane ${this.laneId} was reset by the other side (${nameOfCode(code)})${tail}`
    this.fail(new HandshakeError('HANDSHAKE_LANE_RESET', message, { laneCode: code, reason }))
  }

  /** Writers fail now, or as soon as the carrier has let go of their bytes; the reader fails after what has come. */
  fail(error: unknown): void {
    if (this.#isDraining) return this.over() // the session is over
    if (this.#failure !== undefined) return
    this.#failure = { error }
    this.#failRead()
    this.over()
    this.#failWrites(error)
  }

  #failRead(): void {
    if (this.#isEnded || this.#isGiving) return // what has come is given first
    this.#waiting?.reject(this.#failure?.error)
    this.#waiting = undefined
  }

  #failWrites(error: unknown): void {
    const writes = [...this.#writes]
    this.#writes.clear()
    if (writes.length > 0) {
      this.#owner.afterFlush(() => {
        for (const write of writes) write.reject(error)
      })
    }
  }

  /** The lane is out of the table. */
  over(): void {
    if (this.#isOver) return
    this.#isOver = true
    if (this.#isDraining) this.#failRead()
    for (const callback of this.#onOver.splice(0)) callback()
  }

  onOver(callback: () => void): void {
    if (this.#isOver) callback()
    else this.#onOver.push(callback)
  }

  #iterator(): AsyncIterator<Uint8Array> {
    if (this.#isSourceTaken) throw new HandshakeError('HANDSHAKE_BAD_ARGUMENT', `the source of lane ${this.laneId} is read once`)
    this.#isSourceTaken = true
    return {
      next: () => this.#next(),
      return: async () => {
        if (!this.#isEnded || !this.#queue.isEmpty) this.#stopReading()
        return { done: true, value: undefined }
      },
    }
  }

  /** One promise for each piece: they come by the thousand. */
  #next(): Promise<IteratorResult<Uint8Array>> {
    if (this.#waiting !== undefined)
      return Promise.reject(new HandshakeError('HANDSHAKE_BAD_ARGUMENT', `lane ${this.laneId} is already being read`))
    const bytes = this.#queue.shift()
    if (bytes !== undefined) {
      this.#taken(bytes.length)
      return Promise.resolve({ done: false, value: bytes })
    }
    if (this.#isEnded) return Promise.resolve(DONE)
    if (this.#failure !== undefined && (!this.#isDraining || this.#isOver)) return Promise.reject(this.#failure.error as Error)
    return new Promise((next, reject) => {
      this.#waiting = { next, reject }
    })
  }

  /** The reader has `bytes` more. */
  #taken(bytes: number): void {
    if (this.#heldBytes === undefined) this.#owner.consume(this.core, bytes)
    else this.#heldBytes += bytes
  }

  #discard(): void {
    for (let bytes = this.#queue.shift(); bytes !== undefined; bytes = this.#queue.shift()) this.#owner.consume(this.core, bytes.length)
  }
}

function joined(parts: readonly Uint8Array[], length: number): Uint8Array {
  const out = new Uint8Array(length)
  let offset = 0
  for (const part of parts) {
    out.set(part, offset)
    offset += part.length
  }
  return out
}

function verifyUnitEnds(ends: readonly number[], length: number): void {
  const isRight = ends.every((end, i) => Number.isInteger(end) && end > (ends[i - 1] ?? 0) && end <= length)
  if (!isRight) throw new HandshakeError('HANDSHAKE_BAD_ARGUMENT', `unitEnds must ascend from 1 to ${length}`)
}
