/** Arbitrary values of every wire type: small, but with every list empty, single and full, and numbers at their ends. */
import fc from 'fast-check'
import type {
  Batch,
  Block,
  BlockCertificate,
  Certificate,
  CheckpointSignature,
  Evidence,
  Frame,
  Header,
  SignedBlock,
  SignedHeader,
  Statement,
  SubDag,
  SystemTransaction,
  VertexQuery,
  Vote,
} from '@selvedge/consensus'
import { encodeBatch } from '@selvedge/consensus'
import { compareBytes } from '../../src/wire/bytes.ts'

const bytesOf = (size: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength: size, maxLength: size })
const bytesTo = (maxLength: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ maxLength })
const edged = (max: number): fc.Arbitrary<number> =>
  fc.oneof(
    fc.nat(20),
    fc.constantFrom(0, 1, max - 1, max),
    fc.maxSafeNat().map((n) => n % (max + 1)),
  )
const u16 = edged(2 ** 16 - 1)
const u32 = edged(2 ** 32 - 1)
const u53 = edged(2 ** 53 - 1)
const digest = bytesOf(32)
const signature = bytesOf(64)
const blsSignature = bytesOf(96)
const digests = fc.array(digest, { maxLength: 5 })
const encodedItems = fc.array(bytesTo(60), { maxLength: 4 })

const signersOf = (committeeSize: number): fc.Arbitrary<number[]> =>
  fc.uniqueArray(fc.nat(committeeSize - 1)).map((signers) => signers.toSorted((a, b) => a - b))

export const batch: fc.Arbitrary<Batch> = fc.record({
  epoch: u53,
  author: u16,
  worker: u16,
  seq: u53,
  createdAtMs: u53,
  transactions: fc.array(bytesTo(40), { maxLength: 6 }),
})

const payload = fc
  .uniqueArray(fc.record({ digest, worker: u16, bytes: u32 }), { maxLength: 4, selector: (entry) => entry.digest.join() })
  .map((entries) => entries.toSorted((a, b) => compareBytes(a.digest, b.digest)))
const parents = fc
  .uniqueArray(fc.record({ author: fc.oneof(fc.nat(12), u16), digest }), { maxLength: 6, selector: ({ author }) => author })
  .map((all) => all.toSorted((a, b) => a.author - b.author))
const systemTransactions = fc.array(fc.uint8Array({ minLength: 1, maxLength: 50 }), { maxLength: 3 })

export const header: fc.Arbitrary<Header> = fc.record({
  epoch: u53,
  round: u53,
  author: u16,
  createdAtMs: u53,
  payload,
  parents,
  systemTransactions,
})
export const signedHeader: fc.Arbitrary<SignedHeader> = fc.record({ header, signature })

export const vote: fc.Arbitrary<Vote> = fc.record({ epoch: u53, round: u53, author: u16, headerDigest: digest, voter: u16, signature })

export const certificateOf = (committeeSize: number): fc.Arbitrary<Certificate> =>
  signersOf(committeeSize).chain((signers) =>
    fc.record({
      header,
      headerSignature: signature,
      signers: fc.constant(signers),
      signatures: fc.array(signature, { minLength: signers.length, maxLength: signers.length }),
    }),
  )

const block: fc.Arbitrary<Block> = fc.record({
  epoch: u53,
  round: u53,
  author: u16,
  createdAtMs: u53,
  ancestors: fc.array(fc.record({ round: u53, author: u16, digest }), { maxLength: 5 }),
  transactions: fc.array(bytesTo(40), { maxLength: 5 }),
  systemTransactions,
})
export const signedBlock: fc.Arbitrary<SignedBlock> = fc.record({ block, signature })

export const subDag: fc.Arbitrary<SubDag> = fc.record({
  index: u53,
  epoch: u53,
  leader: fc.record({ round: u53, author: u16, digest }),
  vertices: digests,
  timestampMs: u53,
  previousDigest: digest,
  scheduleVersion: u32,
})

export const systemTransaction: fc.Arbitrary<SystemTransaction> = fc.oneof(
  fc.record({ kind: fc.constant('readyToClose' as const), epoch: u53 }),
  fc.record({ kind: fc.constant('evidence' as const), evidence: bytesTo(300) }),
  fc.record({ kind: fc.constant('beaconCommit' as const), commitment: digest }),
  fc.record({ kind: fc.constant('beaconReveal' as const), secret: digest }),
  fc.record({ kind: fc.constant('epochFile' as const), epoch: u53, root: digest }),
)

/** How a checkpoint begins, then up to 260 bytes that mean nothing here. */
const checkpoint = fc
  .tuple(u32, u53, u53, fc.oneof(bytesTo(60), bytesOf(233), bytesOf(260)))
  .map(([chainId, epoch, height, rest]) => ({ height, bytes: checkpointOf(chainId, epoch, height, rest) }))

