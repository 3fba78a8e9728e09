import { expect, test } from 'vitest'
import { UNIT_BYTES_MAX } from '../src/constants.ts'
import { LOSS_BYTES_MAX, Window, WINDOW_MAX_BYTES, WINDOW_MIN_BYTES, WINDOW_START_BYTES } from '../src/window.ts'

const PLENTY = Number.MAX_SAFE_INTEGER
const begin = (window: Window, bytes: number): string => {
  const verdict = window.judge(bytes)
  if (verdict === 'now') window.begin(bytes)
  return verdict
}

test('units begin until the window is full; the last may exceed it, and then nothing begins', () => {
  const window = new Window()
  expect(begin(window, WINDOW_START_BYTES - 1)).toBe('now')
  expect(begin(window, UNIT_BYTES_MAX)).toBe('now')
  expect(begin(window, 1)).toBe('later')
  window.acknowledge(WINDOW_START_BYTES - 1, false, PLENTY)
  expect(begin(window, 1)).toBe('later') // the long unit still fills the window
  window.acknowledge(UNIT_BYTES_MAX - WINDOW_START_BYTES + 1, false, PLENTY)
  expect(begin(window, 1)).toBe('now')
})

test('a full window begins nothing', () => {
  const window = new Window()
  expect(begin(window, WINDOW_START_BYTES)).toBe('now')
  expect(begin(window, 1)).toBe('later')
})

test('a unit longer than any is never begun, and one that fits is whatever its length', () => {
  const window = new Window()
  expect(window.judge(UNIT_BYTES_MAX + 1)).toBe('never')
  window.begin(10)
  expect(window.judge(UNIT_BYTES_MAX + 1)).toBe('later')
})

test('it doubles with each step that is acknowledged in time, up to its bounds', () => {
  const window = new Window()
  for (let bytes = WINDOW_START_BYTES; bytes < WINDOW_MAX_BYTES; bytes *= 2) {
    window.begin(bytes)
    expect(window.bytes).toBe(bytes)
    expect(window.acknowledge(bytes / 4 - 1, true, PLENTY)).toBe(false)
    expect(window.acknowledge(1, true, PLENTY)).toBe(true)
    window.acknowledge((3 * bytes) / 4, false, PLENTY)
  }
  window.begin(WINDOW_MAX_BYTES)
  expect(window.acknowledge(WINDOW_MAX_BYTES, true, PLENTY)).toBe(false)
  expect(window.bytes).toBe(WINDOW_MAX_BYTES)
})

test('it does not grow late, unused, or beyond what its bytes may cost', () => {
  const late = new Window()
  late.begin(WINDOW_START_BYTES)
  expect(late.acknowledge(WINDOW_START_BYTES, false, PLENTY)).toBe(false)
  const unused = new Window()
  for (let round = 0; round < 100; round++) {
    unused.begin(WINDOW_START_BYTES / 2 - 1)
    expect(unused.acknowledge(WINDOW_START_BYTES / 2 - 1, true, PLENTY)).toBe(false)
  }
  const dear = new Window()
  dear.begin(WINDOW_START_BYTES)
  expect(dear.acknowledge(WINDOW_START_BYTES, true, 300_000)).toBe(true)
  expect(dear.bytes).toBe(300_000)
})

test('after a default it is small, and doubles with each sixteenth full window until it is where it was', () => {
  const window = new Window()
  window.begin(WINDOW_START_BYTES)
  expect(window.default(WINDOW_START_BYTES)).toBe(true)
  expect(window.bytes).toBe(WINDOW_MIN_BYTES)
  const rounds: number[] = []
  for (let round = 1; window.bytes < 4 * WINDOW_START_BYTES; round++) {
    const { bytes } = window
    window.begin(bytes)
    if (window.acknowledge(bytes, true, PLENTY)) rounds.push(round)
  }
  expect(rounds).toEqual([16, 32, 33, 34])
})

test('what is lost in an epoch and what is out never exceed the bound together; a new epoch counts anew', () => {
  const window = new Window()
  let lost = 0
  for (;;) {
    const verdict = begin(window, UNIT_BYTES_MAX)
    if (verdict === 'never') break
    expect(verdict).toBe('now')
    window.shrink(UNIT_BYTES_MAX)
    lost += UNIT_BYTES_MAX
  }
  expect(lost).toBeLessThanOrEqual(LOSS_BYTES_MAX)
  expect([window.lost, window.bytes]).toEqual([lost, WINDOW_MIN_BYTES])
  window.renew()
  expect(window.judge(UNIT_BYTES_MAX)).toBe('now')
})
