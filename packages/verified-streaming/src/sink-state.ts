/**
 * What a sink knows, as bytes: which blob, its size as far as it is known, and the chunks that are stored. One layout:
 * 16 bytes domain, 32 root, u8 chunkGroupLog, u8 what the size is (0 unknown, 1 a sender's word, 2 proven), u64le size (0
 * when unknown), then the ranges in their wire form.
 */
import type { ChunkRanges } from './chunk-ranges.ts'
import { decodeChunkRanges, encodeChunkRanges } from './chunk-ranges-wire.ts'
import { CHUNK_GROUP_LOG_MAX, HASH_BYTES } from './constants.ts'
import { type ContentSize, UNKNOWN_SIZE } from './content-size.ts'
import { VerifyError } from './errors.ts'
import { writeSize } from './outboard.ts'
import { checkBytes, checkRoot, chunkCountOf } from './tree.ts'

export interface SinkState {
  readonly root: Uint8Array
  readonly chunkGroupLog: number
  readonly size: ContentSize
  readonly held: ChunkRanges
}

const DOMAIN = new TextEncoder().encode('selvedge/sink/1\0')
const ROOT_OFFSET = DOMAIN.length
const LOG_OFFSET = ROOT_OFFSET + HASH_BYTES
const SIZE_OFFSET = LOG_OFFSET + 2
const RANGES_OFFSET = SIZE_OFFSET + 8

export function encodeSinkState({ root, chunkGroupLog, size, held }: SinkState): Uint8Array<ArrayBuffer> {
  const ranges = encodeChunkRanges(held)
  const out = new Uint8Array(RANGES_OFFSET + ranges.length)
  const bytes = size.state === 'verified' ? size.bytes : size.claimed
  out.set(DOMAIN)
  out.set(root, ROOT_OFFSET)
  out[LOG_OFFSET] = chunkGroupLog
  out[LOG_OFFSET + 1] = size.state === 'verified' ? 2 : bytes === undefined ? 0 : 1
  writeSize(out, SIZE_OFFSET, bytes ?? 0)
  out.set(ranges, RANGES_OFFSET)
  return out
}

/** Accepts nothing but what `encodeSinkState` writes. @throws {VerifyError} `VERIFY_MALFORMED` */
export function decodeSinkState(bytes: Uint8Array): SinkState {
  if (checkBytes(bytes).length < RANGES_OFFSET || !DOMAIN.every((byte, i) => byte === bytes[i]))
    throw new VerifyError('VERIFY_MALFORMED', 'not the state of a sink')
  const chunkGroupLog = bytes[LOG_OFFSET]!
  const kind = bytes[LOG_OFFSET + 1]!
  const size = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(SIZE_OFFSET, true)
  const held = decodeChunkRanges(bytes.subarray(RANGES_OFFSET))
  const end = held.boundaries[held.boundaries.length - 1] ?? 0
  const isConsistent = chunkGroupLog <= CHUNK_GROUP_LOG_MAX && kind <= 2 && size <= BigInt(Number.MAX_SAFE_INTEGER) && !held.isOpen
  if (!isConsistent || (kind === 0 ? size > 0n || !held.isEmpty : end > chunkCountOf(Number(size)))) {
    throw new VerifyError('VERIFY_MALFORMED', 'the state of a sink contradicts itself')
  }
  const known: ContentSize =
    kind === 2 ? { state: 'verified', bytes: Number(size) } : kind === 1 ? { state: 'unverified', claimed: Number(size) } : UNKNOWN_SIZE
  return { root: checkRoot(bytes.subarray(ROOT_OFFSET, LOG_OFFSET)), chunkGroupLog, size: known, held }
}
