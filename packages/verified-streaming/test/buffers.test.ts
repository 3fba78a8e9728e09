// Goal: bytes are bytes, whatever class they come in. Node's Buffer is the one that everybody there has, and its `slice` copies nothing: what is
// kept of one would change with its source, and a byte stream that hands one on would take the source's memory away.
// Method: every way in, with Buffers over one memory that the source fills anew for each piece, as files and sockets may.
import { runInNewContext } from 'node:vm'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  bytesOf,
  ChunkRangesSeq,
  createByteReader,
  createDecodeStream,
  createHasher,
  createHashPool,
  createMemoryStore,
  createOutboard,
  createSink,
  decode,
  decodeGetRequest,
  decodeHashSequence,
  Decoder,
  encode,
  encodeGetRequest,
  hash,
  type HashPool,
} from '../src/index.ts'
import { collect, contentOf, streamOf } from './collect.ts'
import { joined } from './reference/bao.ts'

const SIZE = 200_000
const data = contentOf(SIZE)
const { root, outboard } = await createOutboard(data)
const encoded = await collect(encode(data))

/** Pieces in one Buffer that is filled anew for each. */
async function* reusing(bytes: Uint8Array, pieceBytes: number): AsyncGenerator<Uint8Array> {
  const memory = Buffer.alloc(pieceBytes)
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    const piece = bytes.subarray(at, at + pieceBytes)
    memory.fill(0xee)
    memory.set(piece)
    yield memory.subarray(0, piece.length)
  }
}

/** What was made of a Buffer which its owner has wiped since. */
function wiped<T>(bytes: Uint8Array, use: (buffer: Uint8Array) => T): T {
  const buffer = Buffer.from(bytes)
  const made = use(buffer)
  buffer.fill(0)
  return made
}

describe('a Buffer whose memory its source uses again', () => {
  test('gives parts that a copy can be taken of, by `slice` too', async () => {
    const kept: Uint8Array[] = []
    for await (const { bytes } of decode(reusing(encoded, 70_000), root)) kept.push(bytes.slice())
    expect(joined(kept)).toEqual(data)
  })

  test('gives bytes of their own in bytesOf, and parts to whoever pushes', async () => {
    expect(await collect(bytesOf(decode(reusing(encoded, 70_000), root)))).toEqual(data)
    const decoder = new Decoder(root)
    decoder.push(Buffer.from(encoded))
    expect(Object.getPrototypeOf(decoder.next()!.bytes)).toBe(Uint8Array.prototype)
    const reader = createByteReader([Buffer.from('x')])
    expect(Object.getPrototypeOf(await reader.next())).toBe(Uint8Array.prototype)
  })

  test.each([72, 1000, 70_000])('is no part of the outboard that a sink keeps, in pieces of %i bytes', async (pieceBytes) => {
    const store = createMemoryStore()
    const sink = createSink(root, { store })
    await sink.receive(reusing(encoded, pieceBytes))
    expect(await sink.finish()).toEqual({ root, size: SIZE, outboard })
    expect(store.readContent(0, SIZE)).toEqual(data)
  })

  describe('and workers', () => {
    let pool: HashPool
    beforeAll(async () => {
      pool = await createHashPool({ workers: 2 })
    })
    afterAll(() => pool.close())

    test('is hashed as it was when it came', async () => {
      const long = contentOf(3_000_000)
      expect((await createOutboard(reusing(long, 100_000), { workers: pool })).root).toEqual(hash(long))
    })
  })
})

test('a decode stream leaves the memory of its source alone', async () => {
  const memory = Buffer.from(new Uint8Array(encoded).buffer) // one memory, pieces of which are handed in
  const pieces: Uint8Array[] = Array.from({ length: 4 }, (_, i) => memory.subarray(i * 60_000, (i + 1) * 60_000))
  const response = new Response(streamOf(pieces).pipeThrough(createDecodeStream(root)))
  expect(new Uint8Array(await response.arrayBuffer())).toEqual(data)
  expect(memory.equals(encoded)).toBe(true)
})

test('what is made of a Buffer does not change when its owner wipes it', () => {
  const key = hash(Uint8Array.of(1))
  const keyed = wiped(key, (buffer) => createHasher({ key: buffer }))
  expect(keyed.update(data).digest()).toEqual(hash(data, { key }))
  expect(wiped(root, (buffer) => decodeHashSequence(buffer))).toEqual([root])
  const request = encodeGetRequest({ root, ranges: ChunkRangesSeq.all })
  expect(wiped(request, (buffer) => decodeGetRequest(buffer))).toMatchObject({ root })
})

test('a root that is wiped is still the one that a sink was made for', async () => {
  const sink = wiped(root, (buffer) => createSink(buffer, { store: createMemoryStore() }))
  await sink.receive(encoded)
  expect((await sink.finish()).root).toEqual(root)
})

test('bytes of another realm are bytes: of a frame, or of a test runner', async () => {
  const foreign = (bytes: Uint8Array): Uint8Array => runInNewContext('Uint8Array.from(list)', { list: [...bytes] }) as Uint8Array
  expect(foreign(root)).not.toBeInstanceOf(Uint8Array)
  const small = data.subarray(0, 3000)
  const made = await createOutboard(foreign(small))
  expect(made.root).toEqual(hash(small))
  const sent = foreign(await collect(encode(foreign(small))))
  expect(await collect(bytesOf(decode(sent, foreign(made.root))))).toEqual(small)
})
