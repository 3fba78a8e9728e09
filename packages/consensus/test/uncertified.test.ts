import { describe, expect, test } from 'vitest'
import { createUncertifiedCore } from '../src/core/uncertified.ts'
import { toHex } from '../src/wire/bytes.ts'
import { Cluster, type ClusterOptions } from './support/cluster.ts'
import { createCheapCommittee, createRealCommittee } from './support/committee.ts'
import { feed } from './support/load.ts'
import { executedOf, expectAgreement, missingOf, watch } from './support/watch.ts'

const FAST = { idleDelayMsMax: 40, roundDelayMsMin: 5, leaderTimeoutMsMin: 50, leaderTimeoutMsMax: 100 }

function createCluster(options: Partial<ClusterOptions> = {}): Cluster {
  const cluster = new Cluster({ size: 4, mode: 'uncertified', seed: 1, createCore: createUncertifiedCore, core: FAST, ...options })
  watch(cluster)
  return cluster.start()
}

const all = (cluster: Cluster): number[] => cluster.nodes.map(({ authority }) => authority)
const least = (cluster: Cluster): number => Math.min(...cluster.nodes.map(({ executed }) => executed.length))

describe.each([1, 4, 7])('%i uncertified cores in memory', (size) => {
  test('commit without load, and all logs are equal', () => {
    const cluster = createCluster({ size })
    cluster.run(3_000)
    expect(least(cluster)).toBeGreaterThan(30)
    expectAgreement(cluster)
  })

  test('execute every accepted transaction once, in one order', () => {
    const cluster = createCluster({ size, seed: 2 })
    feed(cluster, { everyMs: 3, forMs: 400 })
    expect(
      cluster.run(5_000, () => cluster.nowMs > 420 && all(cluster).every((at) => missingOf(cluster, at, all(cluster)).length === 0)),
    ).toBe(true)
    expect(executedOf(cluster, 0).length).toBeGreaterThan(120)
    expectAgreement(cluster)
  })
})

test('Ed25519 as shipped, and syncs that take time', () => {
  const cluster = createCluster({ committee: createRealCommittee(4), syncMs: 2 })
  feed(cluster, { everyMs: 10, forMs: 300 })
  expect(cluster.run(3_000, () => cluster.nowMs > 320 && missingOf(cluster, 3, all(cluster)).length === 0)).toBe(true)
  expectAgreement(cluster)
})

test('stake decides, not the number of members', () => {
  const committee = createCheapCommittee(5, (place) => [10, 3, 3, 2, 2][place]!) // Q = 14: nothing is certified without the first
  const cluster = createCluster({ size: 5, committee, silent: [3, 4], asksOnFirstBoot: false })
  cluster.run(2_000)
  expect(cluster.nodes[1]!.executed.length).toBeGreaterThan(10)
  const stopped = createCluster({ size: 5, committee, silent: [0], asksOnFirstBoot: false })
  stopped.run(2_000)
  expect(least(stopped)).toBe(0)
})

test.each([4, 7])('with f of %i silent, order goes on and the schedule leaves them out', (size) => {
  const silent = size === 4 ? [2] : [2, 5]
  const cluster = createCluster({ size, silent, asksOnFirstBoot: false, core: { ...FAST, parameters: { scheduleCommits: 10 } } })
  cluster.run(6_000)
  const { executed } = cluster.nodes[0]!
  expect(executed.length).toBeGreaterThan(40)
  const last = executed.at(-1)!.commit.subDag
  expect(last.scheduleVersion).toBeGreaterThan(1)
  const leaders = executed.filter(({ commit }) => commit.subDag.scheduleVersion > 0).map(({ commit }) => commit.subDag.leader.author)
  for (const authority of silent) expect(leaders).not.toContain(authority)
  expectAgreement(cluster)
})

test('the same seed gives the same logs at the same times', () => {
  const run = (): (readonly [string, number])[] => {
    const cluster = createCluster({ seed: 11 })
    feed(cluster, { everyMs: 5, forMs: 400 })
    cluster.run(800)
    return all(cluster).map((at) => [cluster.logOf(at).join(), executedOf(cluster, at).length] as const)
  }
  expect(run()).toEqual(run())
})

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
