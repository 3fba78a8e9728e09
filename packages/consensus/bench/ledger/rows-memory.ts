/** G10: resident memory of each validator through ten minutes of G1's load, and whether it grows. */
import { join } from 'node:path'
import { undisturbed } from '../../../../tools/bench/undisturbed.ts'
import { type Mode } from './rows-faults.ts'
import { figuresOf, startLoad } from './measure.ts'
import type { LoadResult } from './load.ts'
import { residentBytesOf } from './proc.ts'
import { onFreshCluster, type Scratch } from './sweep.ts'
import { oneDecimal, type Row, thousands } from './table.ts'
import { startValidators } from './validators.ts'

const MIB = 2 ** 20
const RESIDENT_MIB_MAX = 300
/** A fit through noise is never flat: less than this over the whole run is no growth. */
const GROWTH_MIB_MAX = 15
const SAMPLE_MS = 1_000
/** What G1 asks for; where the knee is hardly above it, less: it is held for ten minutes on end, and not for one. */
const LOAD = 45_000
const KNEE_SHARE_MAX = 0.9
const NAMES = { certified: 'bullshark', uncertified: 'mysticeti' } as const

interface Samples {
  /** MiB of each validator, once a second. */
  readonly samples: readonly (readonly number[])[]
  readonly results: readonly LoadResult[]
}

/** @param knee - transactions a second, of G1. */
export async function measureMemory(mode: Mode, knee: number, seconds: number, scratch: Scratch): Promise<Row> {
  const perSecond = Math.min(LOAD, Math.round(KNEE_SHARE_MAX * knee))
  const folder = join(scratch.folder, 'memory')
  const run = (): Promise<Samples> =>
    onFreshCluster({ start: (at) => startValidators(at, { mode }) }, folder, async (cluster) => {
      const load = await startLoad(cluster.targets, perSecond, seconds)
      const taken: number[][] = []
      for (let i = 1; i < seconds; i++) {
        await load.until((i * SAMPLE_MS) / 1000)
        taken.push(cluster.pids.map((pid) => residentBytesOf(pid) / MIB))
      }
      return { samples: taken, results: await load.results }
    })
  const { samples, results, foreign } = await undisturbed(run)
  const settled = samples.slice(Math.floor(samples.length / 5))
  const most = Math.max(...samples.flat())
  const growth =
    Math.max(...(settled[0] ?? []).map((_, validator) => slopeOf(settled.map((each) => each[validator] ?? 0)))) * settled.length
  const { committedPerSecond } = figuresOf(results, { from: seconds / 5, to: seconds })
  return {
    id: 'G10',
    what: `resident memory of a validator at ${thousands(perSecond)} tx/s for ${thousands(seconds)} s, ${NAMES[mode]}`,
    goal: `< ${RESIDENT_MIB_MAX} MiB at ${thousands(LOAD)} tx/s, G1's goal; no growth (at most ${GROWTH_MIB_MAX} MiB fitted)`,
    reached: `at most ${thousands(most)} MiB; ${oneDecimal(growth)} MiB of growth fitted over the last four fifths (${thousands(committedPerSecond)} tx/s committed)`,
    isMet: most < RESIDENT_MIB_MAX && growth <= GROWTH_MIB_MAX,
    figures: { perSecond, seconds, most, growth, foreign, samples: samples.filter((_, i) => i % 10 === 0) },
  }
}

/** Least squares, a step being one sample. */
function slopeOf(values: readonly number[]): number {
  const meanX = (values.length - 1) / 2
  const meanY = values.reduce((sum, value) => sum + value, 0) / values.length
  let above = 0
  let below = 0
  for (const [x, y] of values.entries()) {
    above += (x - meanX) * (y - meanY)
    below += (x - meanX) ** 2
  }
  return above / below
}
