import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  ChunkRanges,
  createMemoryStore,
  createOutboard,
  createSink,
  encodeRanges,
  type Outboard,
  type Sink,
  type SinkStore,
  VerifyError,
  encodeChunkRanges,
} from '../src/index.ts'
import { collect, contentOf, flipped, inPieces } from './collect.ts'
import { joined, sizeField } from './reference/bao.ts'

const RUNS = Number(process.env.RUNS ?? 60)

interface Blob extends Outboard {
  readonly data: Uint8Array
}

async function blobOf(size: number, chunkGroupLog = 4): Promise<Blob> {
  const data = contentOf(size)
  return { data, ...(await createOutboard(data, { chunkGroupLog, lengthField: false })) }
}

const responseOf = (blob: Blob, ranges: ChunkRanges, chunkGroupLog = 4): Promise<Uint8Array> =>
  collect(encodeRanges(blob, ranges, { chunkGroupLog }))

/** A memory store that notes what it is asked to write, in order. */
function recordingStore(): ReturnType<typeof createMemoryStore> & { readonly writes: string[] } {
  const store = createMemoryStore()
  const writes: string[] = []
  return {
    ...store,
    writes,
    writeContent(offset, bytes) {
      writes.push(`content ${offset}`)
      store.writeContent(offset, bytes)
    },
    writePair(slot, pair) {
      writes.push(`pair ${slot}`)
      store.writePair(slot, pair)
    },
  }
}

async function expectWhole(sink: Sink, store: ReturnType<typeof createMemoryStore>, blob: Blob): Promise<void> {
  expect([sink.isComplete, sink.missing().isEmpty]).toEqual([true, true])
  expect(sink.size).toEqual({ state: 'verified', bytes: blob.size })
  expect(store.readContent(0, blob.size)).toEqual(blob.data)
  expect(await sink.finish()).toEqual({ root: blob.root, size: blob.size, outboard: blob.outboard })
}

test('parts in any order from several sources at once make the whole', () =>
  fc.assert(
    fc.asyncProperty(
      fc.oneof(fc.constantFrom(0, 1, 1024, 16_384, 16_385), fc.integer({ min: 0, max: 300_000 })),
      fc.constantFrom(0, 2, 4),
      fc.array(fc.uniqueArray(fc.integer({ min: 0, max: 320 }), { minLength: 1, maxLength: 4 }), { maxLength: 6 }),
      async (size, chunkGroupLog, wanted) => {
        const blob = await blobOf(size, chunkGroupLog)
        const store = createMemoryStore()
        const sink = createSink(blob.root, { store, chunkGroupLog })
        const asked = wanted.map((list) => ChunkRanges.fromBoundaries(list.sort((a, b) => a - b)))
        await Promise.all(
          asked.map(async (ranges, i) => {
            const response = await responseOf(blob, ranges, chunkGroupLog)
            await sink.receive(inPieces(response, 5000 + i * 777), { source: `peer ${i}`, ranges })
          }),
        )
        for (const ranges of asked) expect(sink.missing(ranges.truncate(size)).isEmpty).toBe(true)
        const rest = sink.missing()
        const { newBytes } = await sink.receive(await responseOf(blob, rest, chunkGroupLog), { ranges: rest })
        expect(newBytes).toBeLessThanOrEqual(size)
        await expectWhole(sink, store, blob)
      },
    ),
    { numRuns: RUNS },
  ))

