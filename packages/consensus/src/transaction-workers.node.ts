/**
 * Transactions looked at in worker threads, by a module that knows what one is. The bytes go over by transfer of one plain buffer a chunk,
 * never shared memory: native signature libraries refuse that, one of them in silence.
 *
 * Jobs are cut into chunks, and the most urgent chunk goes first, so that a flood of clients' transactions holds up no block. Small ones that
 * wait go over together: a message to a thread and back costs turns of both, the more the busier the machine is. How much may wait is
 * bounded by whoever asks.
 *
 * Invariant: nothing is ever looked at in the calling thread. A worker that dies is replaced and what it had is looked at again; what was
 * with two that died goes to a fresh one by itself, a transaction at a time. What ends that one too has no answer: members that guessed
 * differently would wait for each other for ever, so the workers fail for good, and whoever needs answers stops.
 */
import { sha256 } from '@selvedge/crypto/sha256'
import { ThreadPool } from './driver/thread-pool.ts'
import { ConsensusError } from './errors.ts'
import { toHex } from './wire/bytes.ts'

/** Transactions of a chunk, and of what goes over at once: some 6 ms of a thread. */
const CHUNK_COUNT = 64
/** One is looked at while the next is on its way. */
const MESSAGES_AT_A_THREAD = 2
/** Workers of all that a message is given to; then each of its transactions is by itself. */
const TRIES_TOGETHER = 2
/** A message is some milliseconds of work; a machine that does nothing else for so long has been asleep, and then it is only asked again. */
const SILENCE_MS_MAX = 60_000

/** What the module exports that knows what a transaction is. */
export interface TransactionJudge {
  /**
   * A pure function: as many bytes for every transaction. `hint` is what the asker gave with it, empty where nothing. To throw is to end
   * the worker.
   */
  judgeTransaction(transaction: Uint8Array, hint: Uint8Array): Uint8Array
}

/** The same where there is only yes and no. */
export interface TransactionRules {
  /** Whether the transaction is well formed and its own signature good: a pure function. To throw is to say no. */
  isValidTransaction(transaction: Uint8Array): boolean
}

export interface TransactionWorkersOptions {
  /** The module, a `TransactionJudge` or `TransactionRules`, to be imported by each worker: `new URL('./judge.js', import.meta.url)`. */
  readonly module: URL
  /** @default 2 */
  readonly threads?: number
  /** Milliseconds after which a worker that owes an answer is ended, and counts as one that died. @default 60_000 */
  readonly silenceMsMax?: number
  /** A worker ended by itself. Its work goes on in another, until one transaction has ended three. */
  readonly onWorkerFailure?: (error: unknown) => void
}

export const URGENCIES = ['block', 'peer', 'client'] as const
/** What waits for the answer; the first is served first. */
export type Urgency = (typeof URGENCIES)[number]

export interface TransactionWorkers {
  /**
   * Starts a thread and loads the module there, so that what cannot work is known before anything is asked. The first job does it otherwise.
   * @throws {ConsensusError} `CONSENSUS_WORKER_FAILED` where no thread starts or the module does not load; `CONSENSUS_STOPPED`
   */
  start(): Promise<void>
  /**
   * The answers of the module, one after the other in the order of `transactions`, which are borrowed until it settles; of rules a byte each.
   * @throws {ConsensusError} `CONSENSUS_WORKER_FAILED`, from then on for ever, where a transaction (`details.sha256`) has ended two workers
   * and a third in which it was alone, or none starts; `CONSENSUS_STOPPED`
   * @throws the reason of `signal`
   */
  judge(
    transactions: readonly Uint8Array[],
    options: { readonly urgency: Urgency; readonly hints?: readonly Uint8Array[]; readonly signal?: AbortSignal },
  ): Promise<Uint8Array>
  /** Ends the threads. What waits is rejected. */
  stop(): Promise<void>
}

/** What a worker is sent: transactions and hints end to end, and how long each is. */
export interface JudgeJob {
  readonly bytes: Uint8Array
  /** Of a transaction and its hint in turn. */
  readonly lengths: Uint32Array
}

interface Chunk {
  readonly transactions: readonly Uint8Array[]
  readonly hints: readonly Uint8Array[]
  /** The job was given up. */
  readonly isDead: () => boolean
  readonly resolve: (answers: Uint8Array) => void
  readonly reject: (error: unknown) => void
}

