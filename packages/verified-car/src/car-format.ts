/** The bytes of a CARv1 (https://ipld.io/specs/transport/car/carv1/), for writers, and for tests that write wrong ones. */
import { encode as encodeDagCbor } from '@ipld/dag-cbor'
import type { CID } from 'multiformats/cid'
import { varintBytes, writeVarint } from './varint.ts'

/** Blocks up to this size are copied behind their head, larger ones are handed out as they are. */
const COPIED_BYTES_MAX = 4_096

/** The header of a CAR: its varint length and the dag-cbor of `{ roots, version: 1 }`. */
export function encodeCarHeader(roots: readonly CID[]): Uint8Array {
  const header = headerOf(roots)
  return framed(header.length, [header])
}

/** A map of two: `roots`, a list of one link (tag 42, bytes with a length of one byte, NUL first) · the CID · `version`: 1. */
const ONE_ROOT_HEAD = Uint8Array.of(0xa2, 0x65, 0x72, 0x6f, 0x6f, 0x74, 0x73, 0x81, 0xd8, 0x2a, 0x58)
const ONE_ROOT_TAIL = Uint8Array.of(0x67, 0x76, 0x65, 0x72, 0x73, 0x69, 0x6f, 0x6e, 0x01)

/** The dag-cbor alone. One root, which nearly every CAR has, is put together by hand: the encoder costs more than a small file. */
export function headerOf(roots: readonly CID[]): Uint8Array {
  const [root] = roots
  const length = (root?.bytes.length ?? 0) + 1
  if (root === undefined || roots.length > 1 || length < 24 || length > 0xff) return encodeDagCbor({ roots, version: 1 })
  const out = new Uint8Array(ONE_ROOT_HEAD.length + 1 + length + ONE_ROOT_TAIL.length)
  out.set(ONE_ROOT_HEAD)
  out[ONE_ROOT_HEAD.length] = length
  out.set(root.bytes, ONE_ROOT_HEAD.length + 2) // behind the NUL of a binary CID
  out.set(ONE_ROOT_TAIL, out.length - ONE_ROOT_TAIL.length)
  return out
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
