import { expect, test } from 'vitest'
import { createAwakeTime } from '../src/awake-time.ts'
import { LaneBytes } from '../src/lane-bytes.ts'
import { createNodeLink } from '../src/node-link.ts'

const SILENT: AsyncIterable<Uint8Array> = { [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => {}) }) }

const PACE = { bytesPerSecondMin: 0, rateWindowMs: 60_000 }

/** Reads one lane of a node that says nothing, and may say nothing for 10 ms of `clockMs`. */
function silentLane(clockMs?: () => number): { readonly bytes: LaneBytes; readonly resets: string[] } {
  const address = { host: '127.0.0.1', port: 1, nodeKey: new Uint8Array(32) }
  const refuse = async (): Promise<never> => await Promise.reject(new Error('nobody connects'))
  const clock = clockMs === undefined ? {} : { clockMs }
  const link = createNodeLink(address, refuse, { chainId: 1, lanesMax: 1, stallTimeoutMs: 10, pace: PACE, ...clock })
  const resets: string[] = []
  const lane = {
    laneId: 1,
    metadata: new Uint8Array(0),
    source: SILENT,
    end() {},
    reset: (_: number, reason = '') => void resets.push(reason),
  }
  return { bytes: new LaneBytes(lane, link, { bytes: 0 }, () => {}), resets }
}

test('a node is timed only while somebody waits for what is verified ahead', async () => {
  const { bytes, resets } = silentLane()
  const wait: { sinceMs?: number } = {}
  bytes.waitingSinceMs = () => wait.sinceMs
  const step = bytes.next()
  let isOver = false
  step.catch(() => {
    isOver = true
  })
  await new Promise((resolve) => setTimeout(resolve, 100)) // ten times as long as it may be silent
  expect({ isOver, resets }).toEqual({ isOver: false, resets: [] })
  wait.sinceMs = bytes.nowMs()
  await expect(step).rejects.toMatchObject({ code: 'CLIENT_INTERRUPTED' })
  expect(resets).toEqual(['stalled'])
})

/** A clock that moves only when it is told to, and tells how often it was looked at. */
class Clock {
  nowMs = 0
  /** Passes at each look. */
  stepMs = 0
  #looks = 0
  readonly #waiting: { readonly looks: number; resolve(): void }[] = []

  read = (): number => {
    this.#looks++
    for (const { resolve } of this.#waiting.filter(({ looks }) => looks <= this.#looks)) resolve()
    return (this.nowMs += this.stepMs)
  }

  looks(count: number): Promise<void> {
    return new Promise((resolve) => this.#waiting.push({ looks: this.#looks + count, resolve }))
  }
}

test('a laptop that sleeps, and tabs whose timers come late, have not waited for a node; it is left after as much waking as ever', async () => {
  const clock = new Clock()
  const { bytes, resets } = silentLane(clock.read)
  const step = bytes.next()
  let isOver = false
  step.catch(() => {
    isOver = true
  })
  for (let sleeps = 0; sleeps < 2; sleeps++) {
    clock.nowMs += 3_600_000
    await clock.looks(8) // three times as many as make a stall of a waking clock
    expect({ isOver, resets }).toEqual({ isOver: false, resets: [] })
  }
  clock.stepMs = 2
  await expect(step).rejects.toMatchObject({ code: 'CLIENT_INTERRUPTED' })
  expect(resets).toEqual(['stalled'])
})

test('time that nobody waited through is not counted, and a timer that always comes late still ends a wait', async () => {
  const clock = new Clock()
  const time = createAwakeTime(clock.read, 1_000)
  const past: number[] = []
  for (const ms of [500, 3_000, 3_001, 60_000, 86_400_000]) {
    const before = time.nowMs()
    clock.nowMs += ms
    past.push(time.nowMs() - before)
  }
  expect(past).toEqual([500, 3_000, 1_000, 1_000, 1_000])
})
