import { expect, test } from 'vitest'
import { createUncertifiedCore } from '../src/core/uncertified.ts'
import { toHex } from '../src/wire/bytes.ts'
import { decodeFrame } from '../src/wire/frames.ts'
import { encodeSystemTransaction } from '../src/wire/system-transaction.ts'
import { Cluster, type ClusterOptions } from './support/cluster.ts'
import { feed } from './support/load.ts'
import { expectAgreement, missingOf, watch } from './support/watch.ts'

const FAST = { idleDelayMsMax: 20, roundDelayMsMin: 5, leaderTimeoutMsMin: 40, leaderTimeoutMsMax: 80 }
const NODES = [0, 1, 2, 3]

function createCluster(options: Partial<ClusterOptions> = {}): Cluster {
  const cluster = new Cluster({ size: 4, mode: 'uncertified', seed: 1, createCore: createUncertifiedCore, core: FAST, ...options })
  watch(cluster)
  return cluster
}

/** The highest round that a node has sent a block of, from now on. */
function watchRounds(cluster: Cluster): number[] {
  const rounds = cluster.nodes.map(() => 0)
  const { onSend } = cluster
  cluster.onSend = (from, to, bytes) => {
    onSend(from, to, bytes)
    const frame = decodeFrame(bytes, cluster.options.size)
    if (frame.type === 'block') rounds[from] = Math.max(rounds[from]!, frame.block.block.round)
  }
  return rounds
}

test('an amnesiac asks for its floor, signs nothing below it, and takes part again', () => {
  const cluster = createCluster({ seed: 3 })
  const rounds = watchRounds(cluster)
  feed(cluster, { everyMs: 10, forMs: 1_000 })
  cluster.start().run(600)
  const before = rounds[1]!
  cluster.forget(1)
  cluster.run(50)
  cluster.restart(1)
  expect(cluster.run(8_000, () => cluster.nodes[1]!.core?.isLive === true)).toBe(true)
  expect(rounds[1]).toBeGreaterThan(before)
  expect(cluster.nodes[1]!.counts.get('floorFound')).toBe(2)
  cluster.run(500)
  expectAgreement(cluster)
})

test('an amnesiac waits while one of the three others is silent, and no longer', () => {
  const cluster = createCluster({ seed: 4 })
  const rounds = watchRounds(cluster)
  cluster.start().run(500)
  cluster.crash(2)
  cluster.forget(1)
  cluster.restart(1)
  const before = rounds[1]!
  cluster.run(3_000)
  expect(rounds[1]).toBe(before)
  cluster.restart(2)
  expect(cluster.run(8_000, () => rounds[1]! > before && cluster.nodes[1]!.core?.isLive === true)).toBe(true)
  cluster.run(500)
  expectAgreement(cluster)
})

test('two that ask at once answer one another: the first boot of all is one', () => {
  const cluster = createCluster({ seed: 5 })
  expect(cluster.start().run(3_000, () => cluster.nodes.every(({ executed }) => executed.length > 20))).toBe(true)
  expect(cluster.nodes.map(({ counts }) => counts.get('floorFound'))).toEqual([1, 1, 1, 1])
})

test('a node that is 1,000 rounds behind catches up by ranges, and takes part again', () => {
  const cluster = createCluster({ seed: 6 })
  const rounds = watchRounds(cluster)
  let isCut = false
  Object.assign(cluster.options, { isLost: (from: number, to: number) => isCut && (from === 3) !== (to === 3) })
  feed(cluster, { everyMs: 40, forMs: 30_000 })
  cluster.start().run(300)
  isCut = true
  expect(cluster.run(60_000, () => rounds[0]! > rounds[3]! + 1_000)).toBe(true)
  isCut = false
  const behind = cluster.nodes[0]!.executed.length
  expect(cluster.run(20_000, () => cluster.nodes[3]!.executed.length > behind)).toBe(true)
  expect(cluster.run(20_000, () => missingOf(cluster, 0, [3]).length === 0 && rounds[3]! >= rounds[0]! - 2)).toBe(true)
  expectAgreement(cluster)
})

test.each([
  [
    'two from two',
    [
      [0, 1],
      [2, 3],
    ],
  ],
  ['one from three', [[0], [1, 2, 3]]],
] as const)('cut %s and healed, order goes on and nothing is lost', (_, [left, right]) => {
  const cluster = createCluster({ seed: 8 })
  let isCut = false
  const sides = [left, right] as readonly (readonly number[])[]
  Object.assign(cluster.options, {
    isLost: (from: number, to: number) => isCut && sides.some((side) => side.includes(from) !== side.includes(to)),
  })
  feed(cluster, { everyMs: 10, forMs: 2_000 })
  cluster.start().run(500)
  isCut = true
  cluster.run(1_000)
  isCut = false
  const before = Math.max(...cluster.nodes.map(({ executed }) => executed.length))
  expect(cluster.run(20_000, () => cluster.nodes.every(({ executed }) => executed.length > before + 20))).toBe(true)
  expect(cluster.run(20_000, () => NODES.every((at) => missingOf(cluster, at, NODES).length === 0))).toBe(true)
  expectAgreement(cluster)
})

