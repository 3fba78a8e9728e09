/** The bytes of a CARv1 (https://ipld.io/specs/transport/car/carv1/), for writers, and for tests that write wrong ones. */
import type { CID } from 'multiformats/cid'
import { headerOf } from './car-header.ts'
import { RAW } from './constants.ts'
import { varintBytes, writeVarint } from './varint.ts'

/** Blocks up to this size are copied behind their head, larger ones are handed out as they are. */
const COPIED_BYTES_MAX = 4_096

/** The header of a CAR: its varint length and the dag-cbor of `{ roots, version: 1 }`. */
export function encodeCarHeader(roots: readonly CID[]): Uint8Array {
  const header = headerOf(roots)
  return framed(header.length, [header])
}

/** What precedes a block in a CAR: the varint length of CID and block together, and the CID. */
export function encodeSectionHead(cid: CID, blockBytes: number): Uint8Array {
  return framed(cid.bytes.length + blockBytes, [cid.bytes])
}

/** One section as one or two pieces, the second being `block` itself, which is not copied. */
export function sectionParts(cid: CID, block: Uint8Array): Uint8Array[] {
  if (block.length > COPIED_BYTES_MAX) return [encodeSectionHead(cid, block.length), block]
  return [framed(cid.bytes.length + block.length, [cid.bytes, block])]
}

/** Bytes of a section. */
export function sectionBytes(cid: CID, blockBytes: number): number {
  const bytes = cid.bytes.length + blockBytes
  return varintBytes(bytes) + bytes
}

/** Bytes of a block in mode `proof`: a raw leaf is bare. */
export function proofBytes({ code }: CID, blockBytes: number): number {
  return code === RAW ? blockBytes : varintBytes(blockBytes) + blockBytes
}

/** One block of mode `proof` that is no raw leaf: varint length and block. */
export function proofParts(block: Uint8Array): Uint8Array[] {
  if (block.length > COPIED_BYTES_MAX) return [framed(block.length, []), block]
  return [framed(block.length, [block])]
}

function framed(length: number, parts: readonly Uint8Array[]): Uint8Array {
  let offset = varintBytes(length)
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, offset))
  writeVarint(length, out, 0)
  for (const part of parts) {
    out.set(part, offset)
    offset += part.length
  }
  return out
}