describe('of two sources of which one lies', () => {
  test('the liar is named before its next group is accepted, and the other finishes', async () => {
    const blob = await blobOf(400_000)
    const store = recordingStore()
    const sink = createSink(blob.root, { store })
    const honest = ChunkRanges.fromChunks(0, 192)
    const lying = ChunkRanges.fromChunks(192)
    const response = await responseOf(blob, lying)
    const places = [20_000, 60_000, response.length - 1]
    for (const place of places) {
      const before = store.writes.length
      const events: string[] = []
      let isRefused = false
      async function* lie(): AsyncGenerator<Uint8Array> {
        for await (const piece of inPieces(flipped(response, place), 1000)) {
          expect(isRefused).toBe(false) // nothing is taken from it any more
          yield piece
        }
      }
      const refused = sink
        .receive(lie(), { source: 'mallory', ranges: lying, onProgress: ({ offset }) => events.push(`stored ${offset}`) })
        .catch((error: unknown) => {
          isRefused = true
          events.push('named')
          return error
        })
      const received = sink.receive(inPieces(await responseOf(blob, honest), 1000), { source: 'alice', ranges: honest })
      const error = await refused
      expect(error).toBeInstanceOf(VerifyError)
      expect(error).toMatchObject({ code: 'VERIFY_MISMATCH', details: { source: 'mallory' } })
      expect(events[events.length - 1]).toBe('named')
      const { offset } = (error as VerifyError).details
      expect(events.every((event) => event === 'named' || Number(event.slice(7)) < Number(offset))).toBe(true)
      await received
      expect(store.writes.length).toBeGreaterThanOrEqual(before)
    }
    expect(sink.missing(honest).isEmpty).toBe(true)
    const rest = sink.missing()
    expect(rest.isEmpty).toBe(false)
    await sink.receive(await responseOf(blob, rest), { source: 'alice', ranges: rest })
    await expectWhole(sink, store, blob)
  })

  test('a source that lies about the size only is named once the size is proven', async () => {
    const blob = await blobOf(100_000)
    const sink = createSink(blob.root, { store: createMemoryStore() })
    const first = ChunkRanges.fromChunks(0, 16)
    const lie = joined([sizeField(99_000), (await responseOf(blob, first)).subarray(8)])
    await sink.receive(lie, { source: 'mallory', ranges: first }) // every byte of it is true
    expect(sink.size).toEqual({ state: 'unverified', claimed: 99_000 })
    await sink.receive(await responseOf(blob, ChunkRanges.lastChunk), { ranges: ChunkRanges.lastChunk })
    expect(sink.size).toEqual({ state: 'verified', bytes: 100_000 })
    await expect(sink.receive(lie, { source: 'mallory', ranges: first })).rejects.toMatchObject({
      code: 'VERIFY_MISMATCH',
      details: { what: 'size', source: 'mallory' },
    })
  })

  test('a source that stops in the middle is named for that, and what it gave is kept', async () => {
    const blob = await blobOf(100_000)
    const sink = createSink(blob.root, { store: createMemoryStore() })
    const response = await responseOf(blob, ChunkRanges.all)
    await expect(sink.receive(response.subarray(0, 60_000), { source: 'bob' })).rejects.toMatchObject({
      code: 'VERIFY_TRUNCATED',
      details: { source: 'bob' },
    })
    expect(sink.held.byteRanges(100_000)).toEqual([{ start: 0, end: 49_152 }])
    expect(sink.missing()).toEqual(ChunkRanges.fromChunks(48))
  })
})

