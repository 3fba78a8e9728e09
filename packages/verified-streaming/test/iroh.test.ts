import { Collection, type Connection, Iroh, SetTagOption } from '@number0/iroh'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  ChunkRanges,
  ChunkRangesSeq,
  createOutboard,
  decodeSequence,
  encodeCollection,
  encodeGetRequest,
  encodeSequence,
  hash,
  type VerifiableBlob,
} from '../src/index.ts'
import { hexOf } from './bao-cases.ts'
import { collect, contentOf } from './collect.ts'

const RUNS = Number(process.env.RUNS ?? 40)
const FILES = [
  ['a.txt', contentOf(10)],
  ['nothing', contentOf(0)],
  ['photos/ä.jpg', contentOf(100_001)],
] as const

// Native nodes of iroh 0.35 in this process, one asked by the other over QUIC: their answers are not ours.
let provider: Iroh
let asker: Iroh
let connection: Connection

beforeAll(async () => {
  const options = { ipv4Addr: '127.0.0.1:0', nodeDiscovery: 'None' as never }
  ;[provider, asker] = await Promise.all([Iroh.memory(options), Iroh.memory(options)])
  const { addr, listenAddrs } = await provider.node.status()
  const target = { nodeId: addr.nodeId, addresses: listenAddrs }
  connection = await asker.node.endpoint().connect(target, new TextEncoder().encode('/iroh-bytes/4'))
})

afterAll(async () => {
  connection.close(0n, new Uint8Array(0))
  await Promise.all([provider.node.shutdown(), asker.node.shutdown()])
})

/** Bytes go to iroh as arrays of numbers. */
async function added(data: Uint8Array): Promise<string> {
  return (await provider.blobs.addBytes([...data])).hash
}

/** What iroh answers to our request. */
async function asked(root: Uint8Array, ranges: ChunkRangesSeq): Promise<Uint8Array> {
  const stream = await connection.openBi()
  await stream.send.writeAll(encodeGetRequest({ root, ranges }))
  await stream.send.finish()
  return Uint8Array.from(await stream.recv.readToEnd(10_000_000))
}

/** iroh writes hashes as hex or as base32 without padding, by version. */
function hexOfText(text: string): string {
  if (/^[0-9a-f]{64}$/.test(text)) return text
  const bits = text
    .split('')
    .map((letter) => 'abcdefghijklmnopqrstuvwxyz234567'.indexOf(letter).toString(2).padStart(5, '0'))
    .join('')
  return (bits.slice(0, 256).match(/.{4}/g) ?? []).map((nibble) => Number.parseInt(nibble, 2).toString(16)).join('')
}

const rangesArb = fc.oneof(
  { weight: 1, arbitrary: fc.constantFrom(ChunkRanges.all, ChunkRanges.lastChunk) },
  {
    weight: 4,
    arbitrary: fc
      .uniqueArray(fc.integer({ min: 0, max: 120 }), { minLength: 1, maxLength: 7 })
      .map((list) => ChunkRanges.fromBoundaries(list.sort((a, b) => a - b))),
  },
)

test.each([0, 1, 1023, 1024, 1025, 16_384, 16_385, 65_537, 300_001])('iroh names %i bytes by the same root', async (size) => {
  const data = contentOf(size)
  expect(hexOfText(await added(data))).toBe(hexOf((await createOutboard(data)).root))
})

describe('on the wire', () => {
  test('iroh understands our request for any ranges, and answers byte for byte as our encoder does', async () => {
    for (const size of [1, 1024, 16_384, 16_385, 50_000, 100_001]) {
      const data = contentOf(size)
      await added(data)
      const blob = { data, ...(await createOutboard(data)) }
      const check = async (wanted: ChunkRanges): Promise<void> => {
        const ranges = ChunkRangesSeq.blob(wanted)
        expect(await asked(blob.root, ranges)).toEqual(await collect(encodeSequence({ root: blob.root, ranges }, () => blob)))
      }
      await fc.assert(fc.asyncProperty(rangesArb, check), { numRuns: RUNS })
    }
  })

  test('iroh answers for a hash sequence as our encoder does, and our decoder reads it', async () => {
    const collection = new Collection()
    const blobs = new Map<string, VerifiableBlob>()
    for (const [name, data] of FILES) collection.push(name, await added(data))
    await provider.blobs.createCollection(collection, SetTagOption.auto(), [])
    const { root, sequence, metadata } = encodeCollection(FILES.map(([name, data]) => ({ name, root: hash(data) })))
    for (const data of [sequence, metadata, ...FILES.map(([, bytes]) => bytes)])
      blobs.set(hexOf(hash(data)), { data, ...(await createOutboard(data)) })

    const check = async (wanted: ChunkRanges[], repeatLast: boolean): Promise<void> => {
      const ranges = ChunkRangesSeq.fromRanges([ChunkRanges.all, ...wanted], { repeatLast })
      const answer = await asked(root, ranges)
      expect(answer).toEqual(await collect(encodeSequence({ root, ranges }, (named) => blobs.get(hexOf(named))!)))
      for await (const part of decodeSequence(answer, { root, ranges })) {
        const { data } = blobs.get(hexOf(part.root))!
        expect(part.bytes).toEqual((data as Uint8Array).subarray(part.offset, part.offset + part.bytes.length))
      }
    }
    await check([], true)
    await fc.assert(fc.asyncProperty(fc.array(rangesArb, { maxLength: 4 }), fc.boolean(), check), { numRuns: RUNS })
  })
})

test('iroh makes the same collection of the same files, and gives back its bytes', async () => {
  const collection = new Collection()
  for (const [name, data] of FILES) collection.push(name, await added(data))
  const made = await provider.blobs.createCollection(collection, SetTagOption.auto(), [])
  const ours = encodeCollection(FILES.map(([name, data]) => ({ name, root: hash(data) })))
  expect(hexOfText(made.hash)).toBe(hexOf(ours.root))
  expect(Uint8Array.from(await provider.blobs.readToBytes(made.hash))).toEqual(ours.sequence)
})
