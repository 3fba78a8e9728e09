import { describe, expect, test } from 'vitest'
import { createUncertifiedCore } from '../src/core/uncertified.ts'
import { blockDigest, blockSigningBytes, encodeSignedBlock } from '../src/wire/block.ts'
import { toHex } from '../src/wire/bytes.ts'
import { decodeEvidence } from '../src/wire/evidence.ts'
import { decodeFrame, FRAME_TYPES, type Frame, frameTypeOf } from '../src/wire/frames.ts'
import { decodeSystemTransaction } from '../src/wire/system-transaction.ts'
import type { Block, SignedBlock } from '../src/wire/types.ts'
import { Cluster, type ClusterOptions } from './support/cluster.ts'
import { feed } from './support/load.ts'
import { executedOf, expectAgreement, missingOf, watch } from './support/watch.ts'

const CHAIN_ID = 1337
const FAST = { idleDelayMsMax: 20, roundDelayMsMin: 5, leaderTimeoutMsMin: 40, leaderTimeoutMsMax: 80, parameters: { scheduleCommits: 10 } }

function createCluster(byzantine: readonly number[], options: Partial<ClusterOptions> = {}): Cluster {
  const base = { size: 4, mode: 'uncertified', seed: 1, createCore: createUncertifiedCore, core: FAST } as const
  const cluster = new Cluster({ ...base, ...options })
  watch(cluster, byzantine)
  return cluster
}

const honestOf = (cluster: Cluster, byzantine: readonly number[]): number[] =>
  cluster.nodes.map(({ authority }) => authority).filter((authority) => !byzantine.includes(authority))

function sign(cluster: Cluster, block: Block): SignedBlock {
  return { block, signature: cluster.committee.cryptos[block.author]!.sign(blockSigningBytes(blockDigest(CHAIN_ID, block))) }
}

/** From `fromMs` on, what a node sends as its block is another one for each of `copies` sets of receivers. */
function equivocate(cluster: Cluster, who: readonly number[], copies: number, fromMs: number): void {
  let isForging = false
  Object.assign(cluster.options, {
    isLost: (from: number, to: number, bytes: Uint8Array): boolean => {
      if (isForging || !who.includes(from) || cluster.nowMs < fromMs || to % copies === 0) return false
      const frame = decodeFrame(bytes, cluster.options.size)
      if (frame.type !== 'block') return false
      const { block } = frame.block
      const copy = sign(cluster, { ...block, createdAtMs: block.createdAtMs + (to % copies) })
      isForging = true
      cluster.inject(from, to, { type: 'block', block: copy })
      isForging = false
      return true
    },
  })
}

describe.each([
  [4, [3], 2],
  [4, [3], 3],
  [7, [2, 5], 2],
  [7, [2, 5], 3],
] as const)('of %i members %j say %i different things at each slot', (size, byzantine, copies) => {
  test('logs stay equal, the proof is ordered, and they lead no more', () => {
    const cluster = createCluster(byzantine, { size, seed: 10 * size + copies })
    equivocate(cluster, byzantine, copies, 200)
    const honest = honestOf(cluster, byzantine)
    feed(cluster, { everyMs: 30, forMs: 900, nodes: honest })
    cluster.start()
    cluster.run(1_600)
    expectAgreement(cluster, honest)
    for (const at of honest) {
      const { executed, evidence, halts } = cluster.nodes[at]!
      expect(executed.length).toBeGreaterThan(40)
      expect(evidence.map((bytes) => decodeEvidence(bytes).signer).toSorted((a, b) => a - b)).toEqual([...byzantine])
      expect(halts).toEqual([])
    }
    expect(missingOf(cluster, honest[0]!, honest)).toEqual([])
    const { executed } = cluster.nodes[honest[0]!]!
    const system = executed.flatMap(({ items }) =>
      items.flatMap((item) => (item.type === 'system' ? [decodeSystemTransaction(item.bytes)] : [])),
    )
    expect(system.some(({ kind }) => kind === 'evidence')).toBe(true)
    const last = executed.at(-1)!.commit.subDag.scheduleVersion
    const late = executed.filter(({ commit }) => commit.subDag.scheduleVersion >= last - 1)
    for (const authority of byzantine) expect(late.map(({ commit }) => commit.subDag.leader.author)).not.toContain(authority)
  })
})

