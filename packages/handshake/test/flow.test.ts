import { expect, test } from 'vitest'
import type { Effect } from '../src/effects.ts'
import { decodeHeader, FRAME } from '../src/frames.ts'
import type { CoreLane } from '../src/lane-core.ts'
import type { SessionCore } from '../src/session-core.ts'
import { drain, feed, greeted, settle } from './cores.ts'

const MIB = 2 ** 20
const NONE = new Uint8Array()

interface Pair {
  readonly client: SessionCore
  readonly node: SessionCore
}
interface Ends {
  readonly clientLane: CoreLane
  readonly nodeLane: CoreLane
}

/** Opens a lane over which the node may send `creditBytes`. */
function openLane({ client, node }: Pair, creditBytes: number): Ends {
  const clientLane = client.open(0, NONE, creditBytes)!
  const [request] = settle(client, node).node.filter((effect) => effect.type === 'request')
  node.accept(request!.lane, NONE, creditBytes)
  settle(client, node)
  return { clientLane, nodeLane: request!.lane }
}

const bytesOf = (effects: readonly Effect[]): number =>
  effects.reduce((sum, effect) => sum + (effect.type === 'data' ? effect.bytes.length : 0), 0)

/** DATA frames in what a core sent, as [lane, bytes]. */
function dataOf(bytes: Uint8Array): [number, number][] {
  const out: [number, number][] = []
  for (let at = 0; at < bytes.length; ) {
    const { type, lane, length } = decodeHeader(bytes.subarray(at))
    if (type === FRAME.data) out.push([lane, length])
    at += 8 + length
  }
  return out
}

test('a reader that stops stops the sender exactly at its credit, and goes on where it stopped', () => {
  const pair = greeted()
  const { clientLane, nodeLane } = openLane(pair, 100_000)
  pair.node.write(nodeLane, [new Uint8Array(300_000)], 'all')
  expect(bytesOf(settle(pair.client, pair.node).client)).toBe(100_000)
  pair.client.consume(clientLane, 24_999)
  expect(bytesOf(settle(pair.client, pair.node).client)).toBe(0) // under a quarter: not worth a frame
  pair.client.consume(clientLane, 1)
  expect(bytesOf(settle(pair.client, pair.node).client)).toBe(25_000)
})

test('with the default credit, limit minus delivered never falls under 2 MiB while the reader reads', () => {
  const pair = greeted()
  const { clientLane, nodeLane } = openLane(pair, 2 * MIB + 131_072)
  pair.node.write(nodeLane, [new Uint8Array(10 * MIB)], 'all')
  for (let at = 0; at < 5 * MIB; at += 1_000) {
    settle(pair.client, pair.node)
    pair.client.consume(clientLane, 1_000)
    expect(clientLane.receiveLimit - clientLane.consumed).toBeGreaterThanOrEqual(2 * MIB)
  }
})

test('the credit of the connection binds all lanes together at 16 MiB, and comes back as they are read', () => {
  const pair = greeted()
  const lanes = [0, 1].map(() => openLane(pair, 16 * MIB))
  for (const { nodeLane } of lanes) pair.node.write(nodeLane, [new Uint8Array(16 * MIB)], 'all')
  expect(bytesOf(settle(pair.client, pair.node).client)).toBe(16 * MIB)
  pair.client.consume(lanes[0]!.clientLane, 3 * MIB)
  expect(bytesOf(settle(pair.client, pair.node).client)).toBe(3 * MIB)
})

test.each(['client', 'node'] as const)('bytes of lanes that the %s resets do not eat the credit of the connection', (resetter) => {
  const pair = greeted()
  for (let round = 0; round < 40; round++) {
    const { clientLane, nodeLane } = openLane(pair, 2 * MIB)
    pair.node.write(nodeLane, [new Uint8Array(2 * MIB)], 'all')
    const first = feed(pair.client, new Uint8Array(Buffer.concat(pair.node.take(MIB, []).parts)))
    pair.client.consume(clientLane, Math.floor(bytesOf(first) / 2))
    const inFlight = new Uint8Array(Buffer.concat(pair.node.take(MIB / 2, []).parts))
    pair[resetter].reset(resetter === 'client' ? clientLane : nodeLane, 25, '', [])
    feed(pair.client, inFlight.subarray(0, 100_003)) // the RESET falls into the middle of a frame
    const told = feed(pair.client, inFlight.subarray(100_003))
    expect(told.filter(({ type }) => type === 'over')).toEqual([])
    settle(pair.client, pair.node)
    expect([pair.client.openLanes, pair.node.openLanes]).toEqual([0, 0])
  }
  const { nodeLane } = openLane(pair, 16 * MIB)
  pair.node.write(nodeLane, [new Uint8Array(16 * MIB)], 'all')
  expect(bytesOf(settle(pair.client, pair.node).client)).toBeGreaterThan(15 * MIB) // grants come by whole MiB
})

