/** What a Byzantine member can send, and what must come of it: a count, sometimes evidence, never an exception and never a fork. */
import { describe, expect, test } from 'vitest'
import { createCertifiedCore } from '../src/core/certified-core.ts'
import type { CoreCrypto } from '../src/core/contract.ts'
import { batchDigest, encodeBatch } from '../src/wire/batch.ts'
import { compareBytes, toHex } from '../src/wire/bytes.ts'
import { encodeCertificate, genesisDigest } from '../src/wire/certificate.ts'
import { decodeEvidence, evidenceOfHeaders } from '../src/wire/evidence.ts'
import { decodeFrame, encodeFrame, type Frame, frameTypeOf } from '../src/wire/frames.ts'
import { headerDigest, headerSigningBytes } from '../src/wire/header.ts'
import type { Authority, Certificate, Digest, Header, SignedHeader, Vote } from '../src/wire/types.ts'
import { voteSigningBytes } from '../src/wire/vote.ts'
import { Cluster, type ClusterOptions } from './support/cluster.ts'
import { feed } from './support/load.ts'
import { createRandom } from './support/random.ts'
import { expectAgreement, missingOf, watch } from './support/watch.ts'

const CORE = { batchDelayMsMax: 20, idleDelayMsMax: 40, roundDelayMsMin: 5, leaderTimeoutMsMin: 50, leaderTimeoutMsMax: 200 }
const LIAR = 3
const HONEST = [0, 1, 2]
const FRAMES = Number(process.env.RUNS ?? 20_000)

/** Node 3 has keys and connections, and no core. */
function createCluster(options: Partial<ClusterOptions> = {}): Cluster {
  const base = {
    size: 4,
    mode: 'certified',
    seed: 1,
    createCore: createCertifiedCore,
    core: CORE,
    silent: [LIAR],
    asksOnFirstBoot: false,
  } as const
  const cluster = new Cluster({ ...base, ...options })
  watch(cluster, [LIAR])
  return cluster
}

function signed(cluster: Cluster, changes: Partial<Header>, by: Authority = LIAR): SignedHeader {
  const { chainId, epoch, genesisHash, previous } = cluster.setupOf(by)
  const parents = [0, 1, 2, 3].map((author) => ({ author, digest: genesisDigest(chainId, genesisHash, epoch, author) }))
  const base = { epoch, round: 1, author: by, createdAtMs: previous.timestampMs + 5, payload: [], parents, systemTransactions: [] }
  const header: Header = { ...base, ...changes }
  return { header, signature: cluster.committee.cryptos[by]!.sign(headerSigningBytes(headerDigest(chainId, header))) }
}

function voteOf({ header }: SignedHeader, chainId: number, voter: Authority, crypto: CoreCrypto): Vote {
  const slot = { epoch: header.epoch, round: header.round, author: header.author, headerDigest: headerDigest(chainId, header) }
  return { ...slot, voter, signature: crypto.sign(voteSigningBytes(slot)) }
}

function certificateOf(cluster: Cluster, { header, signature }: SignedHeader, signers: readonly Authority[]): Certificate {
  const { chainId } = cluster.setupOf(LIAR)
  const votes = signers.map((voter) => voteOf({ header, signature }, chainId, voter, cluster.committee.cryptos[voter]!))
  return { header, headerSignature: signature, signers, signatures: votes.map((vote) => vote.signature) }
}

