/** The same seed leads to the same trace: twice here, and on the other version of Node; and no core asks for anything but its events. */
import { execFileSync } from 'node:child_process'
import { setTraps } from '@selvedge/simulator'
import { expect, test } from 'vitest'
import { runtimes } from '../../../../tools/environments/runtimes.ts'
import type { CoreMaker } from './member.ts'
import { traceOf } from './trace.ts'

const SEED = 42
const trace = traceOf(SEED)

test(`the trace of seed ${SEED} is the same at every run, and no other seed has it`, () => {
  expect(traceOf(SEED)).toEqual(trace)
  expect(traceOf(SEED + 1)).not.toEqual(trace)
})

const nodes = runtimes().filter(({ name, binary }) => (name === 'node-22' || name === 'node-24') && binary !== undefined)

test(`the trace of seed ${SEED} is the same on ${nodes.map(({ name }) => name).join(' and ')}`, () => {
  const script = new URL('trace.ts', import.meta.url).pathname
  const flags = ['--conditions=@selvedge/source', '--experimental-strip-types', '--disable-warning=ExperimentalWarning']
  const traces = nodes.map(
    ({ binary }) => JSON.parse(execFileSync(binary!, [...flags, script, `${SEED}`], { encoding: 'utf8' })) as unknown,
  )
  expect(traces.length).toBe(2)
  for (const each of traces) expect(each).toEqual(trace)
})

test('no step of a core touches a clock, chance, a timer or a promise', () => {
  const traps = setTraps()
  let steps = 0
  const trapped =
    (create: CoreMaker): CoreMaker =>
    (components, setup, options) => {
      const core = traps.run(() => create(components, setup, options))
      return {
        mode: core.mode,
        get isLive() {
          return core.isLive
        },
        get gauges() {
          return core.gauges
        },
        step(event, time, effects) {
          steps++
          traps.run(() => core.step(event, time, effects))
        },
      }
    }
  try {
    traceOf(SEED, trapped)
  } finally {
    traps.remove()
  }
  expect(steps).toBeGreaterThan(2_000)
})

test('a core that does touch one is caught', () => {
  const traps = setTraps()
  const careless =
    (create: CoreMaker): CoreMaker =>
    (components, setup, options) => {
      const core = create(components, setup, options)
      const step = core.step.bind(core)
      return Object.assign(core, {
        step: (...args: Parameters<typeof step>) =>
          traps.run(() => {
            if (args[0].type === 'tick') Math.random()
            step(...args)
          }),
      })
    }
  try {
    expect(() => traceOf(SEED, careless)).toThrow('Math.random was called')
  } finally {
    traps.remove()
  }
})
