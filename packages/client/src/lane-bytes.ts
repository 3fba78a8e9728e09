/**
 * The bytes of a lane: counted, and only waited for as long as its node may say nothing. By hand, because pieces have 16 KiB and come by the
 * thousand a second: one promise for each, and one timer for all of them, which looks when it is due whether somebody waits, and since when. Time
 * is that which this process was awake: a node is not stalled because the laptop slept.
 */
import { LANE_CANCELLED } from '@selvedge/content'
import { slownessOf, stallOf, type NodeLink } from './node-link.ts'
import type { LanePort } from './ports.ts'

/** What came over the lane so far. */
export interface Received {
  /** All DATA bytes, proofs included. */
  bytes: number
}

type Step = IteratorResult<Uint8Array, undefined>
const DONE: Step = { done: true, value: undefined }

/** Only our own waiting is timed, so that a slow reader harms nobody. To be read once. */
export class LaneBytes implements AsyncIterableIterator<Uint8Array> {
  readonly #lane: LanePort
  readonly #link: NodeLink
  readonly #received: Received
  readonly #onEnd: () => void
  readonly #check: ((bytes: Uint8Array) => void) | undefined
  readonly #pieces: AsyncIterator<Uint8Array>
  #isOver = false
  /** Nobody waits for what comes any more. */
  #isUntimed = false
  /** Ends the wait that there is. */
  #reject: ((error: unknown) => void) | undefined
  #askedMs = 0
  #timer: ReturnType<typeof setTimeout> | undefined
  /** Since when somebody waits for what is asked here, by `nowMs`; undefined: nobody does, it is only verified ahead. Without it, whoever asks waits. */
  waitingSinceMs: (() => number | undefined) | undefined
  /** Of the window over which the node's rate is judged. */
  #waitedMs = 0
  #windowBytes = 0
  /** Of the newest piece. */
  #memory: ArrayBufferLike | undefined
  /** What was given last goes back to the lane when more is asked for. Without it, whoever takes what is made of it gives it back. */
  isGivenBack = false
  #givenBytes = 0

  /**
   * @param onEnd - called when the node has sent its last.
   * @param check - called with each piece, in order, before it is handed on; what it throws ends the lane.
   */
  constructor(lane: LanePort, link: NodeLink, received: Received, onEnd: () => void, check?: (bytes: Uint8Array) => void) {
    this.#lane = lane
    this.#link = link
    this.#received = received
    this.#onEnd = onEnd
    this.#check = check
    this.#pieces = lane.source[Symbol.asyncIterator]()
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<Step> {
    if (this.#isOver) return Promise.resolve(DONE)
    if (this.isGivenBack) this.#lane.release?.(this.#givenBytes)
    this.#givenBytes = 0
    this.#askedMs = this.nowMs()
    if (!this.#isUntimed) this.#timer ??= this.#look(this.#link.stallTimeoutMs)
    return new Promise((resolve, reject) => {
      this.#reject = reject
      this.#pieces.next().then(
        (step) => {
          if (this.#reject === undefined) return // it came too late
          this.#reject = undefined
          try {
            resolve(step.done === true ? this.#end() : this.#count(step.value))
          } catch (error) {
            reject(error as Error)
          }
        },
        (error: unknown) => {
          this.#reject = undefined
          this.#close()
          reject(error as Error)
        },
      )
    })
  }

  /** Whether `bytes` are a part of the newest piece, which stays as it is until it is released: whoever needs them no longer need not copy. */
  has(bytes: Uint8Array): boolean {
    return bytes.buffer === this.#memory
  }

  #count(value: Uint8Array): Step {
    const { bytesPerSecondMin, rateWindowMs } = this.#link.pace
    this.#received.bytes += value.length
    this.#memory = value.buffer
    this.#givenBytes = value.length
    this.#verify(value)
    if (this.#isUntimed) return { done: false, value }
    this.#waitedMs += this.#waitMs() ?? 0
    this.#windowBytes += value.length
    if (this.#waitedMs < rateWindowMs) return { done: false, value }
    if ((this.#windowBytes * 1_000) / this.#waitedMs < bytesPerSecondMin) {
      void this.return()
      throw slownessOf(this.#link.name, this.#windowBytes, this.#waitedMs)
    }
    this.#waitedMs = 0
    this.#windowBytes = 0
    return { done: false, value }
  }

  #verify(value: Uint8Array): void {
    try {
      this.#check?.(value)
    } catch (error) {
      void this.return()
      throw error
    }
  }

  /** Awake time. */
  nowMs(): number {
    return this.#link.time.nowMs()
  }

  /** How long the node is waited for. */
  #waitMs(): number | undefined {
    if (this.waitingSinceMs === undefined) return this.nowMs() - this.#askedMs
    const sinceMs = this.waitingSinceMs()
    return sinceMs === undefined ? undefined : this.nowMs() - Math.max(sinceMs, this.#askedMs)
  }

  #end(): Step {
    this.#close()
    this.#onEnd()
    return DONE
  }

  #close(): void {
    this.#isOver = true
    this.stop()
  }

  #look(inMs: number): ReturnType<typeof setTimeout> {
    return setTimeout(
      () => {
        this.#timer = undefined
        if (this.#reject === undefined) return // nobody waits
        const leftMs = this.#link.stallTimeoutMs - (this.#waitMs() ?? 0)
        if (leftMs > 0) this.#timer = this.#look(leftMs)
        else this.#fail()
      },
      Math.min(inMs, this.#link.time.lookMs),
    )
  }

  #fail(): void {
    const reject = this.#reject
    this.#reject = undefined
    this.#close()
    this.#lane.reset(LANE_CANCELLED, 'stalled')
    void this.#pieces.return?.() // whatever comes yet: who stalled is not read on
    reject?.(stallOf(this.#link.name, this.#link.stallTimeoutMs))
  }

  /** The lane was left: what comes yet is read without a clock, and no timer is left. */
  stop(): void {
    this.#isUntimed = true
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  async return(): Promise<Step> {
    if (!this.#isOver) {
      this.#close()
      await this.#pieces.return?.()
    }
    return DONE
  }
}
