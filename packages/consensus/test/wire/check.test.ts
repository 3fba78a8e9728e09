// Every reason for which a header, block or certificate is unacceptable, each reached by one change to a good one.
import { expect, test } from 'vitest'
import {
  type Block,
  type BlockFault,
  type Certificate,
  type CertificateFault,
  checkBlock,
  checkCertificate,
  checkHeader,
  createVerifiedSignatures,
  genesisDigest,
  type Header,
  headerDigest,
  type HeaderFault,
  type HeaderRules,
  headerSigningBytes,
  isHeaderSigned,
  isVoteSigned,
  type SignatureContext,
  type Vote,
  voteSigningBytes,
} from '@selvedge/consensus'
import { crypto, membersOf } from './members.ts'

const CHAIN_ID = 1337
const { committee, secrets } = membersOf(4)
const genesis = secrets.map((_, author) => genesisDigest(CHAIN_ID, new Uint8Array(32), 5, author))
const RULES: HeaderRules = { epoch: 5, roundMax: 1_010, workers: 2, genesis }
const digest = (byte: number): Uint8Array => new Uint8Array(32).fill(byte)
const parentsOf = (...authors: readonly number[]): Header['parents'] => authors.map((author) => ({ author, digest: digest(author) }))

const HEADER: Header = {
  epoch: 5,
  round: 10,
  author: 1,
  createdAtMs: 1,
  payload: [1, 2].map((byte) => ({ digest: digest(byte), worker: 1, bytes: 500 })),
  parents: parentsOf(0, 1, 3),
  systemTransactions: [new Uint8Array(4_096)],
}
const FIRST: Header = { ...HEADER, round: 1, parents: genesis.map((each, author) => ({ author, digest: each })) }

test.each<readonly [HeaderFault | undefined, string, Header]>([
  [undefined, 'a good one', HEADER],
  [undefined, 'one of round 1 that names all of round 0', FIRST],
  [undefined, 'one at the highest round', { ...HEADER, round: 1_010 }],
  [undefined, 'one with nothing in it', { ...HEADER, payload: [], systemTransactions: [] }],
  ['epoch', 'of the epoch before', { ...HEADER, epoch: 4 }],
  ['epoch', 'of the next epoch', { ...HEADER, epoch: 6 }],
  ['round', 'of round 0', { ...FIRST, round: 0 }],
  ['round', 'too far ahead', { ...HEADER, round: 1_011 }],
  ['author', 'of a stranger', { ...HEADER, author: 4 }],
  ['payload', 'of 1,001 batches', { ...HEADER, payload: new Array<Header['payload'][0]>(1_001).fill(HEADER.payload[0]!) }],
  ['payload', 'with payload that descends', { ...HEADER, payload: HEADER.payload.toReversed() }],
  ['payload', 'with one batch twice', { ...HEADER, payload: [HEADER.payload[0]!, HEADER.payload[0]!] }],
  ['payload', 'with a batch above 2 MiB', { ...HEADER, payload: [{ digest: digest(1), worker: 0, bytes: 2 ** 21 + 1 }] }],
  ['worker', 'with a worker that the epoch has not', { ...HEADER, payload: [{ digest: digest(1), worker: 2, bytes: 1 }] }],
  ['parents', 'with parents that descend', { ...HEADER, parents: parentsOf(1, 0, 3) }],
  ['parents', 'with two parents of one author', { ...HEADER, parents: parentsOf(0, 1, 1, 3) }],
  ['parents', 'with a stranger for a parent', { ...HEADER, parents: parentsOf(0, 1, 3, 4) }],
  ['stake', 'with parents below the quorum', { ...HEADER, parents: parentsOf(0, 3) }],
  ['stake', 'without parents', { ...HEADER, parents: [] }],
  ['genesis', 'of round 1 with three of round 0', { ...FIRST, parents: FIRST.parents.slice(1) }],
  ['genesis', 'of round 1 with another genesis', { ...FIRST, parents: parentsOf(0, 1, 2, 3) }],
  ['systemTransactions', 'with 4,097 bytes of them', { ...HEADER, systemTransactions: [new Uint8Array(4_096), new Uint8Array(1)] }],
  ['systemTransactions', 'with an empty one', { ...HEADER, systemTransactions: [new Uint8Array()] }],
])('header, %s: %s', (fault, _, header) => {
  expect(checkHeader(header, committee, RULES)).toBe(fault)
})

