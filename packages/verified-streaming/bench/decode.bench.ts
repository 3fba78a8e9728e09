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

const WARM = 200
const ROUNDS = 400

/**
 * Decoding, everything thrown away (views, as a reader gets them), and hashing of the same content, one after the other in one process many
 * times: in processes of their own the machine's minutes show more than what decoding adds. Gives the fastest of the one that is
 * asked for, since whatever else runs on the machine only ever adds.
 */
const beside = (which: 'decode' | 'hash', bytes: number, chunkGroupLog: number) => async (): Promise<Prepared> => {
  const { data, root, encoded } = await encodedOf(bytes, chunkGroupLog)
  const decodeAll = async (): Promise<number> => {
    let seen = 0
    for await (const part of decode(encoded, root, { chunkGroupLog })) seen += part.bytes.length
    return seen
  }
  return {
    async figure() {
      const times: Record<typeof which, number[]> = { decode: [], hash: [] }
      for (let round = -WARM; round < ROUNDS; round++) {
        const started = process.hrtime.bigint()
        if ((await decodeAll()) !== bytes) throw new Error('not all was decoded')
        const between = process.hrtime.bigint()
        hash(data)
        if (round < 0) continue
        times.decode.push(Number(between - started))
        times.hash.push(Number(process.hrtime.bigint() - between))
      }
      return bytes / MIB / (Math.min(...times[which]) / 1e9)
    },
  }
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
    subjects: { ours: beside('decode', MIB, 4), hash: beside('hash', MIB, 4) },
    goals: { hash: 0.93 },
    note: 'views of the input, every parent compared, async iteration included; both in one process, in turn',
  },
  {
    name: 'decode Bao (1 KiB groups), 1 MiB, beside our plain hash',
    unit: 'MiB/s',
    subjects: { ours: beside('decode', MIB, 0), hash: beside('hash', MIB, 0) },
  },
  {
    name: 'encode a response, 16 KiB groups, 1 MiB, beside our plain hash',
    unit: 'MiB/s',
    subjects: { ours: encoding(MIB), hash: hashing(MIB) },
  },
]