test('lanes share the connection evenly: a small answer is not stuck behind a large one', () => {
  const pair = greeted()
  const lanes = [0, 1, 2].map(() => openLane(pair, 16 * MIB).nodeLane)
  pair.node.write(lanes[0]!, [new Uint8Array(4 * MIB)], 'large')
  pair.node.take(MIB, [])
  for (let i = 0; i < 200; i++) pair.node.write(lanes[1]!, [new Uint8Array(10_000)], i)
  pair.node.write(lanes[2]!, [new Uint8Array(100)], 'small')
  const frames = dataOf(new Uint8Array(Buffer.concat(pair.node.take(MIB, []).parts)))
  expect(frames.slice(0, 4).map(([lane]) => lane)).toContain(lanes[2]!.id)
  expect(Math.max(...frames.map(([, length]) => length))).toBe(65_536)
  const sums = new Map<number, number>()
  for (const [lane, length] of frames) {
    sums.set(lane, (sums.get(lane) ?? 0) + length)
    const ahead = Math.abs((sums.get(lanes[0]!.id) ?? 0) - (sums.get(lanes[1]!.id) ?? 0))
    expect(ahead).toBeLessThanOrEqual(65_536)
  }
})

test('a lane without credit does not hold up the others', () => {
  const pair = greeted()
  const [stuck, free] = [openLane(pair, 1_000).nodeLane, openLane(pair, MIB).nodeLane]
  pair.node.write(stuck, [new Uint8Array(5_000)], 'stuck')
  pair.node.write(free, [new Uint8Array(500_000)], 'free')
  const batch = pair.node.take(10 * MIB, [])
  expect(batch.tokens).toEqual(['free'])
  expect(pair.node.hasOutput).toBe(false)
})

test('control frames go before DATA that was queued first', () => {
  const pair = greeted()
  const { nodeLane } = openLane(pair, MIB)
  pair.node.write(nodeLane, [new Uint8Array(500_000)], 'data')
  feed(pair.node, Uint8Array.from([FRAME.ping, 0, 0, 0, 8, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8]))
  expect(decodeHeader(drain(pair.node))).toMatchObject({ type: FRAME.ping, flags: 1 })
})

test('payload is sent as views of what was written, never copied', () => {
  const pair = greeted()
  const { nodeLane } = openLane(pair, MIB)
  const bytes = new Uint8Array(200_000)
  pair.node.write(nodeLane, [bytes.subarray(0, 70_000), bytes.subarray(70_000)], 'all')
  const { parts } = pair.node.take(MIB, [])
  const payload = parts.filter((part) => part.length > 8)
  expect(payload.every((part) => part.buffer === bytes.buffer)).toBe(true)
  expect(payload.reduce((sum, part) => sum + part.length, 0)).toBe(200_000)
})

test('END goes with the last byte, or alone when all bytes are gone', () => {
  const pair = greeted()
  const { clientLane, nodeLane } = openLane(pair, MIB)
  pair.node.write(nodeLane, [new Uint8Array(10)], 'all')
  pair.node.end(nodeLane, [])
  const sent = drain(pair.node)
  expect(decodeHeader(sent)).toEqual({ type: FRAME.data, flags: 1, lane: nodeLane.id, length: 10 })
  expect(feed(pair.client, sent).map(({ type }) => type)).toEqual(['data', 'end'])
  const effects: Effect[] = []
  pair.client.end(clientLane, effects)
  expect(effects).toEqual([{ type: 'done', lane: clientLane }])
  expect(decodeHeader(drain(pair.client))).toEqual({ type: FRAME.data, flags: 1, lane: nodeLane.id, length: 0 })
})

test('a lane number comes back only after all the others', () => {
  const pair = greeted()
  const numbers = new Set<number>()
  for (let i = 0; i < 8_191; i++) {
    const lane = pair.client.open(0, NONE, 0)!
    numbers.add(lane.id)
    settle(pair.client, pair.node)
    pair.client.reset(lane, 25, '', [])
    settle(pair.client, pair.node)
  }
  expect([numbers.size, numbers.has(0)]).toEqual([8_191, false])
  expect(pair.client.open(0, NONE, 0)!.id).toBe(1)
})
