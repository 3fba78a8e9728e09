/** Frames that pass what comes after decoding, so that edits of them reach every check behind it. */
import fc from 'fast-check'
import type { Ancestor, Certificate, Frame, Header, HeaderRules, Member, SignedBlock } from '@selvedge/consensus'
import { compareBytes } from '../../src/wire/bytes.ts'

const EPOCH = 5
const ROUND = 7
const digestOf = (byte: number): Uint8Array => new Uint8Array(32).fill(byte)
const genesis = Array.from({ length: 16 }, (_, author) => digestOf(author + 100))
export const PLAUSIBLE_RULES: HeaderRules = { epoch: EPOCH, roundMax: ROUND + 1_000, workers: 2, genesis }

/** The fuzzer's signatures are good when their first byte is that of the key. */
export function plausibleMembersOf(size: number): Member[] {
  return Array.from({ length: size }, (_, place) => ({
    key: new Uint8Array(32).fill(place + 1),
    blsKey: new Uint8Array(48),
    stake: 1,
    nodeIndex: place,
  }))
}
const signatureBy = (author: number): Uint8Array => new Uint8Array(64).fill(author + 1)
const placesOf = (size: number): number[] => Array.from({ length: size }, (_, place) => place)
const quorumOf = (size: number): number => Math.floor((2 * size) / 3) + 1

const payload: fc.Arbitrary<Header['payload']> = fc
  .uniqueArray(fc.record({ digest: fc.uint8Array({ minLength: 32, maxLength: 32 }), worker: fc.nat(1), bytes: fc.nat(1_000_000) }), {
    maxLength: 3,
    selector: ({ digest }) => digest.join(),
  })
  .map((entries) => entries.toSorted((a, b) => compareBytes(a.digest, b.digest)))
const systemTransactions = fc.array(fc.uint8Array({ minLength: 1, maxLength: 20 }), { maxLength: 2 })

/** Members of a quorum or more, ascending. */
const someOf = (size: number): fc.Arbitrary<number[]> =>
  fc.shuffledSubarray(placesOf(size), { minLength: quorumOf(size) }).map((places) => places.toSorted((a, b) => a - b))

function headerOf(size: number): fc.Arbitrary<Header> {
  const slot = { epoch: fc.constant(EPOCH), author: fc.nat(size - 1), createdAtMs: fc.nat(), payload, systemTransactions }
  const parents = someOf(size).map((places) => places.map((author) => ({ author, digest: digestOf(author) })))
  const first = placesOf(size).map((author) => ({ author, digest: genesis[author]! }))
  return fc.oneof(
    { weight: 3, arbitrary: fc.record({ ...slot, round: fc.integer({ min: 2, max: ROUND }), parents }) },
    { weight: 1, arbitrary: fc.record({ ...slot, round: fc.constant(1), parents: fc.constant(first) }) },
  )
}

function blockOf(size: number): fc.Arbitrary<SignedBlock> {
  const ancestorsOf = (author: number): fc.Arbitrary<Ancestor[]> =>
    someOf(size).map((places) =>
      [author, ...places.filter((each) => each !== author)].map((each) => ({ round: ROUND - 1, author: each, digest: digestOf(each) })),
    )
  return fc.nat(size - 1).chain((author) =>
    fc.record({
      block: fc.record({
        epoch: fc.constant(EPOCH),
        round: fc.constant(ROUND),
        author: fc.constant(author),
        createdAtMs: fc.nat(),
        ancestors: ancestorsOf(author),
        transactions: fc.array(fc.uint8Array({ maxLength: 20 }), { maxLength: 3 }),
        systemTransactions,
      }),
      signature: fc.constant(signatureBy(author)),
    }),
  )
}

function certificateOf(size: number): fc.Arbitrary<Certificate> {
  return fc.tuple(headerOf(size), someOf(size)).map(([header, signers]) => ({
    header,
    headerSignature: signatureBy(header.author),
    signers,
    signatures: signers.map(signatureBy),
  }))
}

export function plausibleFramesOf(size: number): fc.Arbitrary<Frame>[] {
  return [
    headerOf(size).map((header) => ({ type: 'header', header: { header, signature: signatureBy(header.author) } })),
    blockOf(size).map((block) => ({ type: 'block', block })),
    certificateOf(size).map((certificate) => ({ type: 'certificate', certificate })),
  ]
}