test('nobody asks for the rounds since a member that is long dead was heard of last', () => {
  const cluster = createCluster({ seed: 14 })
  const asked: number[] = []
  cluster.onSend = (from, _to, bytes) => {
    const frame = decodeFrame(bytes, 4)
    if (from === 2 && frame.type === 'blockRequest' && frame.query.by === 'round') asked.push(Math.min(...frame.query.afterRounds))
  }
  cluster.start().run(200)
  cluster.crash(1)
  const died = cluster.nodes[0]!.core!.gauges.round
  expect(cluster.run(60_000, () => cluster.nodes[2]!.core!.gauges.gcRound > died + 20)).toBe(true)
  const { gcRound } = cluster.nodes[2]!.core!.gauges
  asked.length = 0
  cluster.inject(0, 2, { type: 'closeReport', epoch: 3 }) // who hears that asks
  cluster.run(20)
  expect(asked.length).toBeGreaterThan(0)
  expect(Math.min(...asked)).toBeGreaterThanOrEqual(gcRound)
})

test('a quarter of all messages is lost, and order goes on', () => {
  const cluster = createCluster({ seed: 9 })
  Object.assign(cluster.options, { isLost: () => cluster.nowMs > 300 && cluster.nowMs < 8_000 && cluster.random.chance(0.25) })
  feed(cluster, { everyMs: 20, forMs: 3_000 })
  cluster.start().run(8_000)
  expect(Math.min(...cluster.nodes.map(({ executed }) => executed.length))).toBeGreaterThan(40)
  expect(cluster.run(20_000, () => NODES.every((at) => missingOf(cluster, at, NODES).length === 0))).toBe(true)
  expectAgreement(cluster)
})

test.each([-600_000, 600_000])('a clock that is %i ms off silences its owner at most', (skewMs) => {
  const cluster = createCluster({ seed: 10 })
  cluster.nodes[2]!.skewMs = skewMs
  feed(cluster, { everyMs: 10, forMs: 1_000, nodes: [0, 1, 3] })
  cluster.start().run(3_000)
  expect(missingOf(cluster, 0, [0, 1, 3])).toEqual([])
  const times = cluster.nodes[0]!.executed.map(({ commit }) => commit.subDag.timestampMs)
  expect(times).toEqual(times.toSorted((a, b) => a - b))
  expect(times.at(-1)).toBeLessThan(1_700_000_000_000 + cluster.nowMs + 1)
  cluster.nodes[2]!.skewMs = 0
  expect(cluster.run(10_000, () => cluster.nodes[2]!.executed.length > cluster.nodes[0]!.executed.length - 3)).toBe(true)
  expectAgreement(cluster)
})

test('killed again and again, at random, with syncs under way, nothing is lost or doubled', () => {
  const cluster = createCluster({ seed: 11, syncMs: 2 })
  feed(cluster, { everyMs: 7, forMs: 3_000 })
  cluster.start()
  for (let atMs = 100; atMs < 3_000; atMs += 150) {
    cluster.after(atMs, () => {
      const authority = cluster.random.below(4)
      cluster.crash(authority)
      cluster.after(20 + cluster.random.below(100), () => cluster.restart(authority))
    })
  }
  cluster.run(3_200)
  expect(cluster.run(8_000, () => NODES.every((at) => missingOf(cluster, at, NODES).length === 0))).toBe(true)
  expectAgreement(cluster)
})

test('all nodes killed at once go on from their disks', () => {
  const cluster = createCluster({ seed: 12 })
  feed(cluster, { everyMs: 7, forMs: 400 })
  cluster.start().run(400)
  const lengths = cluster.nodes.map(({ executed }) => executed.length)
  for (const at of NODES) cluster.crash(at)
  cluster.run(100)
  for (const at of NODES) cluster.restart(at)
  const goesOn = (): boolean =>
    NODES.every((at) => cluster.nodes[at]!.executed.length > lengths[at]! + 10 && missingOf(cluster, at, NODES).length === 0)
  expect(cluster.run(6_000, goesOn)).toBe(true)
  expectAgreement(cluster)
})

test('a system transaction of a kind is executed once for each sender, across a restart too, and evidence once for each accused', () => {
  const cluster = createCluster({ seed: 12 })
  const said: readonly Uint8Array[] = [
    encodeSystemTransaction({ kind: 'beaconCommit', commitment: new Uint8Array(32).fill(1) }),
    encodeSystemTransaction({ kind: 'beaconCommit', commitment: new Uint8Array(32).fill(2) }),
    encodeSystemTransaction({ kind: 'beaconReveal', secret: new Uint8Array(32).fill(3) }),
    Uint8Array.of(77, 1), // of a kind that nobody knows
    Uint8Array.of(77, 2),
    Uint8Array.of(1, 9), // no evidence
    Uint8Array.of(1, 8),
  ]
  cluster.start().run(300)
  const say = (forMs: number): void => {
    for (const bytes of said) {
      for (const at of [0, 1]) cluster.event(at, { type: 'systemTransaction', bytes })
      cluster.run(forMs)
    }
  }
  say(0)
  cluster.run(500)
  for (const at of [0, 1, 2]) cluster.crash(at)
  cluster.run(20)
  for (const at of [0, 1, 2]) cluster.restart(at)
  cluster.run(300)
  say(40)
  cluster.run(1_000)
  const systemOf = (at: number): string[] =>
    cluster.nodes[at]!.executed.flatMap(({ items }) =>
      items.flatMap((item) => (item.type === 'system' ? [`${item.author} ${toHex(item.bytes)}`] : [])),
    )
  const first = said.filter((_, place) => [0, 2, 3, 5].includes(place)).map(toHex)
  expect(systemOf(0).toSorted()).toEqual([0, 1].flatMap((author) => first.map((hex) => `${author} ${hex}`)).toSorted())
  const least = Math.min(...[0, 1, 2, 3].map((at) => systemOf(at).length))
  for (const at of [1, 2, 3]) expect(systemOf(at).slice(0, least)).toEqual(systemOf(0).slice(0, least))
  expect(least).toBe(8)
  expectAgreement(cluster)
})
