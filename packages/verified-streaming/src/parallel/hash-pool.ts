/**
 * A few workers that hash chunk groups, slot by slot or all together on one source. Answers come back in any order. A pool
 * without workers is a valid pool: where the host has none, whoever uses it does the work itself.
 */
import { VerifyError } from '../errors.ts'
import { kernelBytes } from '../kernel/compile.ts'
import { checkNumber } from '../tree.ts'
import { spawnWorker, type Worker, workerCountMax } from './spawn.ts'
import type { SlotJob, SourceJob, WorkerAnswer, WorkerJob } from './worker-source.ts'

export interface HashPoolOptions {
  /** Workers to start, if the host has as many cores. @default 4 */
  readonly workers?: number | undefined
}

/** Workers kept for several calls. */
export interface HashPool {
  /** How many run; 0 where the host allows none: then calls hash on their own thread. */
  readonly workers: number
  /** Ends the workers; calls that still use them fail. May be called twice. */
  close(): void
}

interface Waiting {
  readonly worker: number
  resolve(answer: WorkerAnswer): void
  reject(error: unknown): void
  onBytes(bytes: number): void
}

export class WorkerPool implements HashPool {
  readonly #workers: Worker[] = []
  /** Jobs under way at each. */
  readonly #load: number[] = []
  readonly #waiting = new Map<number, Waiting>()
  #nextId = 0
  #failure: unknown

  get workers(): number {
    return this.#workers.length
  }

  /** Starts workers and waits until all are ready; where one fails to start, the pool has none. */
  static async start(count: number): Promise<WorkerPool> {
    const pool = new WorkerPool()
    const kernel = count > 0 ? kernelBytes() : undefined
    if (kernel === undefined) return pool
    try {
      await Promise.all(Array.from({ length: count }, () => pool.#add(kernel)))
    } catch {
      for (const worker of pool.#workers) worker.terminate()
      return new WorkerPool() // a policy forbids workers: not an error, only slower
    }
    return pool
  }

  #add(kernel: Uint8Array): Promise<void> {
    return new Promise((ready, failed) => {
      const worker = spawnWorker({
        onAnswer: (answer) => (answer.id === undefined ? ready() : this.#settle({ ...answer, id: answer.id })),
        onError: (error) => {
          failed(error)
          this.#fail(error)
        },
      })
      this.#workers.push(worker)
      this.#load.push(0)
      worker.post({ kernel })
    })
  }

  /** The chaining values of a slot, from the worker with the fewest jobs. */
  async run(job: SlotJob): Promise<Uint8Array> {
    const { cvs } = await this.#post(job, this.#load.indexOf(Math.min(...this.#load)), () => {})
    return cvs!
  }

  /** All workers on one source, until all of it is done. Reports bytes as they are done, in any order. */
  async runTogether(job: SourceJob, onBytes: (bytes: number) => void): Promise<void> {
    await Promise.all(
      this.#workers.map(async (_, worker) => {
        const { bytes = 0 } = await this.#post(job, worker, onBytes)
        if (bytes > 0) onBytes(bytes)
      }),
    )
  }

  #post(job: WorkerJob, worker: number, onBytes: (bytes: number) => void): Promise<WorkerAnswer> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    const id = this.#nextId++
    this.#load[worker]!++
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { worker, resolve, reject, onBytes })
      this.#workers[worker]!.post({ ...job, id })
    })
  }

  #settle(answer: WorkerAnswer & { readonly id: number }): void {
    const waiting = this.#waiting.get(answer.id)
    if (waiting === undefined) return
    if (answer.isDone !== true) return waiting.onBytes(answer.bytes ?? 0)
    this.#waiting.delete(answer.id)
    this.#load[waiting.worker]!--
    if (answer.error === undefined) waiting.resolve(answer)
    else waiting.reject(new VerifyError('VERIFY_READ_FAILED', `a hashing worker could not read: ${answer.error}`))
  }

  #fail(error: unknown): void {
    this.#failure ??= error
    for (const { reject } of this.#waiting.values()) reject(error)
    this.#waiting.clear()
  }

  close(): void {
    for (const worker of this.#workers) worker.terminate()
    if (this.#workers.length > 0) this.#fail(new VerifyError('VERIFY_BAD_ARGUMENT', 'the hash pool is closed'))
  }
}

/** @throws {VerifyError} `VERIFY_BAD_ARGUMENT` unless it is a whole number from 0 to 64. */
export function checkWorkers(workers: number): number {
  return checkNumber('workers', workers, 64)
}

/**
 * Starts workers once, for many calls of `hashParallel` and `createOutboard`. Without one, each call that wants workers
 * starts and ends its own, which costs it about 30 ms. Until its `close` it keeps a process of Node alive.
 *
 * @example const pool = await createHashPool({ workers: 2 })
 */
export function createHashPool({ workers = 4 }: HashPoolOptions = {}): Promise<HashPool> {
  return WorkerPool.start(workerCountMax(checkWorkers(workers)))
}
