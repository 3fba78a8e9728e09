import { importer, type ImporterOptions } from 'ipfs-unixfs-importer'
import type { CID } from 'multiformats/cid'
import { encodeCarHeader, encodeSectionHead, type VerifiedBlock } from '../src/index.ts'

/** A block store in memory that fits both the importer and our port. */
export class Blocks {
  readonly map: Map<string, { cid: CID; bytes: Uint8Array }> = new Map()
  reads = 0
  async put(cid: CID, bytes: Uint8Array): Promise<CID> {
    this.map.set(hex(cid.multihash.bytes), { cid, bytes })
    return cid
  }
  async get(cid: CID): Promise<Uint8Array> {
    this.reads++
    const found = this.map.get(hex(cid.multihash.bytes))
    if (found === undefined) throw new Error(`no block ${cid}`)
    return found.bytes
  }
}

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

/** Bytes that do not repeat, from a seed. */
export function bytesOf(length: number, seed = 1): Uint8Array {
  const bytes = new Uint8Array(length)
  let state = seed | 1
  for (let index = 0; index < length; index++) {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9
    bytes[index] = state >>> 24
  }
  return bytes
}

type ImportBlocks = Parameters<typeof importer>[1]

/** Imports `content` and answers the root. The importer's own store interface has more methods than it uses. */
export async function importFile(content: Uint8Array, blocks: Blocks, options: ImporterOptions = {}): Promise<CID> {
  let root: CID | undefined
  for await (const { cid } of importer([{ content }], blocks as unknown as ImportBlocks, { rawLeaves: true, cidVersion: 1, ...options }))
    root = cid
  return root!
}

export async function importDirectory(files: Record<string, Uint8Array>, blocks: Blocks, options: ImporterOptions = {}): Promise<CID> {
  let root: CID | undefined
  const entries = Object.entries(files).map(([path, content]) => ({ path, content }))
  const all = { rawLeaves: true, cidVersion: 1 as const, wrapWithDirectory: true, ...options }
  for await (const { cid } of importer(entries, blocks as unknown as ImportBlocks, all)) root = cid
  return root!
}

export async function* chunked(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let offset = 0; offset < bytes.length; offset += size) yield bytes.subarray(offset, offset + size)
}

export async function* stream(...parts: Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* parts
}

export async function joinParts(parts: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const all: Uint8Array[] = []
  for await (const part of parts) all.push(part.slice())
  return concat(all)
}

export function concat(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts))
}

export async function joinFlat(parts: AsyncIterable<{ offset: number; bytes: Uint8Array }>): Promise<Uint8Array> {
  const all: Uint8Array[] = []
  let end: number | undefined
  for await (const { offset, bytes } of parts) {
    if (end !== undefined && offset < end) throw new Error(`offset ${offset} comes after ${end}`)
    end = offset + bytes.length
    all.push(bytes.slice())
  }
  return concat(all)
}

export interface Seen {
  readonly cid: string
  readonly kind: string
  readonly fileOffset: number
  readonly fileSize: number | undefined
  readonly bytes: Uint8Array
}

export async function collect(blocks: AsyncIterable<VerifiedBlock>): Promise<Seen[]> {
  const seen: Seen[] = []
  for await (const { cid, kind, fileOffset, fileSize, block } of blocks)
    seen.push({ cid: cid.toString(), kind, fileOffset, fileSize, bytes: block.slice() })
  return seen
}

/** A CAR of any sections, right or wrong. */
export function carOf(root: CID, sections: readonly { cid: CID; bytes: Uint8Array }[], header = true): Uint8Array {
  const parts = sections.flatMap(({ cid, bytes }) => [encodeSectionHead(cid, bytes.length), bytes])
  return concat(header ? [encodeCarHeader([root]), ...parts] : parts)
}
