/**
 * The plan of several nodes against models of them in virtual time (spread-model.ts): some stall, lie, die or crawl, and come back or not; at
 * least one is honest and near throughout. What is measured is virtual: answer times and rates of the nodes are in it, this machine's are not.
 */
import { expect, test } from 'vitest'
import corpus from './seeds.json' with { type: 'json' }
import { SpreadPlan, type PlanEffect, type PlanEvent } from '../src/spread/plan.ts'
import { GROUP_BYTES, type ModelNode, randomOf, runModel } from './spread-model.ts'

const FIRST = Number(process.env.SEED ?? 1)
const COUNT = Number(process.env.RUNS ?? 60)
const KEPT = corpus.map(({ seed }) => seed)
const MIB = 2 ** 20
const KINDS = ['stalls', 'lies', 'dies', 'crawls'] as const

function modelOf(seed: number): Parameters<typeof runModel>[0] {
  const random = randomOf(seed)
  const speed = (): Pick<ModelNode, 'latencyMs' | 'bytesPerMs'> => ({ latencyMs: 5 + random() * 75, bytesPerMs: 500 + random() * 20_000 })
  const faulty = (): ModelNode => {
    const fault = { kind: KINDS[Math.floor(random() * KINDS.length)]!, afterBytes: Math.floor(random() * 3 * MIB) }
    const lasting = random() < 0.3 ? { forMs: random() * 3_000 } : {}
    return random() < 0.8 ? { ...speed(), fault: { ...fault, ...lasting } } : speed()
  }
  const nodes: ModelNode[] = [speed(), ...Array.from({ length: 1 + Math.floor(random() * 3) }, faulty)]
  for (let i = nodes.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1))
    ;[nodes[i], nodes[j]] = [nodes[j]!, nodes[i]!]
  }
  const size = 1 + Math.floor(random() * 20 * MIB)
  const start = random() < 0.3 ? Math.floor(random() * size) : 0
  const wanted = random() < 0.3 ? { end: start + Math.floor(random() * (size - start)) } : {}
  const claims = random() < 0.3 ? { claims: nodes.map(() => Math.floor(random() * 2 * size)) } : {}
  return { nodes, nodesAtOnce: 1 + Math.floor(random() * 3), size, start, ...wanted, ...claims, aheadBytesMax: 8 * MIB }
}

test.each([...KEPT, ...Array.from({ length: COUNT }, (_, i) => FIRST + i)])(
  'while one node is honest and near all comes, in order, each byte kept once, with no gap over 500 ms, seed %i',
  (seed) => {
    const options = modelOf(seed)
    const { size, start = 0, end = size } = options
    const outcome = runModel(options)
    expect(outcome).toMatchObject({ isComplete: true, isStuck: false, read: end })
    expect(outcome.kept.reduce((sum, bytes) => sum + bytes, 0)).toBeGreaterThanOrEqual(end - start)
    expect(outcome.gapMsMax).toBeLessThanOrEqual(500)
    expect(outcome.heldBytesMax).toBeLessThanOrEqual(options.aheadBytesMax + 2 * MIB)
  },
)

test.each(Array.from({ length: COUNT }, (_, i) => FIRST + i))(
  'whoever of them lied before, all comes with no gap over 500 ms while one is honest and near, seed %i',
  (seed) => {
    const options = modelOf(seed)
    const { size, end = size, nodes } = options
    const outcome = runModel({ ...options, trusted: seed % nodes.length })
    expect(outcome).toMatchObject({ isComplete: true, isStuck: false, read: end })
    expect(outcome.gapMsMax).toBeLessThanOrEqual(500)
  },
)

test('who lied before is asked for nothing while another sends; for all, when all others are out; and for what is late where nobody else is free', () => {
  const node = { latencyMs: 20, bytesPerMs: 2_000 }
  const model = { nodesAtOnce: 3, size: 8 * MIB, aheadBytesMax: 8 * MIB }
  const well = runModel({ ...model, nodes: [node, node, node], trusted: 2 })
  expect(well.kept[0]! + well.kept[1]!).toBeGreaterThanOrEqual(8 * MIB)
  expect([well.kept[2], well.wasted[2]]).toEqual([0, 0])
  const liar = { ...node, fault: { kind: 'lies', afterBytes: MIB } } as const
  const alone = runModel({ ...model, nodes: [liar, node], trusted: 1 })
  expect(alone).toMatchObject({ isComplete: true, read: 8 * MIB })
  expect(alone.kept[1]).toBeGreaterThan(6 * MIB)
  const stalled = { ...node, fault: { kind: 'stalls', afterBytes: MIB } } as const
  expect(runModel({ ...model, nodes: [stalled, node], trusted: 1 })).toMatchObject({ isComplete: true, read: 8 * MIB })
})

