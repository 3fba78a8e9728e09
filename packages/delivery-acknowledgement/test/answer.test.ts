/** Challenge and dispute with real keys: what is true passes, what is false is told from what is missing. */
import {
  type AcknowledgementFields,
  checkAnswer,
  checkPoint,
  type ClaimLeaf,
  decodeClaimAnswer,
  DeliveryAcknowledgementError,
  DISPUTE_START,
  drawPoints,
  encodeClaimAnswer,
  type Evidence,
  type Opening,
  type PlacedDebit,
  pointCountOf,
  stepDispute,
} from '@selvedge/delivery-acknowledgement'
import { expect, test } from 'vitest'
import { plainTree } from './reference/plain-tree.ts'
import { type Claim, claimOf, delegationOf, evidenceOf, honestLeafOf, plainDebitAt, RULES, seedOf } from './support/world.ts'

const evidence = Array.from({ length: 23 }, (_, session) =>
  evidenceOf({ client: session % 7, serviceId: session % 3, session, bytes: 100_000n * BigInt(1 + session * session), tickIndex: session }),
)
const claim = claimOf(evidence)
const committed = { root: claim.tree.root, total: claim.tree.total }
const drawn = { epoch: 5n, nodeIndex: 2, ...committed }
const points = drawPoints(seedOf(77), drawn, 0)
const debitOf = (point: bigint) => plainDebitAt(claim.debits, point)

const openingsOf = (each: Claim, asked: readonly bigint[]): Opening[] => asked.map((point) => each.open(each.tree.indexAt(point)))

test('an honest claim answers every point, and twice as many when a reveal was withheld', () => {
  expect(checkAnswer(committed, points, openingsOf(claim, points), RULES, debitOf)).toEqual({ verdict: 'true' })
  const more = drawPoints(seedOf(77), drawn, 1)
  expect([points.length, more.length, pointCountOf(2)]).toEqual([64, 128, 192])
  expect(more.slice(0, 64)).toEqual(points)
  expect(checkAnswer(committed, more, openingsOf(claim, more), RULES, debitOf)).toEqual({ verdict: 'true' })
})

test('points follow from beacon, epoch, node and root, each of them', () => {
  const others = [
    drawPoints(seedOf(78), drawn, 0),
    drawPoints(seedOf(77), { ...drawn, epoch: 6n }, 0),
    drawPoints(seedOf(77), { ...drawn, nodeIndex: 3 }, 0),
    drawPoints(seedOf(77), { ...drawn, root: seedOf(1) }, 0),
  ]
  for (const other of others) expect(other).not.toEqual(points)
  for (const point of points) expect(point >= 0n && point < committed.total).toBe(true)
})

test('silence is missing, a lie beside silence is false', () => {
  const openings: (Opening | undefined)[] = openingsOf(claim, points)
  openings[3] = undefined
  openings[60] = undefined
  expect(checkAnswer(committed, points, openings, RULES, debitOf)).toEqual({ verdict: 'missing', count: 2 })
  openings[61] = claim.open((claim.tree.indexAt(points[61]!) + 1) % claim.tree.count)
  expect(checkAnswer(committed, points, openings, RULES, debitOf)).toEqual({ verdict: 'false', index: 61, fault: 'point' })
  expect(checkAnswer(committed, points, [], RULES, debitOf)).toEqual({ verdict: 'missing', count: 64 })
})

/** The verdict on the point in the middle of what `index` claims. */
function faultAt(liar: Claim, index: number, open = liar.open(index)): string | undefined {
  const start = liar.leaves.slice(0, index).reduce((sum, { amount }) => sum + amount, 0n)
  const point = start + liar.leaves[index]!.amount / 2n
  return checkPoint({ root: liar.tree.root, total: liar.tree.total }, point, open, RULES, plainDebitAt(liar.debits, point))
}

test('an amount above what was acknowledged is not what the root holds', () => {
  const liar = claimOf(evidence, (each) => ({ ...honestLeafOf(each), amount: honestLeafOf(each).amount + 1n }))
  expect(faultAt(liar, 4)).toBe('root')
})

test('an acknowledgement that the client did not sign is found out', () => {
  const forged = evidence.map((each, index): Evidence => {
    if (index !== 5) return each
    const more: AcknowledgementFields = { ...each.acknowledgement, cumBytes: 10n ** 8n, cumPrice: 1_000n }
    return { ...each, acknowledgement: { ...more, signature: each.acknowledgement.signature } }
  })
  const liar = claimOf(forged)
  const index = liar.evidence.indexOf(forged[5]!)
  expect(faultAt(liar, index)).toBe('signature')
  expect(faultAt(liar, (index + 1) % 23)).toBeUndefined()
})

test('debits that charge a stranger, or credit another service, are found out at the points that they cover', () => {
  const [point] = points
  const right = debitOf(point!)!
  const opening = openingsOf(claim, [point!])[0]!
  const wrong = [{ ...right, clientIndex: right.clientIndex + 1 }, { ...right, serviceId: right.serviceId + 1 }, undefined]
  for (const debit of wrong) expect(checkPoint(committed, point!, opening, RULES, debit)).toBe('debit')
  expect(checkPoint(committed, point!, opening, RULES, right)).toBeUndefined()
})

test('a claim written twice is false for at least half of its value', () => {
  const twice = [...claim.leaves, ...claim.leaves]
  const liar = plainTree(twice)
  const fake: Claim = {
    ...claim,
    tree: { ...claim.tree, root: liar.hash, total: liar.sum },
    leaves: twice,
    debits: [...claim.debits, ...claim.debits],
  }
  let good = 0n
  twice.forEach((leaf, index) => {
    const open = { ...claim.evidence[index % 23]!, path: liar.paths[index]! }
    if (faultAt(fake, index, open) === undefined) good += leaf.amount
  })
  expect(2n * good).toBeLessThanOrEqual(liar.sum)
})

