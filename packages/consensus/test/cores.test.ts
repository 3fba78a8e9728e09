/** What both modes do alike: cores in memory, in virtual time, with nothing wrong but silence. */
import { describe, expect, test } from 'vitest'
import { createCertifiedCore } from '../src/core/certified-core.ts'
import { createUncertifiedCore } from '../src/core/uncertified.ts'
import type { Mode } from '../src/dag/contract.ts'
import { Cluster, type ClusterOptions } from './support/cluster.ts'
import { createCheapCommittee } from './support/committee.ts'
import { createRealCommittee } from './support/real-committee.ts'
import { feed } from './support/load.ts'
import { expectAgreement, missingOf, watch } from './support/watch.ts'

const FAST = { batchDelayMsMax: 20, idleDelayMsMax: 40, roundDelayMsMin: 5, leaderTimeoutMsMin: 50, leaderTimeoutMsMax: 200 }
const CORES = { certified: createCertifiedCore, uncertified: createUncertifiedCore }

const all = (cluster: Cluster): number[] => cluster.nodes.map(({ authority }) => authority)
const least = (cluster: Cluster): number => Math.min(...cluster.nodes.map(({ executed }) => executed.length))
const isWhole = (cluster: Cluster): boolean => all(cluster).every((at) => missingOf(cluster, at, all(cluster)).length === 0)

describe.each<Mode>(['certified', 'uncertified'])('%s cores', (mode) => {
  function createCluster(options: Partial<ClusterOptions> = {}): Cluster {
    const cluster = new Cluster({ size: 4, mode, seed: 1, createCore: CORES[mode], core: FAST, ...options })
    watch(cluster)
    return cluster.start()
  }

  describe.each([1, 4, 7])('%i in memory', (size) => {
    test('commit without load, and all logs are equal', () => {
      const cluster = createCluster({ size })
      expect(cluster.run(3_000, () => least(cluster) > 20)).toBe(true)
      expectAgreement(cluster)
    })

    test('execute every accepted transaction once, in one order', () => {
      const cluster = createCluster({ size, seed: 2 })
      feed(cluster, { everyMs: 5 * size, forMs: 500 })
      expect(cluster.run(5_000, () => cluster.nowMs > 520 && isWhole(cluster))).toBe(true)
      expect(cluster.nodes[0]!.transactions.length).toBeGreaterThan(90)
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
    const committee = createCheapCommittee(5, (place) => [10, 3, 3, 2, 2][place]!) // Q = 14: nothing is decided without the first
    const cluster = createCluster({ size: 5, committee, silent: [3, 4], asksOnFirstBoot: false })
    expect(cluster.run(2_000, () => cluster.nodes[1]!.executed.length > 10)).toBe(true)
    const stopped = createCluster({ size: 5, committee, silent: [0], asksOnFirstBoot: false })
    stopped.run(2_000)
    expect(stopped.nodes.map(({ executed }) => executed.length)).toEqual([0, 0, 0, 0, 0])
  })

  test.each([4, 7])('with f of %i silent, order goes on and the schedule leaves them out', (size) => {
    const silent = size === 4 ? [2] : [2, 5]
    const cluster = createCluster({ size, silent, asksOnFirstBoot: false, core: { ...FAST, parameters: { scheduleCommits: 10 } } })
    expect(cluster.run(6_000, () => cluster.nodes[0]!.executed.length > 40)).toBe(true)
    const { executed } = cluster.nodes[0]!
    expect(executed.at(-1)!.commit.subDag.scheduleVersion).toBeGreaterThan(1)
    const leaders = executed.filter(({ commit }) => commit.subDag.scheduleVersion > 0).map(({ commit }) => commit.subDag.leader.author)
    for (const authority of silent) expect(leaders).not.toContain(authority)
    expectAgreement(cluster)
  })

  test('the same seed gives the same logs at the same times', () => {
    const run = (): (readonly [string, number])[] => {
      const cluster = createCluster({ seed: 11 })
      feed(cluster, { everyMs: 5, forMs: 400 })
      cluster.run(600)
      return all(cluster).map((at) => [cluster.logOf(at).join(), cluster.nodes[at]!.transactions.length] as const)
    }
    expect(run()).toEqual(run())
  })
})
