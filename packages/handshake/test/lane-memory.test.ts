/** What came on a lane and waits: copied once, and where its memory is used again, never written to before it is released. */
import assert from 'node:assert/strict'
import { describe, expect, test } from 'vitest'
import { LaneMemory } from '../src/lane-memory.ts'
import { ReceiveQueue } from '../src/receive-queue.ts'
import { createRandom } from './random.ts'

const FIRST = Number(process.env.SEED ?? 1)
const COUNT = Number(process.env.RUNS ?? 60)
const SEEDS = Array.from({ length: COUNT }, (_, i) => FIRST + i)
const MIB = 2 ** 20
/** What a carrier has read: from place to place other bytes. */
const CONTENT: Uint8Array = (() => {
  const random = createRandom(28)
  return Uint8Array.from({ length: 8 * MIB }, () => random.below(256))
})()
const LENGTHS = [1, 100, 3_000, 16_384, 65_536]

interface Held {
  readonly bytes: Uint8Array
  readonly offset: number
}

/** A queue, fed as a carrier feeds it: with views that are spoiled once the call is over. */
class Fed {
  readonly queue: ReceiveQueue
  readonly #input = new Uint8Array(65_536)
  pushed = 0
  given = 0
  readonly held: Held[] = []
  readonly buffers = new Set<ArrayBufferLike>()

  constructor(queue: ReceiveQueue) {
    this.queue = queue
  }

  push(bytes: number): void {
    const view = this.#input.subarray(0, bytes)
    view.set(CONTENT.subarray(this.pushed, this.pushed + bytes))
    this.queue.push(view)
    view.fill(0xdb)
    this.pushed += bytes
  }

  /** False: nothing waits. */
  shift(): boolean {
    const bytes = this.queue.shift()
    if (bytes === undefined) return false
    this.buffers.add(bytes.buffer)
    this.held.push({ bytes, offset: this.given })
    this.given += bytes.length
    return true
  }

  /** The first of what is held, and no more than so many bytes of it, is looked at and let go of. */
  release(bytesMax: number): void {
    const first = this.held.shift()
    if (first === undefined) return
    const { bytes, offset } = first
    const part = bytes.subarray(0, bytesMax)
    assert(isContent({ bytes, offset }), `bytes from ${offset} on are others`)
    this.queue.release(part.length)
    if (part.length < bytes.length) this.held.unshift({ bytes: bytes.subarray(part.length), offset: offset + part.length })
  }
}

const isContent = ({ bytes, offset }: Held): boolean => Buffer.compare(bytes, CONTENT.subarray(offset, offset + bytes.length)) === 0

describe('memory that is used again', () => {
  // Goal: nobody ever sees other bytes than those that came, however late he releases them.
  // Method: pieces of all lengths, a reader who takes, holds and releases at random; each byte is compared just before it is released.
  test.each(SEEDS)('what is held is not written to, seed %i', (seed) => {
    const random = createRandom(seed)
    const fed = new Fed(new ReceiveQueue(new LaneMemory()))
    const releases = random.pick([0.1, 0.3, 0.5, 0.7])
    while (fed.pushed < 4 * MIB) {
      fed.push(1 + random.below(random.pick(LENGTHS)))
      if (random.chance(0.7)) fed.shift()
      while (random.chance(releases) && fed.held.length > 0) fed.release(random.chance(0.5) ? MIB : 1 + random.below(20_000))
    }
    while (fed.shift());
    while (fed.held.length > 0) fed.release(MIB)
    expect(fed.given).toBe(fed.pushed)
  })

  test('is a few buffers for a reader that keeps up, however much comes, and gives what lies side by side as one piece', () => {
    const fed = new Fed(new ReceiveQueue(new LaneMemory()))
    let pieces = 0
    while (fed.pushed < CONTENT.length) {
      for (let i = 0; i < 4; i++) fed.push(16_384)
      while (fed.shift()) pieces++
      while (fed.held.length > 0) fed.release(MIB)
    }
    expect(fed.buffers.size).toBeLessThanOrEqual(8) // each twice the last, and then two or three
    expect(pieces).toBeLessThan((CONTENT.length / 65_536) * 1.5)
  })

  test('is let go of where much was held at once', () => {
    const fed = new Fed(new ReceiveQueue(new LaneMemory()))
    while (fed.pushed < 4 * MIB) fed.push(65_536)
    while (fed.shift());
    while (fed.held.length > 0) fed.release(MIB)
    while (fed.pushed < CONTENT.length) fed.push(65_536)
    while (fed.shift());
    expect(fed.buffers.size).toBeGreaterThan(CONTENT.length / 2 ** 18 - 6) // all but four that were kept, and one that was begun
  })

  test('of an answer of one piece is no larger than that', () => {
    const fed = new Fed(new ReceiveQueue(new LaneMemory()))
    fed.push(17_000)
    fed.shift()
    expect([...fed.buffers].map(({ byteLength }) => byteLength)).toEqual([17_000])
  })

  test('stays as it is once nobody says any more what is done with', () => {
    const fed = new Fed(new ReceiveQueue(new LaneMemory()))
    while (fed.pushed < MIB) fed.push(65_536)
    while (fed.shift());
    fed.queue.keep()
    fed.queue.release(fed.given)
    while (fed.pushed < 4 * MIB) fed.push(65_536)
    while (fed.shift());
    expect(fed.held.every(isContent)).toBe(true)
    expect(fed.given).toBe(4 * MIB)
  })
})

describe('pieces that are the reader’s to keep', () => {
  test.each(SEEDS)('stay as they are for ever, and keep no more than four times as much alive, seed %i', (seed) => {
    const random = createRandom(seed)
    const fed = new Fed(new ReceiveQueue())
    while (fed.pushed < MIB) {
      fed.push(1 + random.below(random.pick(LENGTHS)))
      if (random.chance(0.3)) fed.shift()
      fed.queue.release(random.below(MIB)) // of no meaning here
    }
    while (fed.shift());
    expect(fed.given).toBe(fed.pushed)
    expect(fed.held.every(isContent)).toBe(true)
    expect(fed.held.every(({ bytes }) => bytes.buffer.byteLength <= 4 * bytes.length)).toBe(true)
  })

  test('that came a byte at a time are a few, and a message that is taken at once is no larger than it is', () => {
    const fed = new Fed(new ReceiveQueue())
    for (let i = 0; i < 30_000; i++) fed.push(1)
    while (fed.shift());
    expect(fed.held.every(isContent)).toBe(true)
    expect(fed.held.length).toBeLessThan(5)
    fed.push(100)
    fed.shift()
    expect(fed.held.at(-1)!.bytes.buffer.byteLength).toBe(100)
  })
})
