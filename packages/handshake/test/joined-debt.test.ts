/** What joined connections owe, against a plain list of lanes. */
import { expect, test } from 'vitest'
import { JoinedDebt } from '../src/joined-debt.ts'
import { createRandom } from './random.ts'

const FIRST = Number(process.env.SEED ?? 1)
const COUNT = Number(process.env.RUNS ?? 60)

interface Plain {
  readonly id: number
  sent: number
  begun: number
  acked: number
  isOver: boolean
  isLost: boolean
  isOld: boolean
}

// Goal: the running sums are what counting anew gives, whatever happens in whatever order, and a number is free exactly when nothing of it is owed.
test.each(Array.from({ length: COUNT }, (_, i) => FIRST + i))('sums are those of the lanes, seed %i', (seed) => {
  const random = createRandom(seed)
  const debt = new JoinedDebt()
  let lanes: Plain[] = []
  let next = 0
  let epoch = 5n
  for (let step = 0; step < 200; step++) {
    const lane = lanes.length === 0 ? undefined : random.pick(lanes)
    const choice = random.next()
    if (choice < 0.2 || lane === undefined) {
      const id = 8_192 * (1 + random.below(7)) + ++next
      lanes.push({ id, sent: 0, begun: 0, acked: 0, isOver: false, isLost: false, isOld: false })
      debt.open(id)
    } else if (choice < 0.5 && !lane.isOver) {
      if (lane.begun === lane.sent) {
        const unitBytes = 1 + random.below(2_000)
        lane.begun += unitBytes
        debt.begin(lane.id, unitBytes)
      } else {
        lane.sent += 1 + random.below(lane.begun - lane.sent)
        if (random.chance(0.2)) lane.begun = lane.sent // its end turns out to be nearer
        debt.sent(lane.id, lane.sent, lane.begun === lane.sent)
      }
    } else if (choice < 0.8) {
      lane.acked = Math.max(lane.acked, random.below(lane.sent + 1))
      debt.acknowledged(lane.id, lane.acked)
    } else if (choice < 0.95 && !lane.isOver) {
      lane.isOver = true
      lane.isLost = random.chance(0.5)
      lane.begun = lane.sent
      debt.over(lane.id, lane.sent, lane.isLost)
    } else if (choice > 0.98) {
      for (const each of lanes) each.isOld = each.isOver
      debt.epochBegan(++epoch)
    }
    lanes = lanes.filter(({ isOver, sent, acked }) => !isOver || acked < sent)
    const owed = lanes.filter(({ isOld }) => !isOld)
    const sum = (of: Plain[]): number => of.reduce((bytes, { begun, acked }) => bytes + begun - acked, 0)
    const lost = sum(owed.filter(({ isLost }) => isLost))
    const connections = [1, 2, 3, 4, 5, 6, 7].map((connection) => {
      const own = lanes.filter(({ id }) => id >> 13 === connection)
      return [own.length === 0, own.some(({ isOld }) => !isOld)]
    })
    const seen = [1, 2, 3, 4, 5, 6, 7].map((connection) => [debt.isClear(connection), debt.owes(connection)])
    const counted = { unpaid: debt.unpaid, isSpent: debt.isSpent(1_000), connections: seen }
    expect(counted).toEqual({ unpaid: sum(owed), isSpent: lost > 750, connections })
  }
})

test('nothing is counted of a lane that was not opened, or is settled', () => {
  const debt = new JoinedDebt()
  debt.begin(8_193, 100)
  debt.sent(8_193, 100, true)
  debt.over(8_193, 100, true)
  debt.open(8_194)
  debt.sent(8_194, 100, true)
  debt.over(8_194, 100, false)
  debt.acknowledged(8_194, 100)
  debt.sent(8_194, 200, true)
  expect([debt.unpaid, debt.isClear(1)]).toEqual([0, true])
})

test('ticks of a service pay for as much until its next acknowledgement, and for no more than is owed', () => {
  const debt = new JoinedDebt()
  debt.open(8_193)
  debt.sent(8_193, 200_000, true)
  debt.ticked(5n, 0, 65_536)
  debt.ticked(5n, 1, 65_536)
  expect(debt.unpaid).toBe(200_000 - 131_072)
  debt.ticked(5n, 0, 196_608)
  expect([debt.unpaid, debt.mayBegin(1)]).toEqual([0, true])
  debt.signed(5n, 0)
  expect(debt.unpaid).toBe(200_000 - 65_536)
})

test('ticks of two epochs are two sums: an acknowledgement in one ends none of the other, and an epoch that is over pays nothing', () => {
  const debt = new JoinedDebt()
  debt.open(8_193)
  debt.sent(8_193, 500_000, true)
  debt.ticked(5n, 0, 131_072)
  debt.epochBegan(6n)
  debt.ticked(6n, 0, 65_536)
  expect(debt.unpaid).toBe(500_000 - 196_608)
  debt.signed(6n, 0)
  expect(debt.unpaid).toBe(500_000 - 131_072)
  debt.ticked(6n, 0, 65_536)
  debt.signed(5n, 0)
  expect(debt.unpaid).toBe(500_000 - 65_536)
  debt.epochBegan(7n)
  expect(debt.unpaid).toBe(500_000 - 65_536)
  debt.epochBegan(8n)
  expect(debt.unpaid).toBe(500_000)
})