describe('resuming', () => {
  test('state comes back after every part, and no byte is received again', async () => {
    const blob = await blobOf(200_000)
    const response = await responseOf(blob, ChunkRanges.all)
    for (let cut = 8; cut < response.length; cut += 23_000) {
      const store = createMemoryStore()
      const first = createSink(blob.root, { store })
      await expect(first.receive(response.subarray(0, cut))).rejects.toMatchObject({ code: 'VERIFY_TRUNCATED' })
      const second = createSink(blob.root, { store, state: await first.save() })
      expect([second.held, second.size]).toEqual([first.held, first.size])
      expect((await second.recheck()).isEmpty).toBe(true)
      const rest = second.missing()
      const { bytes, newBytes } = await second.receive(await responseOf(blob, rest), { ranges: rest })
      expect(newBytes).toBe(bytes)
      await expectWhole(second, store, blob)
    }
  })

  test('what was damaged while we were away is found, forgotten and fetched again', async () => {
    const blob = await blobOf(300_000)
    const store = createMemoryStore()
    const sink = createSink(blob.root, { store })
    await sink.receive(await responseOf(blob, ChunkRanges.all))
    const state = await sink.save()
    store.writeContent(100_000, Uint8Array.of(blob.data[100_000]! ^ 1))
    const back = createSink(blob.root, { store, state })
    expect(back.isComplete).toBe(true)
    expect(await back.recheck()).toEqual(ChunkRanges.fromChunks(96, 112))
    expect(back.missing()).toEqual(ChunkRanges.fromChunks(96, 112))
    await back.receive(await responseOf(blob, back.missing()), { ranges: back.missing() })
    await expectWhole(back, store, blob)
  })

  test('a store that lost everything leaves nothing held', async () => {
    const blob = await blobOf(100_000)
    const sink = createSink(blob.root, { store: createMemoryStore() })
    await sink.receive(await responseOf(blob, ChunkRanges.all))
    const back = createSink(blob.root, { store: createMemoryStore(), state: await sink.save() })
    await back.recheck()
    expect([back.held.isEmpty, back.size]).toEqual([true, { state: 'unverified', claimed: 100_000 }])
  })

  test('the state is that of before the store was made durable', async () => {
    const blob = await blobOf(100_000)
    const store: SinkStore = { ...createMemoryStore(), sync: () => sink.receive(response).then(() => {}) }
    const sink = createSink(blob.root, { store })
    const response = await responseOf(blob, ChunkRanges.all)
    const saved = createSink(blob.root, { store, state: await sink.save() })
    expect([saved.held.isEmpty, sink.isComplete]).toEqual([true, true])
  })

  test('a state that is damaged, cut, of another blob or contradicts itself is refused', async () => {
    const blob = await blobOf(100_000)
    const store = createMemoryStore()
    const sink = createSink(blob.root, { store })
    const empty = await sink.save()
    await sink.receive(await responseOf(blob, ChunkRanges.all))
    const state = await sink.save()
    for (let length = 0; length < state.length; length++)
      expect(() => createSink(blob.root, { store, state: state.subarray(0, length) })).toThrow(VerifyError)
    for (const place of [0, 15, 16, 47, 48, 49, 57, state.length - 1]) {
      expect(() => createSink(blob.root, { store, state: flipped(state, place, 0x80) })).toThrow(VerifyError)
    }
    const beyond = joined([state.subarray(0, 58), encodeChunkRanges(ChunkRanges.fromChunks(0, 99))]) // of 98 chunks
    expect(() => createSink(blob.root, { store, state: beyond })).toThrow(expect.objectContaining({ code: 'VERIFY_MALFORMED' }))
    expect(() => createSink(new Uint8Array(32), { store, state })).toThrow(expect.objectContaining({ code: 'VERIFY_BAD_ARGUMENT' }))
    expect(() => createSink(blob.root, { store, state, chunkGroupLog: 3 })).toThrow(
      expect.objectContaining({ code: 'VERIFY_BAD_ARGUMENT' }),
    )
    expect(createSink(blob.root, { store, state: empty }).missing().isAll).toBe(true)
  })
})

test('content goes to the store before its parents, and both before it counts as held', async () => {
  const blob = await blobOf(50_000)
  const store = recordingStore()
  const sink: Sink = createSink(blob.root, {
    store: {
      ...store,
      async writeContent(offset, bytes) {
        await Promise.resolve()
        expect(sink.held.contains(offset / 1024)).toBe(false)
        store.writeContent(offset, bytes)
      },
    },
  })
  await sink.receive(inPieces(await responseOf(blob, ChunkRanges.all), 1000))
  expect(store.writes).toEqual(['content 0', 'pair 1', 'pair 0', 'content 16384', 'content 32768', 'pair 2', 'content 49152'])
})

test('a full store ends the transfer with its own error, and the part does not count', async () => {
  const blob = await blobOf(50_000)
  const full = new Error('no space left')
  const store = createMemoryStore()
  const sink = createSink(blob.root, {
    store: {
      ...store,
      writeContent(offset, bytes) {
        if (offset > 0) throw full
        store.writeContent(offset, bytes)
      },
    },
  })
  await expect(sink.receive(inPieces(await responseOf(blob, ChunkRanges.all), 1000))).rejects.toBe(full)
  expect(sink.held).toEqual(ChunkRanges.fromChunks(0, 16))
})

test('a sink that is not complete has no outboard', async () => {
  const blob = await blobOf(50_000)
  const sink = createSink(blob.root, { store: createMemoryStore() })
  await sink.receive(await responseOf(blob, ChunkRanges.fromChunks(0, 20)), { ranges: ChunkRanges.fromChunks(0, 20) })
  await expect(sink.finish()).rejects.toMatchObject({ code: 'VERIFY_INCOMPLETE' })
})

test('an abort ends one source and leaves the others', async () => {
  const blob = await blobOf(100_000)
  const store = createMemoryStore()
  const sink = createSink(blob.root, { store })
  const controller = new AbortController()
  async function* stalled(): AsyncGenerator<Uint8Array> {
    await new Promise(() => {})
    yield new Uint8Array(0)
  }
  const waiting = sink.receive(stalled(), { source: 'slow', signal: controller.signal })
  const other = sink.receive(await responseOf(blob, ChunkRanges.all), { source: 'quick' })
  controller.abort('enough')
  await expect(waiting).rejects.toBe('enough')
  await other
  await expectWhole(sink, store, blob)
})
