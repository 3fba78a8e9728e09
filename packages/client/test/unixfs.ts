/** UnixFS nodes that no importer writes, byte by byte, into the memory of a test's node. */
import { CID } from 'multiformats/cid'
import { create as createDigest } from 'multiformats/hashes/digest'
import { hash } from 'node:crypto'
import type { MemoryContent } from './node.ts'

interface Link {
  readonly name: string
  readonly cid: CID
}

const varint = (value: number): number[] => (value < 128 ? [value] : [(value % 128) | 128, ...varint(Math.floor(value / 128))])
const field = (number: number, bytes: Uint8Array | readonly number[]): number[] => [number * 8 + 2, ...varint(bytes.length), ...bytes]

/** Links before Data, which is the one order of dag-pb. */
function pbNode(data: readonly number[], links: readonly Link[]): Uint8Array {
  const bytes: number[] = []
  for (const { name, cid } of links) {
    const link = [...field(1, cid.bytes), ...field(2, new TextEncoder().encode(name)), 0x18, 1]
    bytes.push(...field(2, link))
  }
  return Uint8Array.from([...bytes, ...field(1, data)])
}

/** Any block; as an entity that can be opened. */
export function nodeOf(content: MemoryContent, codec: number, bytes: Uint8Array): CID {
  const cid = CID.createV1(codec, createDigest(0x12, hash('sha256', bytes, 'buffer')))
  content.blocks.set(Buffer.from(cid.multihash.bytes).toString('hex'), bytes)
  content.entities.set(Buffer.from(cid.bytes).toString('hex'), { kind: 'directory', size: 0 })
  return cid
}

export const rawOf = (content: MemoryContent, bytes: Uint8Array): CID => nodeOf(content, 0x55, bytes)
export const inlineOf = (bytes: Uint8Array): CID => CID.createV1(0x55, createDigest(0x00, bytes))
export const directoryOf = (content: MemoryContent, links: readonly Link[]): CID => nodeOf(content, 0x70, pbNode([0x08, 1], links))
export const symlinkOf = (content: MemoryContent, target: string): CID =>
  nodeOf(content, 0x70, pbNode([0x08, 4, ...field(2, new TextEncoder().encode(target))], []))
/** Fanout 256, murmur3; names begin with their slot, whose bit is set. @param paddingBytes - in a field that no version of UnixFS knows. */
export function shardOf(content: MemoryContent, links: readonly Link[], paddingBytes = 0): CID {
  const bits = new Uint8Array(32)
  for (const { name } of links) {
    const slot = Number.parseInt(name.slice(0, 2), 16)
    bits[31 - (slot >> 3)]! |= 1 << (slot & 7)
  }
  const padding = paddingBytes === 0 ? [] : field(9, new Uint8Array(paddingBytes))
  return nodeOf(content, 0x70, pbNode([0x08, 5, ...field(2, bits), 0x28, 0x22, 0x30, 0x80, 0x02, ...padding], links))
}
