import { expect, test } from 'vitest'
import { LaneTable } from '../src/lane-table.ts'
import { createRandom } from './random.ts'

test.each([0, 1, 7])('a number was used once it was, whichever it is, and no other, on connection %i', (connection) => {
  const random = createRandom(connection)
  const first = connection * 8_192
  const table = new LaneTable()
  table.begin(connection)
  const used = new Set<number>()
  const numbers = [1, 63, 64, 8_191, ...Array.from({ length: 200 }, () => 1 + random.below(8_191))]
  for (const number of numbers) {
    const id = first + number
    expect(table.isTaken(id)).toBe(used.has(id))
    if (used.has(id)) continue
    table.remove(table.add(id))
    used.add(id)
    expect([id - 1, id, id + 1].map((each) => table.wasUsed(each))).toEqual([id - 1, id, id + 1].map((each) => used.has(each)))
  }
  for (let number = 0; number <= 8_192; number++) expect(table.wasUsed(first + number)).toBe(used.has(first + number))
})
