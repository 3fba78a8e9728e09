import { createNetwork, createSimulator, fixedLatency, setTraps, withTraps } from '@selvedge/simulator'
import { expect, test } from 'vitest'

const steps: readonly (readonly [string, () => unknown])[] = [
  ['Date.now', () => Date.now()],
  ['new Date', () => new Date()],
  ['Date', () => Date()],
  ['Math.random', () => Math.random()],
  ['Math.log', () => Math.log(2)],
  ['Math.hypot', () => Math.hypot(1, 2)],
  ['performance.now', () => performance.now()],
  ['setTimeout', () => setTimeout(() => {}, 1)],
  ['setInterval', () => setInterval(() => {}, 1)],
  ['setImmediate', () => setImmediate(() => {})],
  ['queueMicrotask', () => queueMicrotask(() => {})],
  ['process.nextTick', () => process.nextTick(() => {})],
  ['process.hrtime', () => process.hrtime()],
  ['process.hrtime.bigint', () => process.hrtime.bigint()],
  ['crypto.getRandomValues', () => crypto.getRandomValues(new Uint8Array(1))],
  ['crypto.randomUUID', () => crypto.randomUUID()],
  ['AbortSignal.timeout', () => AbortSignal.timeout(1)],
  ['fetch', () => fetch('data:,')],
  ['new Promise', () => new Promise<void>((resolve) => resolve())],
  ['Promise.resolve', () => Promise.resolve(1)],
]

/** Written apart, so that what a trap wants to see stays out of the lint's way. */
const settled = Promise.resolve(1)

test.each(steps)('%s springs its trap, and works again behind it', (name, step) => {
  expect(() => withTraps(step)).toThrow(expect.objectContaining({ code: 'SIMULATOR_TRAPPED', details: { name } }))
  clearTimeout(step() as NodeJS.Timeout) // whatever it is: the real one answers
})

test('then, catch and finally of a promise from before spring too', () => {
  const uses = [
    ['then', () => settled.then(() => 1)],
    ['catch', () => settled.catch(() => 1)],
    ['finally', () => settled.finally(() => {})],
  ] as const
  for (const [name, use] of uses) {
    expect(() => withTraps<unknown>(use)).toThrow(`Promise.prototype.${name} was called inside a deterministic core`)
  }
})

test('an async core is refused by what it returns', async () => {
  const core = async (): Promise<number> => 1
  let returned: Promise<number> | undefined
  const step = (): Promise<number> => (returned = core())
  expect(() => withTraps(step)).toThrow('a deterministic core returned a promise')
  expect(await returned).toBe(1)
})

test('a core that swallows the trap is caught all the same, one that wraps it too', () => {
  const swallow = (): number => {
    try {
      return Math.random()
    } catch {
      return 4
    }
  }
  const wrap = (): number => {
    try {
      return Math.random()
    } catch {
      throw new Error('something else')
    }
  }
  for (const step of [swallow, wrap]) expect(() => withTraps(step)).toThrow('Math.random was called inside a deterministic core')
})

test('a core that does none of it returns its result; dates of given times are arithmetic', () => {
  expect(withTraps(() => new Date(0).toISOString() + Math.max(1, Math.floor(2.5)) + (new Date(5) instanceof Date))).toBe(
    '1970-01-01T00:00:00.000Z2true',
  )
  expect(() => withTraps(() => JSON.parse('{'))).toThrow(SyntaxError)
})

test('nothing is left behind: every property is as it was, also after an error and after nesting', () => {
  const snapshot = (): string =>
    [globalThis, Math, Date, Promise, Promise.prototype, crypto, performance, AbortSignal]
      .flatMap((holder) =>
        Object.entries(Object.getOwnPropertyDescriptors(holder)).map(([name, each]) =>
          [name, typeof each.value, each.writable, each.enumerable, !!each.get].join(),
        ),
      )
      .join(';')
  const before = snapshot()
  const real = [Date, Promise, Math.random, setTimeout]
  expect(() => withTraps(() => withTraps(() => Date.now()))).toThrow('Date.now')
  expect(withTraps(() => withTraps(() => 7))).toBe(7)
  expect(snapshot()).toBe(before)
  expect([Date, Promise, Math.random, setTimeout]).toEqual(real)
})

test('what is allowed stays', () => {
  expect(withTraps(() => Math.log2(8), { allow: ['Math.log2'] })).toBe(3)
})

test('the simulator itself runs inside the traps', () => {
  const arrived: number = withTraps(() => {
    const sim = createSimulator(1)
    let count = 0
    const network = createNetwork<string>(sim, () => (count += 1), { nodes: 2, latency: fixedLatency(5), uplinkBytesPerSecond: 1000 })
    network.send(0, 1, 'x', 1)
    sim.run(100)
    return count
  })
  expect(arrived).toBe(1)
})

test('traps that are set once let everything through between two runs, and can be stepped into again and again', async () => {
  const traps = setTraps()
  try {
    for (let i = 0; i < 3; i++) {
      expect(() => traps.run(() => Date.now())).toThrow('Date.now was called')
      expect(traps.run(() => i)).toBe(i)
      expect(Math.abs(Date.now() - new Date().getTime())).toBeLessThan(60_000)
      expect(await new Promise((resolve) => setTimeout(() => resolve('later'), 0)).then((text) => `${text}!`)).toBe('later!')
      expect([typeof process.hrtime.bigint(), crypto.getRandomValues(new Uint8Array(2)).length]).toEqual(['bigint', 2])
      expect([Math.log(1), Math.random() < 1, Date().length > 10, new Date(5).getTime()]).toEqual([0, true, true, 5])
    }
    expect(() => traps.run(() => [1, 2].map((each) => traps.run(() => each + Math.random())))).toThrow('Math.random was called')
    expect(traps.run(() => traps.run(() => 'nested'))).toBe('nested')
    const hide = (): void => {
      try {
        Math.random()
      } catch {
        traps.run(() => 1) // a clean run inside does not wipe out what happened around it
      }
    }
    expect(() => traps.run(hide)).toThrow('Math.random was called')
  } finally {
    traps.remove()
    traps.remove()
  }
  expect(Date.now.name).toBe('now')
})
