import { createEngine, type TimerId } from '@selvedge/simulator'
import { expect, test } from 'vitest'

const NONE = undefined

test('time jumps from event to event, and ends where it was asked to', () => {
  const engine = createEngine()
  const at: number[] = []
  const mark = engine.kind('mark', () => at.push(engine.now()))
  for (const atMs of [3_600_000_000, 0.25, 0]) engine.schedule(atMs, mark, 0, 0, NONE)
  expect(engine.nextMs()).toBe(0)
  engine.run(1e10)
  expect([...at, engine.now(), engine.pending, engine.ran]).toEqual([0, 0.25, 3_600_000_000, 1e10, 0, 3])
  expect(engine.nextMs()).toBe(Number.POSITIVE_INFINITY)
})

test('an event at exactly the end runs, one scheduled at the present by another too', () => {
  const engine = createEngine()
  const order: number[] = []
  const leaf = engine.kind('leaf', (label) => order.push(label))
  const outer = engine.kind('outer', () => engine.schedule(engine.now(), leaf, 2, 0, NONE))
  engine.schedule(5, outer, 0, 0, NONE)
  engine.schedule(5, leaf, 1, 0, NONE)
  engine.schedule(5.000001, leaf, 3, 0, NONE)
  engine.run(5)
  expect(order).toEqual([1, 2])
})

test('a TimerId whose slot was used again cancels nothing', () => {
  const engine = createEngine()
  const ran: number[] = []
  const mark = engine.kind('mark', (label) => ran.push(label))
  const first = engine.schedule(1, mark, 1, 0, NONE)
  engine.step()
  const second = engine.schedule(2, mark, 2, 0, NONE)
  expect([first === second, engine.cancel(first), engine.cancel(-1 as TimerId)]).toEqual([false, false, false])
  engine.step()
  expect([ran, engine.cancel(second)]).toEqual([[1, 2], false])
})

test('cancelled events leave the heap before their time: a million timers that are put off hold no memory', () => {
  const engine = createEngine()
  const mark = engine.kind('mark', () => {})
  let timer = engine.schedule(1e9, mark, 0, 0, NONE)
  let last = 0
  for (let i = 0; i < 1_000_000; i++) {
    engine.cancel(timer)
    timer = engine.schedule(1e9 + i, mark, 0, 0, NONE)
    last = Math.max(last, timer % 2 ** 26) // the slot
  }
  expect(engine.pending).toBe(1)
  expect(last).toBeLessThan(256)
})

test('what schedules itself for ever ends at the budget, with its name', () => {
  const engine = createEngine({ eventsMax: 1000 })
  const loop = engine.kind('loop', () => engine.schedule(engine.now() + 1, loop, 0, 0, NONE))
  engine.schedule(0, loop, 0, 0, NONE)
  expect(() => engine.run(1e9)).toThrow(
    expect.objectContaining({ code: 'SIMULATOR_BUDGET', details: { ran: 1000, nowMs: 999, pending: 1, busiest: 'loop' } }),
  )
})

test.each([-1, Number.NaN, Number.POSITIVE_INFINITY])('an event at %d is refused', (atMs) => {
  const engine = createEngine()
  const mark = engine.kind('mark', () => {})
  expect(() => engine.schedule(atMs, mark, 0, 0, NONE)).toThrow(expect.objectContaining({ code: 'SIMULATOR_BAD_ARGUMENT' }))
})

test('an event that throws leaves the engine whole: the next one still runs', () => {
  const engine = createEngine()
  const ran: number[] = []
  const fail = engine.kind('fail', () => {
    throw new Error('no')
  })
  const mark = engine.kind('mark', (label) => ran.push(label))
  engine.schedule(1, fail, 0, 0, NONE)
  engine.schedule(1, mark, 7, 0, NONE)
  expect(() => engine.run(2)).toThrow('no')
  engine.run(2)
  expect(ran).toEqual([7])
})
