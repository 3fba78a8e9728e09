// What a frame costs before anything is verified: the largest certificate that is spoken of, and a batch of the usual size.
import {
  batchDigest,
  type Certificate,
  decodeBatch,
  decodeBatchInfo,
  decodeCertificate,
  encodeBatch,
  encodeCertificate,
  headerDigest,
} from '@selvedge/consensus'
import type { Bench, Prepared } from '../../../tools/bench/bench.ts'

const VOTERS = 512
const digestOf = (i: number): Uint8Array =>
  new Uint8Array(32).map((_, at) => (at === 0 ? i >> 8 : at === 1 ? i & 255 : (i * 31 + at) & 255))
const signatureOf = (i: number): Uint8Array => new Uint8Array(64).map((_, at) => (i + at) & 255)
const certificate: Certificate = {
  header: {
    epoch: 7,
    round: 1_000,
    author: 3,
    createdAtMs: 1_700_000_000_000,
    payload: Array.from({ length: 32 }, (_, i) => ({ digest: digestOf(i), worker: 0, bytes: 500_000 })),
    parents: Array.from({ length: 342 }, (_, author) => ({ author, digest: digestOf(author) })),
    systemTransactions: [],
  },
  headerSignature: signatureOf(0),
  signers: Array.from({ length: VOTERS }, (_, i) => i),
  signatures: Array.from({ length: VOTERS }, (_, i) => signatureOf(i)),
}
const encoded = encodeCertificate(certificate, VOTERS)
const batch = {
  epoch: 7,
  author: 3,
  worker: 0,
  seq: 1,
  createdAtMs: 1_700_000_000_000,
  transactions: Array.from({ length: 976 }, (_, i) => new Uint8Array(512).fill(i)),
}
const encodedBatch = encodeBatch(batch)
const each =
  (run: () => unknown): (() => Prepared) =>
  () => ({ each: run })

export const benches: readonly Bench[] = [
  {
    name: 'decode a certificate of 512 votes',
    unit: '/s',
    subjects: { ours: each(() => decodeCertificate(encoded, VOTERS)) },
    note: `${encoded.length} bytes: 342 parents, 32 payload digests. The goal is 12,000 a second.`,
  },
  { name: 'encode it', unit: '/s', subjects: { ours: each(() => encodeCertificate(certificate, VOTERS)) } },
  {
    name: 'decode it and make the digest of its header',
    unit: '/s',
    subjects: { ours: each(() => headerDigest(1, decodeCertificate(encoded, VOTERS).header)) },
  },
  {
    name: 'walk a batch of 976 transactions',
    unit: '/s',
    subjects: { ours: each(() => decodeBatchInfo(encodedBatch)) },
    note: '976 of 512 B, 503,616 bytes: what the consensus thread does with a batch beside hashing it.',
  },
  { name: 'decode a batch of 976 transactions', unit: '/s', subjects: { ours: each(() => decodeBatch(encodedBatch)) } },
  { name: 'encode a batch of 976 transactions', unit: '/s', subjects: { ours: each(() => encodeBatch(batch)) } },
  { name: 'make the digest of that batch', unit: '/s', subjects: { ours: each(() => batchDigest(1, encodedBatch)) } },
]
