/**
 * Makes wire.json from the plain layouts of the tests, never from the code that is tested:
 *
 *   node vectors/generate.ts
 *
 * Bytes are hex. Every value has its one encoding; what has a digest or is signed has these too, under chain id 1337. The committee
 * has ten members where its size is a part of the layout.
 */
import { writeFileSync } from 'node:fs'
import * as reference from '../test/reference/wire.ts'
import type { Json, JsonValue } from '../test/reference/wire.ts'

const CHAIN_ID = 1337
const MAX = Number.MAX_SAFE_INTEGER
const fill = (byte: number, size: number): string => byte.toString(16).padStart(2, '0').repeat(size)
const digest = (byte: number): string => fill(byte, 32)
const signature = (byte: number): string => fill(byte, 64)
const bls = (byte: number): string => fill(byte, 96)
const checkpoint = (byte: number): string => `39050000${'0500000000000000'}${'0700000000000000'}${fill(byte, 233)}`

const batch: Json = { epoch: 5, author: 3, worker: 1, seq: 9, createdAtMs: 1_700_000_000_000, transactions: ['', 'ab', 'aabbcc'] }
const header: Json = {
  epoch: 5,
  round: 2,
  author: 3,
  createdAtMs: 1_700_000_000_001,
  payload: [
    { digest: digest(0x11), worker: 0, bytes: 500_000 },
    { digest: digest(0x22), worker: 1, bytes: 32 },
  ],
  parents: [0, 2, 9].map((author) => ({ author, digest: digest(0x40 + author) })),
  systemTransactions: ['000500000000000000', '02'.padEnd(66, '7')],
}
const least: Json = { epoch: 0, round: 0, author: 0, createdAtMs: 0, payload: [], parents: [], systemTransactions: [] }
const most: Json = { ...least, epoch: MAX, round: MAX, author: 65_535, createdAtMs: MAX }
const vote: Json = { epoch: 5, round: 2, author: 3, headerDigest: digest(0x33), voter: 9, signature: signature(0x55) }
const certificate: Json = {
  header,
  headerSignature: signature(0x60),
  signers: [0, 1, 7, 8, 9],
  signatures: [0, 1, 7, 8, 9].map((signer) => signature(0x70 + signer)),
}
const block: Json = {
  epoch: 5,
  round: 4,
  author: 1,
  createdAtMs: 1_700_000_000_002,
  ancestors: [
    { round: 3, author: 1, digest: digest(0x81) },
    { round: 3, author: 0, digest: digest(0x80) },
    { round: 1, author: 2, digest: digest(0x82) },
  ],
  transactions: ['', 'ff', fill(0xee, 70)],
  systemTransactions: ['000500000000000000'],
}
const emptyBlock: Json = { epoch: 0, round: 1, author: 0, createdAtMs: 0, ancestors: [], transactions: [], systemTransactions: [] }
const subDag: Json = {
  index: 8,
  epoch: 5,
  leader: { round: 6, author: 2, digest: digest(0x91) },
  vertices: [digest(0x90), digest(0x91)],
  timestampMs: 1_700_000_000_003,
  previousDigest: digest(0x99),
  scheduleVersion: 4,
}
const systemTransactions: Json[] = [
  { kind: 'readyToClose', epoch: 5 },
  { kind: 'evidence', evidence: 'aabb' },
  { kind: 'beaconCommit', commitment: digest(0xa1) },
  { kind: 'beaconReveal', secret: digest(0xa2) },
  { kind: 'epochFile', epoch: 5, root: digest(0xa3) },
]
const statements: Json[] = ['header', 'vote', 'block'].map((kind, i) => ({
  kind,
  round: 10 + i,
  author: i,
  hash: digest(0xb0 + i),
  signature: signature(0xb4 + i),
}))
const pair = [
  { hash: digest(0xc1), signature: signature(0xc3) },
  { hash: digest(0xc2), signature: signature(0xc4) },
]
const evidences: Json[] = [
  { kind: 'header', epoch: 5, round: 2, author: 3, signer: 3, pair },
  { kind: 'vote', epoch: 5, round: 2, author: 3, signer: 9, pair },
  { kind: 'block', epoch: 5, round: 4, author: 1, signer: 1, pair },
  { kind: 'checkpoint', signer: 6, pair: [0xd1, 0xd2].map((byte) => ({ bytes: checkpoint(byte), signature: bls(byte + 2) })) },
]
const checkpointSignature: Json = { height: 7, bytes: checkpoint(0xe1), signer: 6, signature: bls(0xe2) }
const blockCertificate: Json = { bytes: checkpoint(0xe1), signers: [1, 2, 3, 8], aggregate: bls(0xe3) }
const afterRounds = Array.from({ length: 10 }, (_, i) => 100 + i)

