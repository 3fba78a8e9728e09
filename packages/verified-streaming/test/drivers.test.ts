import { mkdtemp, open, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { pipe } from 'it-pipe'
import { describe, expect, expectTypeOf, test } from 'vitest'
import {
  bytesOf,
  ChunkRanges,
  type ContentSize,
  createByteReader,
  createDecodeStream,
  createOutboard,
  decode,
  decodeTransform,
  type Decoding,
  encode,
  encodeRanges,
  fromFileHandle,
  type VerifiedPart,
  type VerifyError,
} from '../src/index.ts'
import { collect, contentOf, flipped, inPieces, outcomeOf, streamOf } from './collect.ts'
import { everything, joined, referenceItems, referenceTree } from './reference/bao.ts'

const SIZE = 200_000
const data = contentOf(SIZE)
const made = await createOutboard(data)
const { root } = made
const encoded = await collect(encode(data))

const pieces = (bytes: Uint8Array, length: number): ReadableStream<Uint8Array> => streamOf(inPieces(bytes, length))

describe('sources', () => {
  test.each([
    ['bytes', () => encoded],
    ['a Node Buffer inside a pool', () => Buffer.concat([Buffer.from('x'), encoded]).subarray(1)],
    ['a Blob', () => new Blob([encoded as BlobPart])],
    ['a ReadableStream', () => pieces(encoded, 1000)],
    ['a response body', () => new Response(encoded as BodyInit).body!],
    ['an async iterable', () => inPieces(encoded, 1000)],
    ['an iterable', () => [encoded.subarray(0, 9), new Uint8Array(0), encoded.subarray(9)]],
    ['random access', () => ({ size: encoded.length, readAt: (offset: number, length: number) => encoded.slice(offset, offset + length) })],
    ['a byte reader', () => createByteReader([encoded])],
  ])('%s', async (_, source) => {
    const { end, parts } = await outcomeOf(source(), root)
    expect(end).toBe('done')
    expect(joined(parts.map(({ bytes }) => bytes))).toEqual(data)
  })

  test('a source that gives other things than bytes is refused', async () => {
    expect((await outcomeOf(['text'] as never, root)).end).toBe('VERIFY_BAD_ARGUMENT')
    expect((await outcomeOf(streamOf(['text']) as never, root)).end).toBe('VERIFY_BAD_ARGUMENT')
  })

  test('a source that fails passes its error through, and what was proven has come out', async () => {
    const broken = new Error('cable')
    async function* failing(): AsyncGenerator<Uint8Array> {
      yield encoded.subarray(0, 100_000)
      throw broken
    }
    const { error, parts } = await outcomeOf(failing(), root)
    expect(error).toBe(broken)
    expect(joined(parts.map(({ bytes }) => bytes))).toEqual(data.subarray(0, 6 * 16_384))
  })

  test('a source that uses one buffer again and again is read before it does', async () => {
    const shared = new Uint8Array(777)
    async function* reusing(): AsyncGenerator<Uint8Array> {
      for (let at = 0; at < encoded.length; at += shared.length) {
        const piece = encoded.subarray(at, at + shared.length)
        shared.fill(0)
        shared.set(piece)
        yield shared.subarray(0, piece.length)
      }
    }
    expect(joined((await outcomeOf(reusing(), root)).parts.map(({ bytes }) => bytes))).toEqual(data)
  })
})

describe('bytesOf', () => {
  test.each([
    [0, SIZE],
    [20_000, 30_000],
    [16_384, 16_385],
    [SIZE - 1, SIZE + 1000],
    [150_000, undefined],
    [7, 7],
  ])('gives bytes %i to %s and none that their chunks have beside', async (start, end) => {
    const range = end === undefined ? { start } : { start, end }
    const ranges = ChunkRanges.fromByteRanges([range])
    const parts = decode(encodeRanges({ ...made, data }, ranges), root, { ranges })
    expect(await collect(bytesOf(parts, range))).toEqual(data.slice(start, end))
  })

  test('is a stage of a pipeline of Node, which hands every stage a second argument', async () => {
    const got: Uint8Array[] = []
    await pipeline(Readable.from(inPieces(encoded, 1000)), decodeTransform(root), bytesOf, async (bytes: AsyncIterable<Uint8Array>) => {
      for await (const piece of bytes) got.push(piece)
    })
    expect(joined(got)).toEqual(data)
  })

  test('refuses what is no range', async () => {
    for (const range of [{ start: -1 }, { start: 5, end: 4 }, { start: Number.NaN }])
      await expect(collect(bytesOf(decode(encoded, root), range))).rejects.toMatchObject({ code: 'VERIFY_BAD_RANGE' })
  })
})

describe('the iterator', () => {
  test('gives each part as soon as its group is there, and asks for no byte more', async () => {
    let given = 0
    async function* slow(): AsyncGenerator<Uint8Array> {
      for (; given < encoded.length; ) yield encoded.subarray(given, (given += 64))
    }
    const ends: number[] = []
    let end = 8
    for (const { kind, bytes } of referenceItems(referenceTree(data), 4, everything)) {
      end += bytes.length
      if (kind === 'leaf') ends.push(end)
    }
    const out: number[] = []
    for await (const { offset, bytes } of decode(slow(), root)) {
      expect(bytes).toEqual(data.subarray(offset, offset + bytes.length))
      out.push(given)
    }
    expect(out).toEqual(ends.map((leafEnd) => Math.ceil(leafEnd / 64) * 64)) // it comes in pieces of 64 bytes
  })

  test('gives groups that lie side by side in the input in one part', async () => {
    const { parts } = await outcomeOf(encoded, root)
    expect(parts.map(({ offset }) => offset)).toEqual([0, 2, 4, 6, 8, 10, 12].map((group) => group * 16_384))
    const wrong = await outcomeOf(flipped(encoded, 8 + 4 * 64 + 16_384 + 5), root) // in the second group of the first pair
    expect([wrong.parts.map(({ offset, bytes }) => [offset, bytes.length]), wrong.end]).toEqual([[[0, 16_384]], 'VERIFY_MISMATCH'])
  })

  test('stops its source when the consumer stops', async () => {
    let isClosed = false
    async function* watched(): AsyncGenerator<Uint8Array> {
      try {
        yield* inPieces(encoded, 1000)
      } finally {
        isClosed = true
      }
    }
    for await (const _ of decode(watched(), root)) break
    expect(isClosed).toBe(true)
  })

  test('answers calls that do not wait for each other in order', async () => {
    const decoding = decode(inPieces(encoded, 1000), root)
    const results = await Promise.all(Array.from({ length: 14 }, async () => decoding.next()))
    expect(results.map(({ done, value }) => (done ? 'done' : (value as VerifiedPart).offset))).toEqual([
      ...Array.from({ length: 13 }, (_, i) => i * 16_384),
      'done',
    ])
  })

  test('reports progress and what is known of the size', async () => {
    const seen: [number, string][] = []
    const decoding = decode(inPieces(encoded, 1000), root, { onProgress: ({ bytes, size }) => seen.push([bytes, size.state]) })
    expect(decoding.size).toEqual({ state: 'unverified', claimed: undefined })
    for await (const _ of decoding);
    expect(seen.map(([bytes]) => bytes)).toEqual(Array.from({ length: 13 }, (_, i) => Math.min(SIZE, (i + 1) * 16_384)))
    expect(seen.map(([, state]) => state)).toEqual([...Array.from({ length: 12 }, () => 'unverified'), 'verified'])
  })

  test('leaves what follows where it is told that the stream goes on', async () => {
    expect((await outcomeOf(joined([encoded, encoded]), root, { end: false })).end).toBe('done')
    const reader = createByteReader([encoded, Uint8Array.of(1)])
    expect((await outcomeOf(reader, root, { end: true })).end).toBe('VERIFY_TRAILING')
  })

  test('a shared reader goes on behind the last part even when nobody asked whether it was the last', async () => {
    const reader = createByteReader([joined([encoded, Uint8Array.of(7)])])
    for await (const { offset } of decode(reader, root)) if (offset + 16_384 >= SIZE) break
    expect(await reader.next()).toEqual(Uint8Array.of(7))
  })

  test('has no size to be read until its type says that it is proven', () => {
    expectTypeOf<Decoding['size']>().toEqualTypeOf<ContentSize>()
    const { size } = decode(encoded, root)
    // @ts-expect-error: an unverified size has no `bytes`
    expect(size.bytes).toBeUndefined()
    if (size.state === 'verified') expectTypeOf(size.bytes).toEqualTypeOf<number>()
    else expectTypeOf(size).toEqualTypeOf<{ readonly state: 'unverified'; readonly claimed: number | undefined }>()
  })
})

describe('other pipelines', () => {
  test('it-pipe', async () => {
    const bytes = await pipe(inPieces(encoded, 5000), decodeTransform(root), bytesOf, collect)
    expect(bytes).toEqual(data)
    await expect(pipe(inPieces(flipped(encoded, 90_000), 5000), decodeTransform(root), bytesOf, collect)).rejects.toMatchObject({
      code: 'VERIFY_MISMATCH',
    })
  })

  test('pipeThrough', async () => {
    const bytes = await new Response(pieces(encoded, 5000).pipeThrough(createDecodeStream(root))).arrayBuffer()
    expect(new Uint8Array(bytes)).toEqual(data)
  })

  test('pipeThrough of a damaged encoding errors after the true bytes, and stops the source', async () => {
    let code = 'none'
    const stopped = Promise.withResolvers<void>()
    async function* watched(): AsyncGenerator<Uint8Array> {
      try {
        yield* inPieces(flipped(encoded, 90_000), 5000)
        for (;;) yield new Uint8Array(5000)
      } finally {
        stopped.resolve()
      }
    }
    const reader = streamOf(watched()).pipeThrough(createDecodeStream(root)).getReader()
    let bytes = 0
    try {
      for (;;) {
        const { done, value } = await reader.read()
        if (done) break
        expect(value).toEqual(data.subarray(bytes, bytes + value.length))
        bytes += value.length
      }
    } catch (error) {
      code = (error as VerifyError).code
    }
    expect([code, bytes]).toEqual(['VERIFY_MISMATCH', 81_920])
    await stopped.promise
  })

  test('a reader that brings its own buffer gets it filled', async () => {
    const stream = pieces(encoded, 5000).pipeThrough(createDecodeStream(root))
    const reader = stream.getReader({ mode: 'byob' })
    const held: number[] = []
    for (;;) {
      const { done, value } = await reader.read(new Uint8Array(1000))
      if (done) break
      held.push(...value)
    }
    expect(Uint8Array.from(held)).toEqual(data)
  })

  test('a stream that nobody reads takes nothing in but a piece or two', async () => {
    let given = 0
    const stream = new ReadableStream<Uint8Array>(
      {
        pull(controller) {
          controller.enqueue(encoded.slice(given, (given += 1000)))
        },
      },
      { highWaterMark: 0 },
    ).pipeThrough(createDecodeStream(root))
    const reader = stream.getReader()
    const { value } = await reader.read()
    expect(value).toHaveLength(16_384)
    for (let turn = 0; turn < 100; turn++) await Promise.resolve()
    expect(given).toBeLessThan(16_384 + 5 * 64 + 4 * 1000)
    await reader.cancel()
  })
})

describe('random access', () => {
  test('a file is encoded through its handle, and ranges of it', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'verified-'))
    const path = join(folder, 'content')
    await writeFile(path, data)
    const handle = await open(path)
    try {
      const file = await fromFileHandle(handle)
      expect(file.size).toBe(SIZE)
      expect(await collect(encode(file))).toEqual(encoded)
      const ranges = ChunkRanges.fromByteRanges([{ start: 70_000, end: 70_001 }])
      expect(await collect(encodeRanges({ ...made, data: file }, ranges))).toEqual(await collect(encodeRanges({ ...made, data }, ranges)))
      await handle.truncate(1000).catch(() => writeFile(path, data.subarray(0, 1000)))
      await expect(collect(encode(file))).rejects.toMatchObject({ code: 'VERIFY_READ_FAILED' })
    } finally {
      await handle.close()
      await rm(folder, { recursive: true })
    }
  })

  test('a Blob is encoded, with its outboard in another one, and ranges of it', async () => {
    const blob = new Blob([data as BlobPart])
    expect(await collect(encode(blob))).toEqual(encoded)
    const outboard = new Blob([made.outboard])
    const ranges = ChunkRanges.fromByteRanges([{ start: 70_000, end: 70_001 }])
    expect(await collect(encodeRanges({ ...made, data: blob, outboard }, ranges))).toEqual(
      await collect(encodeRanges({ ...made, data }, ranges)),
    )
  })

  test('a stream cannot be encoded, since it would have to be read twice', async () => {
    await expect(collect(encode(inPieces(data, 1000) as never))).rejects.toMatchObject({ code: 'VERIFY_BAD_ARGUMENT' })
  })

  test('data or an outboard that do not fit the size are refused', async () => {
    await expect(collect(encodeRanges({ ...made, data, size: SIZE + 1 }))).rejects.toMatchObject({ code: 'VERIFY_BAD_ARGUMENT' })
    await expect(collect(encodeRanges({ data, size: SIZE, outboard: made.outboard.subarray(64) }))).rejects.toMatchObject({
      code: 'VERIFY_BAD_ARGUMENT',
    })
    for (const size of [-1, 0.5, 2 ** 53])
      await expect(collect(encodeRanges({ ...made, data, size }))).rejects.toMatchObject({ code: 'VERIFY_BAD_ARGUMENT' })
  })

  test('an encoder reads nothing outside the groups that are asked for, and nothing before it is asked', async () => {
    const reads: [number, number][] = []
    const watched = {
      size: SIZE,
      readAt(offset: number, length: number) {
        reads.push([offset, length])
        return data.subarray(offset, offset + length)
      },
    }
    const ranges = ChunkRanges.fromByteRanges([
      { start: 20_000, end: 20_001 },
      { start: 98_304, end: 131_072 },
    ])
    const pieces = encodeRanges({ ...made, data: watched }, ranges)
    expect(reads).toEqual([])
    await collect(pieces)
    expect(reads).toEqual([
      [16_384, 16_384],
      [98_304, 32_768],
    ])
  })

  test('an abort while the content is being read ends the encoding', async () => {
    const controller = new AbortController()
    const stalled = { size: SIZE, readAt: () => new Promise<Uint8Array>(() => {}) }
    const waiting = encodeRanges({ ...made, data: stalled }, ChunkRanges.all, { signal: controller.signal }).next()
    controller.abort('enough')
    await expect(waiting).rejects.toBe('enough')
  })
})

