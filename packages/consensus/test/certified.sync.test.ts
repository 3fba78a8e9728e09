/** What does not arrive is fetched, what is slow does not stop others, and whoever was away comes back (2.7, 2.9, 2.10). */
import { describe, expect, test } from 'vitest'
import { createCertifiedCore } from '../src/core/certified-core.ts'
import { frameTypeOf, type FrameType } from '../src/wire/frames.ts'
import { Cluster, type ClusterOptions } from './support/cluster.ts'
import { feed } from './support/load.ts'
import { createRandom } from './support/random.ts'
import { expectAgreement, missingOf, watch } from './support/watch.ts'

const CORE = { batchDelayMsMax: 20, idleDelayMsMax: 40, roundDelayMsMin: 5, leaderTimeoutMsMin: 50, leaderTimeoutMsMax: 200 }
const ALL = [0, 1, 2, 3]

function createCluster(options: Partial<ClusterOptions> = {}): Cluster {
  const cluster = new Cluster({ size: 4, mode: 'certified', seed: 1, createCore: createCertifiedCore, core: CORE, ...options })
  watch(cluster)
  return cluster
}

function isWhole(cluster: Cluster): boolean {
  return ALL.every((at) => missingOf(cluster, at, ALL).length === 0)
}

describe('what a node does not send to another is fetched', () => {
  test.each<readonly [string, readonly FrameType[]]>([
    ['certificates', ['certificate']],
    ['batches', ['batch']],
    ['batches, which it does not serve either', ['batch', 'batchResponse']],
    ['certificates, which it does not serve either', ['certificate', 'certificates']],
    ['headers and certificates', ['header', 'certificate']],
  ])('%s', (_, withheld) => {
    const isLost = (from: number, to: number, frame: Uint8Array): boolean => from === 0 && to === 3 && withheld.includes(frameTypeOf(frame))
    const cluster = createCluster({ isLost }).start()
    feed(cluster, { everyMs: 25, forMs: 600 })
    expect(cluster.run(10_000, () => cluster.nowMs > 650 && isWhole(cluster))).toBe(true)
    expect(cluster.nodes[3]!.executed.length).toBeGreaterThan(10)
    expectAgreement(cluster)
  })
})

test('two cut from two stand still, and go on together after it heals', () => {
  let isCut = false
  const cluster = createCluster({ isLost: (from, to) => isCut && from >> 1 !== to >> 1 }).start()
  feed(cluster, { everyMs: 25, forMs: 2_000 })
  cluster.run(500)
  isCut = true
  cluster.run(500) // what was on its way when the cut came may still complete a round
  const before = ALL.map((at) => cluster.nodes[at]!.executed.length)
  cluster.run(1_000)
  expect(ALL.map((at) => cluster.nodes[at]!.executed.length)).toEqual(before)
  isCut = false
  expect(cluster.run(8_000, () => cluster.nowMs > 2_050 && isWhole(cluster))).toBe(true)
  expectAgreement(cluster)
})

test('a node that comes 1,000 rounds late catches up by ranges and takes part', () => {
  const core = { ...CORE, idleDelayMsMax: 8, roundDelayMsMin: 1 }
  const ranges = { count: 0 }
  const cluster = createCluster({ core, silent: [3], asksOnFirstBoot: false, latencyMs: () => 1 })
  const { onSend } = cluster
  cluster.onSend = (from, to, frame) => {
    if (frameTypeOf(frame) === 'certificates' && to === 3) ranges.count++
    onSend(from, to, frame)
  }
  cluster.start()
  feed(cluster, { everyMs: 100, forMs: 3_000, nodes: [0, 1, 2] })
  const isFar = (): boolean => (cluster.nodes[0]!.executed.at(-1)?.commit.subDag.leader.round ?? 0) > 1_000
  expect(cluster.run(60_000, isFar)).toBe(true)
  cluster.restart(3)
  const isBack = (): boolean => cluster.nodes[3]!.core!.isLive && cluster.nodes[3]!.executed.length + 3 > cluster.nodes[0]!.executed.length
  expect(cluster.run(10_000, isBack)).toBe(true)
  expect(ranges.count).toBeLessThan(60) // some 4,000 certificates: asked for one by one it would be a round trip a round
  expect(isWhole(cluster)).toBe(true)
  expectAgreement(cluster)
}, 120_000)

