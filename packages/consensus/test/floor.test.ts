/**
 * How high the floor of a member is that may have lost its records (2.11): exactly two rounds above what is proven, or at what it is
 * shown to have signed, and never higher because somebody says so. Method: one real core that asks, members that the test plays.
 */
import { expect, test } from 'vitest'
import { ByteReader } from '../src/wire/bytes.ts'
import { encodeCertificate } from '../src/wire/certificate.ts'
import { type Statement, statementOfHeader } from '../src/wire/statement.ts'
import type { Authority, Certificate } from '../src/wire/types.ts'
import { LoneCore } from './support/lone-core.ts'

const SIZE = 4
const [SELF, OTHER] = [0, 1]

/** It holds by itself, whatever its parents are. */
function certificateAt(lone: LoneCore, round: number): Certificate {
  const parents = lone.genesis().map((named) => ({ ...named, round: round - 1 }))
  return lone.certificate(lone.header(OTHER, round, parents))
}

const proofAt = (lone: LoneCore, round: number): Uint8Array => encodeCertificate(certificateAt(lone, round), SIZE)

function forgedProofAt(lone: LoneCore, round: number): Uint8Array {
  const certificate = certificateAt(lone, round)
  return encodeCertificate({ ...certificate, signatures: certificate.signatures.map(() => new Uint8Array(64)) }, SIZE)
}

/** A header that the asker is shown: signed by `by`, in its own name or not. */
function shownAt(lone: LoneCore, round: number, by: Authority): Statement {
  const parents = lone.genesis().map((named) => ({ ...named, round: round - 1 }))
  return { ...statementOfHeader(lone.header(by, round, parents)), author: SELF }
}

interface Answer {
  readonly proof?: Uint8Array
  readonly statements?: readonly Statement[]
}

/** @returns the slot at or below which nothing is signed; `undefined` while that is not known. */
function floorAfter(answersOf: (lone: LoneCore) => readonly Answer[]): number | undefined {
  const lone = new LoneCore('certified', { size: SIZE, self: SELF, isFirstBoot: true })
  const nonces = lone.said.flatMap(({ frame }) => (frame.type === 'floorQuery' ? [frame.nonce] : []))
  expect(nonces).toHaveLength(SIZE - 1)
  for (const [i, { proof = new Uint8Array(), statements = [] }] of answersOf(lone).entries()) {
    expect(lone.records.get('floor', 'floor')).toBeUndefined()
    lone.hear([lone.others[i]!, { type: 'floorAnswer', epoch: lone.setup.epoch, nonce: nonces[0]!, proof, statements }])
  }
  const bytes = lone.records.get('floor', 'floor')
  if (bytes === undefined) return undefined
  const reader = new ByteReader(bytes)
  expect(reader.u64()).toBe(1) // boots
  return reader.u64()
}

test.each<readonly [string, (lone: LoneCore) => readonly Answer[], number | undefined]>([
  ['two above the highest round that is proven', (lone) => [5, 7, 6].map((round) => ({ proof: proofAt(lone, round) })), 9],
  ['zero where nobody shows anything', () => [{}, {}, {}], 0],
  ['not known before a quorum of the others has answered', (lone) => [5, 7].map((round) => ({ proof: proofAt(lone, round) })), undefined],
  [
    'not lifted by a proof that is none, whose answer counts as round 0',
    (lone) => [{ proof: proofAt(lone, 5) }, { proof: forgedProofAt(lone, 40) }, { proof: new Uint8Array(9) }],
    7,
  ],
  [
    'the own slot that is shown, where that is higher',
    (lone) => [{ proof: proofAt(lone, 5), statements: [shownAt(lone, 12, SELF), shownAt(lone, 11, SELF)] }, {}, {}],
    12,
  ],
  ['two where nothing is proven and an own slot of round 1 is shown', (lone) => [{ statements: [shownAt(lone, 1, SELF)] }, {}, {}], 2],
  ['that slot, where it is higher', (lone) => [{ statements: [shownAt(lone, 3, SELF)] }, {}, {}], 3],
  ['not lifted by a slot that it did not sign', (lone) => [{ proof: proofAt(lone, 5), statements: [shownAt(lone, 99, OTHER)] }, {}, {}], 7],
])('the floor is %s', (_, answersOf, floor) => {
  expect(floorAfter(answersOf)).toBe(floor)
})
