import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodePlan, encodePlan, setupOf } from '../../src/driver/plan.ts'
import { ConsensusError, type EpochPlan } from '../../src/index.ts'

const bytes = (length: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength: length, maxLength: length })
const positive = fc.integer({ min: 1, max: 1_000_000 })
const plans: fc.Arbitrary<EpochPlan> = fc.record({
  epoch: fc.nat(),
  mode: fc.constantFrom('certified' as const, 'uncertified' as const),
  beacon: bytes(32),
  previous: fc.record({ subDagDigest: bytes(32), timestampMs: fc.nat() }),
  parameters: fc.record(
    { gcDepth: positive, scheduleCommits: positive, leadersPerRound: positive, workers: positive },
    { requiredKeys: [] },
  ),
  committee: fc.array(fc.record({ key: bytes(32), blsKey: bytes(48), stake: positive, nodeIndex: fc.nat() }), {
    minLength: 1,
    maxLength: 5,
  }),
})

test('a plan comes back from its bytes, and nothing else is one', () => {
  fc.assert(
    fc.property(plans, fc.nat(), (plan, cut) => {
      const encoded = encodePlan(plan)
      expect(decodePlan(encoded)).toEqual(plan)
      expect(() => decodePlan(encoded.subarray(0, cut % encoded.length))).toThrow(ConsensusError)
      expect(() => decodePlan(new Uint8Array([...encoded, 0]))).toThrow(ConsensusError)
    }),
  )
})

test('who has no seat is nobody', () => {
  fc.assert(
    fc.property(plans, bytes(32), (plan, stranger) => {
      const identity = { chainId: 1, genesisHash: new Uint8Array(32) }
      const state = { lastApplied: 3, isFirstBoot: false }
      const place = plan.committee.length - 1
      const first = plan.committee.findIndex(({ key }) => Buffer.compare(key, plan.committee[place]!.key) === 0)
      expect(setupOf(plan, { ...identity, publicKey: plan.committee[place]!.key }, state)).toMatchObject({ self: first, ...state })
      fc.pre(plan.committee.every(({ key }) => Buffer.compare(key, stranger) !== 0))
      expect(setupOf(plan, { ...identity, publicKey: stranger }, state).self).toBe(-1)
    }),
  )
})
