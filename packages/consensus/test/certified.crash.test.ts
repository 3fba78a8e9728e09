/**
 * Goal: whatever is done and not done when a node dies, it comes back with what it has signed, signs nothing twice, and nothing that a
 * client was told of is lost (I6, 2.11).
 * Method: one run is counted for the persists and sends of node 0; then one run for each of them, killed just before and just after it,
 * and restarted over what was durable. `watch` throws when something is said that the disk does not hold, or said twice differently.
 */
import { expect, test } from 'vitest'
import { createCertifiedCore } from '../src/core/certified-core.ts'
import { Cluster } from './support/cluster.ts'
import { feed } from './support/load.ts'
import { expectAgreement, missingOf, watch } from './support/watch.ts'

const CORE = { batchDelayMsMax: 10, idleDelayMsMax: 40, roundDelayMsMin: 5, leaderTimeoutMsMin: 30, leaderTimeoutMsMax: 100 }
const WINDOW_MS = Number(process.env.WINDOW_MS ?? 60)
const NODES = [0, 1, 2, 3]
const FIRST = Number(process.env.SEED ?? 1)
/** A seed is some 200 runs: one here, more in a soak. */
const SEEDS = Math.max(1, Math.floor(Number(process.env.RUNS ?? 1) / 100))

interface Kill {
  readonly boundary: number
  readonly verdict: 'crash' | 'crashAfter'
}

function run(seed: number, kill?: Kill): Cluster {
  const cluster = new Cluster({ size: 4, mode: 'certified', seed, createCore: createCertifiedCore, core: CORE })
  cluster.onBoundary = (node, { type }) => {
    if (node.authority !== 0 || node.boundaries !== kill?.boundary || (type !== 'persist' && type !== 'send')) return undefined
    cluster.after(25, () => cluster.restart(0))
    return kill.verdict
  }
  watch(cluster)
  cluster.start()
  feed(cluster, { everyMs: 12, forMs: WINDOW_MS })
  cluster.run(WINDOW_MS)
  return cluster
}

test.each(Array.from({ length: SEEDS }, (_, place) => FIRST + place))(
  'killed at every persist and send of its own, a node loses nothing and signs nothing twice, seed %i',
  { timeout: 300_000 },
  (seed) => {
    const boundaries = run(seed).nodes[0]!.boundaries
    expect(boundaries).toBeGreaterThan(40)
    for (let boundary = 1; boundary <= boundaries; boundary++) {
      for (const verdict of ['crash', 'crashAfter'] as const) {
        const cluster = run(seed, { boundary, verdict })
        const isWhole = (): boolean => NODES.every((at) => missingOf(cluster, at, NODES).length === 0)
        const before = cluster.nodes[0]!.executed.length
        const recovered = cluster.run(
          6_000,
          () => cluster.nowMs > WINDOW_MS + 60 && isWhole() && cluster.nodes[0]!.executed.length > before + 4,
        )
        expect({ boundary, verdict, recovered }).toEqual({ boundary, verdict, recovered: true })
        expectAgreement(cluster)
      }
    }
  },
)

test('all nodes killed at once go on from their disks', () => {
  const cluster = run(5)
  const lengths = cluster.nodes.map(({ executed }) => executed.length)
  for (const at of NODES) cluster.crash(at)
  cluster.run(100)
  for (const at of NODES) cluster.restart(at)
  const goesOn = (): boolean =>
    NODES.every((at) => cluster.nodes[at]!.executed.length > lengths[at]! + 10 && missingOf(cluster, at, NODES).length === 0)
  expect(cluster.run(6_000, goesOn)).toBe(true)
  expectAgreement(cluster)
})

test('killed again and again, at random, with syncs under way', () => {
  const cluster = new Cluster({ size: 4, mode: 'certified', seed: 9, createCore: createCertifiedCore, core: CORE, syncMs: 2 })
  watch(cluster)
  cluster.start()
  feed(cluster, { everyMs: 20, forMs: 3_000 })
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

test('a node that lost its disk asks first and signs nothing at a slot it may have used', () => {
  const cluster = run(3)
  cluster.run(500)
  cluster.forget(0)
  Object.assign(cluster.nodes[0]!, { executed: [], transactions: [] }) // its executor's state is gone too
  cluster.run(50)
  cluster.restart(0)
  const isBack = (): boolean => {
    const [first, second] = [cluster.nodes[0]!, cluster.nodes[1]!]
    return first.core!.isLive && first.executed.length + 3 > second.executed.length
  }
  expect(cluster.run(6_000, isBack)).toBe(true) // `watch` has seen its earlier life: a slot signed twice would have thrown
  expectAgreement(cluster)
})
