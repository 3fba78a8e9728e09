/** What the files of the suite share: its types, and content made from a seed. */
import { CID } from 'multiformats/cid'
import { sha256 } from 'multiformats/hashes/sha2'
import type { Blockstore } from './ports.ts'

/** What the suite uses of an assertion; `expect` of vitest and of Jest fit. */
export interface Assertion {
  toBe(expected: unknown): void
  toEqual(expected: unknown): void
  toBeUndefined(): void
  toMatchObject(expected: object): void
  readonly rejects: { toMatchObject(expected: object): Promise<void>; toBe(expected: unknown): Promise<void> }
}

export interface Conformance {
  readonly test: (name: string, run: () => Promise<void>) => void
  readonly expect: (actual: unknown) => Assertion
  /** A new, empty store, not started. The suite stops it. */
  readonly create: (options: { readonly quotaBytes?: number; readonly blobBytesMax?: number }) => Promise<Blockstore> | Blockstore
}

export type With = (
  options: { readonly quotaBytes?: number; readonly blobBytesMax?: number },
  run: (store: Blockstore) => Promise<void>,
) => Promise<void>

export async function rawCidOf(bytes: Uint8Array): Promise<CID> {
  return CID.createV1(0x55, await sha256.digest(bytes))
}

export async function* partsOf(bytes: Uint8Array, partBytes: number): AsyncGenerator<Uint8Array> {
  for (let offset = 0; offset < bytes.length; offset += partBytes) yield bytes.subarray(offset, offset + partBytes)
}

/** Bytes that differ everywhere, so that blocks do. */
export function bytesOf(length: number, seed = 1): Uint8Array {
  const out = new Uint8Array(length)
  let state = (seed * 2_654_435_761) >>> 0 || 1
  for (let i = 0; i < length; i++) {
    state = (state ^ (state << 13)) >>> 0
    state = (state ^ (state >>> 17)) >>> 0
    state = (state ^ (state << 5)) >>> 0
    out[i] = state & 255
  }
  return out
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const out: T[] = []
  for await (const item of items) out.push(item)
  return out
}