const frames: Json[] = [
  { type: 'batch', bytes: reference.batch(batch) },
  { type: 'batchAck', epoch: 5, worker: 1, digest: digest(1) },
  { type: 'batchRequest', epoch: 5, worker: 1, digests: [digest(2), digest(1)] },
  { type: 'batchResponse', epoch: 5, worker: 1, batches: [reference.batch(batch), ''] },
  { type: 'header', header: { header, signature: signature(0x60) } },
  { type: 'vote', vote },
  { type: 'certificate', certificate },
  { type: 'certificateRequest', epoch: 5, query: { by: 'digest', digests: [digest(3)] } },
  { type: 'certificateRequest', epoch: 5, query: { by: 'round', afterRounds, countMax: 1_000 } },
  { type: 'certificates', epoch: 5, certificates: [reference.certificate(certificate)] },
  { type: 'floorQuery', epoch: 5, nonce: 77 },
  { type: 'floorAnswer', epoch: 5, nonce: 77, proof: reference.certificate(certificate), statements },
  { type: 'floorAnswer', epoch: 5, nonce: 77, proof: '', statements: [] },
  { type: 'checkpointSignature', signature: checkpointSignature },
  { type: 'closeReport', epoch: 5 },
  { type: 'block', block: { block, signature: signature(0x61) } },
  { type: 'blockRequest', epoch: 5, query: { by: 'digest', digests: [] } },
  { type: 'blockRequest', epoch: 5, query: { by: 'round', afterRounds, countMax: 32 } },
  { type: 'blocks', epoch: 5, blocks: ['', 'aa'] },
  ...evidences.map((evidence) => ({ type: 'evidence', evidence })),
  { type: 'blockCertificate', certificate: blockCertificate },
]

interface Vector {
  readonly codec: string
  readonly value: JsonValue
  readonly encoded: string
  readonly digest?: string
  readonly signingBytes?: string
}
const plain = (codec: string, values: readonly Json[], encode: (value: Json) => string): Vector[] =>
  values.map((value) => ({ codec, value, encoded: encode(value) }))

const vectors: Vector[] = [
  ...[batch, { ...batch, transactions: [] }].map((value) => {
    const encoded = reference.batch(value)
    return { codec: 'batch', value, encoded, digest: reference.hash(`03${reference.u32(CHAIN_ID)}${encoded}`) }
  }),
  ...[header, least, most].map((each) => {
    const value = { header: each, signature: signature(0x60) }
    const digestOf = reference.headerDigest(CHAIN_ID, each)
    return { codec: 'header', value, encoded: reference.signedHeader(value), digest: digestOf, signingBytes: `11${digestOf}` }
  }),
  { codec: 'vote', value: vote, encoded: reference.vote(vote), signingBytes: reference.voteSigningBytes(vote) },
  {
    codec: 'certificate',
    value: certificate,
    encoded: reference.certificate(certificate),
    digest: reference.hash(`02${reference.u32(CHAIN_ID)}${reference.headerDigest(CHAIN_ID, header)}`),
  },
  ...[block, emptyBlock].map((each) => {
    const value = { block: each, signature: signature(0x61) }
    const digestOf = reference.blockDigest(CHAIN_ID, each)
    return { codec: 'block', value, encoded: reference.signedBlock(value), digest: digestOf, signingBytes: `13${digestOf}` }
  }),
  {
    codec: 'sub-DAG',
    value: subDag,
    encoded: reference.subDag(subDag),
    digest: reference.hash(`05${reference.u32(CHAIN_ID)}${reference.subDag(subDag)}`),
  },
  ...plain('system transaction', systemTransactions, reference.systemTransaction),
  ...plain('evidence', evidences, reference.evidence),
  {
    codec: 'checkpoint signature',
    value: checkpointSignature,
    encoded: reference.checkpointSignature(checkpointSignature),
    signingBytes: `14${checkpointSignature.bytes as string}`,
  },
  ...plain('block certificate', [blockCertificate], reference.blockCertificate),
  ...plain('frame', frames, reference.frame),
]

const members: Json[] = [1, 2, 3].map((byte) => ({
  key: fill(byte, 32),
  blsKey: fill(byte + 16, 48),
  stake: 1_000 * byte,
  nodeIndex: 4_294_967_295 - byte,
}))
const genesis: Json = { genesisHash: digest(0xf1), epoch: 5, author: 9 }

const file = {
  chainId: CHAIN_ID,
  committeeSize: reference.COMMITTEE_SIZE,
  committee: { members, root: reference.committeeRoot(members) },
  genesis: { ...genesis, digest: reference.genesisDigest(CHAIN_ID, genesis) },
  vectors,
}
writeFileSync(new URL('wire.json', import.meta.url), `${JSON.stringify(file, null, 2)}\n`)
