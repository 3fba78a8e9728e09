/**
 * What a range of certificates is taken by (2.10): signatures where nothing vouches, hash links below, signatures again in every 50th round.
 * Method: one real core, 60 rounds behind members that the test plays; what it is asked for and answered is the test's.
 */
import { expect, test } from 'vitest'
import { encodeCertificate } from '../src/wire/certificate.ts'
import type { Authority, Certificate } from '../src/wire/types.ts'
import { LoneCore, type Named } from './support/lone-core.ts'

const SIZE = 4
const ROUNDS = 60
/** Signatures are checked in it though a hash link vouches. */
const CHECKED_ROUND = 50
const OTHERS = [1, 2, 3]

interface Behind {
  readonly lone: LoneCore
  /** What the others have made, ascending. */
  readonly certificates: readonly Certificate[]
  /** Of the newest round. */
  readonly names: readonly Named[]
}

/** It has seen a good certificate of round 60, and asks its sender for all below. */
function createBehind(): Behind {
  const lone = new LoneCore('certified', { size: SIZE, self: 0 })
  const certificates: Certificate[] = []
  let names: Named[] = lone.genesis()
  for (let round = 1; round <= ROUNDS; round++) {
    const made = OTHERS.map((author) => lone.header(author, round, names))
    certificates.push(...made.map((signed) => lone.certificate(signed)))
    names = made.map((signed) => lone.nameOf(signed))
  }
  lone.hear([2, { type: 'certificate', certificate: certificates.at(-2)! }])
  expect(askedOf(lone)).toEqual([2])
  return { lone, certificates, names }
}

/** Whom it has asked for ranges, one after the other. */
function askedOf(lone: LoneCore): Authority[] {
  return lone.said.flatMap(({ to, frame }) =>
    to !== 'others' && frame.type === 'certificateRequest' && frame.query.by === 'round' ? [to] : [],
  )
}

function answer(lone: LoneCore, certificates: readonly Certificate[]): void {
  const encoded = certificates.map((certificate) => encodeCertificate(certificate, SIZE))
  lone.hear([askedOf(lone).at(-1)!, { type: 'certificates', epoch: lone.setup.epoch, certificates: encoded }])
}

/** A bad answer moves nothing, and somebody is asked anew before long. */
function expectRefused(lone: LoneCore): void {
  expect(lone.core.gauges.round).toBe(0)
  const before = askedOf(lone).length
  lone.tickUntil(() => askedOf(lone).length > before, 1_000)
}

/** A signature that its voter never made: the digest of a certificate does not tell, since votes are no part of it. */
function forged(certificate: Certificate): Certificate {
  const [first, ...rest] = certificate.signatures
  return { ...certificate, signatures: [new Uint8Array(first!.length), ...rest] }
}

const forgedAt = (certificates: readonly Certificate[], round: number): Certificate[] => {
  const place = certificates.findIndex(({ header }) => header.round === round)
  return certificates.map((certificate, i) => (i === place ? forged(certificate) : certificate))
}

test('a whole answer is taken at once', () => {
  const { lone, certificates } = createBehind()
  answer(lone, certificates)
  expect([lone.core.gauges.round, lone.count('certificateBadSignature')]).toEqual([ROUNDS, 0])
})

test('below the newest round a hash link vouches: nobody looks at the votes there', () => {
  const { lone, certificates } = createBehind()
  answer(lone, forgedAt(certificates, CHECKED_ROUND - 1))
  expect([lone.core.gauges.round, lone.count('certificateBadSignature')]).toEqual([ROUNDS, 0])
})

test('in every 50th round they are looked at: an answer with a forged one there is dropped whole, and somebody is asked anew', () => {
  const { lone, certificates } = createBehind()
  answer(lone, forgedAt(certificates, CHECKED_ROUND))
  expect(lone.count('certificateBadSignature')).toBe(1)
  expectRefused(lone)
  answer(lone, certificates)
  expect(lone.core.gauges.round).toBe(ROUNDS)
})

test('where three answers fail at it in a row, hash links are enough', () => {
  const { lone, certificates } = createBehind()
  const bad = forgedAt(certificates, CHECKED_ROUND)
  for (let count = 1; count <= 3; count++) {
    answer(lone, bad)
    expect(lone.count('certificateBadSignature')).toBe(count)
    expectRefused(lone)
  }
  answer(lone, bad)
  expect([lone.core.gauges.round, lone.count('certificateBadSignature')]).toEqual([ROUNDS, 3])
})

test.each<readonly [string, (behind: Behind) => readonly Certificate[]]>([
  [
    'whose newest certificate has a forged vote',
    ({ lone, certificates, names }) => [...certificates, forged(lone.certificate(lone.header(1, ROUNDS + 1, names)))],
  ],
  [
    'whose newest certificate has fewer votes than a quorum',
    ({ lone, certificates, names }) => [...certificates, lone.certificate(lone.header(1, ROUNDS + 1, names), [1, 2])],
  ],
  [
    'in which one stands that nobody names, with votes that nobody gave',
    ({ lone, certificates }) => {
      const { header } = certificates[3 * 30]!
      const parents = header.parents.map((parent) => ({ ...parent, round: header.round - 1 }))
      const other = lone.header(header.author, header.round, parents, { createdAtMs: header.createdAtMs + 1 })
      return certificates.map((certificate) => (certificate.header === header ? forged(lone.certificate(other)) : certificate))
    },
  ],
])('an answer %s is dropped whole, hash links or not', (_, answerOf) => {
  const behind = createBehind()
  const { lone, certificates } = behind
  for (let count = 1; count <= 4; count++) {
    answer(lone, answerOf(behind))
    expect(lone.count('certificateBadSignature')).toBe(count)
    expectRefused(lone)
  }
  answer(lone, certificates)
  expect(lone.core.gauges.round).toBe(ROUNDS)
})
