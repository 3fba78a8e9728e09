/**
 * Worker threads that answer jobs: the one that has least to do gets the next. They start with the first job. Whoever calls bounds how
 * many jobs wait. A worker that dies takes all its jobs and the pool with it: what it was to check would stay unchecked. One that has jobs
 * and answers none for `silenceMsMax` is taken for dead, since a loop without end cannot be told from a death.
 */
import { Worker } from 'node:worker_threads'
import { ConsensusError } from '../errors.ts'

/** What a worker answers: to each job, in any order. */
export interface Answer<R> {
  readonly id: number
  readonly result: R
}

export interface ThreadPoolOptions {
  readonly script: URL
  readonly workerData: unknown
  readonly threads: number
  /** @default none */
  readonly silenceMsMax?: number
}

interface Thread<R> {
  readonly worker: Worker
  /** Runs while there are jobs, from the last answer on. */
  silence: NodeJS.Timeout | undefined
  readonly jobs: Map<number, { readonly resolve: (result: R) => void; readonly reject: (error: Error) => void }>
}

export class ThreadPool<J extends object, R> {
  readonly #options: ThreadPoolOptions
  readonly #threads: Thread<R>[] = []
  #nextId = 0
  #failure: ConsensusError | undefined

  constructor(options: ThreadPoolOptions) {
    this.#options = options
  }

  run(job: J, transfer: readonly ArrayBuffer[] = []): Promise<R> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) return reject(this.#failure)
      const thread = this.#freest()
      const id = this.#nextId++
      thread.jobs.set(id, { resolve, reject })
      this.#await(thread)
      thread.worker.ref()
      thread.worker.postMessage({ id, job }, [...transfer])
    })
  }

  async stop(): Promise<void> {
    this.#fail(new ConsensusError('CONSENSUS_STOPPED', 'the signature workers were stopped'))
    await Promise.all(this.#threads.map(({ worker }) => worker.terminate()))
  }

  #freest(): Thread<R> {
    const idle = this.#threads.find(({ jobs }) => jobs.size === 0)
    if (idle !== undefined) return idle
    if (this.#threads.length < this.#options.threads) return this.#spawn()
    return this.#threads.reduce((freest, thread) => (thread.jobs.size < freest.jobs.size ? thread : freest))
  }

  #spawn(): Thread<R> {
    const { script, workerData } = this.#options
    const worker = new Worker(script, { workerData })
    const thread: Thread<R> = { worker, silence: undefined, jobs: new Map() }
    worker.on('message', ({ id, result }: Answer<R>) => {
      thread.jobs.get(id)?.resolve(result)
      thread.jobs.delete(id)
      clearTimeout(thread.silence)
      thread.silence = undefined
      if (thread.jobs.size > 0) return this.#await(thread)
      worker.unref() // an idle worker keeps no process alive
    })
    const fail = (cause: unknown): void =>
      this.#fail(new ConsensusError('CONSENSUS_WORKER_FAILED', `a signature worker ended: ${String(cause)}`, {}, { cause }))
    worker.on('error', fail)
    worker.on('exit', (code) => fail(`exit code ${code}`))
    this.#threads.push(thread)
    return thread
  }

  #await(thread: Thread<R>): void {
    const { silenceMsMax } = this.#options
    if (silenceMsMax === undefined) return
    thread.silence ??= setTimeout(() => {
      this.#fail(new ConsensusError('CONSENSUS_WORKER_FAILED', `a signature worker gave no answer for ${silenceMsMax} ms`))
    }, silenceMsMax)
  }

  #fail(error: ConsensusError): void {
    this.#failure ??= error
    for (const { jobs, silence } of this.#threads) {
      clearTimeout(silence)
      for (const { reject } of jobs.values()) reject(this.#failure)
      jobs.clear()
    }
  }
}
