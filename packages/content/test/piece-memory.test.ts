/** Pieces of a body whose memory is used again: written anew only when all that lay in them has left. */
import { describe, expect, test } from 'vitest'
import { createContentServer, type Served, type WholeUnits } from '../src/index.ts'
import { PieceMemory } from '../src/piece-memory.ts'
import { createMemorySource, sampleBytes, type MemorySource } from './memory-source.ts'
import { requestOf } from './requests.ts'

const FIRST = Number(process.env.SEED ?? 1)
const COUNT = Number(process.env.RUNS ?? 20)
const DATA = sampleBytes(6_000_000)

const joined = (parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts))
const isSame = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0

async function bodyOf({ body }: Served): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  for await (const part of body) parts.push(part.slice())
  return joined(parts)
}

interface Writing {
  readonly units: WholeUnits
  readonly offset: number
  readonly length: number
}

/** Serves a request, and has up to so many writes on their way, each of which leaves when `leaves` says so. */
async function written(
  source: MemorySource,
  request: Uint8Array,
  { atOnce, leaves }: { readonly atOnce: number; readonly leaves: (out: readonly Writing[]) => number | undefined },
): Promise<{ readonly isTrue: boolean; readonly buffers: number; readonly bytes: number }> {
  const server = createContentServer({ source })
  const expected = await bodyOf(await server.serve(request))
  const buffers = new Set<ArrayBufferLike>()
  const out: Writing[] = []
  let isTrue = true
  let offset = 0
  const leave = (index: number): void => {
    const [{ units, ...place }] = out.splice(index, 1) as [Writing]
    isTrue &&= isSame(joined(units.parts), expected.subarray(place.offset, place.offset + place.length))
    units.release?.()
  }
  for await (const units of (await server.serve(request)).units()) {
    const length = units.unitEnds.at(-1)!
    for (const { buffer } of units.parts) buffers.add(buffer)
    out.push({ units, offset, length })
    offset += length
    for (let index = leaves(out); index !== undefined && out.length > 0; index = leaves(out)) leave(index)
    while (out.length > atOnce) leave(0)
  }
  while (out.length > 0) leave(out.length - 1)
  return { isTrue: isTrue && offset === expected.length, buffers: buffers.size, bytes: offset }
}

// Goal: what a node sends is what it read, though the memory of pieces is used again.
// Method: writes that leave at random, also a later one before an earlier; each is compared with the whole body just before it is released.
test.each(Array.from({ length: COUNT }, (_, i) => FIRST + i))('what is on its way is not written to, seed %i', async (seed) => {
  const source = createMemorySource()
  const root = await source.addRoot(DATA)
  const draws = sampleBytes(50_000, seed)
  let drawn = 0
  const draw = (): number => draws[drawn++ % draws.length]!
  const leaves = (out: readonly Writing[]): number | undefined => (draw() < 100 ? draw() % out.length : undefined)
  const { isTrue, buffers } = await written(source, requestOf(root), {
    atOnce: 4,
    leaves: (out) => (out.length === 0 ? undefined : leaves(out)),
  })
  expect(isTrue).toBe(true)
  expect(buffers).toBeLessThan(30) // of 92 pieces
})

test('two writes on their way are served from a few pieces', async () => {
  const source = createMemorySource()
  const { isTrue, buffers } = await written(source, requestOf(await source.addRoot(DATA)), { atOnce: 2, leaves: () => undefined })
  expect(isTrue).toBe(true)
  expect(buffers).toBeLessThan(8)
})

test('pieces that nobody releases stay as they are, all of them', async () => {
  const source = createMemorySource()
  const { isTrue, buffers } = await written(source, requestOf(await source.addRoot(DATA)), { atOnce: 1_000, leaves: () => undefined })
  expect(isTrue).toBe(true)
  expect(buffers).toBeGreaterThan(90)
})

test('of a body that lies in no memory of its own nothing is remembered, whoever releases, by CID', async () => {
  const source = createMemorySource()
  const cid = await source.addFile(DATA.subarray(0, 1_000_000), 30_000)
  for (const complete of [true, false]) {
    source.opened = { complete }
    const releases: unknown[] = []
    for await (const { release } of (await createContentServer({ source }).serve(requestOf(cid))).units()) releases.push(release)
    expect(releases.length).toBeGreaterThan(30)
    expect(new Set(releases).size).toBe(1)
  }
})

test('blocks of a store are never written to', async () => {
  const source = createMemorySource()
  const cid = await source.addFile(DATA.subarray(0, 1_000_000), 30_000)
  for (const complete of [true, false]) {
    source.opened = { complete }
    const before = [...source.blocks.values()].map((block) => block.slice())
    const { isTrue } = await written(source, requestOf(cid), { atOnce: 2, leaves: () => undefined })
    expect(isTrue).toBe(true)
    expect([...source.blocks.values()].every((block, i) => isSame(block, before[i]!))).toBe(true)
  }
})

describe('the memory of one body', () => {
  /** A piece that is handed out, and the write that ends with it. */
  const piece = (memory: PieceMemory, end: number): { readonly bytes: Uint8Array; readonly release: () => void } => {
    const bytes = memory.take(10)
    memory.handedOut(bytes, end)
    return { bytes, release: memory.written(end) }
  }

  test('comes back when all before it has left too, and once', () => {
    const memory = new PieceMemory()
    const [first, second] = [piece(memory, 10), piece(memory, 20)]
    second.release()
    const third = piece(memory, 30)
    expect([first.bytes, second.bytes]).not.toContain(third.bytes)
    first.release()
    first.release()
    second.release()
    const later = [piece(memory, 40), piece(memory, 50), piece(memory, 60)].map(({ bytes }) => bytes)
    expect(new Set([third.bytes, ...later].map(({ buffer }) => buffer)).size).toBe(4)
    expect(later.filter((bytes) => bytes === first.bytes || bytes === second.bytes)).toHaveLength(2)
  })

  test('of another length, or of somebody else, is not given again', () => {
    const memory = new PieceMemory()
    const first = piece(memory, 10)
    memory.handedOut(new Uint8Array(5), 15)
    const release = memory.written(15)
    first.release()
    release()
    expect(memory.take(20)).toHaveLength(20)
    expect(memory.take(5)).toHaveLength(5)
  })

  test('remembers no write while nothing of it is out, nor once it is given up: there is nothing to say for them', () => {
    const memory = new PieceMemory()
    const foreign = Array.from({ length: 3 }, (_, i) => {
      memory.handedOut(new Uint8Array(10), 10 * (i + 1))
      return memory.written(10 * (i + 1))
    })
    expect(new Set(foreign).size).toBe(1)
    const own = piece(memory, 40)
    expect(foreign).not.toContain(own.release)
    own.release()
    expect(foreign).toContain(memory.written(50))
    for (let i = 0; i < 65; i++) piece(memory, 60 + 10 * i)
    expect(foreign).toContain(memory.written(800))
  })

  test('is forgotten where more of it is out than a sender has on its way', () => {
    const memory = new PieceMemory()
    const pieces = Array.from({ length: 65 }, (_, i) => piece(memory, 10 * (i + 1)))
    for (const { release } of pieces) release()
    expect(pieces.map(({ bytes }) => bytes)).not.toContain(memory.take(10))
  })
})
