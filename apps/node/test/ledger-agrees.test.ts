// Goal: order and ledger, which never import each other, mean the same bytes where they meet: committees, certificates, what members say.
// Method: this is the only room where both may be imported. The same values through both, both ways, and hostile bytes decided alike.
import { aggregateBls, createBlsKeyPair } from '@selvedge/crypto/bls'
import { createKeyPair } from '@selvedge/crypto/ed25519'
import * as order from '@selvedge/consensus'
import { encodeClaimAnswer, encodeClaimCommit, encodeDisputeAnswer, type Opening } from '@selvedge/delivery-acknowledgement'
import * as ledger from '@selvedge/ledger-types'
import { createLightClient } from '@selvedge/ledger-types/light-client'
import { expect, test } from 'vitest'
import { randomOf } from './seeded.ts'

const CHAIN_ID = 1337
const bytesOf = (size: number, random: (below: number) => number): Uint8Array => Uint8Array.from({ length: size }, () => random(256))

interface Seat {
  readonly bls: ReturnType<typeof createBlsKeyPair>
  readonly member: order.Member & ledger.CommitteeMember
}

function seatsOf(count: number, seed: number): Seat[] {
  const random = randomOf(seed)
  const seats = Array.from({ length: count }, () => {
    const secret = bytesOf(32, random)
    const bls = createBlsKeyPair(secret)
    const member = { key: createKeyPair(secret).publicKey, blsKey: bls.publicKey, stake: 1 + random(2 ** 31), nodeIndex: random(2 ** 31) }
    return { bls, member }
  })
  return seats.sort((a, b) => ledger.compareBytes(a.member.key, b.member.key))
}

function checkpointOf(
  members: readonly ledger.CommitteeMember[],
  seed: number,
  fields: Partial<ledger.Checkpoint> = {},
): ledger.Checkpoint {
  const random = randomOf(seed)
  const [blockDigest, txRoot, stateRoot, receiptsRoot, snapshotRoot] = Array.from({ length: 5 }, () => bytesOf(32, random))
  const roots = {
    blockDigest: blockDigest!,
    txRoot: txRoot!,
    stateRoot: stateRoot!,
    receiptsRoot: receiptsRoot!,
    snapshotRoot: snapshotRoot!,
  }
  const place = {
    chainId: CHAIN_ID,
    epoch: random(2 ** 31),
    height: random(2 ** 31) * 2 ** 20,
    timestampMs: 2 ** 41 + seed,
    isFinal: false,
  }
  return { ...place, ...roots, committeeRoot: ledger.committeeRoot(members), nextCommitteeRoot: new Uint8Array(32), ...fields }
}

/** What it gives, or that it refuses: each room has its own error class. */
function outcomeOf<T>(run: () => T): T | 'refused' {
  try {
    return run()
  } catch (error) {
    if (error instanceof ledger.LedgerError || error instanceof order.ConsensusError) return 'refused'
    throw error
  }
}

test.each([1, 4, 7, 20, 100])('a committee of %i has one root and one quorum', (count) => {
  const members = seatsOf(count, count).map(({ member }) => member)
  const committee = order.createCommittee(members)
  expect(ledger.committeeRoot(members)).toEqual(order.committeeRoot(committee))
  expect(ledger.quorumOf(members)).toBe(committee.quorum)
})

test('quorums are the same at the edges of thirds and of 2^53', () => {
  const [{ member }] = seatsOf(1, 9) as [Seat]
  for (const stake of [1, 2, 3, 4, 5, 6, 7, 2 ** 53 - 3, 2 ** 53 - 2, 2 ** 53 - 1]) {
    const members = [{ ...member, stake }]
    expect(ledger.quorumOf(members)).toBe(order.createCommittee(members).quorum)
  }
})

test('members refused by one are refused by the other', () => {
  const members = seatsOf(4, 3).map(({ member }) => member)
  const [first, second, ...rest] = members
  const wrong = [[], [second!, first!, ...rest], [first!, first!], [{ ...first!, stake: 0 }], [{ ...first!, key: new Uint8Array(31) }]]
  for (const each of [members, ...wrong]) {
    const ours = outcomeOf(() => ledger.committeeRoot(each))
    expect(ours).toEqual(outcomeOf(() => order.committeeRoot(order.createCommittee(each))))
  }
})

