/** Block certificates and evidence in both modes, with BLS as shipped. */
import { aggregateBls, createBlsKeyPair, createBlsKeyring, isBlsSignature, type BlsKeyPair } from '@selvedge/crypto/bls'
import { beforeAll, describe, expect, test } from 'vitest'
import { createCertifiedCore } from '../src/core/certified-core.ts'
import type { CoreEffect } from '../src/core/contract.ts'
import { createUncertifiedCore } from '../src/core/uncertified.ts'
import type { Mode } from '../src/dag/contract.ts'
import { ByteWriter, toHex } from '../src/wire/bytes.ts'
import { type BlockCertificate, checkpointSigningBytes, decodeBlockCertificate } from '../src/wire/checkpoint.ts'
import { decodeEvidence, encodeEvidence, evidenceOfCheckpoints } from '../src/wire/evidence.ts'
import { decodeFrame } from '../src/wire/frames.ts'
import { decodeSystemTransaction } from '../src/wire/system-transaction.ts'
import { Cluster } from './support/cluster.ts'
import { createCheapCommittee, type TestCommittee } from './support/committee.ts'
import { expectAgreement, watch } from './support/watch.ts'

const FAST = { batchDelayMsMax: 5, idleDelayMsMax: 20, roundDelayMsMin: 5, leaderTimeoutMsMin: 40, leaderTimeoutMsMax: 80 }
const CHAIN_ID = 1337
const EPOCH = 3
const LIAR = 2
let pairs: BlsKeyPair[] = []
let committee: TestCommittee

beforeAll(() => {
  const cheap = createCheapCommittee(4)
  pairs = cheap.members.map((_, i) => createBlsKeyPair(new Uint8Array(32).fill(i + 1)))
  committee = {
    members: cheap.members.map((member, i) => ({ ...member, blsKey: pairs[i]!.publicKey })),
    cryptos: cheap.cryptos.map((crypto) => ({ ...crypto, isCheckpointSigned: isBlsSignature })),
  }
})

const checkpointOf = (height: number, state: number): Uint8Array =>
  new ByteWriter(253).u32(CHAIN_ID).u64(EPOCH).u64(height).raw(new Uint8Array(233).fill(state)).finish()

interface Certified {
  readonly cluster: Cluster
  /** By node, then height. */
  readonly certificates: readonly Map<number, Uint8Array>[]
}

/** What the driver does with BLS. Node `at` signs `bytesOf(at, height)` at each height. */
function run(
  mode: Mode,
  bytesOf: (at: number, height: number) => Uint8Array,
  sign = (at: number, bytes: Uint8Array) => pairs[at]!.sign(checkpointSigningBytes(bytes)),
): Certified {
  const createCore = mode === 'certified' ? createCertifiedCore : createUncertifiedCore
  const cluster = new Cluster({ size: 4, mode, seed: 1, createCore, core: FAST, committee })
  const keyring = createBlsKeyring(committee.members.map(({ blsKey }) => blsKey))
  const certificates = cluster.nodes.map(() => new Map<number, Uint8Array>())
  watch(cluster, [LIAR])
  const { onBoundary } = cluster
  const answer = (at: number, effect: CoreEffect): void => {
    if (effect.type === 'emit') {
      const height = effect.commit.subDag.index
      if (height <= 5) cluster.after(2, () => cluster.event(at, { type: 'checkpoint', height, bytes: bytesOf(at, height) }))
    } else if (effect.type === 'signCheckpoint') {
      const { height } = effect
      const signature = sign(at, effect.bytes)
      cluster.after(1, () => cluster.event(at, { type: 'checkpointSigned', height, signature }))
    } else if (effect.type === 'checkCheckpoint') {
      const { height, bytes, signers, signatures } = effect
      const bad = signers.filter((signer, i) => !keyring.isSigned(signatures[i]!, checkpointSigningBytes(bytes), signer))
      const aggregate = bad.length === 0 ? aggregateBls(signatures) : undefined
      cluster.after(1, () => cluster.event(at, { type: 'checkpointChecked', height, bad, aggregate }))
    } else if (effect.type === 'checkCertificate') {
      const { height, bytes, signers, aggregate } = effect
      const isValid = keyring.isAggregate(aggregate, checkpointSigningBytes(bytes), signers)
      cluster.after(1, () => cluster.event(at, { type: 'certificateChecked', height, isValid }))
    } else if (effect.type === 'certified') certificates[at]!.set(effect.height, effect.certificate)
  }
  cluster.onBoundary = (node, boundary) => {
    if (boundary.type !== 'persist') answer(node.authority, boundary)
    return onBoundary(node, boundary)
  }
  cluster.start()
  return { cluster, certificates }
}

