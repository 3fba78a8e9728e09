import { altering, byzantine, type ByzantineFault, createFaultPlan, createNetwork, createSimulator } from '@selvedge/simulator'
import { delaying, dropping, equivocating, fixedLatency, type FaultPlan, type FaultTiming, inventing, replaying } from '@selvedge/simulator'
import { expect, test } from 'vitest'

type Faults = readonly (ByzantineFault<string> | readonly [ByzantineFault<string>, FaultTiming])[]

interface Heard {
  readonly heard: string[]
  readonly plan: FaultPlan
}

/** Node 0 of 5 sends "m0".. to all, one each 10 ms; what arrives is written as `to:message@ms`. */
function play(faults: Faults, { plan = createFaultPlan(1), rounds = 1 }: { plan?: FaultPlan; rounds?: number } = {}): Heard {
  const sim = createSimulator(1)
  const heard: string[] = []
  const network = createNetwork<string>(sim, (to, _from, message) => heard.push(`${to}:${message}@${sim.now()}`), {
    nodes: 5,
    latency: fixedLatency(1),
  })
  network.intercept(0, byzantine(sim, plan, { node: 0, nodes: 5 }, faults))
  for (let round = 0; round < rounds; round++) {
    sim.at(round * 10, () => {
      for (const to of [1, 2, 3, 4]) network.send(0, to, `m${round}`, 10)
    })
  }
  sim.run(rounds * 10 + 1000)
  return { heard, plan }
}

test('dropping is silence, or an eclipse of some, or of some messages', () => {
  expect(play([dropping()]).heard).toEqual([])
  expect(play([dropping({ to: [1, 4] })]).heard).toEqual(['2:m0@1', '3:m0@1'])
  const { heard, plan } = play([dropping({ isMeant: (message) => message === 'm1' })], { rounds: 3 })
  expect([heard.some((each) => each.includes('m1')), heard.length, plan.counts.get('dropping')]).toEqual([false, 8, 4])
})

test('delaying is late by its own time', () => {
  const { heard } = play([delaying(50, 60)])
  const times = heard.map((each) => Number(each.split('@')[1]))
  expect(times.every((time) => time >= 51 && time < 61) && new Set(times).size === 4).toBe(true)
})

test('altering changes what it is meant for, and counts nothing else', () => {
  const { heard, plan } = play([altering((message) => (message === 'm1' ? 'lie' : undefined))], { rounds: 2 })
  expect([heard.filter((each) => each.includes('lie')).length, plan.counts.get('altering')]).toEqual([4, 4])
})

test.each([2, 3, 4])('equivocating in %i copies tells disjoint sets that are not empty one story each, always the same', (copies) => {
  const twice = equivocating<string>({ keyOf: (message) => message, variant: (message, copy) => `${message}'${copy}`, copies })
  const { heard, plan } = play([twice], { rounds: 20 })
  const stories = new Map<string, Set<string>>()
  for (const each of heard) {
    const message = each.slice(2).split('@')[0]!
    const round = message.split("'")[0]!
    stories.set(round, (stories.get(round) ?? new Set()).add(message))
  }
  expect(heard.length).toBe(80)
  expect([...stories.values()].every(({ size }) => size === copies)).toBe(true)
  const told = heard.filter((each) => each.includes("m3'") || each.includes(':m3@')).map((each) => each.slice(0, 2))
  expect(new Set(told).size).toBe(4) // each node heard one story of m3
  expect(plan.counts.get('equivocating')).toBe(heard.filter((each) => each.includes("'")).length)
})

test('a variant is made once for each story, so that all who hear it hear the same', () => {
  let made = 0
  const fork = equivocating<string>({
    keyOf: (message) => message,
    variant: (message, copy) => `${message}'${copy} made as number ${made++}`,
  })
  const { heard } = play([fork], { rounds: 3 })
  expect([made, new Set(heard.filter((each) => each.includes('made')).map((each) => each.slice(2))).size]).toEqual([3, 3])
})

test('shares that differ shift nothing: each question draws once', () => {
  const answers = (firstShare: number): boolean[] => {
    const plan = createFaultPlan(5)
    plan.occurs('x', firstShare)
    return Array.from({ length: 50 }, () => plan.occurs('x', 0.5))
  }
  expect(answers(1)).toEqual(answers(0.3))
})

