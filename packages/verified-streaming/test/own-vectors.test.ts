import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import {
  ChunkRanges,
  ChunkRangesSeq,
  createOutboard,
  decodeGetRequest,
  decodeSequence,
  encodeGetRequest,
  encodeRanges,
  encodeSequence,
  hash,
  type VerifiableBlob,
  encodeChunkRanges,
} from '../src/index.ts'
import { FILES, textOf } from '../vectors/generate.ts'
import { hexOf, inputOf } from './bao-cases.ts'
import { collect, isAllTrue, outcomeOf } from './collect.ts'

interface Described {
  bytes: number
  blake3: string
  hex?: string
}
interface ResponseEntry {
  size: number
  chunkGroupLog: number
  boundaries: (number | 'last')[]
  rangesOnTheWire: string
  root: string
  response: Described
}
interface SequenceEntry {
  sizes: number[]
  sequence: string
  root: string
  ranges: (number | 'last')[][]
  repeatLast: boolean
  request: string
  response: Described
}
interface LieEntry {
  size: number
  claimed: string
  chunkGroupLog: number
  boundaries: (number | 'last')[]
  root: string
  isSilent: boolean
}

const read = <T>(name: string): T[] => JSON.parse(readFileSync(new URL(`../vectors/${name}`, import.meta.url), 'utf8')) as T[]
const bytesOf = (hex: string): Uint8Array => Uint8Array.from(hex.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16))
const rangesOf = (boundaries: (number | 'last')[]): ChunkRanges =>
  ChunkRanges.fromBoundaries(boundaries.map((boundary) => (boundary === 'last' ? Number.POSITIVE_INFINITY : boundary)))

async function blobOf(size: number): Promise<VerifiableBlob & { data: Uint8Array; root: Uint8Array }> {
  const data = inputOf(size)
  return { data, ...(await createOutboard(data)) }
}

function expectDescribed(bytes: Uint8Array, { hex, ...described }: Described): void {
  expect({ bytes: bytes.length, blake3: hexOf(hash(bytes)) }).toEqual(described)
  expect(hexOf(bytes)).toBe(hex ?? hexOf(bytes))
}

test.each(Object.keys(FILES))('%s is what its generator makes of the reference', (name) => {
  expect(readFileSync(new URL(`../vectors/${name}`, import.meta.url), 'utf8')).toBe(textOf(FILES[name]!()))
})

test('responses to any ranges are made and read as published', async () => {
  for (const entry of read<ResponseEntry>('responses.json')) {
    const blob = await blobOf(entry.size)
    const ranges = rangesOf(entry.boundaries)
    expect([hexOf(blob.root), hexOf(encodeChunkRanges(ranges))]).toEqual([entry.root, entry.rangesOnTheWire])
    const response = await collect(encodeRanges(blob, ranges, { chunkGroupLog: entry.chunkGroupLog }))
    expectDescribed(response, entry.response)
    const { end, parts } = await outcomeOf(response, blob.root, { ranges, chunkGroupLog: entry.chunkGroupLog })
    expect([end, isAllTrue(parts, blob.data)]).toEqual(['done', true])
  }
})

test('hash sequences are asked for, made and read as published', async () => {
  for (const entry of read<SequenceEntry>('sequences.json')) {
    const sequence = bytesOf(entry.sequence)
    const blobs = [{ data: sequence, ...(await createOutboard(sequence)) }, ...(await Promise.all(entry.sizes.map(blobOf)))]
    const ranges = ChunkRangesSeq.fromRanges(entry.ranges.map(rangesOf), { repeatLast: entry.repeatLast })
    const request = { root: blobs[0]!.root, ranges }
    expect([hexOf(request.root), hexOf(encodeGetRequest(request))]).toEqual([entry.root, entry.request])
    expect(decodeGetRequest(bytesOf(entry.request))).toEqual(request)
    const response = await collect(encodeSequence(request, (_, index) => blobs[index]!))
    expectDescribed(response, entry.response)
    for await (const { index, offset, bytes } of decodeSequence(response, request)) {
      expect(bytes).toEqual(blobs[index]!.data.subarray(offset, offset + bytes.length))
    }
  }
})

describe('lengths that lie', () => {
  test.each([true, false])('are told apart from those that nothing contradicts: silent %s', async (isSilent) => {
    const entries = read<LieEntry>('lying-lengths.json').filter((entry) => entry.isSilent === isSilent)
    expect(entries.length).toBeGreaterThan(5)
    for (const { size, claimed, chunkGroupLog, boundaries } of entries) {
      const blob = await blobOf(size)
      const ranges = rangesOf(boundaries)
      const encoded = await collect(encodeRanges(blob, ranges, { chunkGroupLog }))
      new DataView(encoded.buffer).setBigUint64(0, BigInt(claimed), true)
      const { end, parts, size: known } = await outcomeOf(encoded, blob.root, { ranges, chunkGroupLog })
      expect(known.state).toBe('unverified')
      const expected = isSilent ? /^done$/ : /^VERIFY_/
      expect([claimed, boundaries, end]).toEqual([claimed, boundaries, expect.stringMatching(expected)])
      expect(isAllTrue(parts, blob.data)).toBe(true)
    }
  })
})
