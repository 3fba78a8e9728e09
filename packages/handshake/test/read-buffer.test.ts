/** What a TLS client reads into. The socket is played: it writes where it was told to, calls back, and asks where to write next, as Node's does. */
import assert from 'node:assert/strict'
import { expect, test } from 'vitest'
import { ReadBuffer } from '../src/read-buffer.node.ts'
import { createRandom, type Random } from './random.ts'

const FIRST = Number(process.env.SEED ?? 1)
const COUNT = Number(process.env.RUNS ?? 30)
const RECORD = 16_384
const CONTENT: Uint8Array = (() => {
  const random = createRandom(29)
  return Uint8Array.from({ length: 2 ** 21 }, () => random.below(256))
})()
const turn = async (): Promise<void> => await new Promise((resolve) => setImmediate(resolve))

class Connection {
  isFull = false
  isStopped = false
  readonly reading = new ReadBuffer(() => {
    this.isFull = true
  })
  #target = this.#ask()
  sent = 0
  readonly received: Uint8Array[] = []

  begin(): void {
    this.reading.begin((bytes) => {
      this.received.push(bytes.slice())
      bytes.fill(0xdb) // valid during the call, and no longer
    })
  }

  /** A record of so many bytes, in as many pieces as there is room for. */
  record(bytes: number): void {
    for (let left = bytes; left > 0; ) {
      const part = CONTENT.subarray(this.sent, this.sent + Math.min(left, this.#target.length))
      assert(part.length > 0) // else Node would go round for ever
      this.#target.set(part)
      this.sent += part.length
      left -= part.length
      if (!this.reading.onread.callback(part.length, this.#target)) this.isStopped = true
      this.#target = this.#ask()
    }
  }

  #ask(): Uint8Array {
    return (this.reading.onread.buffer as () => Uint8Array)()
  }

  get isWhole(): boolean {
    return Buffer.compare(Buffer.concat(this.received), CONTENT.subarray(0, this.sent)) === 0
  }
}

const lengthOf = (random: Random): number => (random.chance(0.6) ? RECORD : 1 + random.below(random.pick([10, 300, RECORD])))

// Goal: each connection hands on what it was sent, once and in order, though they share memory and use theirs again.
// Method: several play by turns, records of all lengths, some in one turn of the event loop and some in the next; what was handed on is spoiled.
test.each(Array.from({ length: COUNT }, (_, i) => FIRST + i))('what comes is handed on once and in order, seed %i', async (seed) => {
  const random = createRandom(seed)
  const connections = Array.from({ length: 3 }, () => new Connection())
  for (const each of connections) each.begin()
  const pause = random.pick([0.02, 0.2, 0.8])
  for (let i = 0; i < 300; i++) {
    const connection = random.pick(connections)
    if (connection.sent < CONTENT.length - RECORD) connection.record(lengthOf(random))
    if (random.chance(pause)) await turn()
  }
  for (const each of connections) each.reading.flush() // the socket is closed
  expect(connections.map(({ isWhole, isFull, isStopped }) => ({ isWhole, isFull, isStopped }))).toEqual(
    connections.map(() => ({ isWhole: true, isFull: false, isStopped: false })),
  )
})

test('much that comes in one turn is handed on together, and little at once', async () => {
  const connection = new Connection()
  connection.begin()
  connection.record(50)
  expect(connection.received.map(({ length }) => length)).toEqual([50])
  for (let i = 0; i < 8; i++) connection.record(RECORD)
  expect(connection.received).toHaveLength(1)
  await turn()
  await turn()
  expect(connection.received.map(({ length }) => length)).toEqual([50, 8 * RECORD])
  connection.record(RECORD)
  connection.record(600)
  expect(connection.received.map(({ length }) => length)).toEqual([50, 8 * RECORD, RECORD + 600])
  expect(connection.isWhole).toBe(true)
})

test('what comes before anybody listens waits, the socket is told to, and one that does not is given up', async () => {
  const early = new Connection()
  early.record(100)
  expect([early.isStopped, early.received]).toEqual([true, []])
  early.begin()
  await turn()
  await turn()
  expect([early.isWhole, early.sent]).toEqual([true, 100])
  const deaf = new Connection()
  for (let i = 0; i < 15; i++) deaf.record(RECORD)
  expect(deaf.isFull).toBe(false)
  deaf.record(RECORD)
  expect(deaf.isFull).toBe(true)
})
