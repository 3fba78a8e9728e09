import {
  createNetwork,
  createSimulator,
  evenLatency,
  fixedLatency,
  type Network,
  type NetworkOptions,
  type Simulator,
} from '@selvedge/simulator'
import { expect, test } from 'vitest'

interface Arrival {
  readonly atMs: number
  readonly to: number
  readonly from: number
  readonly message: number
}

function createWorld(options: Partial<NetworkOptions> = {}, seed = 1): { sim: Simulator; network: Network<number>; arrivals: Arrival[] } {
  const sim = createSimulator(seed)
  const arrivals: Arrival[] = []
  const network = createNetwork<number>(sim, (to, from, message) => arrivals.push({ atMs: sim.now(), to, from, message }), {
    nodes: 4,
    latency: fixedLatency(10),
    ...options,
  })
  return { sim, network, arrivals }
}

const messagesOf = (arrivals: readonly Arrival[]): number[] => arrivals.map(({ message }) => message)
const sendMany = (network: Network<number>, count: number, bytes = 100): void => {
  for (let i = 0; i < count; i++) network.send(0, 1, i, bytes)
}

test('a message arrives once, after the latency', () => {
  const { sim, network, arrivals } = createWorld()
  network.send(0, 3, 7, 100)
  sim.run(9.99)
  expect(arrivals).toEqual([])
  sim.run(10)
  expect(arrivals).toEqual([{ atMs: 10, to: 3, from: 0, message: 7 }])
})

test('loss, duplicates and reordering keep their shares, and every message is accounted for', () => {
  const { sim, network, arrivals } = createWorld({ lossShare: 0.2, duplicateShare: 0.1, reorderShare: 0.3, reorderMs: 50 })
  sendMany(network, 20_000)
  sim.run(1000)
  const { counts } = network
  expect(Math.abs(counts.lost / 20_000 - 0.2)).toBeLessThan(0.01)
  expect(Math.abs(counts.duplicated / (20_000 - counts.lost) - 0.1)).toBeLessThan(0.01)
  expect(Math.abs(counts.reordered / arrivals.length - 0.3)).toBeLessThan(0.015)
  expect(arrivals.length).toBe(20_000 - counts.lost + counts.duplicated)
  expect(messagesOf(arrivals)).not.toEqual(messagesOf(arrivals).toSorted((a, b) => a - b))
})

test('an ordered link loses nothing, keeps its order, and pays for each loss with time', () => {
  const options = { latency: evenLatency(5, 50), isOrdered: true, lossShare: 0.2, duplicateShare: 0.5, reorderShare: 0.5 }
  const { sim, network, arrivals } = createWorld(options)
  for (let i = 0; i < 1000; i++) sim.at(i, () => network.send(0, 1, i, 100))
  sim.run(100_000)
  expect(messagesOf(arrivals)).toEqual(Array.from({ length: 1000 }, (_, i) => i))
  expect([network.counts.retransmitted > 150, network.counts.duplicated]).toEqual([true, 0])
  const clean = createWorld({ ...options, lossShare: 0 })
  for (let i = 0; i < 1000; i++) clean.sim.at(i, () => clean.network.send(0, 1, i, 100))
  clean.sim.run(100_000)
  expect(arrivals.at(-1)!.atMs).toBeGreaterThan(clean.arrivals.at(-1)!.atMs)
})

test('time-outs of an ordered link double, and end: after six losses the message comes through', () => {
  const { sim, network, arrivals } = createWorld({ isOrdered: true, lossShare: 1, retransmitMs: 100 })
  network.send(0, 1, 1, 1)
  sim.run(100_000)
  expect(arrivals).toEqual([{ atMs: 10 + 100 * (1 + 2 + 4 + 8 + 16 + 32), to: 1, from: 0, message: 1 }])
})

test('an uplink sends one message after the other at its rate, to whomever they go', () => {
  const { sim, network, arrivals } = createWorld({ uplinkBytesPerSecond: 100_000 })
  for (const to of [1, 2, 3]) network.send(0, to, to, 1000) // 10 ms each
  network.send(1, 0, 9, 1000)
  expect([network.uplinkDelayMs(0), network.uplinkDelayMs(2)]).toEqual([30, 0])
  sim.run(1000)
  expect(arrivals.map(({ atMs, message }) => [atMs, message])).toEqual([
    [20, 1],
    [20, 9],
    [30, 2],
    [40, 3],
  ])
  network.setUplink(0, 1000)
  network.send(0, 1, 1, 1000)
  expect(network.uplinkDelayMs(0)).toBe(1000)
})

test('links differ by direction: slow one way, lossy the other', () => {
  const { sim, network, arrivals } = createWorld()
  network.setLink(0, 1, { extraDelayMs: 500 })
  network.setLink(1, 0, { lossShare: 1 })
  network.setLink(2, 3, { latency: fixedLatency(1) })
  for (const [from, to] of [
    [0, 1],
    [1, 0],
    [2, 3],
    [3, 2],
  ] as const)
    network.send(from, to, from, 1)
  sim.run(1000)
  expect(arrivals.map(({ atMs, from }) => [atMs, from])).toEqual([
    [1, 2],
    [10, 3],
    [510, 0],
  ])
  network.setLink(1, 0, undefined)
  network.send(1, 0, 5, 1)
  sim.run(2000)
  expect(arrivals.at(-1)).toMatchObject({ atMs: 1010, message: 5 })
})