const ancestor = (author: number, round = 9): Block['ancestors'][0] => ({ round, author, digest: digest(author) })
const BLOCK: Block = {
  epoch: 5,
  round: 10,
  author: 1,
  createdAtMs: 1,
  ancestors: [ancestor(1), ancestor(3), ancestor(0), ancestor(2, 4)],
  transactions: [new Uint8Array(65_536), new Uint8Array()],
  systemTransactions: [new Uint8Array([1])],
}
const genesisAncestor = (author: number): Block['ancestors'][0] => ({ round: 0, author, digest: genesis[author]! })
const FIRST_BLOCK: Block = { ...BLOCK, round: 1, ancestors: [1, 0, 2].map(genesisAncestor) }

test.each<readonly [BlockFault | undefined, string, Block]>([
  [undefined, 'a good one', BLOCK],
  [undefined, 'one of round 1', FIRST_BLOCK],
  [undefined, 'one that names an old genesis', { ...BLOCK, ancestors: [...BLOCK.ancestors.slice(0, 3), genesisAncestor(2)] }],
  ['epoch', 'of another epoch', { ...BLOCK, epoch: 4 }],
  ['round', 'of round 0', { ...FIRST_BLOCK, round: 0 }],
  ['round', 'too far ahead', { ...BLOCK, round: 1_011 }],
  ['author', 'of a stranger', { ...BLOCK, author: 4 }],
  ['ownAncestor', 'that begins with another', { ...BLOCK, ancestors: [ancestor(3), ancestor(1), ancestor(0)] }],
  ['ownAncestor', 'without ancestors', { ...BLOCK, ancestors: [] }],
  ['ancestors', 'with two of one author', { ...BLOCK, ancestors: [ancestor(1), ancestor(3), ancestor(3, 8), ancestor(0)] }],
  ['ancestors', 'with a stranger', { ...BLOCK, ancestors: [ancestor(1), ancestor(3), ancestor(0), ancestor(4)] }],
  ['ancestors', 'with more than members', { ...BLOCK, ancestors: [1, 3, 0, 2, 2].map((author) => ancestor(author)) }],
  ['ancestorRound', 'with one of its own round', { ...BLOCK, ancestors: [ancestor(1), ancestor(3), ancestor(0), ancestor(2, 10)] }],
  ['genesis', 'with a false genesis', { ...BLOCK, ancestors: [ancestor(1), ancestor(3), ancestor(0), ancestor(2, 0)] }],
  ['stake', 'of which too few are of the round before', { ...BLOCK, ancestors: [ancestor(1, 8), ancestor(3), ancestor(0)] }],
  ['transactions', 'with a long transaction', { ...BLOCK, transactions: [new Uint8Array(65_537)] }],
  ['transactions', 'with too many of them', { ...BLOCK, transactions: Array.from({ length: 32 }, () => new Uint8Array(65_536)) }],
  ['systemTransactions', 'with an empty one', { ...BLOCK, systemTransactions: [new Uint8Array()] }],
])('block, %s: %s', (fault, _, block) => {
  expect(checkBlock(block, committee, RULES)).toBe(fault)
})

const DIGEST = headerDigest(CHAIN_ID, HEADER)
const voteOf = (voter: number, part: Partial<Vote> = {}): Vote => {
  const vote = { epoch: 5, round: 10, author: 1, headerDigest: DIGEST, voter, ...part }
  return { ...vote, signature: secrets[voter]!.keys.sign(voteSigningBytes(vote)) }
}
const CERTIFICATE: Certificate = {
  header: HEADER,
  headerSignature: secrets[1]!.keys.sign(headerSigningBytes(DIGEST)),
  signers: [0, 1, 3],
  signatures: [0, 1, 3].map((voter) => voteOf(voter).signature),
}
const flipped = (bytes: Uint8Array): Uint8Array => bytes.with(5, bytes[5]! ^ 1)

