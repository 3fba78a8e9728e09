/**
 * The long run of chains of epochs, the small state machine above them and the shipped one in one of twenty: schedules from a named seed on,
 * and what they met, into bench/SOAK.md of consensus, whose long runs it belongs to.
 *
 *   node --max-semi-space-size=64 --conditions=@selvedge/source test/chain/soak.ts [certified|uncertified] [--first=1]
 *     [--count=10000] [--minutes=60] [--applications] [--write]
 *
 * With `--applications` it plays the shipped state machine's schedules alone, each twentieth seed: `--count=500` are those of 10,000.
 * With `--write` it goes on after the last seed of its row, where that is of the same sources. It stops at the first schedule that breaks
 * an invariant, prints its seed, and ends with code 1. SIGINT and SIGTERM end it early; a kill loses what came after the last report,
 * every 20 schedules.
 */
import { addTo, optionOf, runModes } from '../../../../packages/consensus/test/support/soak.ts'
import { sourceDigestOf } from '../../../../packages/consensus/test/support/source-digest.ts'
import { APPLICATION_ONE_OF, isApplications, playSeed } from './play-seed.ts'

const args = process.argv.slice(2)
const page = new URL('../../../../packages/consensus/bench/SOAK.md', import.meta.url)
const sources = sourceDigestOf(new URL('play-seed.ts', import.meta.url))
const isOfApplications = args.includes('--applications')
await runModes(args, page, (mode) => ({
  mark: isOfApplications ? `application chain ${mode}` : `chain ${mode}`,
  name: isOfApplications ? `${mode} chain of the application, seed × ${APPLICATION_ONE_OF}` : `${mode} chain`,
  first: optionOf(args, 'first', 1),
  sources,
  count: optionOf(args, 'count', 10_000),
  reportEvery: 20,
  isWritten: args.includes('--write'),
  play(tally, number) {
    const seed = isOfApplications ? number * APPLICATION_ONE_OF : number
    const { broken, blocks, epochs, counts } = playSeed(mode, seed)
    addTo(tally, blocks, { applications: isApplications(seed) ? 1 : 0, epochs, ...counts })
    if (broken === undefined) return
    tally.broken += 1
    throw new Error(`${mode} chain, seed ${seed}: ${broken.message}`, { cause: broken })
  },
}))
