/**
 * One run for each persist and each send of a node (2.11), killed before and after it: the boundaries are what its core does, counted in a
 * run that nothing disturbs. `watch` holds that no slot is signed twice and that nothing is said before it is durable.
 */
import { expect, test } from 'vitest'
import { createUncertifiedCore } from '../src/core/uncertified.ts'
import { Cluster, type Boundary } from './support/cluster.ts'
import { feed } from './support/load.ts'
import { expectAgreement, missingOf, watch } from './support/watch.ts'

const VICTIM = 1
const RUN_MS = 100
const CORE = {
  idleDelayMsMax: 20,
  roundDelayMsMin: 10,
  leaderTimeoutMsMin: 30,
  leaderTimeoutMsMax: 60,
  parameters: { gcDepth: 8, scheduleCommits: 4 },
}

function createCluster(): Cluster {
  const cluster = new Cluster({ size: 4, mode: 'uncertified', seed: 4, createCore: createUncertifiedCore, core: CORE, syncMs: 1 })
  watch(cluster)
  feed(cluster, { everyMs: 10, forMs: RUN_MS })
  return cluster
}

const isBoundary = ({ type }: Boundary): boolean => type === 'persist' || type === 'send' || type === 'emit'

function countBoundaries(): number {
  const cluster = createCluster()
  let count = 0
  onVictim(cluster, () => {
    count++
    return undefined
  })
  cluster.start().run(RUN_MS)
  return count
}

function onVictim(cluster: Cluster, decide: () => 'crash' | 'crashAfter' | undefined): void {
  const { onBoundary } = cluster
  cluster.onBoundary = (node, boundary) => {
    onBoundary(node, boundary)
    return node.authority === VICTIM && isBoundary(boundary) ? decide() : undefined
  }
}

function crashAt(boundary: number, how: 'crash' | 'crashAfter'): void {
  const cluster = createCluster()
  let count = 0
  onVictim(cluster, () => {
    if (count++ !== boundary) return undefined
    cluster.after(40, () => cluster.restart(VICTIM))
    return how
  })
  cluster.start()
  const all = cluster.nodes.map(({ authority }) => authority)
  const isWhole = (): boolean => cluster.nowMs > RUN_MS + 60 && all.every((at) => missingOf(cluster, at, all).length === 0)
  const name = `${how} at ${boundary}`
  expect([name, cluster.run(20_000, isWhole)]).toEqual([name, true])
  const before = cluster.nodes[VICTIM]!.executed.length
  expect([name, cluster.run(5_000, () => cluster.nodes[VICTIM]!.executed.length > before + 4)]).toEqual([name, true])
  expectAgreement(cluster)
}

test.each(['crash', 'crashAfter'] as const)(
  'a node that is killed at any persist, send or emission (%s) comes back and loses nothing',
  (how) => {
    const count = countBoundaries()
    expect(count).toBeGreaterThan(30)
    for (let boundary = 0; boundary < count; boundary++) crashAt(boundary, how)
  },
)