test('blocks from the future, without a quorum, with a foreign genesis or of another epoch count nothing', () => {
  const cluster = createCluster([3], { silent: [3], asksOnFirstBoot: false })
  const genesis: Block['ancestors'][number][] = []
  cluster.onSend = (from, _to, bytes) => {
    const frame = decodeFrame(bytes, 4)
    if (from === 0 && frame.type === 'block' && frame.block.block.round === 1 && genesis.length === 0)
      genesis.push(...frame.block.block.ancestors)
  }
  cluster.start()
  cluster.run(100)
  const own = genesis.find(({ author }) => author === 3)!
  const ancestors = [own, ...genesis.filter(({ author }) => author !== 3)].map((each) => ({ ...each, digest: each.digest.slice() }))
  const createdAtMs = 1_700_000_000_050
  const good: Block = { epoch: 3, round: 1, author: 3, createdAtMs, ancestors, transactions: [], systemTransactions: [] }
  const bad: Record<string, Block> = {
    blockFromTheFuture: { ...good, createdAtMs: createdAtMs + 600_000 },
    'blockFault:stake': { ...good, ancestors: ancestors.slice(0, 2) },
    'blockFault:genesis': { ...good, ancestors: [{ ...own, digest: own.digest.map((byte) => byte ^ 1) }, ...ancestors.slice(1)] },
    'blockFault:ownAncestor': { ...good, ancestors: ancestors.toReversed() },
    'blockFault:epoch': { ...good, epoch: 4 },
  }
  for (const block of Object.values(bad)) cluster.inject(3, 0, { type: 'block', block: sign(cluster, block) })
  cluster.inject(3, 0, { type: 'block', block: { block: good, signature: new Uint8Array(64) } })
  cluster.inject(2, 0, { type: 'block', block: sign(cluster, good) })
  cluster.run(500)
  const { counts, records } = cluster.nodes[0]!
  for (const name of [...Object.keys(bad), 'blockUnsigned', 'foreignAuthor']) expect([name, counts.get(name)]).toEqual([name, 1])
  expect(records.count('block', 3)).toBe(0)
  cluster.inject(3, 0, { type: 'block', block: sign(cluster, good) })
  cluster.run(500)
  expect(records.count('block', 3)).toBe(1)
  expectAgreement(cluster, [0, 1, 2])
})

/** A block of the liar of what node 0 said in `round`, made by `changes` into another of the liar's own. */
function forge(cluster: Cluster, seen: ReadonlyMap<number, Block>, round: number, changes: Partial<Block>): SignedBlock {
  const { epoch, createdAtMs, ancestors } = seen.get(round)!
  const sorted = [...ancestors.filter(({ author }) => author === 3), ...ancestors.filter(({ author }) => author !== 3)]
  const block = { epoch, round, author: 3, createdAtMs, ancestors: sorted, transactions: [], systemTransactions: [] }
  return sign(cluster, { ...block, ...changes })
}

/** What node 0 says in each round; node 3 has keys and no core. */
function createWithLiar(): { cluster: Cluster; seen: Map<number, Block>; asked: { readonly from: number; readonly by: string }[] } {
  const cluster = createCluster([3], { silent: [3], asksOnFirstBoot: false })
  const seen = new Map<number, Block>()
  const asked: { readonly from: number; readonly by: string }[] = []
  cluster.onSend = (from, _to, bytes) => {
    const frame = decodeFrame(bytes.slice(), 4)
    if (from === 0 && frame.type === 'block') seen.set(frame.block.block.round, frame.block.block)
    if (frame.type === 'blockRequest') asked.push({ from, by: frame.query.by })
  }
  return { cluster: cluster.start(), seen, asked }
}

test('one member that signs a block far ahead makes nobody believe to be behind', () => {
  const { cluster, seen, asked } = createWithLiar()
  cluster.run(200)
  for (const to of [0, 1, 2]) {
    const ancestors = seen.get(1)!.ancestors.map(({ author, digest }) => ({ author, digest, round: 999_999 }))
    const far = forge(cluster, seen, 1, { round: 1_000_000, ancestors: [ancestors[3]!, ...ancestors.slice(0, 3)] })
    cluster.inject(3, to, { type: 'block', block: far })
  }
  cluster.run(2_000)
  expect([0, 1, 2].map((at) => cluster.nodes[at]!.counts.get('blockAhead'))).toEqual([1, 1, 1])
  expect(asked.filter(({ by }) => by === 'round')).toEqual([])
  expectAgreement(cluster, [0, 1, 2])
})

