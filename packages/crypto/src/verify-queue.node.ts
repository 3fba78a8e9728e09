/**
 * What was asked of the verify pool: first come, first served, by threads that start when there is work and are replaced when they end.
 *
 * Checks of one call are cut into messages, and what waits together goes over together, whoever asked: a message to a thread and back costs
 * turns of both. Each thread has one message in hand and the next one waiting.
 *
 * Invariants: an answer is what a thread wrote and stays zero otherwise, which is no; a call is settled once, with all its answers or with an
 * error; `#items` and `#bytes` are those of every check that waits or is at a thread, whether or not somebody still wants its answer.
 */
import { ANSWER_BYTES, type Check } from './verify-batch.ts'
import { VerifyPoolError } from './verify-pool-errors.ts'
import { VerifyThread } from './verify-thread.node.ts'

/** Checks of a message, some 3 ms of a thread; fewer where that leaves something to each thread that has nothing to do. */
const MESSAGE_ITEMS_MAX = 64
const MESSAGE_ITEMS_MIN = 16
/** A larger check goes by itself. */
const MESSAGE_BYTES_MAX = 2 ** 20
const MESSAGES_AT_A_THREAD = 2

export interface VerifyQueueLimits {
  readonly threads: number
  readonly queueItemsMax: number
  readonly queueBytesMax: number
  readonly silenceMsMax: number
}

class Call {
  readonly checks: readonly Check[]
  readonly answers: Uint8Array
  /** Checks that went to threads, from the first on, and of those the ones that came back. */
  sentCount = 0
  answeredCount = 0
  readonly settled: Promise<Uint8Array>
  resolve!: (answers: Uint8Array) => void
  reject!: (reason: unknown) => void

  constructor(checks: readonly Check[]) {
    this.checks = checks
    this.answers = new Uint8Array(checks.length * ANSWER_BYTES)
    this.settled = new Promise((resolve, reject) => {
      this.resolve = resolve
      this.reject = reject
    })
  }
}

/** The checks `from` to `to` of a call. */
interface Share {
  readonly call: Call
  readonly from: number
  readonly to: number
}

type Message = readonly Share[]

export class VerifyQueue {
  readonly #limits: VerifyQueueLimits
  /** Those with checks that went to no thread yet, the oldest first. */
  readonly #waiting = new Set<Call>()
  readonly #threads = new Set<VerifyThread<Message>>()
  /** The lost ones too, until they have ended. */
  readonly #living = new Set<VerifyThread<Message>>()
  #items = 0
  #bytes = 0
  /** Of the items, those at no thread. */
  #unsent = 0
  #closing: Promise<void> | undefined

  constructor(limits: VerifyQueueLimits) {
    this.#limits = limits
  }

  /** `ANSWER_BYTES` for each item, in their order. */
  async ask<T>(items: readonly T[], checkOf: (item: T) => Check, signal: AbortSignal | undefined): Promise<Uint8Array> {
    if (this.#closing !== undefined) throw closedError()
    signal?.throwIfAborted()
    const call = new Call(this.#admit(items, checkOf))
    if (call.checks.length === 0) return call.answers
    const abort = (): void => this.#end(call, signal?.reason)
    signal?.addEventListener('abort', abort, { once: true })
    try {
      this.#unsent += call.checks.length
      this.#waiting.add(call)
      this.#pump()
      return await call.settled
    } finally {
      signal?.removeEventListener('abort', abort)
    }
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#finish())
  }

  #admit<T>(items: readonly T[], checkOf: (item: T) => Check): readonly Check[] {
    const { queueItemsMax, queueBytesMax } = this.#limits
    const asked = { items: items.length, queueItemsMax, queueBytesMax }
    const refusal = (code: 'VERIFY_POOL_TOO_LARGE' | 'VERIFY_POOL_FULL', what: string): VerifyPoolError =>
      new VerifyPoolError(code, `${what}; the pool holds ${queueItemsMax} items and ${queueBytesMax} bytes at most`, asked)
    if (items.length > queueItemsMax) throw refusal('VERIFY_POOL_TOO_LARGE', `${items.length} items were asked at once`)
    const checks = Array.from(items, (item) => checkOf(item))
    const bytes = bytesOf(checks)
    if (bytes > queueBytesMax) throw refusal('VERIFY_POOL_TOO_LARGE', `items of ${bytes} bytes were asked at once`)
    if (this.#items + checks.length > queueItemsMax || this.#bytes + bytes > queueBytesMax) {
      throw refusal('VERIFY_POOL_FULL', `${checks.length} items of ${bytes} bytes come to ${this.#items} of ${this.#bytes}`)
    }
    this.#items += checks.length
    this.#bytes += bytes
    return checks
  }

  #pump(): void {
    while (this.#waiting.size > 0) {
      let message: Message | undefined
      try {
        const thread = this.#freeThread()
        if (thread === undefined) return
        message = this.#next()
        thread.send(message, message.flatMap(checksOf))
      } catch (cause) {
        this.#drop(message ?? this.#next(), lostError(cause)) // no thread may start, or there is no memory for its copy
      }
    }
  }

