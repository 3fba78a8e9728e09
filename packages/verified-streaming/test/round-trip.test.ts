import { expect, test } from 'vitest'
import { ChunkRanges, createOutboard, decode, encode, encodeRanges, hash } from '../src/index.ts'

function content(size: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, i) => (i * 7 + (i >> 10)) & 0xff)
}

async function collect(source: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const pieces: Uint8Array[] = []
  for await (const piece of source) pieces.push(piece.slice())
  return new Uint8Array(await new Blob(pieces as BlobPart[]).arrayBuffer())
}

test.each([0, 1, 1024, 16_384, 16_385, 100_000, 300_001])(
  'content of %i bytes comes back from its encoding, in order and proven',
  async (size) => {
    const data = content(size)
    const { root } = await createOutboard(data)
    expect(root).toEqual(hash(data))
    const decoding = decode(await collect(encode(data)), root)
    const back: number[] = []
    for await (const { offset, bytes } of decoding) {
      expect(offset).toBe(back.length)
      for (const byte of bytes) back.push(byte)
    }
    expect(Uint8Array.from(back)).toEqual(data)
    expect(decoding.size).toEqual({ state: 'verified', bytes: size })
  },
)

test('a range comes alone, at its offset', async () => {
  const data = content(300_000)
  const { root, outboard, size } = await createOutboard(data)
  const ranges = ChunkRanges.fromByteRanges([{ start: 100_000, end: 100_001 }, { start: 290_000 }])
  const encoded = await collect(encodeRanges({ data, outboard, root, size }, ranges))
  expect(encoded.length).toBeLessThan(20_000)
  const seen: number[] = []
  for await (const { offset, bytes } of decode(encoded, root, { ranges })) {
    expect(bytes).toEqual(data.subarray(offset, offset + bytes.length))
    seen.push(offset)
  }
  expect(seen).toContain(Math.floor(100_000 / 1024) * 1024)
  expect(Math.min(...seen)).toBe(Math.floor(100_000 / 1024) * 1024)
})
