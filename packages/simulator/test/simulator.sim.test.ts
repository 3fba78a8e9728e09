// The sketch of a protocol test that this package is for: a sender that risks at most one window, against a link that delays, drops,
// repeats and reorders acknowledgements.
import { createSimulator, forEachSeed, type Link, seedRange } from '@selvedge/simulator'
import { expect, test } from 'vitest'

interface Window {
  sent: number
  acked: number
  queued: number
}

const WINDOW_BYTES_MAX = 64_000

function release(state: Window): number {
  const bytes = Math.min(state.queued, WINDOW_BYTES_MAX - (state.sent - state.acked))
  state.sent += bytes
  state.queued -= bytes
  return bytes
}

/** `takesAny` is the planted bug: an acknowledgement that was overtaken takes the count back. */
function play(seed: number, takesAny = false): void {
  const sim = createSimulator(seed, { eventsMax: 100_000 })
  const link: Link = { delayMsMin: 5, delayMsMax: 80, lossShare: sim.random() * 0.3, duplicateShare: 0.1 }
  const state: Window = { sent: 0, acked: 0, queued: 1_000_000 }
  let received = release(state)
  sim.every(50, () => {
    const acked = received
    sim.send(link, () => {
      if (takesAny || acked > state.acked) state.acked = acked
      const bytes = release(state)
      if (bytes < 0 || state.sent - state.acked > WINDOW_BYTES_MAX) throw new Error(`${state.sent - state.acked} bytes are unpaid`)
      received += bytes
    })
  })
  sim.run(20_000)
  if (received !== 1_000_000) throw new Error(`${received} bytes arrived`)
}

test('at most one window is unpaid, and all arrives, whatever the link does', () => {
  const range = seedRange(process.env, { first: 1, count: 300 })
  expect(forEachSeed(range, (seed) => play(seed))).toBe(range.count)
})

test('the planted bug is found, with the seed that repeats it', () => {
  const find = (): number => forEachSeed({ first: 1, count: 300 }, (seed) => play(seed, true))
  expect(find).toThrow(/seed \d+ failed, after \d+ that passed: .* bytes .*\nrepeat with SEED=\d+ RUNS=1/)
})
