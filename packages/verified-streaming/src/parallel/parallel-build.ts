/** Building a tree with the values that workers make. */
import { type BytePull, type ByteSource, pullOf } from '../byte-source.ts'
import { orAbort } from '../later.ts'
import type { TreeBuilder } from '../outboard-builder.ts'
import { isRandomAccess } from '../random-access.ts'
import { checkWorkers, type HashPool, WorkerPool } from './hash-pool.ts'
import { JOB_BYTES, type JobSource, parallelCvs } from './parallel-cvs.ts'
import { canReadDescriptors, workerCountMax } from './spawn.ts'

/** Below this, starting workers costs more than they save. */
const SIZE_MIN = 64 * 2 ** 20
const WORKERS_DEFAULT = 4

export interface BuildOptions {
  readonly chunkGroupLog: number
  readonly signal: AbortSignal | undefined
  /** Hears of more bytes that are done. */
  readonly onBytes: (bytes: number) => void
}

export interface Lease {
  readonly pool: WorkerPool
  release(): void
}

/** Workers for content of `total` bytes, if known: the caller's pool, or one for this call; undefined where there are to be none. */
export async function poolFor(workers: number | HashPool | undefined, total: number | undefined): Promise<Lease | undefined> {
  // Up to one job there is nothing to share, and a blob of one group needs the root flag that jobs do not set.
  if (total !== undefined && total <= JOB_BYTES) return undefined
  if (workers instanceof WorkerPool) return workers.workers > 0 ? { pool: workers, release: () => {} } : undefined
  const wanted = typeof workers === 'number' ? checkWorkers(workers) : (total ?? 0) >= SIZE_MIN ? WORKERS_DEFAULT : 0
  const count = workerCountMax(wanted)
  if (count === 0) return undefined
  const pool = await WorkerPool.start(count)
  return pool.workers > 0 ? { pool, release: () => pool.close() } : undefined
}

/** Feeds all of `source` to `builder`, which has seen nothing yet. */
export async function buildInParallel(pool: WorkerPool, builder: TreeBuilder, source: ByteSource, options: BuildOptions): Promise<void> {
  const { chunkGroupLog, signal, onBytes } = options
  const onCvs = (cvs: Uint8Array, bytes: number): void => {
    builder.addCvs(cvs, bytes)
    onBytes(bytes)
  }
  const direct = directSourceOf(source)
  if (direct !== undefined) return parallelCvs(pool, direct, { chunkGroupLog, signal, onCvs })
  const pull = pullOf(source)
  try {
    const head = await headOf(pull, signal)
    if (head.isWhole) for (const part of head.parts) builder.update(part)
    else await parallelCvs(pool, { pull: { ...pull, next: () => head.parts.shift() ?? pull.next() } }, { chunkGroupLog, signal, onCvs })
  } catch (error) {
    void pull.cancel(error)
    throw error
  }
}

/** Copies of the first parts, until it is certain that there is more than one job; or all of them. */
async function headOf(pull: BytePull, signal: AbortSignal | undefined): Promise<{ parts: Uint8Array[]; isWhole: boolean }> {
  const parts: Uint8Array[] = []
  for (let held = 0; held <= JOB_BYTES; ) {
    const next = pull.next()
    const part = next instanceof Promise ? await orAbort(next, signal) : next
    if (part === undefined) return { parts, isWhole: true }
    // A large part is the end of this loop and is used up before the next pull; smaller ones must outlive theirs.
    parts.push(part.length > JOB_BYTES ? part : part.slice())
    held += part.length
  }
  return { parts, isWhole: false }
}

/** Where workers can read by themselves. */
function directSourceOf(source: ByteSource): JobSource | undefined {
  if (!isRandomAccess(source)) return undefined
  if (source instanceof Uint8Array) {
    const { buffer } = source
    return buffer instanceof SharedArrayBuffer ? { shared: buffer, offset: source.byteOffset, size: source.length } : undefined
  }
  if (!('fd' in source) || source.fd === undefined || !canReadDescriptors()) return undefined
  return { fd: source.fd, size: source.size }
}
