/** An encoder whose reads and pieces use memory again: the same octets as ever. */
import { expect, test } from 'vitest'
import { ChunkRanges, createOutboard, encodeRanges, encodeRangesFrom, fromFileHandle, type ReadAt } from '../src/index.ts'
import { collect, contentOf } from './collect.ts'

const SIZE = 1_500_000
const data = contentOf(SIZE)
const { outboard } = await createOutboard(data)
const RANGES = [
  ChunkRanges.all,
  ChunkRanges.lastChunk,
  ChunkRanges.fromBoundaries([3, 40, 41, 700, 900]),
  ChunkRanges.fromBoundaries([1_000]),
]
const LOGS = [0, 4, 7]
const CASES = RANGES.flatMap((ranges) => LOGS.map((chunkGroupLog) => ({ ranges, chunkGroupLog })))

/** Reads into what it is given, which is spoiled first; `targets`: what it was given. */
function readingInto(isSlow: boolean): ReadAt & { readonly targets: Set<ArrayBufferLike> } {
  const targets = new Set<ArrayBufferLike>()
  const fill = (offset: number, target: Uint8Array): void => {
    targets.add(target.buffer)
    target.set(data.subarray(offset, offset + target.length))
  }
  return {
    size: SIZE,
    targets,
    readAt: () => {
      throw new Error('it can read into memory')
    },
    readInto: (offset, target) => {
      target.fill(0xdb)
      if (!isSlow) return fill(offset, target)
      return new Promise((resolve) => {
        setImmediate(() => {
          fill(offset, target)
          resolve()
        })
      })
    },
  }
}

/** One piece at a time is out, so one memory for each length does; what is left of the last is spoiled. */
function onePieceOfEach(): (bytes: number) => Uint8Array<ArrayBuffer> {
  const pieces = new Map<number, Uint8Array<ArrayBuffer>>()
  return (bytes) => {
    const piece = pieces.get(bytes) ?? new Uint8Array(bytes)
    pieces.set(bytes, piece)
    return piece.fill(0xdb)
  }
}

test.each([false, true])('encodes the same octets, whole and from an offset on; slow: %s', async (isSlow) => {
  for (const { ranges, chunkGroupLog } of CASES) {
    const expected = await collect(encodeRanges({ data, outboard, size: SIZE }, ranges, { chunkGroupLog }))
    const source = readingInto(isSlow)
    const blob = { data: source, outboard, size: SIZE }
    const options = { chunkGroupLog, newPiece: onePieceOfEach() }
    expect(Buffer.compare(await collect(encodeRanges(blob, ranges, options)), expected)).toBe(0)
    expect(source.targets.size).toBeLessThanOrEqual(ranges.isAll ? 2 : 6) // as it grows: the first read is a small one
    const offset = Math.floor(expected.length / 3)
    expect(Buffer.compare(await collect(encodeRangesFrom(blob, offset, ranges, options)), expected.subarray(offset))).toBe(0)
  }
})

test('memory of another length than was asked for is refused', async () => {
  const newPiece = (bytes: number): Uint8Array<ArrayBuffer> => new Uint8Array(bytes - 1)
  await expect(collect(encodeRanges({ data, outboard, size: SIZE }, ChunkRanges.all, { newPiece }))).rejects.toMatchObject({
    code: 'VERIFY_BAD_ARGUMENT',
  })
})

test('a read that fails in the middle ends the encoding with what it threw, and nothing of it is sent', async () => {
  const failure = new Error('the disk is gone')
  const source = readingInto(false)
  const broken: ReadAt = {
    ...source,
    readInto: async (offset, target) => {
      if (offset < 500_000) return await source.readInto!(offset, target)
      target.fill(0xdb)
      throw failure
    },
  }
  const sent: Uint8Array[] = []
  const sending = (async () => {
    for await (const piece of encodeRanges({ data: broken, outboard, size: SIZE })) sent.push(piece.slice())
  })()
  await expect(sending).rejects.toBe(failure)
  const expected = await collect(encodeRanges({ data, outboard, size: SIZE }))
  const bytes = Buffer.concat(sent)
  expect(bytes.length).toBeGreaterThan(400_000)
  expect(Buffer.compare(bytes, expected.subarray(0, bytes.length))).toBe(0)
})

test('a file handle reads into memory, and says where its file ends', async () => {
  const handle = {
    async read(buffer: Uint8Array, offset: number, length: number, position: number) {
      const part = data.subarray(position, position + Math.min(length, 1_000)) // a short read
      buffer.set(part, offset)
      return { bytesRead: part.length }
    },
    stat: async () => ({ size: SIZE }),
  }
  const source = await fromFileHandle(handle)
  const target = new Uint8Array(5_000).fill(0xdb)
  await source.readInto!(7, target)
  expect(target).toEqual(data.slice(7, 5_007))
  await expect(async () => await fromFileHandle(handle, SIZE + 1).readInto!(SIZE - 10, new Uint8Array(11))).rejects.toMatchObject({
    code: 'VERIFY_READ_FAILED',
    details: { offset: SIZE },
  })
})
