// Goal: certified rounds whose work takes long are made less often, as far as the options allow, and no less often than that; so are those of members whose checks of
// batches take long, as long as they do; others are not. Method: the same links with and without the option, in virtual time; rounds are counted.
import { expect, test } from 'vitest'
import { createCertifiedCore } from '../src/core/certified-core.ts'
import type { Mode } from '../src/dag/contract.ts'
import { createUncertifiedCore } from '../src/core/uncertified.ts'
import { Cluster } from './support/cluster.ts'
import { feed } from './support/load.ts'
import { expectAgreement } from './support/watch.ts'
import { CHECKS_REST_MS_MAX, PACE } from '../src/core/settings.ts'

const LATENCY_MS = 10
const RUN_MS = 3_000

function roundsOf(mode: Mode, roundDelayMsMax: number): number {
  const createCore = mode === 'certified' ? createCertifiedCore : createUncertifiedCore
  const core = { idleDelayMsMax: 20, roundDelayMsMin: 5, roundDelayMsMax, leaderTimeoutMsMin: 200, leaderTimeoutMsMax: 400 }
  const cluster = new Cluster({ size: 4, mode, seed: 3, createCore, core, latencyMs: () => LATENCY_MS })
  feed(cluster, { everyMs: 5, forMs: RUN_MS })
  cluster.start().run(RUN_MS)
  expectAgreement(cluster)
  return cluster.nodes[0]!.core!.gauges.round
}

test('certified rounds keep the pace of their work', () => {
  const fastest = roundsOf('certified', 5)
  const limited = roundsOf('certified', 40)
  const unlimited = roundsOf('certified', 1_000)
  expect(limited).toBeLessThan(fastest)
  expect(limited).toBeGreaterThanOrEqual(RUN_MS / 40 / 2)
  expect(unlimited).toBeLessThanOrEqual(limited)
})

test('rounds of the uncertified mode follow one another as fast as the options allow', () => {
  expect(roundsOf('uncertified', 1_000)).toBe(roundsOf('uncertified', 5))
})

/** Rounds in one second after another, where each check of a batch takes `verifyMs`. */
function roundsBySecond(verifyMs: (nowMs: number) => number): number[] {
  const core = { idleDelayMsMax: 20, roundDelayMsMin: 5, leaderTimeoutMsMin: 200, leaderTimeoutMsMax: 400 }
  const cluster = new Cluster({ size: 4, mode: 'certified', seed: 3, createCore: createCertifiedCore, core, latencyMs: () => 1, verifyMs })
  feed(cluster, { everyMs: 5, forMs: RUN_MS })
  cluster.start()
  const seconds: number[] = []
  for (let second = 1, before = 0; second <= RUN_MS / 1_000; second++) {
    cluster.run(1_000)
    const { round } = cluster.nodes[0]!.core!.gauges
    seconds.push(round - before)
    before = round
  }
  expectAgreement(cluster)
  return seconds
}

test('certified rounds leave the processor to checks that take long, up to a limit, and come back when they do not', () => {
  const at = (checkMs: number): number => 1_000 / Math.min(CHECKS_REST_MS_MAX, PACE * checkMs)
  expect(roundsBySecond(() => 0)[2]).toBeGreaterThan(1.5 * at(20))
  expect(roundsBySecond(() => 20)[2]).toBeCloseTo(at(20), -1)
  expect(roundsBySecond(() => 200)[2]).toBeCloseTo(at(200), -1)
  const [, slow, fast] = roundsBySecond((nowMs) => (nowMs < 1_900 ? 200 : 0))
  expect(fast).toBeGreaterThan(5 * slow!)
})

test('one member whose batches take long to check slows nobody, and when nothing is sent any more, nobody rests', () => {
  const core = { idleDelayMsMax: 20, roundDelayMsMin: 5, leaderTimeoutMsMin: 200, leaderTimeoutMsMax: 400 }
  const roundsOf = (slow: readonly number[], forMs: number, afterMs: number): number => {
    const isSlow = (transactions: readonly Uint8Array[]): boolean => transactions.some((each) => slow.includes(each[0]!))
    const verifyMs = (_: number, transactions: readonly Uint8Array[]): number => (isSlow(transactions) ? 200 : 0)
    const cluster = new Cluster({
      size: 4,
      mode: 'certified',
      seed: 3,
      createCore: createCertifiedCore,
      core,
      latencyMs: () => 1,
      verifyMs,
    })
    for (let atMs = 0; atMs < forMs; atMs += 5)
      cluster.after(atMs, () => {
        for (const author of [0, 1, 2, 3]) cluster.submit(author, [Uint8Array.from([author, ...cluster.random.bytes(63)])])
      })
    cluster.start().run(afterMs)
    const { round } = cluster.nodes[0]!.core!.gauges
    cluster.run(1_000)
    expectAgreement(cluster)
    return cluster.nodes[0]!.core!.gauges.round - round
  }
  const [none, one, two] = [[], [3], [2, 3]].map((slow) => roundsOf(slow, RUN_MS, 1_000))
  expect(one).toBeGreaterThan(0.8 * none!)
  expect(two).toBeLessThan(0.3 * none!)
  const idle = roundsOf([], 0, 4_000)
  expect(idle).toBeGreaterThan(10)
  expect(roundsOf([0, 1, 2, 3], 1_000, 4_000)).toBe(idle)
})