test('a partition cuts groups from each other and from the rest, also what is on the way, until it heals', () => {
  const { sim, network, arrivals } = createWorld()
  network.send(0, 1, 1, 1)
  sim.run(5)
  network.partition([[0, 2], [1]])
  for (const [from, to] of [
    [0, 2],
    [2, 0],
    [0, 1],
    [1, 3],
    [3, 0],
  ] as const)
    network.send(from, to, from * 10 + to, 1)
  sim.run(100)
  expect([messagesOf(arrivals), network.counts.cut]).toEqual([[2, 20], 4])
  network.heal()
  network.send(0, 1, 99, 1)
  sim.run(200)
  expect(messagesOf(arrivals)).toEqual([2, 20, 99])
})

test('a cut is one direction; mending it leaves the others', () => {
  const { sim, network, arrivals } = createWorld()
  network.cut(0, 1)
  network.cut(2, 1)
  for (const [from, to] of [
    [0, 1],
    [1, 0],
    [2, 1],
  ] as const)
    network.send(from, to, from, 1)
  network.mend(0, 1)
  network.send(0, 1, 7, 1)
  sim.run(100)
  expect([messagesOf(arrivals), network.isCut(2, 1), network.isCut(1, 2)]).toEqual([[1, 7], true, false])
})

test('an ordered link that holds sends on after the cut what was on the way and what came after, in order and once', () => {
  const { sim, network, arrivals } = createWorld({ isOrdered: true, holdsOnCut: true })
  for (let i = 0; i < 40; i++) sim.at(i, () => network.send(0, 1, i, 1))
  sim.run(15) // 0 to 5 have arrived
  network.partition([[0], [1]])
  sim.run(1000)
  expect(messagesOf(arrivals)).toEqual([0, 1, 2, 3, 4, 5])
  network.partition([[0, 1], [2]])
  sim.run(2000)
  expect(messagesOf(arrivals)).toEqual(Array.from({ length: 40 }, (_, i) => i))
  expect([network.counts.held, network.counts.cut]).toEqual([34, 0])
})

test('a link holds so many, and then drops the oldest', () => {
  const { sim, network, arrivals } = createWorld({ isOrdered: true, holdsOnCut: true, heldMax: 3 })
  network.cut(0, 1)
  sendMany(network, 5)
  network.heal()
  sim.run(100)
  expect([messagesOf(arrivals), network.counts.cut]).toEqual([[2, 3, 4], 2])
})

test('who is down sends and hears nothing; a restart ends ordered connections with what is on the way', () => {
  for (const [isOrdered, expected] of [
    [false, [1, 2]],
    [true, [2]],
  ] as const) {
    const { sim, network, arrivals } = createWorld({ isOrdered })
    network.send(0, 1, 1, 1)
    network.setUp(1, false)
    network.send(1, 0, 5, 1)
    network.setUp(1, true)
    network.send(0, 1, 2, 1)
    sim.run(100)
    expect(messagesOf(arrivals)).toEqual(expected)
  }
  const { sim, network, arrivals } = createWorld()
  network.send(0, 1, 1, 1)
  network.setUp(1, false)
  sim.run(100)
  expect([arrivals, network.counts.down]).toEqual([[], 1])
})

test('a sender that crashes takes with it what had not left its uplink, and nothing that had', () => {
  const { sim, network, arrivals } = createWorld({ uplinkBytesPerSecond: 1000, latency: fixedLatency(100) })
  sendMany(network, 3, 50) // leaves at 50, 100, 150
  sim.run(120)
  network.setUp(0, false)
  network.setUp(0, true)
  network.send(0, 1, 9, 50)
  sim.run(1000)
  expect(arrivals.map(({ atMs, message }) => [atMs, message])).toEqual([
    [150, 0],
    [200, 1],
    [270, 9],
  ])
})

test('behind a NAT a node hears whom it wrote to, for a while', () => {
  const { sim, network, arrivals } = createWorld()
  network.setNat(1, 100)
  network.send(0, 1, 1, 1)
  network.send(1, 0, 2, 1)
  network.send(2, 1, 3, 1)
  sim.run(50)
  network.send(0, 1, 4, 1)
  sim.run(95)
  network.send(0, 1, 5, 1) // arrives at 105, the opening ended at 100
  sim.run(200)
  expect([messagesOf(arrivals), network.counts.filtered]).toEqual([[1, 2, 4], 2])
  network.setNat(1, undefined)
  network.send(3, 1, 6, 1)
  sim.run(300)
  expect(arrivals.at(-1)?.message).toBe(6)
})

test('equal seeds give equal arrivals, others do not', () => {
  const play = (seed: number): Arrival[] => {
    const { sim, network, arrivals } = createWorld({ latency: evenLatency(1, 100), lossShare: 0.1, reorderShare: 0.1 }, seed)
    sendMany(network, 200)
    sim.run(1000)
    return arrivals
  }
  expect(play(5)).toEqual(play(5))
  expect(play(5)).not.toEqual(play(6))
})

test.each([
  ['a node that does not exist', (network: Network<number>) => network.send(0, 4, 1, 1)],
  ['a negative size', (network: Network<number>) => network.send(0, 1, 1, -1)],
  ['a share above 1', (network: Network<number>) => network.setLink(0, 1, { lossShare: 2 })],
  ['an uplink of 0', (network: Network<number>) => network.setUplink(0, 0)],
  ['a partition with a stranger', (network: Network<number>) => network.partition([[9]])],
])('%s is refused', (_, act) => {
  const { network } = createWorld()
  expect(() => act(network)).toThrow(expect.objectContaining({ code: 'SIMULATOR_BAD_ARGUMENT' }))
})
