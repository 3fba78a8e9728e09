import { describe, expect, test } from 'vitest'
import {
  ChunkRanges,
  createByteReader,
  createOutboard,
  createMemoryStore,
  createOutboardBuilder,
  createSink,
  decode,
  decodeChunkRanges,
  decodeCollection,
  decodeGetRequest,
  decodeHashSequence,
  encode,
  encodeRanges,
  hash,
  hashParallel,
  parseRangeHeader,
  VerifyError,
} from '../src/index.ts'
import { collect, contentOf, flipped, inPieces, isAllTrue, outcomeOf } from './collect.ts'
import { everything, joined, referenceItems, referenceTree, sizeField } from './reference/bao.ts'

const LOGS = [0, 1, 4] as const

async function encodedOf(size: number, chunkGroupLog: number): Promise<{ data: Uint8Array; root: Uint8Array; encoded: Uint8Array }> {
  const data = contentOf(size)
  const { root } = await createOutboard(data)
  return { data, root, encoded: await collect(encode(data, { chunkGroupLog })) }
}

describe.each(LOGS)('at group size 2^%i', (chunkGroupLog) => {
  test.each([0, 1, 1024, 1025, 3073, 5000])('every truncation of an encoding of %i bytes is refused', async (size) => {
    const { data, root, encoded } = await encodedOf(size, chunkGroupLog)
    for (let length = 0; length < encoded.length; length += length < 200 ? 1 : 61) {
      const { end, parts } = await outcomeOf(encoded.subarray(0, length), root, { chunkGroupLog })
      expect([length, end]).toEqual([length, 'VERIFY_TRUNCATED'])
      expect(isAllTrue(parts, data)).toBe(true)
    }
  })

  test.each([0, 1, 1024, 1025, 3073])('every byte of an encoding of %i bytes, flipped, is refused', async (size) => {
    const { data, root, encoded } = await encodedOf(size, chunkGroupLog)
    for (let place = 0; place < encoded.length; place++) {
      const { end, parts } = await outcomeOf(flipped(encoded, place, 1 << (place % 8)), root, { chunkGroupLog })
      expect([place, end]).toEqual([place, expect.stringMatching(/^VERIFY_(MISMATCH|TRUNCATED|TRAILING|TOO_LARGE)$/)])
      expect(isAllTrue(parts, data)).toBe(true)
    }
  })

  test.each([0, 1, 3073, 100_000])('an encoding of %i bytes is refused when anything follows it', async (size) => {
    const { data, root, encoded } = await encodedOf(size, chunkGroupLog)
    const extended = joined([encoded, Uint8Array.of(0)])
    for (const source of [extended, inPieces(extended, encoded.length), inPieces(extended, 7)]) {
      const { end, parts } = await outcomeOf(source, root, { chunkGroupLog })
      expect(end).toBe('VERIFY_TRAILING')
      expect(isAllTrue(parts, data)).toBe(true)
    }
  })

  test('a wrong length is refused, longer or shorter, and never proven', async () => {
    const { data, root, encoded } = await encodedOf(5000, chunkGroupLog)
    for (const claim of [0, 1, 4999, 5001, 5120, 5121, 6000, 2 ** 20, 2 ** 40, 2 ** 53 - 1]) {
      const lie = joined([sizeField(claim), encoded.subarray(8)])
      const decoding = decode(lie, root, { chunkGroupLog })
      const parts: { offset: number; bytes: Uint8Array }[] = []
      await expect(
        (async () => {
          for await (const part of decoding) parts.push({ offset: part.offset, bytes: part.bytes.slice() })
        })(),
      ).rejects.toThrow(VerifyError)
      expect(isAllTrue(parts, data)).toBe(true)
      expect(decoding.size.state).toBe('unverified')
    }
  })

  test('groups in another order are refused at the first one out of place', async () => {
    const { data, root, encoded } = await encodedOf(65_536, chunkGroupLog)
    const group = 1024 * 2 ** chunkGroupLog
    const leaf = encoded.length - 2 * group // the last two groups of a whole tree lie side by side
    const swapped = joined([encoded.subarray(0, leaf), encoded.subarray(leaf + group), encoded.subarray(leaf, leaf + group)])
    const { end, parts, error } = await outcomeOf(swapped, root, { chunkGroupLog })
    expect(end).toBe('VERIFY_MISMATCH')
    expect(isAllTrue(parts, data)).toBe(true)
    expect((error as VerifyError).details).toMatchObject({ what: 'leaf', offset: 65_536 - 2 * group, end: 65_536 - group })
  })

  test.each([2000, 5000, 40_000])('another tree of %i bytes, true in itself, is refused wherever it begins', async (size) => {
    const { data, root, encoded } = await encodedOf(size, chunkGroupLog)
    const items = referenceItems(referenceTree(data), chunkGroupLog, everything)
    for (const changed of [0, Math.floor(size / 2), size - 1]) {
      const other = await collect(encode(flipped(data, changed), { chunkGroupLog }))
      let place = 8
      for (const { bytes } of items) {
        // The true encoding up to here, then the other's, in which parents fit their content.
        const spliced = joined([encoded.subarray(0, place), other.subarray(place)])
        place += bytes.length
        if (spliced.every((byte, i) => byte === encoded[i])) break
        const { end, parts } = await outcomeOf(spliced, root, { chunkGroupLog })
        expect([changed, place, end]).toEqual([changed, place, 'VERIFY_MISMATCH'])
        expect(isAllTrue(parts, data)).toBe(true)
      }
    }
  })

  test('equal groups at other places are still refused', async () => {
    const data = new Uint8Array(65_536) // all zero: only the chunk number tells them apart
    const { root } = await createOutboard(data)
    const encoded = await collect(encode(data, { chunkGroupLog }))
    const { end } = await outcomeOf(joined([encoded.subarray(0, 72), encoded.subarray(72 + 64)]), root, { chunkGroupLog })
    expect(end).toMatch(/^VERIFY_/)
  })
})