describe('equivocation', () => {
  test('two headers of one slot: at most one certificate, and evidence at every honest node', () => {
    const cluster = createCluster()
    const votes: Vote[] = []
    const { onSend } = cluster
    cluster.onSend = (from, to, bytes) => {
      onSend(from, to, bytes)
      const frame = decodeFrame(bytes, 4)
      if (to === LIAR && frame.type === 'vote') votes.push(frame.vote)
    }
    cluster.start()
    const pair = [signed(cluster, {}), signed(cluster, { createdAtMs: cluster.setupOf(LIAR).previous.timestampMs + 6 })] as const
    cluster.run(10)
    for (const to of [0, 1]) cluster.inject(LIAR, to, { type: 'header', header: pair[0] })
    cluster.inject(LIAR, 2, { type: 'header', header: pair[1] })
    cluster.run(50)
    const { chainId } = cluster.setupOf(LIAR)
    const stakes = pair.map(
      (header) => 1 + votes.filter((vote) => compareBytes(vote.headerDigest, headerDigest(chainId, header.header)) === 0).length,
    )
    expect(stakes).toEqual([3, 2]) // its own vote counted for both: one quorum, never two (I5)
    for (const to of HONEST) cluster.inject(LIAR, to, { type: 'certificate', certificate: certificateOf(cluster, pair[0], [0, 1, LIAR]) })
    cluster.run(4_000)
    for (const at of HONEST) {
      expect(cluster.nodes[at]!.evidence.map((bytes) => decodeEvidence(bytes).signer)).toEqual([LIAR])
    }
    const ordered = cluster.nodes[0]!.executed.flatMap(({ items }) => items.filter((item) => item.type === 'system'))
    expect(ordered.length).toBeGreaterThan(0)
    expectAgreement(cluster, HONEST)
  })

  test('whoever is proven guilty leads no more from the next schedule on, however well it works', () => {
    const run = (isGuilty: boolean): Authority[] => {
      const cluster = createCluster({ silent: [], core: { ...CORE, parameters: { scheduleCommits: 8 } } }).start()
      cluster.run(20)
      const evidence = evidenceOfHeaders(signed(cluster, { round: 900 }), signed(cluster, { round: 900, createdAtMs: 5 }))
      if (isGuilty) cluster.inject(LIAR, 1, { type: 'evidence', evidence })
      cluster.run(4_000)
      expect(cluster.nodes.map((node) => node.evidence.length)).toEqual(isGuilty ? [1, 1, 1, 1] : [0, 0, 0, 0])
      expectAgreement(cluster)
      return cluster.nodes[0]!.executed.flatMap(({ commit: { subDag } }) => (subDag.scheduleVersion > 1 ? [subDag.leader.author] : []))
    }
    expect(run(false)).toContain(LIAR)
    const leaders = run(true)
    expect(leaders.length).toBeGreaterThan(20)
    expect(leaders).not.toContain(LIAR)
  })

  test('who has voted, died and come back votes again for the same header and never for another of its slot', () => {
    const cluster = createCluster()
    const votes: string[] = []
    const { onSend } = cluster
    cluster.onSend = (from, to, bytes) => {
      onSend(from, to, bytes)
      const frame = decodeFrame(bytes, 4)
      if (from === 0 && to === LIAR && frame.type === 'vote') votes.push(toHex(frame.vote.headerDigest))
    }
    cluster.start()
    const first = signed(cluster, {})
    const other = signed(cluster, { createdAtMs: cluster.setupOf(LIAR).previous.timestampMs + 6 })
    cluster.run(5)
    cluster.inject(LIAR, 0, { type: 'header', header: first })
    cluster.run(20)
    cluster.crash(0)
    cluster.restart(0)
    for (const header of [other, first, other]) cluster.inject(LIAR, 0, { type: 'header', header })
    cluster.run(20)
    const digest = toHex(headerDigest(cluster.setupOf(LIAR).chainId, first.header))
    expect(votes).toEqual([digest, digest])
  })

  test('two votes for one slot', () => {
    const cluster = createCluster()
    const sent: SignedHeader[] = []
    cluster.onSend = (_, __, bytes) => {
      const frame = decodeFrame(bytes, 4)
      if (frame.type === 'header' && frame.header.header.author === 0) sent.push(frame.header)
    }
    cluster.start().run(30)
    const own = sent.at(-1)!
    const { chainId } = cluster.setupOf(LIAR)
    const crypto = cluster.committee.cryptos[LIAR]!
    cluster.inject(LIAR, 0, { type: 'vote', vote: voteOf(own, chainId, LIAR, crypto) })
    cluster.inject(LIAR, 0, {
      type: 'vote',
      vote: voteOf({ ...own, header: { ...own.header, createdAtMs: own.header.createdAtMs + 1 } }, chainId, LIAR, crypto),
    })
    cluster.run(100)
    expect(cluster.nodes[0]!.evidence.map((bytes) => decodeEvidence(bytes))).toMatchObject([{ kind: 'vote', signer: LIAR }])
  })

  test('two certificates of one slot prove that the quorum is broken: the epoch halts', () => {
    const cluster = createCluster().start()
    cluster.run(10)
    const pair = [signed(cluster, {}), signed(cluster, { createdAtMs: cluster.setupOf(LIAR).previous.timestampMs + 6 })] as const
    for (const header of pair) cluster.inject(LIAR, 0, { type: 'certificate', certificate: certificateOf(cluster, header, [0, 1, LIAR]) })
    cluster.run(500)
    expect(cluster.nodes[0]!.halts).toEqual(['two certificates in round 1 of authority 3'])
    const proofs = cluster.nodes[0]!.evidence.map((bytes) => decodeEvidence(bytes))
    expect(proofs).toMatchObject([{ kind: 'header', round: 1, author: LIAR, signer: LIAR }]) // its headers; who voted for both is not known by name
    const length = cluster.nodes[0]!.executed.length
    cluster.run(500)
    expect(cluster.nodes[0]!.executed.length).toBe(length)
    cluster.crash(0)
    cluster.restart(0) // whoever starts it again changes nothing
    cluster.run(500)
    expect(cluster.nodes[0]!.halts).toHaveLength(2)
    expect(cluster.nodes[0]!.executed.length).toBe(length)
  })
})

