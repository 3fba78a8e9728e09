import {
  accounts,
  balances,
  createMemoryStore,
  decodeField,
  encodeField,
  keyOf,
  queue,
  type AccountRow,
  type QueueRow,
} from '@selvedge/application'
import { expect, test } from 'vitest'
import { State } from '../src/state/state.ts'
import { u64be } from '../src/state/fields.ts'
import { createRandom } from './support/random-actions.ts'

const address = (i: number): Uint8Array => new Uint8Array(20).fill(i)
const row = (native: bigint): AccountRow => ({ nonce: 0n, native, clientIndex: 0 })
const entry = (amount: bigint): QueueRow => ({ kind: 0, address: address(1), place: 0, amount })

test('rows are read through, changed in memory, taken back to a mark, and written once', () => {
  const store = createMemoryStore()
  store.commit([{ space: 2, key: address(1), value: encodeField(accounts.value, row(5n)) }])
  const state = new State(store)
  expect(state.get(accounts, address(1))).toEqual(row(5n))
  state.put(accounts, address(1), row(6n))
  const mark = state.mark()
  state.put(accounts, address(1), row(7n))
  state.put(accounts, address(2), row(8n))
  state.delete(accounts, address(1))
  state.rollback(mark)
  expect([state.get(accounts, address(1)), state.get(accounts, address(2))]).toEqual([row(6n), undefined])
  expect(state.writes()).toMatchObject([{ space: 2, key: address(1), value: encodeField(accounts.value, row(6n)) }])
  state.rollback(0)
  expect(state.writes()).toEqual([])
})

// Goal: reads, ranges, undone changes and writes are those of a plain map that is copied at every mark.
// Method: random changes to a table that is walked by prefix, marks nested one deep, commits between.
test.each([1, 2, 3, 4])('the overlay does what a map with copies does, seed %i', (seed) => {
  const random = createRandom(seed)
  const store = createMemoryStore()
  const state = new State(store)
  let reference = new Map<string, bigint>()
  const check = (): void => {
    for (let due = 0; due < 4; due++) {
      const expected = [...reference]
        .filter(([name]) => name.startsWith(`${due}/`))
        .map(([name, amount]) => [Number(name.slice(2)), amount] as const)
      const found = state.rows(queue, encodeField(u64be, due)).map(([{ seq }, { amount }]) => [seq, amount] as const)
      expect(found).toEqual(expected.toSorted(([a], [b]) => a - b))
      expect(state.rows(queue, encodeField(u64be, due), 2)).toEqual(state.rows(queue, encodeField(u64be, due)).slice(0, 2))
    }
    const all = state.rows(queue).filter(([{ due }]) => due >= 1 && due < 3)
    expect(state.between(queue, { due: 1, seq: 0 }, { due: 3, seq: 0 })).toEqual(all)
  }
  const change = (): void => {
    const [due, seq] = [random.below(4), random.below(300)]
    if (random.below(3) === 0) {
      state.delete(queue, { due, seq })
      reference.delete(`${due}/${seq}`)
    } else {
      const amount = BigInt(random.below(1_000))
      state.put(queue, { due, seq }, entry(amount))
      reference.set(`${due}/${seq}`, amount)
    }
  }
  for (let block = 0; block < 25; block++) {
    for (let i = 0; i < 12; i++) {
      const mark = state.mark()
      const before = new Map(reference)
      for (let n = random.below(4); n > 0; n--) change()
      if (random.below(2) === 0) {
        state.rollback(mark)
        reference = before
      }
    }
    check()
    store.commit(state.writes())
    state.settle()
    check()
  }
  expect([...store.range(5, new Uint8Array(0))]).toHaveLength(reference.size)
})

test('numbers in keys sort as numbers, and every field is read as it was written', () => {
  const keys = [0, 1, 255, 256, 65_536, 2 ** 32, 2 ** 40].map((due) => keyOf(queue, { due, seq: 3 }))
  expect(keys.toSorted((a, b) => Buffer.compare(a, b))).toEqual(keys)
  expect(decodeField(queue.key, keys[6]!)).toEqual({ due: 2 ** 40, seq: 3 })
  const account: AccountRow = { nonce: 2n ** 64n - 1n, native: 2n ** 63n, clientIndex: 2 ** 32 - 1 }
  expect(decodeField(accounts.value, encodeField(accounts.value, account))).toEqual(account)
  expect(() => encodeField(accounts.value, { ...account, native: -1n })).toThrow(RangeError)
  expect(() => decodeField(balances.value, new Uint8Array(9))).toThrow(expect.objectContaining({ code: 'APPLICATION_DAMAGED' }))
  expect(() => decodeField(balances.value, new Uint8Array(7))).toThrow(expect.objectContaining({ code: 'APPLICATION_DAMAGED' }))
})
