/** Hashing a large source with several cores. */
import type { ByteSource } from '../byte-source.ts'
import { CHUNK_GROUP_LOG_MAX } from '../constants.ts'
import { createOutboard, type HashProgress } from '../create-outboard.ts'
import type { HashPool } from './hash-pool.ts'

export interface HashParallelOptions {
  /** Workers to hash with, or a pool of them to use; 0 for none. @default 4, where the host has as many cores */
  readonly workers?: number | HashPool | undefined
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((progress: HashProgress) => void) | undefined
}

/**
 * The plain 32-byte hash of a source, its subtrees shared out to workers over shared memory. Bytes that lie in a
 * `SharedArrayBuffer` and files of `fromFileHandle` are read by the workers themselves, everything else is copied once.
 * Where the host has no workers or no shared memory, and for content of up to 1 MiB, the calling thread does it all.
 *
 * @throws {VerifyError} `VERIFY_BAD_ARGUMENT`, `VERIFY_READ_FAILED`; the reason of `options.signal`.
 * @example const root = await hashParallel(await fromFileHandle(await open('video.mp4')), { workers: 2 })
 */
export async function hashParallel(source: ByteSource, options: HashParallelOptions = {}): Promise<Uint8Array<ArrayBuffer>> {
  const { workers = 4, signal, onProgress } = options
  // An outboard of 1 MiB groups is 64 bytes for each: nothing.
  const { root } = await createOutboard(source, { chunkGroupLog: CHUNK_GROUP_LOG_MAX, workers, signal, onProgress })
  return root
}
