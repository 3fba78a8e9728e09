/** Lanes whose memory is used again, over real TLS that is cut, beside lanes whose pieces are kept: each byte is compared just before it is released. */
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import { connectSession, type Lane, type LaneListener, type Session } from '../src/index.ts'
import { createSessionServer } from '../src/tls.ts'
import { CHAIN, CLIENT, NODE } from './cores.ts'
import { type CutProxy, createCutProxy } from './cut-proxy.ts'
import { createPayments, delegationOf, TestMeter, TestPayer } from './paying.ts'
import { createRandom, type Random } from './random.ts'

const FIRST = Number(process.env.SEED ?? 1)
const COUNT = Number(process.env.RUNS ?? 6)
const NONE = new Uint8Array()
const CONTENT: Uint8Array = (() => {
  const random = createRandom(30)
  return Uint8Array.from({ length: 6_000_000 }, () => random.below(256))
})()
const PIECE = 100_000
const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

const stream: LaneListener = async (request) => {
  const resend = async function* (from: number, to: number): AsyncIterable<Uint8Array> {
    for (let at = from; at < to; at += PIECE) yield CONTENT.subarray(at, Math.min(to, at + PIECE))
  }
  const lane = request.accept(NONE, undefined, resend)
  try {
    for (let at = 0; at < CONTENT.length; at += PIECE) await lane.write(CONTENT.subarray(at, at + PIECE))
    await lane.end()
  } catch {
    // the client has had enough
  }
}

async function open(): Promise<{ readonly session: Session; readonly proxy: CutProxy }> {
  const server = createSessionServer({ identity: NODE, onLane: stream, payments: createPayments(new TestMeter()) }, { chainId: CHAIN })
  cleanups.push(() => server.stop())
  const proxy = await createCutProxy(await server.start())
  cleanups.push(() => proxy.stop())
  const paying = { identity: CLIENT, delegation: delegationOf(CLIENT.publicKey), payer: new TestPayer() }
  const session = await connectSession({ host: proxy.host, port: proxy.port, nodeKey: NODE.publicKey, chainId: CHAIN, ...paying })
  cleanups.push(() => session.close())
  return { session, proxy }
}

/** Takes pieces, holds them, and compares and releases them, in order and late. */
class Reader {
  readonly #lane: Lane
  readonly #random: Random
  readonly #held: Uint8Array[] = []
  #heldBytes = 0
  #released = 0
  taken = 0
  isTrue = true

  constructor(lane: Lane, random: Random) {
    this.#lane = lane
    this.#random = random
  }

  async read(onPiece: () => void): Promise<void> {
    for await (const bytes of this.#lane.source) {
      this.#held.push(bytes)
      this.#heldBytes += bytes.length
      this.taken += bytes.length
      onPiece()
      if (this.#random.chance(0.1)) await sleep(1)
      while (this.#heldBytes > 600_000 || (this.#heldBytes > 0 && this.#random.chance(0.6))) this.#release()
    }
  }

  #release(): void {
    const first = this.#held.shift()!
    const part = first.subarray(0, this.#random.chance(0.5) ? first.length : 1 + this.#random.below(first.length))
    this.compare(part)
    this.#lane.release(part.length)
    this.#heldBytes -= part.length
    if (part.length < first.length) this.#held.unshift(first.subarray(part.length))
  }

  compare(bytes: Uint8Array): void {
    this.isTrue &&= Buffer.compare(bytes, CONTENT.subarray(this.#released, this.#released + bytes.length)) === 0
    this.#released += bytes.length
  }

  /** What is held is what came, at the end too. */
  compareRest(): void {
    for (const bytes of this.#held.splice(0)) this.compare(bytes)
  }
}

test.each(Array.from({ length: COUNT }, (_, i) => FIRST + i))('what is held is what came, whatever is cut, seed %i', async (seed) => {
  const random = createRandom(seed)
  const { session, proxy } = await open()
  const readers = await Promise.all(
    [true, true, false].map(async (isMemoryReused) => {
      const lane = await session.openLane({ serviceId: 0, metadata: NONE, isCreditHeld: true, isMemoryReused, isRequestOnly: true })
      return new Reader(lane, random)
    }),
  )
  const cuts = [random.below(1_000_000), 1_000_000 + random.below(4_000_000)]
  await Promise.all(
    readers.map(async (reader) => {
      await reader.read(() => {
        if (reader.taken < (cuts[0] ?? Number.POSITIVE_INFINITY)) return
        cuts.shift()
        proxy.cut()
      })
      reader.compareRest()
    }),
  )
  expect(readers.map(({ taken, isTrue }) => ({ taken, isTrue }))).toEqual(readers.map(() => ({ taken: CONTENT.length, isTrue: true })))
  expect([cuts, session.resumes > 0]).toEqual([[], true])
})

test('a reader that releases at once is served from a few buffers', async () => {
  const { session } = await open()
  const lane = await session.openLane({ serviceId: 0, metadata: NONE, isCreditHeld: true, isMemoryReused: true, isRequestOnly: true })
  const buffers = new Set<ArrayBufferLike>()
  let taken = 0
  for await (const bytes of lane.source) {
    buffers.add(bytes.buffer)
    taken += bytes.length
    lane.release(bytes.length)
  }
  expect(taken).toBe(CONTENT.length)
  expect(buffers.size).toBeLessThan(16) // as many as that would be filled once
})

test.each(Array.from({ length: COUNT }, (_, i) => FIRST + i))(
  'of a lane that is left and read on nothing is written over, seed %i',
  async (seed) => {
    const random = createRandom(seed)
    const { session } = await open()
    const lane = await session.openLane({
      serviceId: 0,
      metadata: NONE,
      isCreditHeld: true,
      isMemoryReused: true,
      isReadOn: true,
      isRequestOnly: true,
    })
    const reader = new Reader(lane, random)
    const leaveAt = random.below(3_000_000)
    let isLeft = false
    const reading = reader.read(() => {
      if (isLeft || reader.taken < leaveAt) return
      isLeft = true
      if (random.chance(0.5)) lane.release(Number.MAX_SAFE_INTEGER)
      lane.reset(25)
    })
    await expect(reading).rejects.toMatchObject({ code: 'HANDSHAKE_LANE_RESET', laneCode: 25 })
    reader.compareRest()
    expect(reader.isTrue).toBe(true)
    expect(reader.taken).toBeGreaterThanOrEqual(leaveAt)
  },
)

test('memory is used again only where credit is held', async () => {
  const { session } = await open()
  await expect(session.openLane({ serviceId: 0, metadata: NONE, isMemoryReused: true })).rejects.toMatchObject({
    code: 'HANDSHAKE_BAD_ARGUMENT',
  })
})