test.each([1, 4, 7, 8, 9, 20])(
  'a checkpoint and its certificate of %i members are the same bytes, and the light client takes them',
  (count) => {
    const seats = seatsOf(count, count + 50)
    const members = seats.map(({ member }) => member)
    const checkpoint = checkpointOf(members, count)
    const bytes = ledger.encodeCheckpoint(checkpoint)
    expect(bytes).toHaveLength(253)
    const { chainId, epoch, height } = checkpoint
    expect(order.checkpointSlotOf(bytes)).toEqual({ chainId, epoch, height })
    const message = order.checkpointSigningBytes(bytes)
    expect(ledger.checkpointSigningBytes(bytes)).toEqual(message)
    const signers = members.map((_, i) => i)
    const aggregate = aggregateBls(seats.map(({ bls }) => bls.sign(message)))
    const encoded = order.encodeBlockCertificate({ bytes, signers, aggregate }, count)
    expect(ledger.encodeBlockCertificate({ checkpoint, signers, aggregate }, count)).toEqual(encoded)
    expect(ledger.decodeBlockCertificate(encoded, count)).toEqual({ checkpoint, signers, aggregate })
    expect(order.decodeBlockCertificate(ledger.encodeBlockCertificate({ checkpoint, signers, aggregate }, count), count).bytes).toEqual(
      bytes,
    )
    const client = createLightClient({ chainId: CHAIN_ID, epoch, committee: members })
    expect(client.verifyCertificate(encoded)).toEqual(checkpoint)
  },
)

test('what the ledger takes for a certificate, order does; of spare bits and cut ones neither', () => {
  const members = seatsOf(5, 77).map(({ member }) => member)
  const certificate = { checkpoint: checkpointOf(members, 5), signers: [0, 2, 4], aggregate: new Uint8Array(96).fill(3) }
  const encoded = ledger.encodeBlockCertificate(certificate, 5)
  for (const bytes of [encoded.with(253, 0xff), encoded.slice(0, -1)])
    expect(outcomeOf(() => ledger.decodeBlockCertificate(bytes, 5))).toBe('refused')
  expect(outcomeOf(() => order.decodeBlockCertificate(encoded.with(253, 0xff), 5))).toBe('refused')
  for (let at = 0; at < encoded.length; at++) {
    const flipped = encoded.with(at, encoded[at]! ^ 0x81)
    const taken = outcomeOf(() => ledger.decodeBlockCertificate(flipped, 5))
    if (taken !== 'refused') expect(order.decodeBlockCertificate(flipped, 5).signers).toEqual(taken.signers)
  }
})

test('what members say in headers is the same bytes, both ways', () => {
  const digest = new Uint8Array(32).fill(5)
  const said: readonly (order.SystemTransaction & ledger.SystemMessage)[] = [
    { kind: 'readyToClose', epoch: 7 },
    { kind: 'evidence', evidence: Uint8Array.of(1, 2, 3) },
    { kind: 'beaconCommit', commitment: digest },
    { kind: 'beaconReveal', secret: digest },
    { kind: 'epochFile', epoch: 2 ** 32 - 1, root: digest },
  ]
  for (const message of said) {
    const bytes = order.encodeSystemTransaction(message)
    expect(ledger.encodeSystemMessage(message)).toEqual(bytes)
    expect(ledger.decodeSystemMessage(bytes)).toEqual(message)
    expect(order.decodeSystemTransaction(ledger.encodeSystemMessage(message))).toEqual(message)
    expect(ledger.SYSTEM_KINDS[message.kind].id).toBe(bytes[0])
    const record = ledger.decodeSystemTransaction(ledger.recordSystemMessage(9, 3, bytes))
    expect(Uint8Array.of(record.kind, ...record.body)).toEqual(bytes)
  }
})