  /** One that has nothing to do, a new one, or one with a place for a message that waits. @throws where no thread can be started */
  #freeThread(): VerifyThread<Message> | undefined {
    let freest: VerifyThread<Message> | undefined
    for (const thread of this.#threads) if (freest === undefined || thread.owedCount < freest.owedCount) freest = thread
    if (freest?.owedCount === 0) return freest
    if (this.#threads.size < this.#limits.threads) return this.#start()
    return freest !== undefined && freest.owedCount < MESSAGES_AT_A_THREAD ? freest : undefined
  }

  #start(): VerifyThread<Message> {
    const thread = new VerifyThread<Message>(this.#limits.silenceMsMax, {
      onAnswer: (message, answers) => this.#answer(message, answers),
      onLost: (owed, cause) => {
        this.#threads.delete(thread)
        for (const message of owed) this.#drop(message, lostError(cause))
        this.#pump()
      },
    })
    this.#threads.add(thread)
    this.#living.add(thread)
    void thread.ended.then(() => this.#living.delete(thread))
    return thread
  }

  /** What has waited longest, as much as one message takes, of as many calls as it takes. */
  #next(): Message {
    const share = Math.ceil(this.#unsent / Math.max(1, this.#idleCount()))
    const itemsMax = Math.max(MESSAGE_ITEMS_MIN, Math.min(MESSAGE_ITEMS_MAX, share))
    const message: Share[] = []
    let [items, bytes] = [0, 0]
    for (const call of this.#waiting) {
      const from = call.sentCount
      for (; call.sentCount < call.checks.length && items < itemsMax; call.sentCount++, items++) {
        bytes += call.checks[call.sentCount]!.bytes
        if (items > 0 && bytes > MESSAGE_BYTES_MAX) break
      }
      if (call.sentCount > from) message.push({ call, from, to: call.sentCount })
      if (call.sentCount < call.checks.length) break
      this.#waiting.delete(call)
    }
    this.#unsent -= items
    return message
  }

  /** Threads with nothing to do, those that did not start yet among them. */
  #idleCount(): number {
    let busy = 0
    for (const { owedCount } of this.#threads) if (owedCount > 0) busy++
    return this.#limits.threads - busy
  }

  #answer(message: Message, answers: Uint8Array): void {
    let offset = 0
    for (const share of message) {
      const { call, from, to } = share
      this.#release(checksOf(share))
      call.answers.set(answers.subarray(offset, (offset += (to - from) * ANSWER_BYTES)), from * ANSWER_BYTES)
      call.answeredCount += to - from
      if (call.answeredCount === call.checks.length) call.resolve(call.answers)
    }
    this.#pump()
  }

  /** Nothing comes of a message: whoever had a share of it is told so. */
  #drop(message: Message, reason: unknown): void {
    for (const share of message) {
      this.#release(checksOf(share))
      this.#end(share.call, reason)
    }
  }

  /** A call is over. What of it went to no thread never will; the rest is held until it comes back. */
  #end(call: Call, reason: unknown): void {
    call.reject(reason)
    if (!this.#waiting.delete(call)) return
    const left = call.checks.slice(call.sentCount)
    this.#unsent -= left.length
    this.#release(left)
  }

  #release(checks: readonly Check[]): void {
    this.#items -= checks.length
    this.#bytes -= bytesOf(checks)
  }

  async #finish(): Promise<void> {
    for (const call of this.#waiting) this.#end(call, closedError())
    for (const thread of this.#threads) for (const message of thread.end()) this.#drop(message, closedError())
    this.#threads.clear()
    await Promise.all(Array.from(this.#living, ({ ended }) => ended))
  }
}

const checksOf = ({ call, from, to }: Share): readonly Check[] => call.checks.slice(from, to)

const bytesOf = (checks: readonly Check[]): number => checks.reduce((sum, { bytes }) => sum + bytes, 0)

const closedError = (): VerifyPoolError => new VerifyPoolError('VERIFY_POOL_CLOSED', 'the verify pool was closed')

function lostError(cause: unknown): VerifyPoolError {
  return new VerifyPoolError('VERIFY_POOL_THREAD_LOST', `a thread of the verify pool is lost: ${String(cause)}`, {}, { cause })
}