test('work goes to who is fast', () => {
  const [fast, slow] = [
    { latencyMs: 20, bytesPerMs: 10_000 },
    { latencyMs: 20, bytesPerMs: 1_000 },
  ]
  const { kept, endMs } = runModel({ nodes: [slow, fast], nodesAtOnce: 2, size: 64 * MIB, aheadBytesMax: 8 * MIB })
  expect(kept[1]! / kept[0]!).toBeGreaterThan(5)
  expect(endMs).toBeLessThan((64 * MIB) / 8_000) // sooner than most of what the fast one alone can do
})

test('two equal nodes take little more than half the time of one', () => {
  const node = { latencyMs: 20, bytesPerMs: 2_000 }
  const timeOf = (count: number): number =>
    runModel({ nodes: Array.from({ length: count }, () => node), nodesAtOnce: count, size: 64 * MIB, aheadBytesMax: 8 * MIB }).endMs
  const [one, two] = [timeOf(1), timeOf(2)]
  expect(two / one).toBeLessThan(0.6)
})

test('a reader who pauses stops what is asked for, and nobody is to blame', () => {
  const node = { latencyMs: 10, bytesPerMs: 20_000 }
  const outcome = runModel({ nodes: [node, node], nodesAtOnce: 2, size: 16 * MIB, aheadBytesMax: 2 * MIB, readerMs: () => 400 })
  expect(outcome).toMatchObject({ isComplete: true, read: 16 * MIB, wasted: [0, 0] })
  expect(outcome.heldBytesMax).toBeLessThanOrEqual(3 * MIB)
})

test('when all stall for a while nothing is given up, and all comes when they are back', () => {
  const fault = { kind: 'stalls', afterBytes: MIB, forMs: 20_000 } as const
  const node = { latencyMs: 10, bytesPerMs: 5_000, fault }
  expect(runModel({ nodes: [node, node, node], nodesAtOnce: 3, size: 8 * MIB, aheadBytesMax: 4 * MIB })).toMatchObject({
    isComplete: true,
    read: 8 * MIB,
  })
})

test('when all lie nobody is left', () => {
  const node = { latencyMs: 10, bytesPerMs: 5_000, fault: { kind: 'lies', afterBytes: MIB } } as const
  const { isComplete, isStuck, read } = runModel({ nodes: [node, node], nodesAtOnce: 2, size: 8 * MIB, aheadBytesMax: 4 * MIB })
  expect({ isComplete, isStuck }).toEqual({ isComplete: false, isStuck: true })
  expect(read % GROUP_BYTES).toBe(0)
})

test('what a machine slept through is no stall', () => {
  const lengths = { aheadBytesMax: 8 * MIB, partBytesMin: 2 ** 18, partBytesMax: MIB, patienceMs: 200 }
  const plan = new SpreadPlan({ nodes: 2, nodesAtOnce: 2, start: 0, end: undefined, ...lengths })
  const asked = (event: PlanEvent, nowMs: number): PlanEffect[] => {
    const effects: PlanEffect[] = []
    plan.step(event, nowMs, effects)
    return effects
  }
  expect(asked({ type: 'tick' }, 1_000)).toMatchObject([{ type: 'ask', ask: 1, node: 0 }])
  expect(asked({ type: 'tick' }, 1_000 + 3_600_000)).toEqual([]) // an hour
  expect(asked({ type: 'verified', ask: 1, to: GROUP_BYTES }, 3_601_100)).toEqual([])
  expect(asked({ type: 'tick' }, 3_601_299)).toEqual([])
  expect(asked({ type: 'tick' }, 3_601_301)).toMatchObject([{ type: 'ask', ask: 2, node: 1, start: GROUP_BYTES }]) // that one was awake
})

test('of two that are asked for the same, who sends first keeps it', () => {
  const lengths = { aheadBytesMax: 8 * MIB, partBytesMin: 2 ** 18, partBytesMax: MIB, patienceMs: 200 }
  for (const first of [1, 2]) {
    const plan = new SpreadPlan({ nodes: 2, nodesAtOnce: 2, start: 0, end: MIB, ...lengths })
    const effects: PlanEffect[] = []
    const step = (event: PlanEvent, nowMs: number): PlanEffect[] => {
      plan.step(event, nowMs, effects)
      return effects.splice(0)
    }
    step({ type: 'tick' }, 0)
    expect(step({ type: 'tick' }, 301)).toMatchObject([{ type: 'ask', ask: 2, node: 1, start: 0 }])
    expect(step({ type: 'verified', ask: first, to: GROUP_BYTES }, 310)).toEqual([{ type: 'leave', ask: 3 - first }])
    expect(step({ type: 'verified', ask: 3 - first, to: 2 * GROUP_BYTES }, 311)).toEqual([]) // it is nobody's any more
    expect(plan.placeOf(first)).toMatchObject({ at: GROUP_BYTES })
    expect(plan.placeOf(3 - first)).toBeUndefined()
  }
})
