/** What the uncertified mode does by itself: transactions stand in blocks, and blocks may never be ordered. */
import { expect, test } from 'vitest'
import { createUncertifiedCore } from '../src/core/uncertified.ts'
import { toHex } from '../src/wire/bytes.ts'
import { Cluster, type ClusterOptions } from './support/cluster.ts'
import { feed } from './support/load.ts'
import { executedOf, expectAgreement, missingOf, watch } from './support/watch.ts'

const FAST = { idleDelayMsMax: 40, roundDelayMsMin: 5, leaderTimeoutMsMin: 50, leaderTimeoutMsMax: 100 }

function createCluster(options: Partial<ClusterOptions> = {}): Cluster {
  const cluster = new Cluster({ size: 4, mode: 'uncertified', seed: 1, createCore: createUncertifiedCore, core: FAST, ...options })
  watch(cluster)
  return cluster.start()
}

const all = (cluster: Cluster): number[] => cluster.nodes.map(({ authority }) => authority)
test('a block whose transactions are badly signed never counts, and its author stands alone with it', () => {
  const isBad = (transaction: Uint8Array): boolean => transaction.length === 65
  const cluster = createCluster({ seed: 3, verify: (transactions) => !transactions.some(isBad) })
  feed(cluster, { everyMs: 10, forMs: 500, nodes: [0, 1, 2] })
  cluster.after(200, () => cluster.submit(3, [new Uint8Array(65).fill(9)]))
  cluster.run(3_000)
  for (const at of [0, 1, 2]) expect(executedOf(cluster, at).filter(isBad)).toEqual([])
  expect(cluster.nodes[0]!.executed.length).toBeGreaterThan(40)
  expect(missingOf(cluster, 0, [0, 1, 2])).toEqual([])
  expectAgreement(cluster, [0, 1, 2])
})

test('while the executor is slow, order goes on, payload waits, and nothing is lost', () => {
  const cluster = createCluster({ seed: 5, executeMs: () => 400 })
  feed(cluster, { everyMs: 10, forMs: 1_500 })
  cluster.run(2_000)
  expect(cluster.nodes[0]!.counts.get('commits')).toBeGreaterThan(cluster.nodes[0]!.executed.length + 8)
  expect(cluster.run(60_000, () => all(cluster).every((at) => missingOf(cluster, at, all(cluster)).length === 0))).toBe(true)
  expectAgreement(cluster)
})

test('what is below gcRound without a commit is proposed again', () => {
  const cluster = createCluster({ seed: 6, core: { ...FAST, parameters: { gcDepth: 4 } } })
  cluster.run(500)
  let isCut = true
  Object.assign(cluster.options, { isLost: (from: number, to: number) => isCut && (from === 3) !== (to === 3) })
  cluster.submit(3, [cluster.random.bytes(64)])
  cluster.run(300)
  const [transaction] = cluster.nodes[3]!.accepted.map(toHex)
  expect(transaction).toBeDefined()
  cluster.run(2_000)
  isCut = false
  expect(cluster.run(10_000, () => executedOf(cluster, 0).map(toHex).includes(transaction!))).toBe(true)
  expect(cluster.nodes[3]!.counts.get('orphan')).toBe(1)
  cluster.run(500)
  expectAgreement(cluster)
})
