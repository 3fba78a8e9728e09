// Goal: an account that opens a thousand sessions and signs for nothing costs the node no more than one that opens one: what the node serves it for.
import { expect, test } from 'vitest'
import { LOSS_BYTES_MAX } from '../src/window.ts'
import { createWorld, groups, type Link, RefusedError, RICH, silentLink } from './support/paid-link.ts'

const SESSIONS = 1_000
const BYTES_A_MICRO_USD = 100_000
/** Longer than any stop: whoever did not acknowledge by then is in default. */
const STOP_MS = 10_000

test.each([
  { balance: RICH.free, most: LOSS_BYTES_MAX, code: 11 },
  { balance: 400n, most: 10 * BYTES_A_MICRO_USD, code: 13 },
])(
  'a thousand sessions, one after the other, of an account with $balance µUSD take $most bytes at most, and then are sent away with $code',
  ({ balance, most, code }) => {
    const world = createWorld()
    world.means = () => ({ ...RICH, free: balance })
    const links: Link[] = []
    const codes = new Set<number | undefined>()
    for (let count = 0; count < SESSIONS; count++) {
      try {
        const link = silentLink(world)
        links.push(link)
        link.open(1, groups(100))
        link.settle()
      } catch (error) {
        if (!(error instanceof RefusedError)) throw error
        codes.add(error.code)
      }
      world.nowMs += STOP_MS
      for (const link of links) if (!link.isOver) link.meter.due(world.nowMs)
    }
    const served = links.reduce((sum, { sentBytes }) => sum + sentBytes, 0)
    expect(served).toBeGreaterThan(most / 2)
    expect(served).toBeLessThanOrEqual(most)
    for (const { left } of links) codes.add(left)
    expect(codes).toContain(code)
    expect(links.filter(({ isOver }) => !isOver)).toEqual([])
  },
)
