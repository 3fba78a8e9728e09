/**
 * What a verifier yields, verified and signed for as fast as it comes, and handed on when its reader asks. A node that is paid stops when too
 * much is unpaid, so verifying may not wait for a reader that pauses: what he has not taken is held here, and no more of it than the lane's
 * credit, which is given back as he takes it.
 *
 * It goes on when he leaves: what was in flight then is paid for too, so it is verified as all before it was, and dropped. That ends with the lane, which the node
 * answers, or with the session; it is no more than the lane's credit, for nothing is granted any more.
 */
import { ClientError } from './errors.ts'
import type { LaneBytes } from './lane-bytes.ts'
import { isUnverified, type LanePayment } from './lane-payment.ts'

export interface PaidTerms<T> {
  readonly payment: LanePayment
  /** The lane's bytes: the node is not to be timed while nobody waits for it. */
  readonly bytes: LaneBytes
  /** The offset in the lane up to which everything is verified with the item; without one, at the end, where it is known. */
  endOf(item: T | undefined): number | undefined
  /** A copy: the verifier's own items are valid until the next one. */
  keep(item: T): T
  /** What is kept lies in the lane's memory, which goes back with the credit: so neither goes back before the reader asks for more. @default it is the reader's own */
  readonly isView?: boolean
  /** Its abort is the reader's leaving: what is held then is not handed on. */
  readonly signal: AbortSignal | undefined
  /** Ends the lane, whatever its state. */
  close(): void
  /** Hears what was wrong in what nobody reads any more. */
  judge(error: unknown): void
}

interface Held<T> {
  readonly item: T
  readonly end: number | undefined
}

/** To be read once. Begins at once, whether it is read or not. */
export class PaidReader<T> implements AsyncIterableIterator<T, undefined> {
  readonly #terms: PaidTerms<T>
  readonly #held: Held<T>[] = []
  #waiting: { resolve(result: IteratorResult<T, undefined>): void; reject(error: unknown): void } | undefined
  #waitingSinceMs: number | undefined
  /** Up to where the reader has in hand what is only a view. */
  #inHandEnd: number | undefined
  #over: { readonly error: unknown } | undefined
  #isLeft = false
  #isRunning = true

  constructor(verified: AsyncIterable<T>, terms: PaidTerms<T>) {
    this.#terms = terms
    terms.bytes.waitingSinceMs = () => this.#waitingSinceMs
    void this.#run(verified)
  }

  /** Whether it is verifying still. */
  get isRunning(): boolean {
    return this.#isRunning
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<IteratorResult<T, undefined>> {
    if (this.#waiting !== undefined) return Promise.reject(new ClientError('CLIENT_BAD_ARGUMENT', 'one part is asked for at a time'))
    this.#giveBack()
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject }
      this.#waitingSinceMs = this.#terms.bytes.nowMs()
      this.#turn()
    })
  }

  return(): Promise<IteratorResult<T, undefined>> {
    this.leave()
    return Promise.resolve({ done: true, value: undefined })
  }

  /** Waits for nothing. @param errorOf - of whoever reads on where something is missing for him; none: he will not. */
  leave(errorOf?: () => unknown): void {
    if (this.#isLeft) return
    this.#isLeft = true
    if (this.#held.length > 0 || this.#over === undefined) this.#over = { error: errorOf?.() }
    this.#held.length = 0
    this.#terms.close()
    this.#turn()
  }

  /** Never rejects: the reader is told. */
  async #run(verified: AsyncIterable<T>): Promise<void> {
    const { payment, bytes, endOf, keep, judge, signal } = this.#terms
    const abort = (): void => this.#abort(signal?.reason)
    signal?.addEventListener('abort', abort, { once: true })
    payment.follow()
    try {
      for await (const item of verified) {
        const end = endOf(item)
        if (end !== undefined) payment.verified(end)
        if (this.#isLeft) continue
        this.#held.push({ item: keep(item), end })
        this.#turn()
      }
      const end = endOf(undefined)
      if (end !== undefined) payment.verified(end)
      payment.refuse() // what follows the end nobody asked for
      this.#over ??= { error: undefined }
    } catch (error) {
      if (isUnverified(error)) {
        payment.refuse()
        if (this.#isLeft) judge(error)
      }
      this.#over ??= { error: payment.causeOf(error) }
    } finally {
      signal?.removeEventListener('abort', abort)
      this.#isRunning = false
      payment.settle()
      if (this.#held.length === 0) this.#letGo()
      if (this.#isLeft) void bytes.return() // nobody is left who reads
    }
    this.#turn()
  }

  #abort(reason: unknown): void {
    if (this.#isLeft) return
    this.#held.length = 0
    this.#over = undefined
    this.leave(() => reason)
  }

  /** What the reader was given is done with, or his own. */
  #giveBack(): void {
    if (this.#inHandEnd !== undefined) this.#terms.payment.taken(this.#inHandEnd)
    this.#inHandEnd = undefined
  }

  /** Nothing more is wanted of the lane: the last view is the reader's, who may never ask again, and all credit the connection's. */
  #letGo(): void {
    this.#inHandEnd = undefined
    if (this.#terms.isView === true) this.#terms.payment.taken(Number.MAX_SAFE_INTEGER) // more than was given: nothing is overwritten
  }

  #turn(): void {
    const waiting = this.#waiting
    if (waiting === undefined) return
    const { signal } = this.#terms
    if (signal?.aborted === true && !this.#isLeft) return this.#abort(signal.reason) // also where all had come, and nothing is left to fail
    const held = this.#held.shift()
    if (held === undefined && this.#over === undefined) return
    this.#waiting = undefined
    this.#waitingSinceMs = undefined
    if (held !== undefined) {
      this.#inHandEnd = held.end
      if (this.#terms.isView !== true) this.#giveBack()
      else if (this.#over !== undefined && this.#held.length === 0) this.#letGo()
      return waiting.resolve({ done: false, value: held.item })
    }
    const { error } = this.#over!
    this.#over = { error: undefined } // told once
    if (error === undefined) waiting.resolve({ done: true, value: undefined })
    else waiting.reject(error)
  }
}
