/**
 * The long run of whole cores as they are: schedules from a named seed on, and what they met, into bench/SOAK.md.
 *
 *   node --max-semi-space-size=64 --conditions=@selvedge/source test/scenarios/soak.ts [certified|uncertified] [--first=1]
 *     [--count=10000] [--minutes=60] [--write]
 *
 * With `--write` it goes on after the last seed of its row, where that is of the same sources. It stops at the first schedule that breaks
 * an invariant, prints its seed and a smaller plan that breaks the same, and ends with code 1. SIGINT and SIGTERM end it early; a kill
 * loses what came after the last report, every 20 schedules.
 */
import { addTo, optionOf, runModes } from '../support/soak.ts'
import { sourceDigestOf } from '../support/source-digest.ts'
import { CORES } from './play.ts'
import { playSchedule } from './schedule.ts'
import { replayOf } from './schedule-shrink.ts'

const args = process.argv.slice(2)
const sources = sourceDigestOf(new URL('schedule.ts', import.meta.url), new URL('play.ts', import.meta.url))
await runModes(args, new URL('../../bench/SOAK.md', import.meta.url), (mode) => ({
  mark: `whole ${mode}`,
  name: `${mode} core`,
  first: optionOf(args, 'first', 1),
  sources,
  count: optionOf(args, 'count', 10_000),
  reportEvery: 20,
  isWritten: args.includes('--write'),
  play(tally, seed) {
    const { plan, commits, counts, broken } = playSchedule(mode, seed, () => CORES[mode])
    addTo(tally, commits, counts)
    if (broken === undefined) return
    tally.broken += 1
    throw new Error(
      replayOf(plan, broken, () => CORES[mode]),
      { cause: broken },
    )
  },
}))
