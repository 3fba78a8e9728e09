import { createSimulator, type Link, type SimulatorOptions } from '@selvedge/simulator'
import { expect, test } from 'vitest'

test('every calls after each period until it is stopped, also from inside', () => {
  const sim = createSimulator(1)
  const at: number[] = []
  const stop = sim.every(10, () => {
    at.push(sim.now())
    if (sim.now() === 30) stop()
  })
  const other = sim.every(7, () => at.push(-sim.now()))
  sim.run(20)
  other()
  sim.run(100)
  expect([at, sim.engine.pending]).toEqual([[-7, 10, -14, 20, 30], 0])
})

test('at and after call at their time, a cancelled one never', () => {
  const sim = createSimulator(1)
  const at: string[] = []
  sim.at(5, () => sim.after(5, () => at.push(`after ${sim.now()}`)))
  const timer = sim.after(6, () => at.push('cancelled'))
  expect([sim.cancel(timer), sim.cancel(timer)]).toEqual([true, false])
  while (sim.step());
  expect(at).toEqual(['after 10'])
})

test('a link delays within its bounds, loses and doubles its share', () => {
  const sim = createSimulator(2)
  const at: number[] = []
  const link: Link = { delayMsMin: 5, delayMsMax: 80, lossShare: 0.25, duplicateShare: 0.5 }
  for (let i = 0; i < 10_000; i++) sim.send(link, () => at.push(sim.now()))
  sim.run(80)
  expect(Math.abs(at.length / 10_000 - 0.75 * 1.5)).toBeLessThan(0.03)
  expect([at[0]! >= 5, at[0]! < 6, at.at(-1)! <= 80, at.at(-1)! > 79]).toEqual([true, true, true, true])
})

test('an ordered link keeps the order of sending', () => {
  const sim = createSimulator(2)
  const ordered: Link = { delayMsMin: 5, delayMsMax: 80, isOrdered: true }
  const order: number[] = []
  for (let i = 0; i < 100; i++) sim.at(i, () => sim.send(ordered, () => order.push(i)))
  sim.run(1000)
  expect(order).toEqual(Array.from({ length: 100 }, (_, i) => i))
})

test('the own chance of a test shifts neither links nor streams', () => {
  const arrivalsOf = (draws: number): number[] => {
    const sim = createSimulator(9)
    for (let i = 0; i < draws; i++) sim.random()
    const at = [sim.stream('node', 1).next()]
    for (let i = 0; i < 10; i++) sim.send({ delayMsMin: 0, delayMsMax: 9 }, () => at.push(sim.now()))
    sim.run(9)
    return at
  }
  expect(arrivalsOf(0)).toEqual(arrivalsOf(100))
})

test('a run that never ends stops at its budget', () => {
  const options: SimulatorOptions = { eventsMax: 100 }
  const sim = createSimulator(1, options)
  sim.every(1, () => {})
  expect(() => sim.run(1e9)).toThrow(expect.objectContaining({ code: 'SIMULATOR_BUDGET' }))
})

test.each([{ delayMsMin: -1 }, { delayMsMin: 5, delayMsMax: 4 }, { lossShare: 1.5 }, { duplicateShare: Number.NaN }])(
  'link %o is refused',
  (link) => {
    const sim = createSimulator(1)
    expect(() => sim.send(link, () => {})).toThrow(expect.objectContaining({ code: 'SIMULATOR_BAD_ARGUMENT' }))
  },
)

test('a period of 0 and a run into the past are refused', () => {
  const sim = createSimulator(1)
  expect(() => sim.every(0, () => {})).toThrow('a period must be above 0 ms, got 0')
  sim.run(10)
  expect(() => sim.run(9)).toThrow('run until 10 or later, got 9')
})