test('to the same node an equivocator tells the same story again', () => {
  const sim = createSimulator(1)
  const fork = equivocating<string>({ keyOf: (message) => message, variant: (message) => `${message}'` })
  const hook = byzantine(sim, createFaultPlan(1), { node: 0, nodes: 5 }, [fork])
  const tell = (): string[] => [1, 2, 3, 4].map((to) => hook({ to, message: 'm', bytes: 1, delayMs: 0 })[0]!.message)
  const first = tell()
  expect([tell(), new Set(first).size]).toEqual([first, 2])
})

test('replaying sends old messages again, beside the new ones', () => {
  const { heard } = play([replaying({ toAnyone: true })], { rounds: 30 })
  expect(heard.length).toBeGreaterThan(200)
  const late = heard.filter((each) => Number(each.slice(3).split('@')[0]) * 10 + 1 < Number(each.split('@')[1]))
  expect(late.length).toBeGreaterThan(80)
  expect(heard.some((each) => each.startsWith('0:'))).toBe(false)
})

test('inventing adds, with what is known of the moment', () => {
  const spam = inventing<string>((outgoing, { from, nodes, nowMs }) =>
    outgoing.to === 1 ? [{ to: 2, message: `by ${from} of ${nodes} at ${nowMs}`, bytes: 1, delayMs: 5 }] : [],
  )
  const { heard, plan } = play([spam], { rounds: 2 })
  expect(heard.filter((each) => each.includes('by'))).toEqual(['2:by 0 of 5 at 0@6', '2:by 0 of 5 at 10@16'])
  expect(plan.counts.get('inventing')).toBe(2)
})

test('faults are put behind each other, each with its share and its time', () => {
  const mark = altering<string>((message) => `${message}!`)
  const { heard, plan } = play(
    [
      [mark, { fromMs: 10, untilMs: 20 }],
      [delaying(100), { share: 0.5 }],
    ],
    { rounds: 200 },
  )
  expect(heard.filter((each) => each.includes('!')).length).toBe(4)
  expect(heard.filter((each) => each.includes('m1!')).length).toBe(4)
  expect(Math.abs(plan.counts.get('delaying')! / 800 - 0.5)).toBeLessThan(0.08)
})

test('leaving one decision out moves none of the others', () => {
  const faults: Faults = [
    [dropping(), { share: 0.2 }],
    [delaying(3), { share: 0.2 }],
  ]
  const { heard, plan } = play(faults, { rounds: 10 })
  expect(play(faults, { rounds: 10, plan: createFaultPlan(1, { only: plan.taken }) }).heard).toEqual(heard)
  const dropped = plan.taken.find(({ name }) => name === 'dropping')!
  const only = plan.taken.filter((each) => each !== dropped)
  const without = play(faults, { rounds: 10, plan: createFaultPlan(1, { only }) }).heard
  expect(without.length).toBe(heard.length + 1)
  expect(heard.every((each) => without.includes(each))).toBe(true)
})

test('a fault that never happened fails the scenario, by name', () => {
  const { plan } = play([[dropping(), { fromMs: 1e9 }]])
  plan.count('partition')
  plan.require('partition')
  expect(() => plan.require('dropping', 'partition')).toThrow(expect.objectContaining({ code: 'SIMULATOR_FAULT_ABSENT' }))
  expect(() => plan.require('dropping')).toThrow('never happened: dropping; what did: partition')
})

test('a node that is no longer intercepted is honest', () => {
  const sim = createSimulator(1)
  let heard = 0
  const network = createNetwork<string>(sim, () => (heard += 1), { nodes: 2, latency: fixedLatency(1) })
  network.intercept(0, () => [])
  network.send(0, 1, 'x', 1)
  network.intercept(0, undefined)
  network.send(0, 1, 'x', 1)
  sim.run(10)
  expect(heard).toBe(1)
})

test.each([() => delaying(5, 1), () => equivocating({ keyOf: () => '', variant: () => '', copies: 1 }), () => replaying({ windowMax: 0 })])(
  'arguments out of range are refused, case %#',
  (make) => expect(make).toThrow(expect.objectContaining({ code: 'SIMULATOR_BAD_ARGUMENT' })),
)
