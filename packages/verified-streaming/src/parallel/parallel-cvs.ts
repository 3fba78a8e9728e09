/**
 * Chaining values of the chunk groups of a large source, worked out by a pool and handed over in order. Bytes in shared
 * memory and files with a descriptor are read by the workers themselves, in jobs that begin large, because each costs this
 * thread a message and it shares the cores with its workers, and end small, so that all workers end together. Everything
 * else is copied once, into shared slots.
 *
 * Jobs are done in any order: a worker that the system keeps waiting holds up nobody else's. Memory is bounded by two slots
 * of 1 MiB a worker, and the values of `JOBS_HELD` jobs a worker.
 */
import type { BytePull } from '../byte-source.ts'
import { orAbort } from '../later.ts'
import type { WorkerPool } from './hash-pool.ts'

/** Bytes of the least job, and of every slot: a multiple of every chunk group size. */
export const JOB_BYTES: number = 2 ** 20
/** Bytes of the largest job that a worker reads by itself. */
const JOB_BYTES_MAX = 16 * JOB_BYTES
/** Under way at a worker: one, and the next, so that it need not wait for this thread. */
const JOBS_PER_WORKER = 2
/** Under way or done before their turn, for each worker. */
const JOBS_HELD = 4

/** Where jobs come from. */
export type JobSource =
  | { readonly shared: SharedArrayBuffer; readonly offset: number; readonly size: number }
  | { readonly fd: number; readonly size: number }
  | { readonly pull: BytePull }

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

/** Hashes the whole source. None of the values is a root: the caller sees to it that more than one group exists. */
export async function parallelCvs(pool: WorkerPool, source: JobSource, options: ParallelOptions): Promise<void> {
  const { signal, onCvs } = options
  const jobs: Job[] = [] // in the order of their bytes
  const next = nextOf(pool, source, options)
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

function nextOf(
  pool: WorkerPool,
  source: JobSource,
  { chunkGroupLog, signal }: ParallelOptions,
): () => Job | undefined | Promise<Job | undefined> {
  let offset = 0
  const jobOf = (from: { shared: SharedArrayBuffer } | { fd: number }, at: number, bytes: number, release?: () => void): Job => {
    const cvs = pool.run({ ...from, offset: at, length: bytes, startChunk: offset / 1024, chunkGroupLog })
    const job: Job = { bytes, cvs, done: undefined }
    cvs.then(
      (values) => {
        job.done = values
        release?.()
      },
      () => {}, // reported where it is awaited; after the first error the fate of the others is known
    )
    offset += bytes
    return job
  }
  if (!('pull' in source)) {
    return () => {
      const left = source.size - offset
      if (left === 0) return undefined
      const share = Math.floor(left / (4 * pool.workers * JOB_BYTES)) * JOB_BYTES
      const bytes = Math.min(left, Math.max(JOB_BYTES, Math.min(JOB_BYTES_MAX, share)))
      return 'fd' in source ? jobOf({ fd: source.fd }, offset, bytes) : jobOf({ shared: source.shared }, source.offset + offset, bytes)
    }
  }
  const free: SharedArrayBuffer[] = []
  let rest: Uint8Array | undefined = new Uint8Array(0)
  return async () => {
    const slot = free.pop() ?? new SharedArrayBuffer(JOB_BYTES)
    const bytes = new Uint8Array(slot)
    let held = 0
    while (rest !== undefined && held < JOB_BYTES) {
      const part: Uint8Array = rest.subarray(0, JOB_BYTES - held)
      bytes.set(part, held)
      held += part.length
      rest = rest.subarray(part.length)
      if (rest.length > 0) continue
      const pulled = source.pull.next()
      rest = pulled instanceof Promise ? await orAbort(pulled, signal) : pulled
    }
    return held === 0 ? undefined : jobOf({ shared: slot }, 0, held, () => free.push(slot))
  }
}