describe('createOutboard', () => {
  test('reports progress, knows the total of what has one, and stops at an abort', async () => {
    const seen: (number | undefined)[][] = []
    await createOutboard(new Blob([data as BlobPart]), { onProgress: ({ bytes, total }) => seen.push([bytes, total]) })
    expect(seen[seen.length - 1]).toEqual([SIZE, SIZE])
    const controller = new AbortController()
    const hashing = createOutboard(inPieces(data, 1000), {
      signal: controller.signal,
      onProgress: ({ bytes, total }) => {
        expect(total).toBeUndefined()
        if (bytes >= 50_000) controller.abort('enough')
      },
    })
    await expect(hashing).rejects.toBe('enough')
    const stalled = new AbortController()
    const waiting = createOutboard(new ReadableStream<Uint8Array>(), { signal: stalled.signal })
    stalled.abort('never')
    await expect(waiting).rejects.toBe('never')
  })
})

test('what is handed out fits what the web takes, without a cast', async () => {
  const pieces: Uint8Array<ArrayBuffer>[] = []
  for await (const piece of encode(data)) pieces.push(piece)
  expect(new Blob([made.root, made.outboard, ...pieces]).size).toBe(32 + made.outboard.length + encoded.length)
  expect(new Uint8Array(await new Response(made.outboard).arrayBuffer())).toEqual(made.outboard)
  expect((await crypto.subtle.digest('SHA-256', made.root)).byteLength).toBe(32)
})