/** The threads start with `start` or the first job, one more where all are busy. */
export function createTransactionWorkers(options: TransactionWorkersOptions): TransactionWorkers {
  const queue = new ChunkQueue(options)
  return {
    start: () => queue.start(),
    async judge(transactions, { urgency, hints = [], signal }) {
      signal?.throwIfAborted()
      let isDead = false
      const chunks: Promise<Uint8Array>[] = []
      for (let at = 0; at < transactions.length; at += CHUNK_COUNT) {
        const end = at + CHUNK_COUNT
        const part = { transactions: transactions.slice(at, end), hints: hints.slice(at, end), isDead: () => isDead }
        chunks.push(new Promise((resolve, reject) => queue.add(urgency, { ...part, resolve, reject })))
      }
      try {
        return joined(await orAborted(Promise.all(chunks), signal))
      } finally {
        isDead = true
      }
    },
    stop: () => queue.stop(),
  }
}

/** The judge in a module, imported by each worker. */
export async function loadJudge(module: string): Promise<TransactionJudge> {
  const loaded = (await import(module)) as TransactionJudge | TransactionRules
  if (!('isValidTransaction' in loaded)) return loaded
  return {
    judgeTransaction(transaction) {
      try {
        return Uint8Array.of(loaded.isValidTransaction(transaction) ? 1 : 0)
      } catch {
        return Uint8Array.of(0)
      }
    },
  }
}

/** What is done with a job, by whichever thread. */
export function answersOf(judge: TransactionJudge, { bytes, lengths }: JudgeJob): Uint8Array {
  const answers: Uint8Array[] = []
  let offset = 0
  const next = (length: number): Uint8Array => bytes.subarray(offset, (offset += length))
  for (let i = 0; i < lengths.length; i += 2)
    answers.push(judge.judgeTransaction(next(lengths[i] as number), next(lengths[i + 1] as number)))
  return joined(answers)
}

class ChunkQueue {
  readonly #options: TransactionWorkersOptions
  readonly #threads: number
  readonly #waiting: Readonly<Record<Urgency, Chunk[]>> = { block: [], peer: [], client: [] }
  #atWorkers = 0
  #pool: ThreadPool<JudgeJob, Uint8Array> | undefined
  /** Of what is looked at alone, one after the other. */
  #lonePool: ThreadPool<JudgeJob, Uint8Array> | undefined
  #lone: Promise<void> = Promise.resolve()
  /** Why nothing is answered any more: stopped, or a transaction that no worker survives. */
  #end: ConsensusError | undefined

  constructor(options: TransactionWorkersOptions) {
    this.#options = options
    this.#threads = options.threads ?? 2
  }