test.each([2n ** 63n, 2n ** 53n, 2n ** 64n - 1n])('a length of %s is refused before anything is allocated for it', async (claim) => {
  const header = new Uint8Array(8)
  new DataView(header.buffer).setBigUint64(0, claim, true)
  for (const rest of [new Uint8Array(0), new Uint8Array(100_000)]) {
    const { end, parts, error } = await outcomeOf(joined([header, rest]), new Uint8Array(32))
    expect([end, parts]).toEqual(['VERIFY_TOO_LARGE', []])
    expect((error as VerifyError).details).toMatchObject({ size: String(claim) })
  }
})

test('a length above maxSize is refused with the header alone', async () => {
  const { root, encoded } = await encodedOf(5000, 4)
  expect((await outcomeOf(encoded, root, { maxSize: 5000 })).end).toBe('done')
  expect((await outcomeOf(encoded.subarray(0, 8), root, { maxSize: 4999 })).end).toBe('VERIFY_TOO_LARGE')
})

test('an endless stream of nonsense is left at its first wrong node, and told so', async () => {
  let given = 0
  let isClosed = false
  async function* endless(): AsyncGenerator<Uint8Array> {
    try {
      yield sizeField(2 ** 50)
      for (;;) {
        given += 1024
        yield new Uint8Array(1024).fill(given & 0xff)
      }
    } finally {
      isClosed = true
    }
  }
  const { end, parts } = await outcomeOf(endless(), (await encodedOf(1, 4)).root)
  expect([end, parts, given]).toEqual(['VERIFY_MISMATCH', [], 1024])
  expect(isClosed).toBe(true)
})

test('an endless true stream that never ends its encoding does not run on behind it', async () => {
  const { root, encoded } = await encodedOf(20_000, 4)
  async function* endless(): AsyncGenerator<Uint8Array> {
    yield encoded
    for (;;) yield new Uint8Array(64)
  }
  expect((await outcomeOf(endless(), root)).end).toBe('VERIFY_TRAILING')
})

test.each([0, 4])('ranges beyond the end give the last chunk and the size, at group size 2^%i', async (chunkGroupLog) => {
  for (const size of [0, 1, 1024, 5000, 50_000]) {
    const data = contentOf(size)
    const { root, outboard } = await createOutboard(data)
    for (const ranges of [
      ChunkRanges.fromByteRanges([{ start: 2 ** 40 }]),
      ChunkRanges.lastChunk,
      ChunkRanges.fromChunks(2 ** 40, 2 ** 41),
    ]) {
      const encoded = await collect(encodeRanges({ data, outboard, size }, ranges, { chunkGroupLog }))
      const decoding = decode(encoded, root, { ranges, chunkGroupLog })
      const offsets: number[] = []
      for await (const { offset, bytes } of decoding) {
        offsets.push(offset)
        expect(bytes).toEqual(data.subarray(offset))
      }
      expect(offsets).toEqual(size === 0 ? [] : [Math.floor((size - 1) / 1024) * 1024])
      expect(decoding.size).toEqual({ state: 'verified', bytes: size })
    }
  }
})