describe('what is dropped, by its count', () => {
  const payloadOf = (bytes: number, digest: Digest): Header['payload'] => [{ digest, worker: 0, bytes }]
  test.each<readonly [string, (cluster: Cluster) => Frame]>([
    ['headerOfAnother', (cluster) => ({ type: 'header', header: signed(cluster, {}, 1) })],
    ['headerBad', (cluster) => ({ type: 'header', header: signed(cluster, { epoch: 4 }) })],
    ['headerBad', (cluster) => ({ type: 'header', header: signed(cluster, { round: 5_000 }) })],
    ['headerBad', (cluster) => ({ type: 'header', header: signed(cluster, { parents: [] }) })],
    [
      'headerBad',
      (cluster) => ({ type: 'header', header: signed(cluster, { payload: [{ digest: new Uint8Array(32), worker: 1, bytes: 9 }] }) }),
    ],
    ['headerBadSignature', (cluster) => ({ type: 'header', header: { ...signed(cluster, {}), signature: new Uint8Array(64) } })],
    [
      'headerTooEarly',
      (cluster) => ({ type: 'header', header: signed(cluster, { createdAtMs: cluster.setupOf(0).previous.timestampMs + 60_000 }) }),
    ],
    ['headerBeforeParents', (cluster) => ({ type: 'header', header: signed(cluster, { createdAtMs: 1 }) })],
    [
      'certificateBad',
      (cluster) => ({ type: 'certificate', certificate: certificateOf(cluster, signed(cluster, { parents: [] }), [0, 1, 3]) }),
    ],
    ['certificateBadSignature', (cluster) => ({ type: 'certificate', certificate: certificateOf(cluster, signed(cluster, {}), [0, 3]) })],
    [
      'certificateBadSignature',
      (cluster) => {
        const certificate = certificateOf(cluster, signed(cluster, {}), [0, 1, 3])
        return { type: 'certificate', certificate: { ...certificate, signatures: certificate.signatures.toReversed() } }
      },
    ],
    [
      'certificatesNotAskedFor',
      (cluster) => ({
        type: 'certificates',
        epoch: 3,
        certificates: [encodeCertificate(certificateOf(cluster, signed(cluster, {}), [0, 1, 3]), 4)],
      }),
    ],
    ['batchesNotAskedFor', () => ({ type: 'batchResponse', epoch: 3, worker: 0, batches: [new Uint8Array(40)] })],
    [
      'batchBad',
      () => ({ type: 'batch', bytes: encodeBatch({ epoch: 3, author: 2, worker: 0, seq: 0, createdAtMs: 1, transactions: [] }) }),
    ],
    [
      'batchBad',
      () => ({ type: 'batch', bytes: encodeBatch({ epoch: 2, author: 3, worker: 0, seq: 0, createdAtMs: 1, transactions: [] }) }),
    ],
    ['voteUnknown', (cluster) => ({ type: 'vote', vote: voteOf(signed(cluster, {}, 0), 1337, 2, cluster.committee.cryptos[LIAR]!) })],
    ['frameOfOtherEpoch', () => ({ type: 'batchRequest', epoch: 2, worker: 0, digests: [] })],
    ['frameUnused', () => ({ type: 'closeReport', epoch: 3 })],
    ['evidenceRefused', () => ({ type: 'evidence', evidence: decodeEvidence(forgedEvidence()) })],
  ])('%s', (count, frameOf) => {
    const cluster = createCluster().start()
    cluster.run(4)
    cluster.inject(LIAR, 0, frameOf(cluster))
    cluster.run(20)
    expect(cluster.nodes[0]!.counts.get(count)).toBe(1)
  })

  test('a batch at another worker or length than it has is never voted for', () => {
    const cluster = createCluster().start()
    const votes: Authority[] = []
    const { onSend } = cluster
    cluster.onSend = (from, to, frame) => {
      onSend(from, to, frame)
      if (to === LIAR && frameTypeOf(frame) === 'vote') votes.push(from)
    }
    const bytes = encodeBatch({ epoch: 3, author: LIAR, worker: 0, seq: 0, createdAtMs: 1, transactions: [new Uint8Array(9)] })
    cluster.inject(LIAR, 0, { type: 'batch', bytes })
    cluster.inject(LIAR, 0, { type: 'header', header: signed(cluster, { payload: payloadOf(bytes.length + 1, batchDigest(1337, bytes)) }) })
    cluster.run(100)
    expect(votes).toEqual([])
    expect(cluster.nodes[0]!.counts.get('headerBatchMismatch')).toBe(1)
  })

  test('headers with parents that do not exist are held up to 64, and others go on', () => {
    const cluster = createCluster().start()
    cluster.run(10)
    for (let round = 2; round < 200; round++) {
      const parents = HONEST.map((author) => ({ author, digest: createRandom(round * 4 + author).bytes(32) }))
      cluster.inject(LIAR, 0, { type: 'header', header: signed(cluster, { round, parents }) })
    }
    cluster.run(2_000)
    expect(cluster.nodes[0]!.counts.get('headerParkedFull')).toBeGreaterThan(100)
    expect(cluster.nodes[0]!.executed.length).toBeGreaterThan(10)
    expectAgreement(cluster, HONEST)
  })

  test('headers full of invented batches: 64 of them are asked for, and the tokens that batches of others need are not spent', () => {
    const cluster = createCluster().start()
    const asked = new Set<string>()
    cluster.onSend = (_, __, bytes) => {
      const frame = decodeFrame(bytes, 4)
      if (frame.type === 'batchRequest') for (const digest of frame.digests) asked.add(toHex(digest))
    }
    cluster.run(10)
    const payload = Array.from({ length: 1_000 }, (_, i) => ({ digest: createRandom(i).bytes(32), worker: 0, bytes: 0 }))
    const sorted = payload.toSorted((a, b) => compareBytes(a.digest, b.digest))
    cluster.inject(LIAR, 0, { type: 'header', header: signed(cluster, { payload: sorted }) })
    feed(cluster, { everyMs: 50, forMs: 1_000, nodes: HONEST })
    expect(cluster.run(5_000, () => cluster.nowMs > 1_100 && HONEST.every((at) => missingOf(cluster, at, HONEST).length === 0))).toBe(true)
    expect(asked.size).toBe(64)
    expect(cluster.nodes[1]!.counts.get('requestOverRate')).toBeUndefined()
  })

  test('batches above the quota or the rate are dropped, and those of others are not', () => {
    const cluster = createCluster().start()
    for (let seq = 0; seq < 300; seq++) {
      const transactions = Array.from({ length: 8 }, () => new Uint8Array(60_000))
      cluster.inject(LIAR, 0, {
        type: 'batch',
        bytes: encodeBatch({ epoch: 3, author: LIAR, worker: 0, seq, createdAtMs: 1, transactions }),
      })
    }
    feed(cluster, { everyMs: 50, forMs: 300, nodes: HONEST })
    expect(cluster.run(3_000, () => cluster.nowMs > 350 && HONEST.every((at) => missingOf(cluster, at, HONEST).length === 0))).toBe(true)
    expect(cluster.nodes[0]!.counts.get('batchOverQuota')).toBeGreaterThan(0)
    expect(cluster.nodes[0]!.counts.get('batchOverRate')).toBeGreaterThan(0)
    expect(cluster.nodes[0]!.records.count('batch', LIAR) * 480_000).toBeLessThanOrEqual(64 * 2 ** 20)
  })

  test('a batch with a bad transaction is not acknowledged, and no header with it is voted for', () => {
    const cluster = createCluster({ verify: (transactions) => transactions.every((transaction) => transaction[0] !== 0xff) }).start()
    const bytes = encodeBatch({ epoch: 3, author: LIAR, worker: 0, seq: 0, createdAtMs: 1, transactions: [new Uint8Array([0xff])] })
    const heard: string[] = []
    const { onSend } = cluster
    cluster.onSend = (from, to, frame) => {
      onSend(from, to, frame)
      if (to === LIAR) heard.push(frameTypeOf(frame))
    }
    for (const to of HONEST) cluster.inject(LIAR, to, { type: 'batch', bytes })
    for (const to of HONEST)
      cluster.inject(LIAR, to, { type: 'header', header: signed(cluster, { payload: payloadOf(bytes.length, batchDigest(1337, bytes)) }) })
    cluster.run(400)
    expect(heard).not.toContain('batchAck')
    expect(heard).not.toContain('vote')
    expect(cluster.nodes[0]!.counts.get('batchBadTransaction')).toBe(1)
  })

  test('requests cost tokens: a flood of them is not answered', () => {
    const cluster = createCluster().start()
    cluster.run(200)
    for (let i = 0; i < 200; i++) {
      cluster.inject(LIAR, 0, { type: 'certificateRequest', epoch: 3, query: { by: 'round', afterRounds: [0, 0, 0, 0], countMax: 1_000 } })
    }
    cluster.run(50)
    expect(cluster.nodes[0]!.counts.get('requestOverRate')).toBeGreaterThan(100)
  })
})

