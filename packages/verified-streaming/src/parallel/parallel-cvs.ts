/**
 * Chaining values of the chunk groups of a large source, worked out by a pool and handed over in order. Bytes in shared
 * memory and files with a descriptor are read by the workers themselves; everything else is copied once, into shared slots.
 *
 * At most two jobs a worker are under way, so memory is bounded by 2 MiB a worker.
 */
import { type BytePull, orAbort } from '../byte-source.ts'
import type { WorkerPool } from './hash-pool.ts'

/** Bytes of one job: a multiple of every chunk group size. */
export const JOB_BYTES: number = 2 ** 20
const JOBS_PER_WORKER = 2

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
}

/** Hashes the whole source. None of the values is a root: the caller sees to it that more than one group exists. */
export async function parallelCvs(pool: WorkerPool, source: JobSource, options: ParallelOptions): Promise<void> {
  const { signal, onCvs } = options
  const jobs: Job[] = []
  const next = nextOf(pool, source, options)
  let isOver = false
  try {
    for (;;) {
      while (!isOver && jobs.length < pool.workers * JOBS_PER_WORKER) {
        const job = await next()
        if (job === undefined) isOver = true
        else jobs.push(job)
      }
      const first = jobs.shift()
      if (first === undefined) return
      onCvs(await orAbort(first.cvs, signal), first.bytes)
      signal?.throwIfAborted()
    }
  } catch (error) {
    for (const job of jobs) job.cvs.catch(() => {}) // their fate is known: the call fails with the first error
    throw error
  }
}

function nextOf(
  pool: WorkerPool,
  source: JobSource,
  { chunkGroupLog, signal }: ParallelOptions,
): () => Job | undefined | Promise<Job | undefined> {
  let offset = 0
  const jobOf = (from: { shared: SharedArrayBuffer } | { fd: number }, at: number, bytes: number): Job => {
    const cvs = pool.run({ ...from, offset: at, length: bytes, startChunk: offset / 1024, chunkGroupLog })
    cvs.catch(() => {}) // reported where it is awaited
    offset += bytes
    return { bytes, cvs }
  }
  if (!('pull' in source)) {
    return () => {
      const bytes = Math.min(JOB_BYTES, source.size - offset)
      if (bytes === 0) return undefined
      return 'fd' in source ? jobOf({ fd: source.fd }, offset, bytes) : jobOf({ shared: source.shared }, source.offset + offset, bytes)
    }
  }
  // One slot more than jobs under way, so that the one being filled is nobody else's.
  const slots = Array.from({ length: pool.workers * JOBS_PER_WORKER + 1 }, () => new SharedArrayBuffer(JOB_BYTES))
  let rest: Uint8Array | undefined = new Uint8Array(0)
  let turn = 0
  return async () => {
    const slot = slots[turn++ % slots.length]!
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
    return held === 0 ? undefined : jobOf({ shared: slot }, 0, held)
  }
}