test('empty content is proven, and 8 zero bytes prove nothing else', async () => {
  const { root, outboard } = await createOutboard(new Uint8Array(0))
  expect(outboard).toHaveLength(0)
  expect((await outcomeOf(new Uint8Array(8), root)).end).toBe('done')
  const { root: other } = await createOutboard(Uint8Array.of(0))
  expect((await outcomeOf(new Uint8Array(8), other)).end).toBe('VERIFY_MISMATCH')
})

test('the size stays unverified while the last chunk is outside the ranges, though every byte is true', async () => {
  const data = contentOf(100_000)
  const { root, outboard, size } = await createOutboard(data)
  const ranges = ChunkRanges.fromChunks(0, 16)
  const encoded = await collect(encodeRanges({ data, outboard, size }, ranges))
  const lie = joined([sizeField(99_999), encoded.subarray(8)]) // the same tree: nothing here can contradict it
  const decoding = decode(lie, root, { ranges })
  for await (const { offset, bytes } of decoding) expect(bytes).toEqual(data.subarray(offset, offset + bytes.length))
  expect(decoding.size).toEqual({ state: 'unverified', claimed: 99_999 })
})

test('a stalled source does not outlive an abort', async () => {
  const { root, encoded } = await encodedOf(100_000, 4)
  const controller = new AbortController()
  const reason = new Error('enough')
  let listeners = 0
  const { addEventListener, removeEventListener } = controller.signal
  controller.signal.addEventListener = (...args: Parameters<typeof addEventListener>) => {
    listeners++
    addEventListener.apply(controller.signal, args)
  }
  controller.signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => {
    listeners--
    removeEventListener.apply(controller.signal, args)
  }
  async function* stalled(): AsyncGenerator<Uint8Array> {
    yield encoded.subarray(0, 40_000)
    await new Promise(() => {})
  }
  const decoding = decode(stalled(), root, { signal: controller.signal })
  await decoding.next()
  const waiting = decoding.next()
  controller.abort(reason)
  await expect(waiting).rejects.toBe(reason)
  expect(await decoding.next()).toEqual({ done: true, value: undefined })
  expect(listeners).toBe(0)
})

test('an abort before the first byte touches nothing', async () => {
  const { root } = await encodedOf(1, 4)
  let pulled = 0
  const source = {
    [Symbol.asyncIterator]: () => ({
      next: async () => ({ done: false as const, value: new Uint8Array(++pulled) }),
      return: async () => ({ done: true as const, value: undefined }),
    }),
  }
  const { error } = await outcomeOf(source, root, { signal: AbortSignal.abort('no') })
  expect([error, pulled]).toEqual(['no', 0])
})

test('after a wrong byte every further call says so or is over, and hands out nothing', async () => {
  const { root, encoded } = await encodedOf(100_000, 4)
  const decoding = decode(flipped(encoded, 60_000), root)
  await expect(
    (async () => {
      for (;;) if ((await decoding.next()).done) break
    })(),
  ).rejects.toMatchObject({ code: 'VERIFY_MISMATCH' })
  expect(await decoding.next()).toEqual({ done: true, value: undefined })
})

test('what is no source, no root or no group size is refused as such', async () => {
  const { root, encoded } = await encodedOf(10, 4)
  for (const bad of [undefined, 7, 'text', {}, [1, 2]]) {
    await expect(async () => outcomeOf(bad as never, root).then(({ error }) => Promise.reject(error))).rejects.toMatchObject({
      code: 'VERIFY_BAD_ARGUMENT',
    })
  }
  expect(() => decode(encoded, root.subarray(1))).toThrow(VerifyError)
  for (const chunkGroupLog of [-1, 11, 1.5, Number.NaN]) expect(() => decode(encoded, root, { chunkGroupLog })).toThrow(VerifyError)
})