/** Valid frames of a real run, and one to three edits in each. */
test(`${FRAMES} edited frames from a peer: nothing is thrown, and order goes on`, () => {
  const recorded = recordFrames()
  const cluster = createCluster().start()
  const random = createRandom(77)
  const types = [...recorded.keys()]
  expect(types.length).toBeGreaterThan(12)
  for (let i = 0; i < FRAMES; i++) {
    const frames = recorded.get(types[i % types.length]!)!
    cluster.inject(LIAR, random.below(3), edited(frames[random.below(frames.length)]!, random))
    if (i % 200 === 0) cluster.run(5)
  }
  const before = cluster.nodes[0]!.executed.length
  cluster.run(1_000)
  expect(cluster.nodes[0]!.executed.length).toBeGreaterThan(before + 5)
  expect(cluster.nodes[0]!.counts.get('frameMalformed')).toBeGreaterThan(FRAMES / 100)
  expectAgreement(cluster, HONEST)
}, 240_000)

function recordFrames(): Map<string, Uint8Array[]> {
  const recorded = new Map<string, Uint8Array[]>()
  const keep = (frame: Uint8Array): void => {
    const type = frameTypeOf(frame)
    const frames = recorded.get(type) ?? []
    if (frames.length < 40) recorded.set(type, [...frames, frame.slice()])
  }
  const random = createRandom(5)
  const cluster = new Cluster({
    size: 4,
    mode: 'certified',
    seed: 6,
    createCore: createCertifiedCore,
    core: CORE,
    isLost: () => random.chance(0.1),
  })
  cluster.onSend = (_, __, frame) => keep(frame)
  cluster.start()
  feed(cluster, { everyMs: 20, forMs: 1_000 })
  cluster.run(1_000)
  const pair = [signed(cluster, {}), signed(cluster, { createdAtMs: cluster.setupOf(LIAR).previous.timestampMs + 6 })] as const
  keep(encodeFrame({ type: 'evidence', evidence: decodeEvidence(forgedEvidence()) }, 4))
  keep(encodeFrame({ type: 'closeReport', epoch: 3 }, 4))
  for (const header of pair) keep(encodeFrame({ type: 'header', header }, 4))
  const bytes = new Uint8Array(60).fill(1)
  bytes.set([0x39, 5, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]) // chain 1337, epoch 3, height 1
  keep(encodeFrame({ type: 'checkpointSignature', signature: { height: 1, bytes, signer: 3, signature: new Uint8Array(96) } }, 4))
  keep(encodeFrame({ type: 'blockCertificate', certificate: { bytes, signers: [0, 1, 2], aggregate: new Uint8Array(96) } }, 4))
  return recorded
}

function edited(frame: Uint8Array, random: ReturnType<typeof createRandom>): Uint8Array {
  let bytes = frame.slice()
  for (let edits = 1 + random.below(3); edits > 0; edits--) {
    const at = random.below(bytes.length)
    const what = random.below(4)
    if (what === 0) bytes = bytes.slice(0, at)
    else if (what === 1) bytes = new Uint8Array([...bytes.subarray(0, at), ...random.bytes(1 + random.below(4)), ...bytes.subarray(at)])
    else if (what === 2) bytes[at] = random.below(256)
    else bytes[at]! ^= 1 << random.below(8)
    if (bytes.length === 0) return random.bytes(1)
  }
  return bytes
}

/** Well formed, of this epoch, and signed by nobody. */
function forgedEvidence(): Uint8Array {
  const evidence = new Uint8Array(211)
  evidence.set([0, 3]) // headers, epoch 3
  evidence[9] = 1 // round
  evidence[17] = LIAR
  evidence[19 + 96] = 1 // the second hash is above the first
  return evidence
}
