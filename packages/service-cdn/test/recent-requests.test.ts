import { expect, test } from 'vitest'
import { RecentRequests } from '../src/recent-requests.ts'
import { simulate, traceOf } from './cache-simulation.ts'

// Goal: the ring says what a list of the last requests would: whether one is a second one, and what each content is worth.
// Method: seeded requests for few keys, with steps of time; the reference keeps every request there was and searches the last ones.
test.each([1, 2, 3])('a request is a second one exactly where the list of the last requests says so, seed %i', (seed) => {
  const window = 50
  const remembered = 30
  const requests: { key: string; nowMs: number }[] = []
  const recent = new RecentRequests(window, remembered)
  let nowMs = 0
  for (const content of traceOf({ requests: 3_000, contents: 200, skew: 0.8, readRun: 100, walkRun: 20, seed })) {
    if (content % 3 === 0) nowMs += Math.abs(content) % 7
    const key = String(content)
    const expected = requests.slice(-remembered).some((before) => before.key === key && nowMs - before.nowMs < window)
    expect(recent.note(key, nowMs)).toBe(expected)
    requests.push({ key, nowMs })
    const last = requests.slice(-remembered)
    for (const each of [key, requests.at(-remembered)?.key ?? key, String(requests.length % 200)]) {
      const count = last.filter((request) => request.key === each).length
      const latest = requests.findLastIndex((request) => request.key === each)
      expect(recent.worthOf(each)).toBe(count === 0 ? 0 : count + latest / requests.length)
    }
  }
})

test('what was asked for more often is worth more, of two as often what was asked for later, and what is forgotten is worth nothing', () => {
  const recent = new RecentRequests(1_000, 6)
  for (const key of ['often', 'early', 'often', 'late']) recent.note(key, 0)
  const worths = ['often', 'late', 'early', 'never'].map((key) => recent.worthOf(key))
  expect(worths).toEqual(worths.toSorted((a, b) => b - a))
  expect(worths.map(Math.floor)).toEqual([2, 1, 1, 0])
  for (let i = 0; i < 6; i++) recent.note('flood', 0)
  expect(['often', 'late', 'early', 'flood'].map((key) => Math.floor(recent.worthOf(key)))).toEqual([0, 0, 0, 6])
})

test('no more contents are remembered than requests, and the oldest request goes first', () => {
  const recent = new RecentRequests(1_000_000, 64)
  for (let i = 0; i < 1_000; i++) {
    recent.note(String(i), i)
    expect(recent.size).toBeLessThanOrEqual(64)
  }
  expect(recent.note('935', 1_000)).toBe(false) // the last that was forgotten
  expect(recent.note('936', 1_001)).toBe(false) // whose place that took
  expect(recent.note('938', 1_002)).toBe(true) // the oldest of the last 64
  for (let i = 0; i < 64; i++) recent.note('one', 1_003)
  expect(recent.size).toBe(1)
})

const TRACE = { requests: 60_000, contents: 10_000, skew: 0.9, readRun: 5_000, walkRun: 2_500, seed: 7 }
const ADMISSION = { window: 20_000, remembered: 20_000 }

test('with walks, keeping from the second request on finds more than keeping everything, and writes less than half as much', () => {
  const all = simulate(traceOf(TRACE), 500)
  const second = simulate(traceOf(TRACE), 500, ADMISSION)
  expect(second.readerHits).toBeGreaterThan(all.readerHits)
  expect(second.writes).toBeLessThan(all.writes / 2)
})

test('without walks it writes less and finds no less', () => {
  const calm = { ...TRACE, walkRun: 0 }
  const all = simulate(traceOf(calm), 500)
  const second = simulate(traceOf(calm), 500, ADMISSION)
  expect(second.readerHits).toBeGreaterThanOrEqual(all.readerHits)
  expect(second.writes).toBeLessThan(all.writes)
})
