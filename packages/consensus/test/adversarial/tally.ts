/** One schedule of a rule as it is, and what it met. */
import type { Mode } from '../../src/dag/contract.ts'
import { addTo, type Tally } from '../support/soak.ts'
import type { RuleMaker } from './config.ts'
import { RULES } from './hunt.ts'
import { describeActions, replay, shrinkRecording } from './recording.ts'
import { playSchedule } from './schedule.ts'

/** @throws {Error} where an invariant breaks: which one, and for safety the shrunk schedule. */
export function playInto(tally: Tally, mode: Mode, seed: number): void {
  const makerOf = (): RuleMaker => RULES[mode]
  const outcome = playSchedule(mode, seed, makerOf)
  const { broken } = outcome
  addTo(tally, outcome.commits, outcome.counts)
  if (broken === undefined) return
  tally.broken += 1
  const isReplayable = replay(outcome, outcome.actions, makerOf)?.invariant === broken.invariant // not what only the end of a run shows
  const actions = isReplayable ? shrinkRecording(outcome, broken.invariant, makerOf) : []
  throw new Error(`${mode}, seed ${seed}: ${broken.message}\n${describeActions(outcome, actions)}`, { cause: broken })
}
