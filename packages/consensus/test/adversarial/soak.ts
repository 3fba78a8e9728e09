/**
 * The long run of the rules as they are: schedules from a named seed on, and what they met, into bench/SOAK.md.
 *
 *   node --max-semi-space-size=64 --conditions=@selvedge/source test/adversarial/soak.ts [certified|uncertified] [--first=1]
 *     [--count=1000000] [--minutes=60] [--write]
 *
 * With `--write` it goes on after the last seed of its row, where that is of the same sources. It stops at the first schedule that breaks
 * an invariant, prints the seed and the shrunk schedule, and ends with code 1. SIGINT and SIGTERM end it early; a kill loses what came
 * after the last report, every 2,000 schedules.
 */
import { optionOf, runModes } from '../support/soak.ts'
import { sourceDigestOf } from '../support/source-digest.ts'
import { playInto } from './tally.ts'

const args = process.argv.slice(2)
const sources = sourceDigestOf(new URL('hunt.ts', import.meta.url))
await runModes(args, new URL('../../bench/SOAK.md', import.meta.url), (mode) => ({
  mark: mode,
  name: mode === 'certified' ? 'Bullshark' : 'Mysticeti-C',
  first: optionOf(args, 'first', 1),
  sources,
  count: optionOf(args, 'count', 1_000_000),
  reportEvery: 2_000,
  isWritten: args.includes('--write'),
  play: (tally, seed) => playInto(tally, mode, seed),
}))