test('an acknowledgement that pays nothing is no leaf', () => {
  const empty = evidenceOf({ client: 1, serviceId: 0, session: 1, bytes: 99_999n })
  const leaf: ClaimLeaf = { ...honestLeafOf(empty), amount: 0n }
  const liar = plainTree([leaf])
  expect(checkPoint({ root: liar.hash, total: 0n }, 0n, { ...empty, path: [] }, RULES, undefined)).toBe('amount')
})

test('every bit of an answer, flipped, makes it malformed or false', () => {
  const small = claimOf(evidence.slice(0, 3))
  const index = small.tree.indexAt(0n)
  const body = encodeClaimAnswer({ epoch: 5n, nodeIndex: 2, first: 0, openings: [small.open(index)] })
  const signed = new Set<string>()
  const claimed = { root: small.tree.root, total: small.tree.total }
  const verdictOn = (bytes: Uint8Array): string => {
    try {
      const { openings } = decodeClaimAnswer(bytes)
      return checkAnswer(claimed, [0n], openings, RULES, (point) => plainDebitAt(small.debits, point), signed).verdict
    } catch (error) {
      expect(error).toBeInstanceOf(DeliveryAcknowledgementError)
      return 'malformed'
    }
  }
  expect(verdictOn(body)).toBe('true')
  const verdicts = new Map<string, number>()
  for (let bit = 8 * 16; bit < 8 * body.length; bit++) {
    const bent = body.slice()
    bent[bit >> 3]! ^= 1 << (bit & 7)
    const verdict = verdictOn(bent)
    verdicts.set(verdict, (verdicts.get(verdict) ?? 0) + 1)
  }
  expect([...verdicts.keys()].toSorted()).toEqual(['false', 'malformed'])
})

// A client with three sessions for one service, between others.
const disputed = Array.from({ length: 9 }, (_, session) =>
  evidenceOf({ client: [1, 4, 4, 4, 5][session % 5]!, serviceId: 1, session, bytes: 10n ** 6n * BigInt(session + 1) }),
)
const dispute = claimOf(disputed)
const entry: PlacedDebit = (() => {
  const debit = dispute.debits.find(({ clientIndex }) => clientIndex === 4)!
  const before = dispute.debits.slice(0, dispute.debits.indexOf(debit))
  return { ...debit, start: before.reduce((sum, { amount }) => sum + amount, 0n) }
})()
const disputedClaim = { root: dispute.tree.root, total: dispute.tree.total }
const own = dispute.leaves.flatMap((leaf, index) => (new DataView(leaf.key.buffer).getUint32(4) === 4 ? [dispute.open(index)] : []))
const judge = (openings: readonly Opening[], state = DISPUTE_START) => stepDispute(state, openings, disputedClaim, entry, RULES)

test('a disputed entry is proven by all its leaves, at once or in parts', () => {
  expect(own.length).toBe(6)
  expect(judge(own)).toEqual({ verdict: 'true' })
  let state = DISPUTE_START
  for (const opening of own.slice(0, 4)) {
    const verdict = judge([opening], state)
    if (verdict.verdict !== 'open') throw new Error(verdict.verdict)
    state = verdict.state
  }
  expect(state).toMatchObject({ opened: 4 })
  expect(judge(own.slice(4), state)).toEqual({ verdict: 'true' })
})

test('a leaf that comes twice, in whatever part, proves nothing', () => {
  expect(judge([own[0]!, own[0]!])).toEqual({ verdict: 'false', index: 1, fault: 'repeated' })
  const first = judge([own[1]!])
  if (first.verdict !== 'open') throw new Error(first.verdict)
  expect(judge([own[1]!], first.state)).toEqual({ verdict: 'false', index: 0, fault: 'repeated' })
  expect(judge([own[0]!], first.state)).toEqual({ verdict: 'false', index: 0, fault: 'repeated' })
})

test('leaves of another client, outside of the entry, or forged are false', () => {
  const others = dispute.leaves.findIndex((leaf) => new DataView(leaf.key.buffer).getUint32(4) === 5)
  expect(judge([dispute.open(others)])).toEqual({ verdict: 'false', index: 0, fault: 'debit' })
  const moved = { ...entry, start: entry.start + 1n }
  expect(stepDispute(DISPUTE_START, own, disputedClaim, moved, RULES)).toMatchObject({ verdict: 'false', fault: 'point' })
  const bent = { ...own[0]!, session: { ...own[0]!.session, laneNonce: 99n } }
  expect(judge([bent])).toEqual({ verdict: 'false', index: 0, fault: 'session' })
})

test('sessions under one delegation stay together within its spend cap, in parts too', () => {
  const delegation = delegationOf(4, { spendCap: 40n })
  const capped = claimOf([0, 1].map((session) => evidenceOf({ client: 4, serviceId: 1, session, bytes: 3_000_000n, delegation })))
  const debit = { ...capped.debits[0]!, start: 0n }
  const claimed = { root: capped.tree.root, total: capped.tree.total }
  expect(stepDispute(DISPUTE_START, [capped.open(0), capped.open(1)], claimed, debit, RULES)).toMatchObject({ index: 1, fault: 'too-much' })
  const first = stepDispute(DISPUTE_START, [capped.open(0)], claimed, debit, RULES)
  if (first.verdict !== 'open') throw new Error(first.verdict)
  expect(stepDispute(first.state, [capped.open(1)], claimed, debit, RULES)).toMatchObject({ index: 0, fault: 'too-much' })
})
