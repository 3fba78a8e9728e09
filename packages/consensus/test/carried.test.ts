/** What an epoch took over from the one before is given to its core once, whatever a crash left of the records of it. */
import { expect, test } from 'vitest'
import { Carried, carriedRecord, readCarried } from '../src/core/carried.ts'
import type { StoredRecord } from '../src/core/contract.ts'
import { MemoryRecords } from './support/memory-records.ts'

const transaction = (byte: number): Uint8Array => new Uint8Array(8).fill(byte)
const [A, B, C, D] = [1, 2, 3, 4].map(transaction) as [Uint8Array, Uint8Array, Uint8Array, Uint8Array]

const doneRecord = (transactions: readonly Uint8Array[], count: number): StoredRecord => new Carried(transactions, count).record

function restart(listed: readonly Uint8Array[], recorded: number | undefined, own: readonly Uint8Array[]): Uint8Array[] | undefined {
  const store = new MemoryRecords()
  store.write([carriedRecord(listed), ...(recorded === undefined ? [] : [doneRecord(listed, recorded)])])
  const { carried, isRecordBehind } = readCarried(store, own)!
  const given = [...carried.takePiece()]
  const taken = listed.length - given.length
  expect(isRecordBehind).toBe(taken > (recorded ?? 0))
  expect(carried.isDone).toBe(taken === listed.length)
  expect(Buffer.from(carried.record.bytes)).toEqual(Buffer.from(doneRecord(listed, taken).bytes))
  return given
}

test('what own batches hold is not given again, recorded or not', () => {
  expect(restart([A, B, C], undefined, [])).toEqual([A, B, C])
  expect(restart([A, B, C], undefined, [A, B])).toEqual([C])
  expect(restart([A, B, C], 1, [A, B])).toEqual([C])
  expect(restart([A, B, C], 2, [])).toEqual([C]) // executed since, and in no list any more
  expect(restart([A, B, C], 3, [A, B, C])).toEqual([])
  expect(restart([A, B, C], 1, [D, A, B, D, C])).toEqual([]) // clients' transactions stand between them
})

test('one that was promised twice is given as often as it is missing', () => {
  expect(restart([A, A], undefined, [A])).toEqual([A])
  expect(restart([A, A], 1, [A])).toEqual([A])
  expect(restart([A, A], 1, [A, A])).toEqual([])
})

test('an epoch that has taken over nothing says so', () => {
  expect(readCarried(new MemoryRecords(), [A])).toBe(undefined)
})
