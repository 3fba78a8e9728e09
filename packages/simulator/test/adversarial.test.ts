import { type AdversarialOptions, createAdversarialScheduler, createRandom } from '@selvedge/simulator'
import { expect, test } from 'vitest'

const FIRST = Number(process.env.SEED ?? 1)
const RUNS = Math.min(Number(process.env.RUNS ?? 20), 200)
const seeds = Array.from({ length: RUNS }, (_, i) => FIRST + i)

interface Picked {
  readonly receiver: number
  readonly author: number
  readonly number: number
  readonly item: string
}

/** Adds at random moments, takes the rest, and returns what came, in order. */
function play(seed: number, options: AdversarialOptions, adds = 2000): { picked: Picked[]; added: string[]; forgotten: number } {
  const random = createRandom(seed, 'play')
  const scheduler = createAdversarialScheduler<string>(createRandom(seed, 'schedule'), options)
  const { receivers, authors = receivers } = options
  const added: string[] = []
  const picked: Picked[] = []
  const take = (): boolean => {
    const delivery = scheduler.next()
    if (delivery !== undefined) picked.push(delivery)
    return delivery !== undefined
  }
  for (let i = 0; i < adds; i++) {
    const item = `item ${i}`
    added.push(item)
    scheduler.add(random.below(receivers), random.below(authors), item)
    while (random.chance(0.45)) take()
  }
  while (take());
  expect(scheduler.size).toBe(0)
  return { picked, added, forgotten: scheduler.counts.forgotten }
}

test.each(seeds)('everything added comes once, however biased, seed %i', (seed) => {
  const { picked, added } = play(seed, { receivers: 4, authors: 5, shiftShare: 0.3, campShare: 0.3 })
  expect(picked.map(({ item }) => item).toSorted()).toEqual(added.toSorted())
  expect(new Set(picked.map(({ receiver, author, number }) => `${receiver} ${author} ${number}`)).size).toBe(added.length)
})

test.each(seeds.slice(0, 5))('equal seeds give equal schedules, others do not, seed %i', (seed) => {
  const options = { receivers: 4, duplicateShare: 0.1, forgetShare: 0.1 }
  expect(play(seed, options)).toEqual(play(seed, options))
  expect(play(seed, options).picked).not.toEqual(play(seed + 1, options).picked)
})

test('ordered pools keep their order, unordered ones do not', () => {
  const isInOrder = (picked: readonly Picked[]): boolean => {
    const last = new Map<string, number>()
    return picked.every(({ receiver, author, number }) => {
      const before = last.get(`${receiver} ${author}`) ?? -1
      last.set(`${receiver} ${author}`, number)
      return number > before
    })
  }
  expect(isInOrder(play(1, { receivers: 4, isOrdered: true }).picked)).toBe(true)
  expect(isInOrder(play(1, { receivers: 4 }).picked)).toBe(false)
})

test('loss and duplicates keep their shares, and are counted', () => {
  const { picked, added, forgotten } = play(3, { receivers: 3, forgetShare: 0.2, duplicateShare: 0.2 }, 10_000)
  expect(forgotten / added.length).toBeCloseTo(0.2, 1)
  const distinct = new Set(picked.map(({ item }) => item)).size
  expect(distinct).toBe(added.length - forgotten)
  expect(picked.length / distinct).toBeCloseTo(1 / 0.8, 1)
})

test('attention is split: in most runs some receiver lags half a run behind, which even picks never do', () => {
  const lagOf = (seed: number, shiftShare: number, isFair: boolean): number => {
    const scheduler = createAdversarialScheduler<number>(createRandom(seed), { receivers: 4, shiftShare })
    if (isFair) scheduler.beFair()
    for (let i = 0; i < 400; i++) for (let receiver = 0; receiver < 4; receiver++) scheduler.add(receiver, i % 4, i)
    const seen = [0, 0, 0, 0]
    for (let i = 0; i < 800; i++) seen[scheduler.next()!.receiver]! += 1
    return Math.max(...seen) - Math.min(...seen)
  }
  const lags = Array.from({ length: 50 }, (_, seed) => lagOf(seed, 0.005, false))
  expect(lags.filter((lag) => lag > 200).length).toBeGreaterThan(25)
  expect(Math.max(...Array.from({ length: 50 }, (_, seed) => lagOf(seed, 0, true)))).toBeLessThan(100)
})

test('camps do not hear each other until they are joined, yet nothing waits for ever', () => {
  const scheduler = createAdversarialScheduler<number>(createRandom(8), { receivers: 6, shiftShare: 0.2, campShare: 1 })
  for (let receiver = 0; receiver < 6; receiver++) for (let author = 0; author < 6; author++) scheduler.add(receiver, author, author)
  for (let i = 0; i < 36; i++) expect(scheduler.next()).toBeDefined()
  expect(scheduler.next()).toBeUndefined()
  expect(scheduler.counts.camps).toBeGreaterThan(0)
})

test('what a crashed receiver was to get is forgotten, of one author or of all', () => {
  const scheduler = createAdversarialScheduler<string>(createRandom(2), { receivers: 2, authors: 3 })
  for (const receiver of [0, 1]) for (const author of [0, 1, 1, 2]) scheduler.add(receiver, author, 'x')
  expect([scheduler.forget(0, 1), scheduler.size, scheduler.forget(0), scheduler.size]).toEqual([2, 6, 2, 4])
  for (let i = 0; i < 4; i++) expect(scheduler.next()?.receiver).toBe(1)
})

test('the fair phase loses and doubles nothing more', () => {
  const scheduler = createAdversarialScheduler<number>(createRandom(2), { receivers: 2, forgetShare: 1, duplicateShare: 0.9 })
  scheduler.add(0, 0, 1)
  scheduler.beFair()
  for (let i = 0; i < 100; i++) scheduler.add(1, i % 2, i)
  let taken = 0
  while (scheduler.next() !== undefined) taken += 1
  expect([taken, scheduler.counts.forgotten, scheduler.counts.duplicated]).toEqual([100, 1, 0])
})

test.each([
  [{ receivers: 0 }],
  [{ receivers: 1.5 }],
  [{ receivers: 2000 }],
  [{ receivers: 2, shiftShare: 1.1 }],
  [{ receivers: 2, duplicateShare: 1 }],
  [{ receivers: 2, forgetShare: Number.NaN }],
])('options %o are refused', (options) => {
  const make = (): unknown => createAdversarialScheduler(createRandom(1), options)
  expect(make).toThrow(expect.objectContaining({ code: 'SIMULATOR_BAD_ARGUMENT' }))
})

test('a receiver or author that does not exist is refused', () => {
  const scheduler = createAdversarialScheduler<number>(createRandom(1), { receivers: 2, authors: 3 })
  expect(() => scheduler.add(2, 0, 1)).toThrow('receiver must be below 2, got 2')
  expect(() => scheduler.add(0, -1, 1)).toThrow('author must be below 3, got -1')
})
