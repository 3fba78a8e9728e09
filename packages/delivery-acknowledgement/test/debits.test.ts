/** Debits: one layout, cut anywhere behind a pair, and each point in one entry. */
import {
  cutDebits,
  type Debit,
  debitAt,
  DEBIT_MAX,
  DEBITS_PART_BYTES_MAX,
  DEBITS_START,
  DeliveryAcknowledgementError,
  encodeDebits,
  foldDebits,
  readDebits,
} from '@selvedge/delivery-acknowledgement'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { claimOf, evidenceOf, plainDebitAt } from './support/world.ts'

/** Some debits, ascending, of up to four services. */
const anyDebits = fc
  .uniqueArray(fc.record({ serviceId: fc.nat(3), clientIndex: fc.nat(2 ** 32 - 1), amount: fc.bigInt(1n, DEBIT_MAX) }), {
    minLength: 1,
    maxLength: 40,
    selector: ({ serviceId, clientIndex }) => `${serviceId}/${clientIndex}`,
  })
  .map((debits) => debits.toSorted((a, b) => a.serviceId - b.serviceId || a.clientIndex - b.clientIndex))

test('debits come back from any cut, each with its start, and the cursor ends complete', () => {
  fc.assert(
    fc.property(anyDebits, fc.integer({ min: 18, max: 100 }), (debits, partBytesMax) => {
      const bytes = encodeDebits(debits)
      const parts = cutDebits(bytes, partBytesMax)
      expect(Buffer.concat(parts)).toEqual(Buffer.from(bytes))
      let cursor = DEBITS_START
      const read: Debit[] = []
      for (const part of parts) {
        expect(part.length).toBeGreaterThan(0)
        expect(part.length).toBeLessThanOrEqual(partBytesMax)
        read.push(...readDebits(cursor, part).map(({ serviceId, clientIndex, amount }) => ({ serviceId, clientIndex, amount })))
        cursor = foldDebits(cursor, part)
      }
      expect(read).toEqual(debits)
      expect(cursor).toMatchObject({ left: 0, pairs: debits.length, sum: debits.reduce((sum, { amount }) => sum + amount, 0n) })
    }),
  )
})

test('a point lies in one entry of one part, the one that running sums name', () => {
  fc.assert(
    fc.property(anyDebits, fc.bigInt(0n, 2n ** 64n), (debits, number) => {
      const total = debits.reduce((sum, { amount }) => sum + amount, 0n)
      for (const point of [number % total, 0n, total - 1n]) {
        let cursor = DEBITS_START
        const found = cutDebits(encodeDebits(debits), 40).flatMap((part) => {
          const debit = debitAt(cursor, part, point)
          cursor = foldDebits(cursor, part)
          return debit === undefined ? [] : [debit]
        })
        expect(found).toMatchObject([plainDebitAt(debits, point)!])
        expect(point >= found[0]!.start && point < found[0]!.start + found[0]!.amount).toBe(true)
      }
    }),
  )
})

test('whatever bytes come, reading them ends in debits that encode to them or in the one error', () => {
  fc.assert(
    fc.property(anyDebits, fc.nat(), fc.integer({ min: 1, max: 255 }), fc.nat(5), (debits, at, change, cut) => {
      const bytes = encodeDebits(debits)
      bytes[at % bytes.length]! ^= change
      const part = bytes.slice(0, bytes.length - cut)
      try {
        const { left } = foldDebits(DEBITS_START, part)
        if (left === 0) expect(encodeDebits(readDebits(DEBITS_START, part))).toEqual(part)
      } catch (error) {
        expect(error).toBeInstanceOf(DeliveryAcknowledgementError)
      }
    }),
  )
})

const one = { serviceId: 1, clientIndex: 7, amount: 5n }

test.each([
  ['a client twice', [one, one]],
  ['clients that descend', [one, { ...one, clientIndex: 6 }]],
  ['services that descend', [one, { ...one, serviceId: 0 }]],
  ['a service twice', [one, { ...one, serviceId: 2 }, { ...one, clientIndex: 8 }]],
  ['nothing owed', [{ ...one, amount: 0n }]],
  ['more than a u48', [{ ...one, amount: DEBIT_MAX + 1n }]],
])('%s is refused', (_, debits) => {
  expect(() => encodeDebits(debits)).toThrow(DeliveryAcknowledgementError)
})

test('a section of no pairs, a cut within a pair and a part that goes on in the wrong place are malformed', () => {
  const bytes = encodeDebits([one, { ...one, clientIndex: 9 }])
  const [first, second] = cutDebits(bytes, 18)
  const cursor = foldDebits(DEBITS_START, first!)
  expect(() => foldDebits(DEBITS_START, new Uint8Array(8))).toThrow('is empty')
  expect(() => foldDebits(DEBITS_START, bytes.slice(0, -1))).toThrow('is cut')
  expect(() => foldDebits(DEBITS_START, bytes.slice(0, 7))).toThrow('is cut')
  expect(() => foldDebits(cursor, first!.slice(8))).toThrow('does not ascend') // its own pair again
  expect(foldDebits(cursor, second!)).toMatchObject({ left: 0, pairs: 2, sum: 10n })
})

test('leaves of one client and service are one debit, and parts are 60 KiB at most', () => {
  const sessions = [0, 1, 2].map((session) => evidenceOf({ client: 1, serviceId: 0, session, bytes: 1_000_000n }))
  const claim = claimOf([...sessions, evidenceOf({ client: 1, serviceId: 1, session: 5, bytes: 300_000n })])
  expect(claim.debits).toEqual([
    { serviceId: 0, clientIndex: 1, amount: 30n },
    { serviceId: 1, clientIndex: 1, amount: 3n },
  ])
  const many = Array.from({ length: 20_000 }, (_, clientIndex) => ({ serviceId: 0, clientIndex, amount: 1n }))
  const parts = cutDebits(encodeDebits(many))
  expect(parts.map(({ length }) => length)).toEqual([61_438, 61_440, 61_440, 15_690])
  expect(DEBITS_PART_BYTES_MAX).toBe(61_440)
})
