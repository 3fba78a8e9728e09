// Goal: rows in typed arrays say what a map of objects says, whatever hashes collide. Method: the same random calls on both; keys are few, so
// that they are replaced, and rows hundreds, so that tables grow, chains change and removed rows are thrown out.
import { runInNewContext } from 'node:vm'
import { setFlagsFromString } from 'node:v8'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { EpochIndex, type Indexed } from '../src/store/epoch-index.ts'
import { RecordTable } from '../src/store/record-table.ts'

const RUNS = Number(process.env.RUNS ?? 100)

interface Written extends Indexed {
  readonly position: number
}

/** A table as a log uses it, with the keys that a log reads from its records. */
class KeyedTable {
  #table: RecordTable
  readonly #keyAt = new Map<number, string>()

  constructor(isByRound: boolean, seed: number) {
    this.#table = new RecordTable(isByRound, seed)
  }

  set({ key, position, round, author }: Written): void {
    const before = this.#table.find(key, (row) => this.#keyOf(row) === key)
    if (before !== undefined) this.#table.remove(before)
    this.#table = this.#table.compacted()?.table ?? this.#table
    this.#table.add(key, { position, recordBytes: 1 + position, round, author })
    this.#keyAt.set(position, key)
  }

  get(key: string): number | undefined {
    const row = this.#table.find(key, (each) => this.#keyOf(each) === key)
    return row === undefined ? undefined : this.#table.placeOf(row).position
  }

  positions(rows: Iterable<number>): number[] {
    return [...rows].map((row) => this.#table.placeOf(row).position)
  }

  rows(): number[] {
    return this.positions(this.#table.rows())
  }

  rowsAfter(round: number): number[] {
    return this.positions(this.#table.rowsAfter(round))
  }

  #keyOf(row: number): string | undefined {
    return this.#keyAt.get(this.#table.placeOf(row).position)
  }
}

const write = fc.record({ key: fc.nat(300), round: fc.oneof(fc.nat(40), fc.constant(10_000)), author: fc.nat(6) })
const optional = { numRuns: RUNS }

test('a table by round lists, finds and replaces as an index of objects does', () => {
  fc.assert(
    fc.property(fc.array(write, { maxLength: 400 }), fc.nat(), (writes, seed) => {
      const index = new EpochIndex<Written>()
      const table = new KeyedTable(true, seed)
      for (const [position, { key, round, author }] of writes.entries()) {
        const written: Written = { kind: 'block', key: `${key}`, round, author, position }
        index.set(written)
        table.set(written)
      }
      for (const after of [-1, 0, 20, 39, 9_999, 10_000]) {
        expect(table.rowsAfter(after)).toEqual([...index.entries('block', after)].map(({ position }) => position))
      }
      for (let key = 0; key <= 301; key++) expect(table.get(`${key}`)).toBe(index.get('block', `${key}`)?.position)
    }),
    optional,
  )
})

test('a table in the order of writing keeps it while keys are replaced thousands of times', () => {
  const index = new EpochIndex<Written>()
  const table = new KeyedTable(false, 7)
  for (let position = 0; position < 20_000; position++) {
    const written: Written = { kind: 'voted', key: `${(position * 7919) % 150}`, round: undefined, author: undefined, position }
    index.set(written)
    table.set(written)
    if (position % 997 === 0) expect(table.rows()).toEqual([...index.entries('voted')].map((each) => each.position))
  }
  expect(table.rows()).toHaveLength(150)
})

test('whoever walks a table goes on while it is compacted', () => {
  let table = new RecordTable(false, 1)
  for (let position = 0; position < 3_000; position++)
    table.add(`${position}`, { position, recordBytes: 40, round: undefined, author: undefined })
  const walk = table.rows()[Symbol.iterator]()
  walk.next()
  for (let row = 0; row < 2_900; row++) table.remove(row)
  const compacted = table.compacted()!
  const old = table
  table = compacted.table
  expect(compacted.rowOf(2_950)).toBe(50)
  expect([...table.rows()].map((row) => table.placeOf(row).position)).toEqual(Array.from({ length: 100 }, (_, i) => 2_900 + i))
  expect(old.placeOf(walk.next().value as number).position).toBe(2_900)
})

test('a record costs less than 100 bytes of memory', () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const used = (): number => {
    collect()
    const { heapUsed, arrayBuffers } = process.memoryUsage()
    return heapUsed + arrayBuffers
  }
  const table = new RecordTable(true, 3)
  const before = used()
  const COUNT = 190_000 // shortly before the arrays grow: what is reserved then is not used yet
  for (let i = 0; i < COUNT; i++) table.add(`${i}`, { position: 300 * i, recordBytes: 300, round: i >>> 2, author: i & 3 })
  expect((used() - before) / COUNT).toBeLessThan(100) // 45, and what else a busy process holds; an object each is 250
  expect([...table.rowsAfter(47_498)].map((row) => table.placeOf(row).author)).toEqual([0, 1, 2, 3])
})