  async start(): Promise<void> {
    if (this.#end !== undefined) throw this.#end
    const { failure } = await this.#askTogether([])
    if (failure === undefined) return
    throw this.#fail(new ConsensusError('CONSENSUS_WORKER_FAILED', `no signature worker starts: ${failure}`, {}, { cause: failure }))
  }

  add(urgency: Urgency, chunk: Chunk): void {
    if (this.#end !== undefined) return chunk.reject(this.#end)
    this.#waiting[urgency].push(chunk)
    this.#pump()
  }

  async stop(): Promise<void> {
    await this.#finish(stopped())
  }

  #pump(): void {
    while (this.#atWorkers < MESSAGES_AT_A_THREAD * this.#threads) {
      const chunks = this.#next()
      if (chunks.length === 0) return
      this.#atWorkers++
      void this.#judge(chunks).finally(() => {
        this.#atWorkers--
        this.#pump()
      })
    }
  }

  /** The most urgent that wait, as many as one message takes; none where nothing waits. */
  #next(): Chunk[] {
    const urgency = URGENCIES.find((each) => this.#alive(each))
    if (urgency === undefined) return []
    const waiting = this.#waiting[urgency]
    const taken: Chunk[] = []
    for (let count = 0; this.#alive(urgency) && count + waiting[0]!.transactions.length <= CHUNK_COUNT; ) {
      const chunk = waiting.shift()!
      count += chunk.transactions.length
      taken.push(chunk)
    }
    return taken
  }

  /** Whether something waits there that was not given up. */
  #alive(urgency: Urgency): boolean {
    const waiting = this.#waiting[urgency]
    while (waiting[0]?.isDead() === true) waiting.shift()
    return waiting.length > 0
  }

  /** By a worker, by another when that one dies, then alone. */
  async #judge(chunks: readonly Chunk[]): Promise<void> {
    try {
      const { answers } = await this.#askTogether(chunks)
      if (answers !== undefined) return handOut(chunks, answers)
      await (this.#lone = this.#lone.then(() => this.#judgeAlone(chunks)))
    } catch (error) {
      for (const { reject } of chunks) reject(error)
    }
  }

  /** The last death, where each worker dies that has `chunks`, or dies beside them of others. @throws what has ended all */
  async #askTogether(chunks: readonly Chunk[]): Promise<{ readonly answers?: Uint8Array; readonly failure?: Error }> {
    let failure: Error | undefined
    for (let attempt = 0; attempt < TRIES_TOGETHER; attempt++) {
      if (this.#end !== undefined) throw this.#end // whoever heard of a death may have stopped all: no thread starts after that
      const pool = (this.#pool ??= this.#createPool(this.#threads))
      try {
        return { answers: await run(pool, packed(chunks)) }
      } catch (error) {
        if (this.#end !== undefined) throw this.#end
        failure = error as Error
        if (this.#pool !== pool) continue // another message has told of this death
        this.#pool = undefined
        void pool.stop()
        this.#options.onWorkerFailure?.(error)
      }
    }
    return { failure: failure! }
  }

  /** In a fresh worker a transaction at a time, so that none fails for another. @throws what has ended all */
  async #judgeAlone(chunks: readonly Chunk[]): Promise<void> {
    if (this.#end !== undefined) throw this.#end
    const pool = (this.#lonePool = this.#createPool(1))
    for (const chunk of chunks) {
      const answers: Uint8Array[] = []
      for (const each of ofOneTransaction(chunk)) {
        if (!chunk.isDead()) answers.push(await this.#askAlone(pool, each))
      }
      chunk.resolve(joined(answers))
    }
    await pool.stop()
  }

  async #askAlone(pool: ThreadPool<JudgeJob, Uint8Array>, chunk: Chunk): Promise<Uint8Array> {
    try {
      return await run(pool, packed([chunk]))
    } catch (error) {
      if (this.#end !== undefined) throw this.#end
      this.#options.onWorkerFailure?.(error)
      const transaction = chunk.transactions[0]!
      const details = { bytes: transaction.length, sha256: toHex(sha256(transaction)) }
      const message = `a transaction of ${details.bytes} bytes, SHA-256 ${details.sha256}, ends every signature worker: ${String(error)}`
      throw this.#fail(new ConsensusError('CONSENSUS_WORKER_FAILED', message, details, { cause: error }))
    }
  }

  #fail(error: ConsensusError): ConsensusError {
    void this.#finish(error)
    return this.#end!
  }

  async #finish(error: ConsensusError): Promise<void> {
    this.#end ??= error
    for (const urgency of URGENCIES) for (const { reject } of this.#waiting[urgency].splice(0)) reject(this.#end)
    await Promise.all([this.#pool?.stop(), this.#lonePool?.stop()])
  }

  #createPool(threads: number): ThreadPool<JudgeJob, Uint8Array> {
    const { module, silenceMsMax = SILENCE_MS_MAX } = this.#options
    const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js' // sources run as they are
    const script = new URL(`./verify-worker.node.${extension}`, import.meta.url)
    return new ThreadPool({ script, workerData: { module: module.href }, threads, silenceMsMax })
  }
}

const NO_HINT = new Uint8Array(0)

/** As many bytes for every transaction, in the order of the chunks. */
function handOut(chunks: readonly Chunk[], answers: Uint8Array): void {
  const width = answers.length / chunks.reduce((sum, { transactions }) => sum + transactions.length, 0)
  let offset = 0
  for (const { transactions, resolve } of chunks) resolve(answers.subarray(offset, (offset += width * transactions.length)))
}

function ofOneTransaction(chunk: Chunk): Chunk[] {
  return chunk.transactions.map((transaction, i) => ({ ...chunk, transactions: [transaction], hints: chunk.hints.slice(i, i + 1) }))
}

function run(pool: ThreadPool<JudgeJob, Uint8Array>, job: JudgeJob): Promise<Uint8Array> {
  return pool.run(job, [job.bytes.buffer as ArrayBuffer, job.lengths.buffer as ArrayBuffer])
}

function packed(chunks: readonly Chunk[]): JudgeJob {
  const parts = chunks.flatMap(({ transactions, hints }) => transactions.flatMap((transaction, i) => [transaction, hints[i] ?? NO_HINT]))
  return { bytes: joined(parts), lengths: Uint32Array.from(parts, ({ length }) => length) }
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length === 1) return Uint8Array.from(parts[0] as Uint8Array)
  const out = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0))
  let offset = 0
  for (const part of parts) {
    out.set(part, offset)
    offset += part.length
  }
  return out
}

function stopped(): ConsensusError {
  return new ConsensusError('CONSENSUS_STOPPED', 'the signature workers were stopped')
}

async function orAborted<T>(job: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return job
  return await new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason as Error)
    signal.addEventListener('abort', abort, { once: true })
    job.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}
