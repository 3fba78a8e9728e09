/**
 * One thread of the verify pool and what it owes. It keeps the process alive while it owes something and not a moment longer. One that ends by
 * itself is lost, and so is one that answers nothing for too long, since a loop without end cannot be told from a death.
 */
import { Worker } from 'node:worker_threads'
import { type Check, packChecks, type VerifyAnswer, type VerifyJob } from './verify-batch.ts'

export interface VerifyThreadEvents<M> {
  onAnswer(message: M, answers: Uint8Array): void
  /** Nothing comes of it any more, and nothing of the messages that it owed. */
  onLost(owed: readonly M[], cause: unknown): void
}

export class VerifyThread<M> {
  /** Settles when it has ended. */
  readonly ended: Promise<void>
  readonly #silenceMsMax: number
  readonly #events: VerifyThreadEvents<M>
  readonly #worker: Worker
  readonly #owed = new Map<number, M>()
  /** Runs while something is owed, from the last answer on. */
  #silence: NodeJS.Timeout | undefined
  #nextId = 0
  #isOver = false

  /** @throws what Node throws where it lets nobody start a thread. */
  constructor(silenceMsMax: number, events: VerifyThreadEvents<M>) {
    this.#silenceMsMax = silenceMsMax
    this.#events = events
    const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js' // sources run as they are
    const worker = new Worker(new URL(`./verify-worker.node.${extension}`, import.meta.url))
    worker.unref() // until it owes something
    this.#worker = worker
    this.ended = new Promise((resolve) => worker.once('exit', () => resolve()))
    worker.on('message', (answer: VerifyAnswer) => this.#take(answer))
    worker.on('error', (error) => this.#lose(error))
    worker.on('exit', (code) => this.#lose(new Error(`it ended with code ${code}`)))
  }

  get owedCount(): number {
    return this.#owed.size
  }

  /** `checks` are copied before it returns. */
  send(message: M, checks: readonly Check[]): void {
    const { heads, bytes } = packChecks(checks)
    const id = this.#nextId++
    this.#worker.postMessage({ id, heads, bytes } satisfies VerifyJob, [heads.buffer, bytes.buffer]) // where it throws nothing is owed
    this.#owed.set(id, message)
    this.#watch()
    this.#worker.ref()
  }

  /** Ends it. Returns what it owed, of which nothing is heard any more. */
  end(): readonly M[] {
    this.#isOver = true
    this.#rest()
    const owed = [...this.#owed.values()]
    this.#owed.clear()
    void this.#worker.terminate()
    return owed
  }

  #take({ id, answers }: VerifyAnswer): void {
    const message = this.#owed.get(id)
    if (message === undefined) return // it was ended
    this.#owed.delete(id)
    this.#rest()
    if (this.#owed.size > 0) this.#watch()
    else this.#worker.unref()
    this.#events.onAnswer(message, answers)
  }

  #lose(cause: unknown): void {
    if (!this.#isOver) this.#events.onLost(this.end(), cause)
  }

  #watch(): void {
    if (this.#silence !== undefined) return
    const silence = setTimeout(() => {
      // Where the caller itself was busy for so long, answers wait to be read: they are before this runs.
      setImmediate(() => {
        if (this.#silence === silence) this.#lose(new Error(`it answered nothing for ${this.#silenceMsMax} ms`))
      })
    }, this.#silenceMsMax)
    this.#silence = silence
  }

  #rest(): void {
    clearTimeout(this.#silence)
    this.#silence = undefined
  }
}