test('a slow executor gets at most eight ahead of what it has done, and holds up nobody else', () => {
  const cluster = createCluster({ executeMs: (node) => (node === 2 ? 80 : 1) })
  const { onBoundary } = cluster
  const ahead = { max: 0, emitted: 0 }
  cluster.onBoundary = (node, boundary) => {
    if (node.authority === 2 && boundary.type === 'emit') ahead.max = Math.max(ahead.max, ++ahead.emitted - node.executed.length)
    return onBoundary(node, boundary)
  }
  cluster.start()
  feed(cluster, { everyMs: 25, forMs: 1_500 })
  cluster.run(1_500)
  const [fast, slow] = [cluster.nodes[0]!.executed.length, cluster.nodes[2]!.executed.length]
  expect(fast).toBeGreaterThan(3 * slow)
  expect(ahead.max).toBeLessThanOrEqual(8)
  expect(cluster.run(40_000, () => missingOf(cluster, 2, [0, 1, 3]).length === 0)).toBe(true) // its own payload waits: the sub-DAGs go on coming
  expectAgreement(cluster)
})

test('every frame two or three times changes nothing', () => {
  const cluster = createCluster({ copies: (random) => 1 + random.below(3) }).start()
  feed(cluster, { everyMs: 25, forMs: 500 })
  expect(cluster.run(5_000, () => cluster.nowMs > 550 && isWhole(cluster))).toBe(true)
  expect(cluster.nodes.map(({ evidence, halts }) => evidence.length + halts.length)).toEqual([0, 0, 0, 0])
  expectAgreement(cluster)
})

test.each([600_000, -600_000])('a wall clock that jumps by %i ms and back stops nobody for good', (skewMs) => {
  const cluster = createCluster().start()
  feed(cluster, { everyMs: 50, forMs: 1_800 })
  cluster.run(300)
  cluster.nodes[1]!.skewMs = skewMs
  cluster.run(700)
  const others = cluster.nodes[0]!.executed.length
  expect(others).toBeGreaterThan(10)
  cluster.nodes[1]!.skewMs = 0
  cluster.run(500)
  expect(cluster.run(10_000, () => cluster.nowMs > 1_850 && isWhole(cluster))).toBe(true)
  for (const { executed } of cluster.nodes) {
    const times = executed.map(({ commit }) => commit.subDag.timestampMs)
    expect(times).toEqual(times.toSorted((a, b) => a - b)) // I13
  }
  expectAgreement(cluster)
})

test('what a certificate that nobody named carried is proposed again', () => {
  let isHiding = false
  const isLost = (from: number, _: number, frame: Uint8Array): boolean => isHiding && from === 3 && frameTypeOf(frame) === 'certificate'
  const cluster = createCluster({ isLost }).start()
  cluster.run(300)
  isHiding = true
  feed(cluster, { everyMs: 30, forMs: 300, nodes: [3] })
  cluster.run(400)
  isHiding = false
  expect(cluster.run(5_000, () => isWhole(cluster))).toBe(true)
  expect(cluster.nodes[3]!.counts.get('orphans')).toBeGreaterThan(0)
  expectAgreement(cluster)
})

test('a third of all frames lost, order goes on', () => {
  const random = createRandom(4)
  const cluster = createCluster({ isLost: () => random.chance(0.33) }).start()
  feed(cluster, { everyMs: 50, forMs: 2_000 })
  expect(cluster.run(60_000, () => cluster.nowMs > 2_050 && isWhole(cluster))).toBe(true)
  expectAgreement(cluster)
})
