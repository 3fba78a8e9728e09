/** Where a core says no, and how an epoch ends (2.12, 2.14). */
import { expect, test } from 'vitest'
import { createCertifiedCore } from '../src/core/certified-core.ts'
import type { CoreEffect, CoreEvent } from '../src/core/contract.ts'
import { toHex } from '../src/wire/bytes.ts'
import { frameTypeOf } from '../src/wire/frames.ts'
import { headerDigest, headerSigningBytes } from '../src/wire/header.ts'
import { encodeSystemTransaction } from '../src/wire/system-transaction.ts'
import type { Certificate, Header } from '../src/wire/types.ts'
import { voteSigningBytes } from '../src/wire/vote.ts'
import { Cluster, type ClusterOptions, type Emitted } from './support/cluster.ts'
import { feed } from './support/load.ts'
import { MemoryRecords } from './support/memory-records.ts'
import { expectAgreement, missingOf, watch } from './support/watch.ts'

const CORE = { batchDelayMsMax: 20, idleDelayMsMax: 40, roundDelayMsMin: 5, leaderTimeoutMsMin: 50, leaderTimeoutMsMax: 200 }
const ALL = [0, 1, 2, 3]

function createCluster(options: Partial<ClusterOptions> = {}): Cluster {
  const cluster = new Cluster({ size: 4, mode: 'certified', seed: 1, createCore: createCertifiedCore, core: CORE, ...options })
  watch(cluster)
  return cluster
}

test('above 40 batches without a commit clients are refused at once, and what was taken is not lost', () => {
  let isCut = true
  const cluster = createCluster({ asksOnFirstBoot: false, isLost: (_, __, frame) => isCut && frameTypeOf(frame) === 'vote' }).start()
  feed(cluster, { everyMs: 20, forMs: 2_000, nodes: [0] })
  cluster.run(2_000)
  const { overloaded, records } = cluster.nodes[0]!
  expect(records.count('batch', 0)).toBe(40)
  expect(overloaded.length).toBeGreaterThan(10)
  isCut = false
  expect(cluster.run(10_000, () => missingOf(cluster, 0, [0]).length === 0)).toBe(true)
  const taken = new Set(cluster.nodes[0]!.transactions)
  for (const transaction of overloaded) expect(taken).not.toContain(toHex(transaction))
})

test('a transaction longer than 64 KiB is refused, others of the same call are taken', () => {
  const cluster = createCluster().start()
  cluster.submit(0, [new Uint8Array(10).fill(1), new Uint8Array(65_537), new Uint8Array(65_536).fill(2)])
  expect(cluster.nodes[0]!.overloaded.map(({ length }) => length)).toEqual([65_537])
  expect(cluster.run(2_000, () => cluster.nodes[3]!.transactions.length === 2)).toBe(true)
})

test('batches are sealed at their size, in the order of submission', () => {
  const cluster = createCluster({ core: { ...CORE, batchBytesMax: 4_000 } }).start()
  const transactions = Array.from({ length: 50 }, (_, i) => new Uint8Array(300).fill(i))
  cluster.submit(1, transactions)
  expect(cluster.run(2_000, () => cluster.nodes[3]!.transactions.length === 50)).toBe(true)
  expect(cluster.nodes[3]!.records.count('batch', 1)).toBe(4) // 13 of 304 bytes stand in one
  expect(new Set(cluster.nodes[3]!.transactions)).toEqual(new Set(transactions.map(toHex)))
})

test('system transactions are ordered once for each sender and kind, in headers of at most 4 KiB of them', () => {
  const cluster = createCluster().start()
  const commitment = (byte: number): Uint8Array =>
    encodeSystemTransaction({ kind: 'beaconCommit', commitment: new Uint8Array(32).fill(byte) })
  for (const at of ALL) cluster.event(at, { type: 'systemTransaction', bytes: commitment(at) })
  cluster.event(0, { type: 'systemTransaction', bytes: commitment(9) }) // a second of its kind
  cluster.run(1_500)
  const ordered = cluster.nodes[2]!.executed.flatMap(({ items }) => items.flatMap((item) => (item.type === 'system' ? [item] : [])))
  expect(ordered.map(({ author }) => author).toSorted((a, b) => a - b)).toEqual(ALL)
  for (const { author, bytes } of ordered) expect(bytes[1]).toBe(author)
  expectAgreement(cluster)
})

