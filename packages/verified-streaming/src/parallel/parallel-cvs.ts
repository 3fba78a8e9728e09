/**
 * Chaining values of the chunk groups of a stream, worked out by a pool and handed over in order. What comes is copied once, into shared
 * slots of one unit.
 *
 * Slots are done in any order: a worker that the system keeps waiting holds up nobody else's. Memory is bounded by two slots
 * a worker, and the values of `JOBS_HELD` slots a worker.
 */
import type { BytePull } from '../byte-source.ts'
import { orAbort } from '../later.ts'
import type { WorkerPool } from './hash-pool.ts'
import { UNIT_BYTES } from './worker-source.ts'

/** Under way at a worker: one, and the next, so that it need not wait for this thread. */
const JOBS_PER_WORKER = 2
/** Under way or done before their turn, for each worker. */
const JOBS_HELD = 4

export interface ParallelOptions {
  readonly chunkGroupLog: number
  readonly signal: AbortSignal | undefined
  /** Called in order: the values of the next groups, which cover `bytes` bytes. */
  readonly onCvs: (cvs: Uint8Array, bytes: number) => void
}

interface Job {
  readonly bytes: number
  readonly cvs: Promise<Uint8Array>
  done: Uint8Array | undefined
}

/** Hashes the whole stream. None of the values is a root: the caller sees to it that more than one group exists. */
export async function parallelCvs(pool: WorkerPool, pull: BytePull, options: ParallelOptions): Promise<void> {
  const { signal, onCvs } = options
  const jobs: Job[] = [] // in the order of their bytes
  const next = nextOf(pool, pull, options)
  const underWay = (): Job[] => jobs.filter(({ done }) => done === undefined)
  for (let isOver = false; ; ) {
    while (!isOver && jobs.length < pool.workers * JOBS_HELD && underWay().length < pool.workers * JOBS_PER_WORKER) {
      const job = await next()
      if (job === undefined) isOver = true
      else jobs.push(job)
    }
    if (jobs.length === 0) return
    if (jobs[0]!.done === undefined) await orAbort(Promise.race(underWay().map(({ cvs }) => cvs)), signal)
    while (jobs[0]?.done !== undefined) {
      const { done, bytes } = jobs.shift()!
      onCvs(done!, bytes)
      signal?.throwIfAborted()
    }
  }
}

function nextOf(pool: WorkerPool, pull: BytePull, { chunkGroupLog, signal }: ParallelOptions): () => Promise<Job | undefined> {
  let offset = 0
  const free: SharedArrayBuffer[] = []
  let rest: Uint8Array | undefined = new Uint8Array(0)
  const jobOf = (shared: SharedArrayBuffer, bytes: number): Job => {
    const cvs = pool.run({ shared, offset: 0, length: bytes, startChunk: offset / 1024, chunkGroupLog })
    const job: Job = { bytes, cvs, done: undefined }
    cvs.then(
      (values) => {
        job.done = values
        free.push(shared)
      },
      () => {}, // reported where it is awaited; after the first error the fate of the others is known
    )
    offset += bytes
    return job
  }
  return async () => {
    const slot = free.pop() ?? new SharedArrayBuffer(UNIT_BYTES)
    const bytes = new Uint8Array(slot)
    let held = 0
    while (rest !== undefined && held < UNIT_BYTES) {
      const part: Uint8Array = rest.subarray(0, UNIT_BYTES - held)
      bytes.set(part, held)
      held += part.length
      rest = rest.subarray(part.length)
      if (rest.length > 0) continue
      const pulled = pull.next()
      rest = pulled instanceof Promise ? await orAbort(pulled, signal) : pulled
    }
    return held === 0 ? undefined : jobOf(slot, held)
  }
}
