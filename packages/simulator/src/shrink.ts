/**
 * From a failing run to a small one: leaves out decisions while the failure stays (delta debugging; Zeller and Hildebrandt, 2002).
 *
 * A decision is whatever a run can do without: a fault that happened (fault-plan.ts), a delivery (scheduler.ts), a transaction. The result
 * is 1-minimal: it fails, and without any one of its decisions it does not. It need not be the smallest there is.
 */
import { check } from './errors.ts'

export interface ShrinkOptions {
  /** Runs of `fails` at most. @default 10_000 */
  readonly runsMax?: number
}

export interface Shrunk<T> {
  readonly decisions: readonly T[]
  readonly runs: number
  /** False where the runs were used up before it was known that nothing more can be left out. */
  readonly isMinimal: boolean
}

/**
 * The decisions, of those given and in their order, that are needed for the failure.
 *
 * @param fails - whether the run with these decisions alone fails in the way that is looked for. Must give the same answer each time.
 * @throws {SimulatorError} `SIMULATOR_BAD_ARGUMENT` where all decisions together do not fail: the run does not replay.
 * @example const { decisions } = shrink(plan.taken, (only) => breaks(42, createFaultPlan(42, { only })))
 */
export function shrink<T>(all: readonly T[], fails: (decisions: readonly T[]) => boolean, options: ShrinkOptions = {}): Shrunk<T> {
  const { runsMax = 10_000 } = options
  let runs = 1
  check(fails(all), 'the run with all its decisions does not fail: it is not a function of them')
  let kept = all
  let size = Math.ceil(kept.length / 2)
  while (size >= 1 && kept.length > 0) {
    let isSmaller = false
    for (let start = 0; start < kept.length; ) {
      if (runs >= runsMax) return { decisions: kept, runs, isMinimal: false }
      const candidate = [...kept.slice(0, start), ...kept.slice(start + size)]
      runs += 1
      if (!fails(candidate)) {
        start += size
        continue
      }
      kept = candidate // what follows has moved to `start`
      isSmaller = true
    }
    if (size > 1) size = Math.ceil(size / 2)
    else if (!isSmaller) break
  }
  return { decisions: kept, runs, isMinimal: true }
}
