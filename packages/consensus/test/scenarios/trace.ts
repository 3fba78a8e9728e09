/** One timed scenario and one schedule of each core, as a digest of everything that happened: equal in every engine, or a seed means nothing. */
import { createHash } from 'node:crypto'
import type { Mode } from '../../src/dag/contract.ts'
import { CORES, playScenario, type Scenario } from './play.ts'
import type { CoreMaker } from './member.ts'
import { playSchedule } from './schedule.ts'

const MODES: readonly Mode[] = ['certified', 'uncertified']

/** Loss, cuts, a crash with a torn write, and clocks that differ. */
const STORM: Scenario = {
  name: 'everything at once',
  faults: ['crash'],
  runMs: 250,
  options: () => ({
    network: { isOrdered: false, lossShare: 0.02, duplicateShare: 0.05, reorderShare: 0.1 },
    nodes: (at) => ({ driftPpm: 90 * at }),
  }),
  fault: (world) => {
    world.crashFor(1, 80, 40, 'torn')
    world.sim.at(150, () => world.network.cut(0, 2))
  },
  mustFollow: () => {},
  mustNot: () => {},
}

/** @param wrap - around each core, as traps are. */
export function traceOf(seed: number, wrap: (create: CoreMaker) => CoreMaker = (create) => create): Readonly<Record<string, string>> {
  const traces = MODES.flatMap((mode) => {
    const createCore = (): CoreMaker => wrap(CORES[mode])
    const world = playScenario(STORM, { mode, size: 4, seed, createCore, createHash: () => createHash('sha256') })
    const { trace, commits, broken } = playSchedule(mode, seed, createCore)
    if (broken !== undefined) throw broken
    return [
      [`${mode} timed`, `${world.referee.log.length} ${world.referee.log.at(-1)!.digest} ${world.sim.trace.digest()}`],
      [`${mode} schedule`, `${commits} ${trace}`],
    ]
  })
  return Object.fromEntries(traces) as Readonly<Record<string, string>>
}

if (import.meta.main) process.stdout.write(JSON.stringify(traceOf(Number(process.argv[2]))))
