// Goal: certified rounds whose work takes long are made less often, as far as the options allow, and no less often than that; others are not. Method: the same links
// with and without the option, in virtual time; the rounds of a second are counted.
import { expect, test } from 'vitest'
import { createCertifiedCore } from '../src/core/certified-core.ts'
import type { Mode } from '../src/dag/contract.ts'
import { createUncertifiedCore } from '../src/core/uncertified.ts'
import { Cluster } from './support/cluster.ts'
import { feed } from './support/load.ts'
import { expectAgreement } from './support/watch.ts'

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