interface Counting {
  readonly context: SignatureContext
  readonly checks: () => number
}
/** The real verifier, counted. */
function counting(slotsMax?: number): Counting {
  let count = 0
  const isSigned = (...parts: readonly [Uint8Array, Uint8Array, Uint8Array]): boolean => {
    count++
    return crypto.isSigned(...parts)
  }
  return { context: { committee, isSigned, verified: createVerifiedSignatures(slotsMax) }, checks: () => count }
}

test.each<readonly [CertificateFault | undefined, string, Partial<Certificate>]>([
  [undefined, 'a good one', {}],
  ['author', 'of a stranger', { header: { ...HEADER, author: 4 } }],
  ['stake', 'of two', { signers: [0, 1] }],
  ['stake', 'of one, thrice', { signers: [1, 1, 1] }],
  ['headerSignature', 'with another header signature', { headerSignature: flipped(CERTIFICATE.headerSignature) }],
  ['voteSignature', 'with one bad vote', { signatures: CERTIFICATE.signatures.with(2, flipped(CERTIFICATE.signatures[2]!)) }],
  ['voteSignature', 'with the votes of others', { signatures: CERTIFICATE.signatures.toReversed() }],
  [
    'voteSignature',
    'with one bad vote beyond the quorum',
    { signers: [0, 1, 2, 3], signatures: [...CERTIFICATE.signatures, new Uint8Array(64)] },
  ],
])('certificate, %s: %s', (fault, _, part) => {
  expect(checkCertificate({ ...CERTIFICATE, ...part }, DIGEST, counting().context)).toBe(fault)
})

test('what was checked once is not checked again', () => {
  const { context, checks } = counting()
  expect(isHeaderSigned({ header: HEADER, signature: CERTIFICATE.headerSignature }, DIGEST, context)).toBe(true)
  expect([voteOf(0), voteOf(3)].map((vote) => isVoteSigned(vote, context))).toEqual([true, true])
  expect(checks()).toBe(3)
  expect(checkCertificate(CERTIFICATE, DIGEST, context)).toBeUndefined()
  expect(checks()).toBe(4)
  expect(checkCertificate(CERTIFICATE, DIGEST, context)).toBeUndefined()
  expect(checks()).toBe(4)
})

test('a certificate with other bytes for a vote that was checked is refused', () => {
  const { context } = counting()
  expect(checkCertificate(CERTIFICATE, DIGEST, context)).toBeUndefined()
  const forged = { ...CERTIFICATE, signatures: [flipped(CERTIFICATE.signatures[0]!), ...CERTIFICATE.signatures.slice(1)] }
  expect(checkCertificate(forged, DIGEST, context)).toBe('voteSignature')
})

test('a vote that names another round for a digest is no part of its certificate, though it was checked', () => {
  const { context } = counting()
  const other = voteOf(0, { round: 11 })
  expect(isVoteSigned(other, context)).toBe(true)
  const forged = { ...CERTIFICATE, signatures: [other.signature, ...CERTIFICATE.signatures.slice(1)] }
  expect(checkCertificate(forged, DIGEST, context)).toBe('voteSignature')
})

test('a vote of a stranger is not signed, and a bad one is not remembered', () => {
  const { context, checks } = counting()
  expect(isVoteSigned({ ...voteOf(0), voter: 4 }, context)).toBe(false)
  expect(isVoteSigned({ ...voteOf(0), voter: 1 }, context)).toBe(false)
  expect(isVoteSigned({ ...voteOf(0), voter: 1 }, context)).toBe(false)
  expect(checks()).toBe(2)
})

test('no more slots are remembered than were asked for, and the oldest goes first', () => {
  const { context, checks } = counting(2)
  const votes = [10, 11, 12].map((round) => voteOf(0, { round }))
  for (const vote of [...votes, ...votes.slice(1)]) expect(isVoteSigned(vote, context)).toBe(true)
  expect(checks()).toBe(3)
  expect(isVoteSigned(votes[0]!, context)).toBe(true)
  expect(checks()).toBe(4)
})
