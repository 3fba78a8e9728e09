/** Building a tree with the values that workers make. */
import { type BytePull, type ByteSource, pullOf } from '../byte-source.ts'
import { orAbort } from '../later.ts'
import { CHUNK_GROUP_LOG_DEFAULT } from '../constants.ts'
import { createTreeBuilder, type Outboard, type OutboardOptions, withLengthField } from '../outboard-builder.ts'
import { readAtOf } from '../random-access.ts'
import { checkWorkers, type HashPool, WorkerPool } from './hash-pool.ts'
import { parallelCvs } from './parallel-cvs.ts'
import { hashShared, type SharedSource } from './shared-source.ts'
import { canReadDescriptors, workerCountMax } from './spawn.ts'
import { UNIT_BYTES } from './worker-source.ts'

/** Below this, starting workers costs more than they save. */
const SIZE_MIN = 64 * 2 ** 20
const WORKERS_DEFAULT = 4

export interface BuildOptions {
  readonly signal: AbortSignal | undefined
  /** Hears of more bytes that are done. */
  readonly onBytes: (bytes: number) => void
}

export interface Lease {
  readonly pool: WorkerPool
  release(): void
}

/** Of whatever copy of this package; only one of this copy is used. A promise of one is none. */
const isPool = (workers: number | HashPool): workers is HashPool => typeof (workers as Partial<HashPool> | null)?.close === 'function'

/** Workers for content of `total` bytes, if known: the caller's pool, or one for this call; undefined where there are to be none. */
export async function poolFor(workers: number | HashPool | undefined, total: number | undefined): Promise<Lease | undefined> {
  if (workers !== undefined && !isPool(workers)) checkWorkers(workers)
  // Up to one job there is nothing to share, and a blob of one group needs the root flag that jobs do not set.
  if (total !== undefined && total <= UNIT_BYTES) return undefined
  if (workers instanceof WorkerPool) return workers.workers > 0 ? { pool: workers, release: () => {} } : undefined
  const wanted = typeof workers === 'number' ? workers : (total ?? 0) >= SIZE_MIN ? WORKERS_DEFAULT : 0
  const count = workerCountMax(wanted)
  if (count === 0) return undefined
  const pool = await WorkerPool.start(count)
  return pool.workers > 0 ? { pool, release: () => pool.close() } : undefined
}

/** Root and outboard of all of `source`. */
export async function buildInParallel(
  pool: WorkerPool,
  source: ByteSource,
  options: OutboardOptions,
  { signal, onBytes }: BuildOptions,
): Promise<Outboard> {
  const builder = createTreeBuilder(options)
  const { chunkGroupLog = CHUNK_GROUP_LOG_DEFAULT, order = 'pre' } = options
  const direct = directSourceOf(source)
  if (direct !== undefined) {
    const { root, pairs } = await hashShared(pool, direct, { chunkGroupLog, order, signal, onBytes })
    return withLengthField({ root, size: direct.size, outboard: pairs }, options)
  }
  const onCvs = (cvs: Uint8Array, bytes: number): void => {
    builder.addCvs(cvs, bytes)
    onBytes(bytes)
  }
  const pull = pullOf(source)
  try {
    const head = await headOf(pull, signal)
    if (head.isWhole) for (const part of head.parts) builder.update(part)
    else await parallelCvs(pool, { ...pull, next: () => head.parts.shift() ?? pull.next() }, { chunkGroupLog, signal, onCvs })
  } catch (error) {
    void pull.cancel(error)
    throw error
  }
  return builder.finish()
}

/** Copies of the first parts, until it is certain that there is more than one job; or all of them. */
async function headOf(pull: BytePull, signal: AbortSignal | undefined): Promise<{ parts: Uint8Array[]; isWhole: boolean }> {
  const parts: Uint8Array[] = []
  for (let held = 0; held <= UNIT_BYTES; ) {
    const next = pull.next()
    const part = next instanceof Promise ? await orAbort(next, signal) : next
    if (part === undefined) return { parts, isWhole: true }
    // A large part is the end of this loop and is used up before the next pull; smaller ones must outlive theirs.
    parts.push(part.length > UNIT_BYTES ? part : part.slice())
    held += part.length
  }
  return { parts, isWhole: false }
}

/** Where workers can read by themselves. */
function directSourceOf(source: ByteSource): SharedSource | undefined {
  if (source instanceof Uint8Array) {
    const { buffer } = source
    const isShared = typeof SharedArrayBuffer === 'function' && buffer instanceof SharedArrayBuffer
    return isShared ? { shared: buffer, offset: source.byteOffset, size: source.length } : undefined
  }
  const file = readAtOf(source)
  if (file?.fd === undefined || !canReadDescriptors()) return undefined
  return { fd: file.fd, offset: 0, size: file.size }
}
