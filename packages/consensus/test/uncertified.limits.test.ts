/** Where a core of the uncertified mode says no to a member, and goes on with the others (2.14, docs/protocol/consensus-uncertified.md §9). */
import { expect, test } from 'vitest'
import { createUncertifiedCore } from '../src/core/uncertified.ts'
import { blockDigest, blockSigningBytes } from '../src/wire/block.ts'
import { encodeSystemTransaction } from '../src/wire/system-transaction.ts'
import type { Ancestor, Block } from '../src/wire/types.ts'
import { Cluster } from './support/cluster.ts'
import { expectAgreement, watch } from './support/watch.ts'

const GC_DEPTH = 5
const CORE = {
  idleDelayMsMax: 20,
  roundDelayMsMin: 5,
  leaderTimeoutMsMin: 40,
  leaderTimeoutMsMax: 80,
  parameters: { gcDepth: GC_DEPTH },
}
const LIAR = 3
const HONEST = [0, 1, 2]

/** Node 3 has keys and connections, and no core. */
function createCluster(): Cluster {
  const createCore = createUncertifiedCore
  const cluster = new Cluster({ size: 4, mode: 'uncertified', seed: 1, createCore, core: CORE, silent: [LIAR], asksOnFirstBoot: false })
  watch(cluster, [LIAR])
  return cluster.start()
}

/** A well signed block of the liar, over ancestors that nobody made. */
function tell(cluster: Cluster, round: number, changes: Partial<Block> = {}): void {
  const { chainId, epoch, previous } = cluster.setupOf(LIAR)
  const ancestors: Ancestor[] = [LIAR, 0, 1, 2].map((author) => ({ round: round - 1, author, digest: cluster.random.bytes(32) }))
  const createdAtMs = previous.timestampMs + Math.floor(cluster.nowMs)
  const block: Block = { epoch, round, author: LIAR, createdAtMs, ancestors, transactions: [], systemTransactions: [], ...changes }
  const signature = cluster.committee.cryptos[LIAR]!.sign(blockSigningBytes(blockDigest(chainId, block)))
  cluster.inject(LIAR, 0, { type: 'block', block: { block, signature } })
}

function expectGoesOn(cluster: Cluster): void {
  const before = cluster.nodes[0]!.executed.length
  expect(cluster.run(5_000, () => HONEST.every((at) => cluster.nodes[at]!.executed.length > before + 10))).toBe(true)
  expectAgreement(cluster, HONEST)
}

test('requests cost tokens: a flood of them is not answered', () => {
  const cluster = createCluster()
  cluster.run(200)
  for (let i = 0; i < 900; i++) {
    cluster.inject(LIAR, 0, { type: 'blockRequest', epoch: 3, query: { by: 'round', afterRounds: [0, 0, 0, 0], countMax: 1 } })
  }
  cluster.run(50)
  expect(cluster.nodes[0]!.counts.get('requestRefused')).toBeGreaterThan(400)
  expectGoesOn(cluster)
})

test('blocks that wait for ancestors have 4 G places an author, and a lower round takes that of a higher', () => {
  const cluster = createCluster()
  cluster.run(20)
  const { round } = cluster.nodes[0]!.core!.gauges
  const first = round + 2
  const last = round + 10 + GC_DEPTH // further ahead none is looked at
  for (const at of [last + 1, last + 2, last]) tell(cluster, at)
  for (let at = last - 1; at >= first; at--) for (let copy = 0; copy < 2; copy++) tell(cluster, at)
  cluster.run(8)
  expect(2 * (last - first) + 1).toBeGreaterThan(4 * GC_DEPTH)
  expect(cluster.nodes[0]!.core!.gauges.waiting).toBe(4 * GC_DEPTH)
  expect(cluster.nodes[0]!.counts.get('blockNotParked')).toBeUndefined() // each was lower than one that waited
  tell(cluster, last)
  cluster.run(8)
  expect([cluster.nodes[0]!.core!.gauges.waiting, cluster.nodes[0]!.counts.get('blockNotParked')]).toEqual([4 * GC_DEPTH, 1])
  expectGoesOn(cluster)
})

test('of one author sixteen blocks wait for their time', () => {
  const cluster = createCluster()
  cluster.run(20)
  const { round } = cluster.nodes[0]!.core!.gauges
  const { previous } = cluster.setupOf(LIAR)
  for (let at = 0; at < 10; at++) {
    for (const copy of [0, 1]) tell(cluster, round + 2 + at, { createdAtMs: previous.timestampMs + 300 + copy })
  }
  cluster.run(8)
  const { counts, core } = cluster.nodes[0]!
  expect([core!.gauges.waiting, counts.get('blockFromTheFuture')]).toEqual([16, 4])
  expectGoesOn(cluster)
})

test('system transactions of the application wait up to 256, and too long ones not at all', () => {
  const cluster = createCluster()
  cluster.run(20)
  const word = encodeSystemTransaction({ kind: 'beaconCommit', commitment: new Uint8Array(32) })
  cluster.event(0, { type: 'systemTransaction', bytes: new Uint8Array(4_097) })
  expect(cluster.nodes[0]!.counts.get('systemTransactionRefused')).toBe(1)
  for (let i = 0; i < 600; i++) cluster.event(0, { type: 'systemTransaction', bytes: word })
  expect(cluster.nodes[0]!.counts.get('systemTransactionRefused')).toBeGreaterThan(1)
  expectGoesOn(cluster)
})
