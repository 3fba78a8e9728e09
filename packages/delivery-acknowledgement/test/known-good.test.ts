// Goal: what is remembered of what was good spares work and changes no answer, whatever comes after it with the same objects in other company.
import { checkAcknowledgement, type EpochRules, type Evidence } from '@selvedge/delivery-acknowledgement'
import { expect, test } from 'vitest'
import { KnownGood } from '../src/known-good.ts'
import { delegationOf, evidenceOf, NODE, RULES, seedOf } from './support/world.ts'

const PLAN = { client: 3, serviceId: 1, session: 7, bytes: 5_000_000n }
const good = evidenceOf(PLAN)
/** The same acknowledgement, and one part of what goes with it of somewhere else; or the same, under other rules. */
const CASES: readonly [Evidence, EpochRules][] = [
  [good, RULES],
  [{ ...good, session: { ...good.session, laneNonce: 9n } }, RULES],
  [{ ...good, delegation: delegationOf(3) }, RULES], // the same word, in an object of its own
  [{ ...good, delegation: { ...good.delegation, spendCap: 10n ** 12n } }, RULES],
  [{ ...good, delegation: delegationOf(3, { services: [1] }) }, RULES],
  [{ ...evidenceOf({ ...PLAN, client: 4 }), session: good.session }, RULES], // two clients that hand in the same inputs
  [good, { ...RULES, nodeKey: seedOf(5) }],
  [good, { ...RULES, nodeKey: NODE.keys.publicKey.slice() }],
  [good, { ...RULES, chainId: 8 }],
  [
    { ...good, acknowledgement: { ...good.acknowledgement, chainId: 8 } },
    { ...RULES, chainId: 8 },
  ],
  [
    { ...good, acknowledgement: { ...good.acknowledgement, epoch: 6n, expiryEpoch: 7 } },
    { ...RULES, epoch: 6n },
  ],
  [{ ...good, acknowledgement: { ...good.acknowledgement, signature: new Uint8Array(64) } }, RULES],
]

test('each of them before each other, one memory for both: every answer is that of no memory', () => {
  const plain = CASES.map(([evidence, rules]) => checkAcknowledgement(evidence, rules))
  expect(plain.filter(({ isPayable }) => isPayable).length).toBeGreaterThanOrEqual(4)
  for (const [evidence, rules] of CASES) {
    for (const [index, [after, others]] of CASES.entries()) {
      const known = new KnownGood()
      checkAcknowledgement(evidence, rules, known)
      expect(checkAcknowledgement(after, others, known)).toEqual(plain[index])
      expect(checkAcknowledgement(after, others, known)).toEqual(plain[index])
    }
  }
})

test('an id is made once for what makes it, and again when any of it is another', () => {
  const known = new KnownGood()
  const { session, delegation } = good
  const place = { chainId: RULES.chainId, nodeKey: RULES.nodeKey, epoch: RULES.epoch }
  const id = known.sessionIdOf(session, delegation, place)
  expect(id).toEqual(good.acknowledgement.sessionId)
  expect(known.sessionIdOf(session, delegation, { ...place })).toBe(id)
  for (const other of [{ chainId: 8 }, { nodeKey: seedOf(5) }, { epoch: 6n }]) {
    expect(known.sessionIdOf(session, delegation, { ...place, ...other })).not.toEqual(id)
    expect(known.sessionIdOf(session, delegation, place)).toEqual(id)
  }
  expect(known.sessionIdOf({ ...session, laneNonce: 9n }, delegation, place)).not.toEqual(id)
  expect(known.sessionIdOf(session, delegationOf(4), place)).not.toEqual(id)
})

test('a delegation is recovered once, by whatever bytes or object it comes, and on each chain', () => {
  const known = new KnownGood()
  expect(checkAcknowledgement(good, RULES, known).isPayable).toBe(true)
  expect([known.size, known.isSigned(RULES.chainId, good.delegation), known.isSigned(8, good.delegation)]).toEqual([1, true, false])
  known.clear()
  expect(checkAcknowledgement(good, RULES, known).isPayable).toBe(true)
  expect(known.size).toBe(0) // the object is known without its bytes
  expect(checkAcknowledgement({ ...good, delegation: delegationOf(3) }, RULES, known).isPayable).toBe(true)
  expect(known.size).toBe(1)
})
