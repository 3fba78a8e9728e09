// Goal: what a node builds is what the ledger checks: the bytes say the tree's root, total and debits, every point that is drawn is opened in the
// order of the draw, and an entry's leaves are all of it and nothing else.
import { sha256 } from '@selvedge/crypto/sha256'
import {
  buildClaim,
  checkAnswer,
  claimLeafOf,
  debitAt,
  DEBITS_START,
  decodeClaimAnswer,
  decodeClaimCommit,
  decodeClaimDebits,
  DeliveryAcknowledgementError,
  drawPoints,
  encodeDebits,
  pointCountOf,
} from '@selvedge/delivery-acknowledgement'
import { expect, test } from 'vitest'
import { EPOCH, evidenceOf, honestLeafOf, NODE, RULES } from './support/world.ts'

const EVIDENCE = [
  { client: 1, serviceId: 0, session: 1, bytes: 10n ** 9n },
  { client: 1, serviceId: 0, session: 2, bytes: 3n * 10n ** 9n, tickIndex: 3 },
  { client: 1, serviceId: 1, session: 3, bytes: 2n * 10n ** 9n },
  { client: 2, serviceId: 0, session: 4, bytes: 10n ** 9n },
].map((plan) => evidenceOf(plan))
const SESSIONS = EVIDENCE.map((evidence) => {
  const clientIndex = RULES.clientOf(evidence.acknowledgement.account)!.clientIndex
  return { evidence, leaf: claimLeafOf(evidence, clientIndex, honestLeafOf(evidence).amount) }
})
const BEACON = new Uint8Array(32).fill(7)

test('a leaf says what was acknowledged, the tick included', () => {
  expect(SESSIONS.map(({ leaf }) => leaf)).toEqual(EVIDENCE.map(honestLeafOf))
})

test('the bodies say the claim, in whatever order the sessions came, and its parts are its debits', () => {
  const claim = buildClaim(SESSIONS, { partBytesMax: 28 })
  expect(buildClaim(SESSIONS.toReversed(), { partBytesMax: 28 }).commit).toEqual(claim.commit)
  const { root, total, count } = claim.tree
  const debits = encodeDebits(claim.debits)
  expect(decodeClaimCommit(claim.commit)).toEqual({
    epoch: EPOCH,
    nodeIndex: NODE.nodeIndex,
    root,
    total,
    count,
    debitsDigest: sha256(debits),
  })
  const parts = claim.parts.map((part) => decodeClaimDebits(part))
  expect(parts.map(({ part, parts: of }) => [part, of])).toEqual(parts.map((_, i) => [i, parts.length]))
  expect(parts.length).toBeGreaterThan(1)
  expect(Buffer.concat(parts.map(({ bytes }) => bytes))).toEqual(Buffer.from(debits))
  expect(buildClaim(SESSIONS).parts).toHaveLength(1)
})

test.each([0, 1, 2])(
  'every point that is drawn with %i reveals withheld is opened in its place, and the ledger finds all true',
  (withheld) => {
    const claim = buildClaim(SESSIONS)
    const { root, total } = claim.tree
    const points = drawPoints(BEACON, { epoch: EPOCH, nodeIndex: NODE.nodeIndex, root, total }, withheld)
    const answers = claim.answers(BEACON, withheld).map((answer) => decodeClaimAnswer(answer))
    const openings = answers.flatMap((answer) => answer.openings)
    expect(openings).toHaveLength(pointCountOf(withheld))
    expect(openings).toEqual(claim.openPoints(BEACON, withheld))
    expect(answers.map(({ first }) => first)).toEqual(answers.map((_, i) => 32 * i))
    const debits = encodeDebits(claim.debits)
    expect(checkAnswer(claim.tree, points, openings, RULES, (point) => debitAt(DEBITS_START, debits, point))).toEqual({ verdict: 'true' })
  },
)

test('an entry is all leaves of one client and service', () => {
  const claim = buildClaim(SESSIONS)
  const opened = claim.debits.map(({ clientIndex, serviceId }) => claim.openEntry(clientIndex, serviceId))
  expect(opened.map((entry) => entry.length)).toEqual([2, 1, 1])
  expect(opened.flat()).toEqual(claim.leaves.map((_, index) => claim.open(index)))
  expect(claim.openEntry(99, 0)).toEqual([])
})

test('nothing, one session twice, and two epochs are no claim', () => {
  const [first] = SESSIONS
  const later = evidenceOf({ client: 2, serviceId: 0, session: 9, bytes: 10n ** 9n }, { epoch: EPOCH + 1n })
  for (const sessions of [[], [first!, first!], [first!, { evidence: later, leaf: claimLeafOf(later, 2, 1n) }]]) {
    expect(() => buildClaim(sessions)).toThrow(DeliveryAcknowledgementError)
  }
})
