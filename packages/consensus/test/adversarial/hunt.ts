/** Plays a mutant, or the rules as they are, through seeds until an invariant breaks. */
import { createBullsharkRule } from '../../src/dag/bullshark-rule.ts'
import type { Mode } from '../../src/dag/contract.ts'
import { createMysticetiRule } from '../../src/dag/mysticeti-rule.ts'
import type { Config, RuleMaker } from './config.ts'
import type { Mutant } from './patch.ts'
import type { Invariant } from './referee.ts'
import { type Outcome, playSchedule } from './schedule.ts'

export const RULES: Readonly<Record<Mode, RuleMaker>> = { certified: createBullsharkRule, uncertified: createMysticetiRule }

export interface Kill {
  readonly seed: number
  readonly schedules: number
  readonly size: number
  readonly invariant: Invariant
  readonly message: string
}

/** Who runs what: all the patched rule, or (format) all but the first honest member. */
export function makersOf(mutant: Mutant, mutated: Readonly<Record<Mode, RuleMaker>>): (self: number, config: Config) => RuleMaker {
  const isFormat = mutant.class === 'format'
  return (self, { honest }) => (isFormat && self === honest[0] ? RULES : mutated)[mutant.mode]
}

/** A format mutant is caught by what members say to each other; all others by any invariant. */
function isKilled({ class: kind }: Mutant, { broken }: Outcome): boolean {
  return broken !== undefined && (kind !== 'format' || ['I1', 'I2', 'I12'].includes(broken.invariant))
}

export function hunt(mutant: Mutant, mutated: Readonly<Record<Mode, RuleMaker>>, seeds: Iterable<number>): Kill | undefined {
  const makerOf = makersOf(mutant, mutated)
  let schedules = 0
  for (const seed of seeds) {
    schedules += 1
    const outcome = playSchedule(mutant.mode, seed, makerOf)
    if (!isKilled(mutant, outcome)) continue
    const { invariant, message } = outcome.broken!
    return { seed, schedules, size: outcome.config.size, invariant, message }
  }
  return undefined
}