test('of an equivocator two unasked blocks of a slot are taken; a further one comes when somebody builds on it', () => {
  const { cluster, seen } = createWithLiar()
  cluster.run(50)
  const copies = [0, 1, 2, 3, 4, 5].map((later) => forge(cluster, seen, 1, { createdAtMs: seen.get(1)!.createdAtMs + later }))
  for (const copy of copies) cluster.inject(3, 0, { type: 'block', block: copy })
  cluster.run(10)
  const { counts, records, evidence } = cluster.nodes[0]!
  expect(counts.get('blockCopyRefused')).toBe(4)
  expect(evidence.map((bytes) => decodeEvidence(bytes).signer)).toEqual([3])
  // node 1 was given another one: it builds on that, and node 0 asks for it by name
  cluster.inject(3, 1, { type: 'block', block: copies[5]! })
  expect(cluster.run(2_000, () => records.count('block', 3) === 3)).toBe(true)
  const before = cluster.nodes[0]!.executed.length
  expect(cluster.run(2_000, () => cluster.nodes[0]!.executed.length > before + 20)).toBe(true)
  expect(counts.get('blockCopyRefused')).toBe(4)
  expectAgreement(cluster, [0, 1, 2])
})

test('no frame makes a core throw, and order goes on under a stream of them', () => {
  const cluster = createCluster([3], { seed: 7 })
  const seen: Uint8Array[] = []
  cluster.onSend = (_from, _to, bytes) => {
    if (seen.length < 400) seen.push(bytes.slice())
  }
  feed(cluster, { everyMs: 10, forMs: 1_500, nodes: [0, 1, 2] })
  cluster.start()
  const { random } = cluster
  const hostile = (): Uint8Array => {
    if (seen.length === 0 || random.chance(0.1)) return random.bytes(random.below(200))
    const bytes = seen[random.below(seen.length)]!.slice()
    for (let edits = random.below(4); edits > 0; edits--) bytes[random.below(bytes.length)] = random.below(256)
    if (random.chance(0.2)) bytes[0] = random.below(FRAME_TYPES.length)
    return random.chance(0.2) ? bytes.subarray(0, random.below(bytes.length)) : bytes
  }
  for (let atMs = 50; atMs < 1_500; atMs += 1) {
    cluster.after(atMs, () => {
      for (const to of [0, 1, 2]) for (let i = 0; i < 3; i++) cluster.inject(3, to, hostile())
    })
  }
  cluster.run(3_000)
  expect(missingOf(cluster, 0, [0, 1, 2])).toEqual([])
  expect(executedOf(cluster, 0).length).toBeGreaterThan(400)
  expect(cluster.nodes[0]!.counts.get('malformed')).toBeGreaterThan(500)
  expectAgreement(cluster, [0, 1, 2])
})

test('a member that answers requests with junk delays nobody', () => {
  const cluster = createCluster([3], { seed: 8 })
  let isForging = false
  Object.assign(cluster.options, {
    isLost: (from: number, to: number, bytes: Uint8Array): boolean => {
      if (from !== 3 || isForging || frameTypeOf(bytes) !== 'blocks') return false
      const frame = decodeFrame(bytes, 4) as Extract<Frame, { type: 'blocks' }>
      const blocks = frame.blocks.map((block) => block.map((byte, i) => (i === block.length - 1 ? byte ^ 1 : byte)))
      isForging = true
      cluster.inject(from, to, { ...frame, blocks })
      isForging = false
      return true
    },
  })
  cluster.start()
  cluster.run(300)
  cluster.crash(1)
  cluster.run(600)
  cluster.restart(1)
  const before = cluster.nodes[0]!.executed.length
  expect(cluster.run(5_000, () => cluster.nodes[1]!.executed.length > before + 20)).toBe(true)
  expectAgreement(cluster, [0, 1, 2])
})

test('own blocks carry what the codec takes, and no more', () => {
  const cluster = createCluster([], { core: { ...FAST, batchBytesMax: 3_000_000 } })
  cluster.start()
  const transactions = Array.from({ length: 60 }, () => cluster.random.bytes(65_536))
  cluster.run(50)
  cluster.submit(0, transactions)
  cluster.submit(0, [new Uint8Array(65_537)])
  expect(cluster.run(3_000, () => executedOf(cluster, 3).length === 60)).toBe(true)
  expect(cluster.nodes[0]!.overloaded.map(({ length }) => length)).toEqual([65_537])
  expect(executedOf(cluster, 3).map(toHex)).toEqual(transactions.map(toHex))
})

test('the encoding of a block that is signed anew differs in its last 64 bytes alone', () => {
  const cluster = createCluster([])
  const block: Block = { epoch: 3, round: 1, author: 0, createdAtMs: 1, ancestors: [], transactions: [], systemTransactions: [] }
  const [a, b] = [sign(cluster, block), { block, signature: new Uint8Array(64) }].map(encodeSignedBlock)
  expect(toHex(a!.subarray(0, -64))).toBe(toHex(b!.subarray(0, -64)))
})
