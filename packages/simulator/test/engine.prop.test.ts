import { createEngine, createRandom, type TimerId } from '@selvedge/simulator'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { SortedEngine } from './reference/sorted-engine.ts'

const SEED = Number(process.env.SEED ?? 1)
const RUNS = Number(process.env.RUNS ?? 200)

const act = fc.oneof(
  { weight: 5, arbitrary: fc.record({ type: fc.constant('schedule' as const), inMs: fc.oneof(fc.nat(5), fc.nat(1000)) }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('cancel' as const), which: fc.nat() }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('step' as const) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('run' as const), forMs: fc.nat(300) }) },
)

test(`the heap runs what a sorted list runs, in that order, whatever is scheduled and cancelled between, seed ${SEED}`, () => {
  const property = fc.property(fc.array(act, { maxLength: 400 }), (acts) => {
    const engine = createEngine()
    const naive = new SortedEngine()
    const ran: string[] = []
    const expected: string[] = []
    const kind = engine.kind<string>('mark', (label, twice, payload) => ran.push(`${engine.now()} ${label} ${twice} ${payload}`))
    const expectNext = (untilMs: number): boolean => {
      const next = naive.next(untilMs)
      if (next !== undefined) expected.push(`${next.atMs} ${next.label} ${next.label * 2} p${next.label}`)
      return next !== undefined
    }
    const timers: { readonly timer: TimerId; readonly sequence: number }[] = []
    let label = 0
    for (const each of acts) {
      if (each.type === 'schedule') {
        const atMs = engine.now() + each.inMs
        timers.push({
          timer: engine.schedule(atMs, kind, label, label * 2, `p${label}`),
          sequence: naive.schedule(atMs, label++),
        })
      } else if (each.type === 'cancel' && timers.length > 0) {
        const { timer, sequence } = timers[each.which % timers.length]!
        expect(engine.cancel(timer)).toBe(naive.cancel(sequence))
      } else if (each.type === 'step') expect(engine.step()).toBe(expectNext(Number.POSITIVE_INFINITY))
      else if (each.type === 'run') {
        const untilMs = engine.now() + each.forMs
        engine.run(untilMs)
        while (expectNext(untilMs));
        expect(engine.now()).toBe(untilMs)
      }
      expect(engine.pending).toBe(naive.pending)
    }
    while (engine.step());
    while (expectNext(Number.POSITIVE_INFINITY));
    expect(ran).toEqual(expected)
  })
  fc.assert(property, { seed: SEED, numRuns: RUNS })
})

test('100,000 events with many equal times come in the order of (time, sequence)', () => {
  const random = createRandom(4)
  const engine = createEngine()
  const ran: number[] = []
  const kind = engine.kind('mark', (label) => ran.push(label))
  const times = Array.from({ length: 100_000 }, () => random.below(500) / 2)
  times.forEach((atMs, label) => engine.schedule(atMs, kind, label, 0, undefined))
  engine.run(250)
  expect(ran).toEqual(times.map((_, label) => label).toSorted((a, b) => times[a]! - times[b]! || a - b))
})

test.each([100, 1000, 20_000])('of %i events, those that are left after most were cancelled come in order', (count) => {
  const random = createRandom(count)
  const engine = createEngine()
  const ran: number[] = []
  const kind = engine.kind('mark', (label) => ran.push(label))
  const times = Array.from({ length: count }, () => random.below(count) / 4)
  const timers = times.map((atMs, label) => engine.schedule(atMs, kind, label, 0, undefined))
  const isCancelled = times.map(() => random.chance(0.8))
  for (const label of random.shuffle([...timers.keys()])) if (isCancelled[label]) expect(engine.cancel(timers[label]!)).toBe(true)
  engine.run(count)
  const left = [...times.keys()].filter((label) => !isCancelled[label])
  expect(ran).toEqual(left.toSorted((a, b) => times[a]! - times[b]! || a - b))
})