test('a message names what came instead: the mistakes that everybody makes once', async () => {
  const { root, encoded } = await encodedOf(10, 4)
  const messageOf = async (source: unknown): Promise<string> => String((await outcomeOf(source as never, root)).error)
  expect(await messageOf(null)).toContain('got [object Null]') // the body of an answer without one
  expect(await messageOf(encoded.buffer)).toContain('got [object ArrayBuffer]')
  expect(await messageOf(new Response('x'))).toContain('got [object Response]')
  expect(await messageOf(Promise.resolve(encoded))).toContain('got [object Promise]')
  expect(await messageOf([new Uint16Array(4)])).toContain('got [object Uint16Array]')
  expect(await messageOf(Object.create(null))).toContain('got [object Object]')
  expect(await messageOf('x'.repeat(10_000))).toMatch(/got x{80}$/)
  expect(() => decode(encoded, 'c0ffee' as never)).toThrow('expected a root of 32 bytes, got c0ffee')
  expect(() => decode(encoded, root.subarray(1))).toThrow('expected a root of 32 bytes, got 31')
})

test('a builder takes bytes and nothing that looks like them', () => {
  for (const bad of ['text', new ArrayBuffer(4), [1, 2], new Uint16Array(2), undefined])
    expect(() => createOutboardBuilder().update(bad as never)).toThrow(expect.objectContaining({ code: 'VERIFY_BAD_ARGUMENT' }))
  expect(() => hash(new Uint8Array(1), { key: '0'.repeat(32) as never })).toThrow(expect.objectContaining({ code: 'VERIFY_BAD_ARGUMENT' }))
})

test('decoders take bytes, and a header that is missing is no range', () => {
  const root = new Uint8Array(32)
  for (const bad of [null, undefined, 'x', 7, ['a'], new Uint16Array(32)] as never[]) {
    const attempts = [
      () => decodeChunkRanges(bad),
      () => decodeGetRequest(bad),
      () => decodeHashSequence(bad),
      () => decodeCollection(bad, bad),
      () => createSink(root, { store: createMemoryStore(), state: bad ?? (null as never) }),
    ]
    for (const attempt of attempts) expect(attempt).toThrow(expect.objectContaining({ code: 'VERIFY_BAD_ARGUMENT' }))
    expect(() => parseRangeHeader(bad, 10)).toThrow(expect.objectContaining({ code: 'VERIFY_BAD_RANGE' }))
  }
})

test('workers that are no number and no pool are refused, for the smallest content too', async () => {
  for (const workers of [-1, 0.5, 65, Number.NaN, null, '2', Promise.resolve({})])
    await expect(hashParallel(new Uint8Array(1), { workers: workers as number })).rejects.toMatchObject({ code: 'VERIFY_BAD_ARGUMENT' })
})

test('random access that gives fewer bytes than were asked for, or more, has no root', async () => {
  const data = contentOf(40_000)
  const { outboard, size } = await createOutboard(data)
  for (const off of [-1, 1]) {
    const source = { size, readAt: (offset: number, length: number) => data.subarray(offset, offset + length + off) }
    const short = { ...source, size: size - 1 }
    await expect(createOutboard(short)).rejects.toMatchObject({ code: 'VERIFY_READ_FAILED', details: { offset: 0 } })
    await expect(collect(encodeRanges({ data: source, outboard, size }, ChunkRanges.fromChunks(0, 16)))).rejects.toMatchObject({
      code: 'VERIFY_READ_FAILED',
    })
  }
  for (const nothing of [null, undefined, 'abc', 3])
    await expect(createOutboard({ size: 3, readAt: () => nothing as never })).rejects.toMatchObject({ code: 'VERIFY_READ_FAILED' })
  for (const wrong of [-1, 0.5, Number.NaN, '40000', 40_000n])
    await expect(createOutboard({ size: wrong as never, readAt: () => data })).rejects.toMatchObject({ code: 'VERIFY_BAD_ARGUMENT' })
})

test('a reader that is shared is left standing behind the encoding', async () => {
  const blobs = await Promise.all([3000, 0, 70_000, 1].map((size) => encodedOf(size, 4)))
  const stream = joined([...blobs.map(({ encoded }) => encoded), Uint8Array.of(1, 2, 3)])
  for (const length of [1, 64, 1000, stream.length]) {
    const reader = createByteReader(inPieces(stream, length))
    for (const { root, data } of blobs) {
      const { end, parts } = await outcomeOf(reader, root)
      expect(end).toBe('done')
      expect(joined(parts.map(({ bytes }) => bytes))).toEqual(data)
    }
    const rest: number[] = []
    for (let bytes = await reader.next(); bytes; bytes = await reader.next()) rest.push(...bytes)
    expect(rest).toEqual([1, 2, 3])
  }
})