const honest = [0, 1, 3]

describe.each<Mode>(['certified', 'uncertified'])('mode %s', (mode) => {
  test('each height has one certificate, signed by a quorum over identical bytes', () => {
    const { cluster, certificates } = run(mode, (_, height) => checkpointOf(height, 1))
    expect(cluster.run(2_000, () => certificates.every(({ size }) => size === 5))).toBe(true)
    cluster.run(20)
    const keyring = createBlsKeyring(committee.members.map(({ blsKey }) => blsKey))
    for (const at of [0, 1, 2, 3]) {
      expect([...certificates[at]!.keys()].toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4, 5])
      for (const [height, encoded] of certificates[at]!) {
        const { bytes, signers, aggregate } = decodeBlockCertificate(encoded, 4)
        expect(toHex(bytes)).toBe(toHex(checkpointOf(height, 1)))
        expect(signers.length).toBeGreaterThanOrEqual(3)
        expect(keyring.isAggregate(aggregate, checkpointSigningBytes(bytes), signers)).toBe(true)
      }
    }
  })

  test('with one wrong state the certificate still forms, without the liar', () => {
    const { cluster, certificates } = run(mode, (at, height) => checkpointOf(height, at === LIAR ? 9 : 1))
    expect(cluster.run(2_000, () => certificates.every(({ size }) => size === 5))).toBe(true)
    cluster.run(20)
    for (const at of [0, 1, 2, 3]) {
      expect([...certificates[at]!.keys()].toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4, 5])
      for (const encoded of certificates[at]!.values()) expect(decodeBlockCertificate(encoded, 4).signers).toEqual(honest)
    }
    for (const at of honest) expect(cluster.nodes[at]!.counts.get('checkpointDissent')).toBe(5)
  })

  test('a signature that is none is found, named and left out', () => {
    const { cluster, certificates } = run(
      mode,
      (_, height) => checkpointOf(height, 1),
      (at, bytes) => pairs[at === LIAR ? 0 : at]!.sign(checkpointSigningBytes(bytes)),
    )
    expect(cluster.run(2_000, () => certificates.every(({ size }) => size === 5))).toBe(true)
    cluster.run(20)
    for (const at of honest) {
      expect([...certificates[at]!.keys()].toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4, 5])
      for (const encoded of certificates[at]!.values()) expect(decodeBlockCertificate(encoded, 4).signers).toEqual(honest)
    }
  })

  test('who signs two checkpoints of one height is proven guilty, the proof is ordered, and nobody counts it twice', () => {
    const { cluster, certificates } = run(mode, (_, height) => checkpointOf(height, 1))
    const other = checkpointOf(2, 7)
    const signature = pairs[LIAR]!.sign(checkpointSigningBytes(other))
    cluster.after(400, () => {
      for (const to of honest) {
        cluster.inject(LIAR, to, { type: 'checkpointSignature', signature: { height: 2, bytes: other, signer: LIAR, signature } })
      }
    })
    cluster.run(2_500)
    for (const at of honest) {
      const { evidence, executed } = cluster.nodes[at]!
      expect(evidence.map((bytes) => decodeEvidence(bytes))).toMatchObject([{ kind: 'checkpoint', signer: LIAR }])
      const proofs = executed.flatMap(({ items }) =>
        items.flatMap((item) => (item.type === 'system' ? [decodeSystemTransaction(item.bytes)] : [])),
      )
      expect(proofs.filter(({ kind }) => kind === 'evidence').length).toBeGreaterThan(0)
      expect(certificates[at]!.size).toBe(5)
    }
    expectAgreement(cluster)
  })

  test('evidence that proves nothing is refused, after ten looks at what one peer says of another', () => {
    const { cluster } = run(mode, (_, height) => checkpointOf(height, 1))
    const forged = (state: number): Uint8Array => {
      const bytes = [checkpointOf(9, state), checkpointOf(9, state + 1)]
      const [a, b] = bytes.map((each) => ({ bytes: each, signature: pairs[0]!.sign(checkpointSigningBytes(each)) }))
      return encodeEvidence(evidenceOfCheckpoints(1, a!, b!))
    }
    cluster.after(300, () => {
      for (let i = 0; i < 15; i++) cluster.inject(LIAR, 0, { type: 'evidence', evidence: decodeEvidence(forged(20 + i)) })
    })
    cluster.run(1_000)
    expect(cluster.nodes[0]!.evidence).toEqual([])
    expect(cluster.nodes[0]!.counts.get('evidenceRefused')).toBe(10)
  })

  test('bad certificates of one peer are checked at a rate, good ones of another as they come', () => {
    const { cluster, certificates } = run(mode, (_, height) => checkpointOf(height, 1))
    const checked = new Map<number, number>()
    const { onBoundary } = cluster
    cluster.onBoundary = (node, boundary) => {
      if (node.authority === 0 && boundary.type === 'checkCertificate')
        checked.set(boundary.height, (checked.get(boundary.height) ?? 0) + 1)
      return onBoundary(node, boundary)
    }
    const certificateOf = (height: number, isGood: boolean): BlockCertificate => {
      const bytes = checkpointOf(height, 1)
      const message = checkpointSigningBytes(isGood ? bytes : checkpointOf(height, 2))
      return { bytes, signers: honest, aggregate: aggregateBls(honest.map((at) => pairs[at]!.sign(message))) }
    }
    cluster.after(300, () => {
      for (let height = 100; height < 200; height++) {
        cluster.inject(LIAR, 0, { type: 'blockCertificate', certificate: certificateOf(height, false) })
      }
      for (let height = 200; height < 240; height++) {
        cluster.after(5 * (height - 199), () =>
          cluster.inject(1, 0, { type: 'blockCertificate', certificate: certificateOf(height, true) }),
        )
      }
    })
    cluster.run(1_000)
    const isBad = (height: number): boolean => height >= 100 && height < 200
    const bad = [...checked].filter(([height]) => isBad(height)).reduce((sum, [, count]) => sum + count, 0)
    expect(bad).toBe(16)
    expect(cluster.nodes[0]!.counts.get('blockCertificateOverRate')).toBe(84)
    expect([...certificates[0]!.keys()].filter((height) => height >= 100).length).toBe(40)
  })

  test('two digests are never signed for one height, not after a restart either', () => {
    const { cluster } = run(mode, (_, height) => checkpointOf(height, 1))
    const said = new Set<string>()
    const { onSend } = cluster
    cluster.onSend = (from, to, bytes) => {
      onSend(from, to, bytes)
      const frame = decodeFrame(bytes, 4)
      if (from === 1 && frame.type === 'checkpointSignature' && frame.signature.height === 2) said.add(toHex(frame.signature.bytes))
    }
    cluster.run(800)
    cluster.event(1, { type: 'checkpoint', height: 2, bytes: checkpointOf(2, 8) })
    cluster.crash(1)
    cluster.restart(1)
    cluster.event(1, { type: 'checkpoint', height: 2, bytes: checkpointOf(2, 8) })
    cluster.event(1, { type: 'checkpoint', height: 2, bytes: checkpointOf(2, 1) })
    cluster.run(500)
    expect([...said]).toEqual([toHex(checkpointOf(2, 1))])
    expect(cluster.nodes[1]!.counts.get('checkpointRefused')).toBe(2)
  })
})
