// Goal: a cut that has lasted is over when its connections are back, not when the next repeat would have been. Method: two are cut from two
// until every repeat is seconds apart; then each hears who is connected anew, and nothing else tells it that the cut is over.
import { expect, test } from 'vitest'
import { createCertifiedCore } from '../src/core/certified-core.ts'
import type { Mode } from '../src/dag/contract.ts'
import { createUncertifiedCore } from '../src/core/uncertified.ts'
import { Cluster } from './support/cluster.ts'
import { feed } from './support/load.ts'
import { expectAgreement, watch } from './support/watch.ts'

const CORE = { idleDelayMsMax: 20, roundDelayMsMin: 5, leaderTimeoutMsMin: 40, leaderTimeoutMsMax: 80 }
const CUT_MS = 20_000
const HEALED_MS = 500
const NODES = [0, 1, 2, 3]
const isAcross = (a: number, b: number): boolean => a < 2 !== b < 2

test.each<Mode>(['certified', 'uncertified'])('a cut ends with its connections, %s', (mode) => {
  let isCut = false
  const createCore = mode === 'certified' ? createCertifiedCore : createUncertifiedCore
  const isLost = (from: number, to: number): boolean => isCut && isAcross(from, to)
  const cluster = new Cluster({ size: 4, mode, seed: 7, createCore, core: CORE, isLost })
  watch(cluster)
  feed(cluster, { everyMs: 10, forMs: 500 })
  cluster.start().run(500)
  isCut = true
  cluster.run(CUT_MS)
  const before = NODES.map((node) => cluster.nodes[node]!.executed.length)
  isCut = false
  for (const node of NODES) for (const peer of NODES) if (isAcross(node, peer)) cluster.event(node, { type: 'connected', peer })
  const isHealed = (): boolean => NODES.every((node) => cluster.nodes[node]!.executed.length > before[node]! + 4)
  expect(cluster.run(HEALED_MS, isHealed)).toBe(true)
  expectAgreement(cluster)
})