test('the sub-DAG that closes the epoch is the last: nothing follows, and what came too late goes back', () => {
  const lastIndices = new Set<number>()
  const ready = ALL.map(() => new Set<number>())
  const closingItemsOf = (node: number, { commit, items }: Emitted): number | undefined => {
    for (const [i, item] of items.entries()) {
      if (item.type !== 'system' || item.bytes[0] !== 0) continue
      ready[node]!.add(item.author)
      if (ready[node]!.size < 3) continue
      lastIndices.add(commit.subDag.index)
      return i + 1
    }
    return undefined
  }
  const cluster = createCluster({ closingItemsOf }).start()
  feed(cluster, { everyMs: 10, forMs: 1_500 })
  cluster.after(700, () => {
    for (const at of ALL)
      cluster.event(at, { type: 'systemTransaction', bytes: encodeSystemTransaction({ kind: 'readyToClose', epoch: 3 }) })
  })
  cluster.run(3_000)
  expect(lastIndices.size).toBe(1)
  const retried = cluster.nodes.flatMap((node) => node.retried.map(toHex))
  expect(retried.length).toBeGreaterThan(0)
  for (const node of cluster.nodes) {
    expect([...lastIndices]).toEqual([node.executed.length])
    const executed = new Set(node.transactions)
    for (const transaction of retried) expect(executed).not.toContain(transaction)
    const back = new Set(node.retried.map(toHex))
    for (const transaction of node.accepted.map(toHex)) expect(back.has(transaction) || executed.has(transaction)).toBe(true)
  }
  expectAgreement(cluster)
})

test('frames of nobody and answers to nothing are counted or ignored', () => {
  const cluster = createCluster()
  const store = new MemoryRecords()
  const core = createCertifiedCore({ crypto: cluster.committee.cryptos[0]!, store, random: () => 1 }, cluster.setupOf(0), CORE)
  const effects: CoreEffect[] = []
  const step = (event: CoreEvent): void => core.step(event, { nowMs: 1, unixMs: 1_700_000_000_001 }, effects)
  step({ type: 'start' })
  for (const from of [0, 4, 65_535]) step({ type: 'frame', from, frame: new Uint8Array([1, 2, 3]) })
  step({ type: 'verified', id: 'batch:nothing', isValid: true })
  step({ type: 'executed', index: 9, isFinal: false })
  step({ type: 'checkpointSigned', height: 4, signature: new Uint8Array(96) })
  step({ type: 'checkpointChecked', height: 4, bad: [], aggregate: undefined })
  step({ type: 'certificateChecked', height: 4, isValid: true })
  step({ type: 'tick' })
  expect(effects.filter(({ type }) => type === 'count')).toMatchObject([
    { name: 'frameMalformed' },
    { name: 'frameMalformed' },
    { name: 'frameMalformed' },
  ])
})

/** Good by itself, over parents that nobody made: what more than a third could bring about. */
function rootless(cluster: Cluster, author: number, round: number): Certificate {
  const { chainId, epoch, previous } = cluster.setupOf(author)
  const parents = ALL.map((parent) => ({ author: parent, digest: cluster.random.bytes(32) }))
  const header: Header = { epoch, round, author, createdAtMs: previous.timestampMs, payload: [], parents, systemTransactions: [] }
  const digest = headerDigest(chainId, header)
  const signers = [0, 1, author]
  const message = voteSigningBytes({ epoch, round, author, headerDigest: digest })
  const signatures = signers.map((signer) => cluster.committee.cryptos[signer]!.sign(message))
  return { header, headerSignature: cluster.committee.cryptos[author]!.sign(headerSigningBytes(digest)), signers, signatures }
}

test('certificates that wait for parents have 4 G places an author, and order goes on', () => {
  const gcDepth = 4
  const core = { ...CORE, parameters: { gcDepth } }
  const cluster = new Cluster({
    size: 4,
    mode: 'certified',
    seed: 1,
    createCore: createCertifiedCore,
    core,
    silent: [3],
    asksOnFirstBoot: false,
  })
  cluster.start().run(20)
  for (let round = 100; round < 140; round++) cluster.inject(3, 0, { type: 'certificate', certificate: rootless(cluster, 3, round) })
  cluster.run(8)
  const { counts, core: running } = cluster.nodes[0]!
  expect(counts.get('certificateParkedFull')).toBe(40 - 4 * gcDepth)
  expect(running!.gauges.waiting).toBeGreaterThanOrEqual(4 * gcDepth)
  const before = cluster.nodes[0]!.executed.length
  expect(cluster.run(8_000, () => cluster.nodes[0]!.executed.length > before + 10)).toBe(true)
  expectAgreement(cluster, [0, 1, 2])
})