test.each([1, 2, 3, 4, 5])('noise is said in both or in neither, seed %i', (seed) => {
  const random = randomOf(seed)
  for (let i = 0; i < 2_000; i++) {
    const bytes = Uint8Array.of(random(7), ...bytesOf([8, 32, 40, random(60)][random(4)]!, random))
    if (random(2) === 0) bytes.fill(0, 5, 9) // an epoch below 2^32: the ledger has no other
    const ours = outcomeOf(() => ledger.decodeSystemMessage(bytes))
    const theirs = outcomeOf(() => order.decodeSystemTransaction(bytes))
    const isLate = theirs !== 'refused' && 'epoch' in theirs && theirs.epoch >= 2 ** 32
    expect(ours).toEqual(isLate ? 'refused' : theirs)
  }
})

test('two checkpoints of the ledger are evidence of order, within its bounds', () => {
  const [seat] = seatsOf(1, 4) as [Seat]
  const [a, b] = [1, 2].map((seed) => {
    const checkpoint = checkpointOf([seat.member], 8, { blockDigest: new Uint8Array(32).fill(seed) })
    const bytes = ledger.encodeCheckpoint(checkpoint)
    return { bytes, signature: seat.bls.sign(ledger.checkpointSigningBytes(bytes)) }
  })
  const encoded = order.encodeEvidence(order.evidenceOfCheckpoints(0, a!, b!))
  expect(encoded.length).toBeLessThanOrEqual(768)
  const message = ledger.decodeSystemMessage(ledger.encodeSystemMessage({ kind: 'evidence', evidence: encoded }))
  expect(message).toEqual({ kind: 'evidence', evidence: encoded })
})

/** An opening whose every field is in its form. What it proves nobody asks here. */
function openingOf(): Opening {
  const zero = new Uint8Array(32)
  const account = new Uint8Array(20)
  const cumulative = { seq: 1, cumBytes: 1n, cumCpuMicros: 0n, cumPrice: 1n, priceVersion: 0 }
  const measured = { contentRoot: zero, ttfbMs: 1, goodputKbps: 1, payAnchor: zero }
  const place = { chainId: CHAIN_ID, account, sessionId: new Uint8Array(16), nodeIndex: 3, serviceId: 0, isFinal: false, epoch: 5n }
  const acknowledgement = { ...place, ...cumulative, ...measured, expiryEpoch: 6, signature: new Uint8Array(64) }
  const terms = { spendCap: 1n, notAfterEpoch: 9n, nonce: 0n, services: [] }
  const delegation = { account, sessionKey: zero, ...terms, signature: new Uint8Array(65) }
  const session = { laneNonce: 1n, clientRand: new Uint8Array(16), nodeRand: new Uint8Array(16) }
  return { acknowledgement, tick: { index: 0, x: zero }, session, delegation, path: [] }
}

test('points of an answer cost gas where the answer counts them', () => {
  const gasOf = (kind: number, body: Uint8Array): number => ledger.nodeGas({ kind, body }, 64) - 6_000
  const answer = { epoch: 5n, nodeIndex: 3, first: 0 }
  for (const count of [1, 2, 39]) {
    const openings = Array.from({ length: count }, openingOf)
    const answered = encodeClaimAnswer({ ...answer, openings })
    expect(gasOf(ledger.NODE_KINDS.claimAnswer.id, answered)).toBe(count * 50_000)
    const disputed = encodeDisputeAnswer({ ...answer, openings, clientIndex: 1, serviceId: 2 })
    expect(gasOf(ledger.NODE_KINDS.disputeAnswer.id, disputed)).toBe(count * 50_000)
    const body = ledger.nodeBodyOf({ kind: ledger.NODE_KINDS.disputeAnswer.id, body: disputed })
    expect(body).toEqual({ kind: 'disputeAnswer', clientIndex: 1, serviceId: 2, bytes: answered })
  }
})

test('a claim is a body of the ledger as it stands', () => {
  const commit = {
    epoch: 5n,
    nodeIndex: 3,
    root: new Uint8Array(32).fill(1),
    total: 7n,
    count: 1,
    debitsDigest: new Uint8Array(32).fill(2),
  }
  const bytes = encodeClaimCommit(commit)
  expect(ledger.nodeBodyOf({ kind: ledger.NODE_KINDS.claimCommit.id, body: bytes })).toEqual({ kind: 'claimCommit', bytes })
})