export function checkpointOf(chainId: number, epoch: number, height: number, rest: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(20 + rest.length)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, chainId, true)
  view.setBigUint64(4, BigInt(epoch), true)
  view.setBigUint64(12, BigInt(height), true)
  bytes.set(rest, 20)
  return bytes
}

export const checkpointSignature: fc.Arbitrary<CheckpointSignature> = fc
  .record({ checkpoint, signer: u16, signature: blsSignature })
  .map(({ checkpoint: { height, bytes }, ...rest }) => ({ height, bytes, ...rest }))

export const blockCertificateOf = (committeeSize: number): fc.Arbitrary<BlockCertificate> =>
  fc.record({ bytes: checkpoint.map(({ bytes }) => bytes), signers: signersOf(committeeSize), aggregate: blsSignature })

const statementKind = fc.constantFrom('header' as const, 'vote' as const, 'block' as const)
export const statement: fc.Arbitrary<Statement> = fc.record({ kind: statementKind, round: u53, author: u16, hash: digest, signature })

const signedHash = fc.record({ hash: digest, signature })
const signedCheckpoint = fc.record({ bytes: checkpoint.map(({ bytes }) => bytes), signature: blsSignature })
export const evidence: fc.Arbitrary<Evidence> = fc.oneof(
  fc
    .record({ kind: statementKind, epoch: u53, round: u53, author: u16, signer: u16, a: signedHash, b: signedHash })
    .filter(({ a, b }) => compareBytes(a.hash, b.hash) !== 0)
    .map(({ a, b, ...slot }) => ({
      ...slot,
      signer: slot.kind === 'vote' ? slot.signer : slot.author,
      pair: compareBytes(a.hash, b.hash) < 0 ? ([a, b] as const) : ([b, a] as const),
    })),
  fc
    .record({ signer: u16, a: signedCheckpoint, b: signedCheckpoint })
    .filter(({ a, b }) => compareBytes(a.bytes, b.bytes) !== 0)
    .map(({ signer, a, b }) => ({
      kind: 'checkpoint' as const,
      signer,
      pair: compareBytes(a.bytes, b.bytes) < 0 ? ([a, b] as const) : ([b, a] as const),
    })),
)

const queryOf = (committeeSize: number, countMax: number): fc.Arbitrary<VertexQuery> =>
  fc.oneof(
    fc.record({ by: fc.constant('digest' as const), digests }),
    fc.record({
      by: fc.constant('round' as const),
      afterRounds: fc.array(u53, { minLength: committeeSize, maxLength: committeeSize }),
      countMax: fc.integer({ min: 1, max: countMax }),
    }),
  )

/** Arbitrary frames of each type, by type. */
export function framesOf(committeeSize: number): { readonly [T in Frame['type']]: fc.Arbitrary<Extract<Frame, { type: T }>> } {
  const type = <T extends Frame['type']>(name: T): fc.Arbitrary<T> => fc.constant(name)
  return {
    batch: fc.record({ type: type('batch'), bytes: batch.map(encodeBatch) }),
    batchAck: fc.record({ type: type('batchAck'), epoch: u53, worker: u16, digest }),
    batchRequest: fc.record({ type: type('batchRequest'), epoch: u53, worker: u16, digests }),
    batchResponse: fc.record({ type: type('batchResponse'), epoch: u53, worker: u16, batches: encodedItems }),
    header: fc.record({ type: type('header'), header: signedHeader }),
    vote: fc.record({ type: type('vote'), vote }),
    certificate: fc.record({ type: type('certificate'), certificate: certificateOf(committeeSize) }),
    certificateRequest: fc.record({ type: type('certificateRequest'), epoch: u53, query: queryOf(committeeSize, 1_000) }),
    certificates: fc.record({ type: type('certificates'), epoch: u53, certificates: encodedItems }),
    floorQuery: fc.record({ type: type('floorQuery'), epoch: u53, nonce: u53 }),
    floorAnswer: fc.record({
      type: type('floorAnswer'),
      epoch: u53,
      nonce: u53,
      proof: bytesTo(80),
      statements: fc.array(statement, { maxLength: 3 }),
    }),
    checkpointSignature: fc.record({ type: type('checkpointSignature'), signature: checkpointSignature }),
    closeReport: fc.record({ type: type('closeReport'), epoch: u53 }),
    block: fc.record({ type: type('block'), block: signedBlock }),
    blockRequest: fc.record({ type: type('blockRequest'), epoch: u53, query: queryOf(committeeSize, 32) }),
    blocks: fc.record({ type: type('blocks'), epoch: u53, blocks: encodedItems }),
    evidence: fc.record({ type: type('evidence'), evidence }),
    blockCertificate: fc.record({ type: type('blockCertificate'), certificate: blockCertificateOf(committeeSize) }),
  }
}
