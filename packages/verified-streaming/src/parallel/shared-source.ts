/**
 * Root and outboard of a source that workers read by themselves: bytes in shared memory, or a file's descriptor. The size is known, so
 * the place of every pair is, and workers write them there; what is left to this thread are the parents above units, one for each MiB.
 */
import { CHUNK_BYTES, HASH_BYTES, PAIR_BYTES } from '../constants.ts'
import { parentCv } from '../kernel/index.ts'
import { orAbort } from '../later.ts'
import { leftPlaceOf, type OutboardOrder, rightPlaceOf, rootPlaceOf } from '../places.ts'
import { chunkCountOf, groupCountOf, leftCountOf } from '../tree.ts'
import type { WorkerPool } from './hash-pool.ts'
import { UNIT_BYTES } from './worker-source.ts'

/** Where workers can read by themselves. */
export type SharedSource = ({ readonly shared: SharedArrayBuffer } | { readonly fd: number }) & {
  readonly offset: number
  readonly size: number
}

export interface SharedOptions {
  readonly chunkGroupLog: number
  readonly order: OutboardOrder
  readonly signal: AbortSignal | undefined
  /** Hears of more bytes that are done. */
  readonly onBytes: (bytes: number) => void
}

const UNIT_CHUNKS: number = UNIT_BYTES / CHUNK_BYTES

/** Of content of more than one unit. @returns root and pairs, the caller's own. */
export async function hashShared(
  pool: WorkerPool,
  source: SharedSource,
  { chunkGroupLog, order, signal, onBytes }: SharedOptions,
): Promise<{ root: Uint8Array<ArrayBuffer>; pairs: Uint8Array<ArrayBuffer> }> {
  const { offset, size, ...where } = source
  const units = groupCountOf(size, Math.log2(UNIT_CHUNKS))
  const groups = groupCountOf(size, chunkGroupLog)
  const control = new SharedArrayBuffer(8)
  const places = new SharedArrayBuffer(units * 8)
  const values = new SharedArrayBuffer(units * HASH_BYTES)
  const pairs = new SharedArrayBuffer((groups - 1) * PAIR_BYTES)
  const groupsOf = (count: number): number => Math.ceil(count / 2 ** chunkGroupLog)

  const placesByUnit = new Float64Array(places)
  const assign = (start: number, count: number, place: number): void => {
    if (count <= UNIT_CHUNKS) {
      placesByUnit[start / UNIT_CHUNKS] = order === 'pre' ? place : place - groupsOf(count) + 2
      return
    }
    const left = leftCountOf(count)
    assign(start, left, leftPlaceOf(order, place, groupsOf(count)))
    assign(start + left, count - left, rightPlaceOf(order, place, groupsOf(count)))
  }
  const chunks = chunkCountOf(size)
  const rootPlace = rootPlaceOf(order, groups)
  assign(0, chunks, rootPlace)
  try {
    const job = { ...where, offset, length: size, chunkGroupLog, isPre: order === 'pre', control, places, values, pairs }
    await orAbort(pool.runTogether(job, onBytes), signal)
  } finally {
    Atomics.store(new Int32Array(control), 1, 1) // whoever still works for an end that has come stops
  }

  const out = new Uint8Array(pairs).slice()
  const valuesByUnit = new Uint8Array(values)
  const fold = (start: number, count: number, place: number): Uint8Array => {
    const unit = start / UNIT_CHUNKS
    if (count <= UNIT_CHUNKS) return valuesByUnit.subarray(unit * HASH_BYTES, (unit + 1) * HASH_BYTES)
    const left = leftCountOf(count)
    const pair = out.subarray(place * PAIR_BYTES, (place + 1) * PAIR_BYTES)
    pair.set(fold(start, left, leftPlaceOf(order, place, groupsOf(count))))
    pair.set(fold(start + left, count - left, rightPlaceOf(order, place, groupsOf(count))), HASH_BYTES)
    const value = new Uint8Array(HASH_BYTES)
    parentCv(pair, 0, count === chunks, value, 0)
    return value
  }
  return { root: new Uint8Array(fold(0, chunks, rootPlace)), pairs: out }
}
