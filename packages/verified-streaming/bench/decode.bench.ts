/** Decoding beside plain hashing of the same content (spec §9 row 3: at least 0.93 of it at 16 KiB groups). */
import { ChunkRanges, createOutboard, decode, encode, encodeRanges, hash } from '@selvedge/verified-streaming'
import type { Bench, Prepared } from '../../../tools/bench/bench.ts'

const MIB = 2 ** 20

async function encodedOf(
  bytes: number,
  chunkGroupLog: number,
): Promise<{ data: Uint8Array; root: Uint8Array; encoded: Uint8Array; outboard: Uint8Array }> {
  const data = Uint8Array.from({ length: bytes }, (_, i) => (i * 7 + (i >> 9)) & 0xff)
  const { root, outboard } = await createOutboard(data, { workers: 0 })
  const pieces: Uint8Array[] = []
  for await (const piece of encode(data, { chunkGroupLog })) pieces.push(piece)
  return { data, root, outboard, encoded: new Uint8Array(await new Blob(pieces as BlobPart[]).arrayBuffer()) }
}

/** Everything decoded and thrown away: views, as a reader gets them. */
const decoding = (bytes: number, chunkGroupLog: number) => async (): Promise<Prepared> => {
  const { root, encoded } = await encodedOf(bytes, chunkGroupLog)
  const each = async (): Promise<number> => {
    let seen = 0
    for await (const part of decode(encoded, root, { chunkGroupLog })) seen += part.bytes.length
    return seen
  }
  return { each, bytes }
}

const hashing = (bytes: number) => async (): Promise<Prepared> => {
  const { data } = await encodedOf(bytes, 4)
  return { each: () => hash(data), bytes }
}

const encoding = (bytes: number) => async (): Promise<Prepared> => {
  const { data, outboard } = await encodedOf(bytes, 4)
  const each = async (): Promise<number> => {
    let seen = 0
    for await (const piece of encodeRanges({ data, outboard, size: bytes }, ChunkRanges.all)) seen += piece.length
    return seen
  }
  return { each, bytes }
}

export const benches: readonly Bench[] = [
  {
    name: 'decode 16 KiB groups, 1 MiB, beside our plain hash',
    unit: 'MiB/s',
    subjects: { ours: decoding(MIB, 4), hash: hashing(MIB) },
    goals: { hash: 0.93 },
    note: 'Views of the input, every parent compared, async iteration included.',
  },
  {
    name: 'decode Bao (1 KiB groups), 1 MiB, beside our plain hash',
    unit: 'MiB/s',
    subjects: { ours: decoding(MIB, 0), hash: hashing(MIB) },
  },
  {
    name: 'encode a response, 16 KiB groups, 1 MiB, beside our plain hash',
    unit: 'MiB/s',
    subjects: { ours: encoding(MIB), hash: hashing(MIB) },
  },
]
