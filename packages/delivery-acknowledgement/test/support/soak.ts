/**
 * Row 25 in full: kills of the store while 100 sessions acknowledge, half of them at 2,000 a second, half as fast as the disk goes.
 *
 *   node --conditions=@selvedge/source test/support/soak.ts [--seed=1] [--kills=1000] [--minutes=60]
 *
 * Prints one line; ends with code 1 when something that was said to be on disk is not, or a lane nonce came twice.
 */
import { playKills, type Tally } from './kills.ts'

const numberOf = (name: string, byDefault: number): number => {
  const argument = process.argv.find((each) => each.startsWith(`--${name}=`))
  return argument === undefined ? byDefault : Number(argument.slice(name.length + 3))
}

const endMs = Date.now() + numberOf('minutes', 60) * 60_000
const seed = numberOf('seed', 1)
const isOver = ({ missing, repeated }: Tally): boolean => missing + repeated > 0 || Date.now() > endMs
const { kills, puts, runMs, missing, repeated, lostMsMost } = await playKills(numberOf('kills', 1_000), seed, isOver)
const rate = Math.round((1_000 * puts) / Math.max(1, runMs))
process.stdout.write(
  `${kills} kills, seed ${seed}: ${puts} acknowledgements at ${rate} a second over 100 sessions; ${missing} missing that were on disk, ` +
    `${repeated} nonces twice; of the rest the oldest was ${lostMsMost} ms old\n`,
)
process.exitCode = missing + repeated > 0 ? 1 : 0
