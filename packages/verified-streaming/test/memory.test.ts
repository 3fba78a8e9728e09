import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { bytesOf, ChunkRanges, createOutboard, decode, Decoder, encode, encodedBytesOf } from '../src/index.ts'
import { collect, contentOf } from './collect.ts'
import { joined, sizeField } from './reference/bao.ts'

/** Octets of the byte arrays that are made, views of others not counted, while `run` runs. */
function allocatedBytes(run: () => void): number {
  const original = globalThis.Uint8Array
  let bytes = 0
  globalThis.Uint8Array = new Proxy(original, {
    construct(target, args: unknown[], newTarget) {
      if (typeof args[0] === 'number') bytes += args[0]
      return Reflect.construct(target, args, newTarget) as object
    },
  })
  try {
    run()
  } finally {
    globalThis.Uint8Array = original
  }
  return bytes
}

const DATA = contentOf(3_000_000)
const { root } = await createOutboard(DATA)

/** What a decoder allocates over a whole encoding that comes in pieces of `length`. */
async function decodedBytes(chunkGroupLog: number, length: number): Promise<number> {
  const encoded = await collect(encode(DATA, { chunkGroupLog }))
  const pieces = Array.from({ length: Math.ceil(encoded.length / length) }, (_, i) => encoded.subarray(i * length, (i + 1) * length))
  let out = 0
  const allocated = allocatedBytes(() => {
    const decoder = new Decoder(root, { chunkGroupLog })
    for (const piece of pieces) {
      decoder.push(piece)
      for (let part = decoder.next(); part !== undefined; part = decoder.next()) out += part.bytes.length
    }
  })
  expect(out).toBe(DATA.length)
  return allocated
}

test.each([
  [0, 777],
  [0, 65_536],
  [4, 777],
  [4, 65_536],
  [10, 65_536],
])(
  'a decoder at group size 2^%i, given pieces of %i bytes, allocates two groups at most in its whole life',
  async (chunkGroupLog, length) => {
    expect(await decodedBytes(chunkGroupLog, length)).toBeLessThan(2 * 1024 * 2 ** chunkGroupLog + (chunkGroupLog < 4 ? 24_576 : 4096))
  },
)

test('a decoder given the whole encoding at once copies nothing', async () => {
  expect(await decodedBytes(4, 2 ** 30)).toBeLessThan(4096)
})

test('nothing is allocated because a length says so: memory follows what has come', () => {
  const claim = 2 ** 53 - 1
  const allocated = allocatedBytes(() => {
    const decoder = new Decoder(root, { chunkGroupLog: 10 })
    decoder.push(joined([sizeField(claim), new Uint8Array(3)]))
    expect(decoder.next()).toBeUndefined()
  })
  expect(allocated).toBeLessThan(8192)
})

test('the proof of any 16 KiB of 1 GiB is at most 1,032 bytes', () => {
  const size = 2 ** 30
  for (let group = 0; group < 65_536; group += 997) {
    const ranges = ChunkRanges.fromByteRanges([{ start: group * 16_384, end: (group + 1) * 16_384 }])
    expect(encodedBytesOf(size, ranges) - 16_384).toBeLessThanOrEqual(1032)
  }
})

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void
const MIB = 2 ** 20
const LARGE = 256 * MIB

/** Content that lies nowhere, in fresh buffers as from a disk or a socket; no two chunks in a row are alike. */
const madeUp = {
  size: LARGE,
  readAt(offset: number, length: number): Uint8Array {
    const bytes = new Uint8Array(length)
    for (let at = 0; at < length; at += 1024) bytes.fill(((offset + at) / 1024) & 0xff, at, at + 1024)
    return bytes
  },
}

/** The same as a stream. Calls `look` before each MiB. */
async function* streamed(look: () => Promise<void>): AsyncGenerator<Uint8Array> {
  for (let offset = 0; offset < LARGE; offset += MIB) {
    await look()
    yield madeUp.readAt(offset, MIB)
  }
}

async function heldMib(): Promise<number> {
  await new Promise((resolve) => setImmediate(resolve)) // buffers that died in this turn are counted until it ends
  collectGarbage()
  const { heapUsed, external } = process.memoryUsage() // array buffers are in `external`
  return (heapUsed + external) / MIB
}

/** `bench/memory.ts` has the same through 4 GiB, with its figures in the README. */
test.each<[string, (look: () => Promise<void>) => Promise<void>]>([
  ['createOutboard', async (look) => void (await createOutboard(streamed(look)))],
  ['encode', (look) => drained(encode(madeUp), look)],
  ['decode', async (look) => drained(bytesOf(decode(encode(madeUp), (await createOutboard(madeUp, { workers: 0 })).root)), look)],
])('what %s holds does not grow with 256 MiB that pass through it', async (_, run) => {
  const samples: number[] = []
  let calls = 0
  await run(async () => {
    if (calls++ % 16 === 0) samples.push(await heldMib())
  })
  expect(samples.length).toBeGreaterThanOrEqual(16)
  const half = samples.length >> 1 // what is kept raises the floor; what is on its way to the collector does not
  expect(Math.min(...samples.slice(half)) - Math.min(...samples.slice(0, half))).toBeLessThan(4)
})

/** Reads to the end, and calls `look` after each MiB. */
async function drained(source: AsyncIterable<Uint8Array>, look: () => Promise<void>): Promise<void> {
  let bytes = 0
  for await (const { length } of source) {
    if (Math.floor(bytes / MIB) !== Math.floor((bytes += length) / MIB)) await look()
  }
}
