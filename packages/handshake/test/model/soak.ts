/**
 * The model of paying sessions in full: schedules from a named seed on.
 *
 *   node --conditions=@selvedge/source test/model/soak.ts [--first=1] [--runs=100000] [--minutes=60]
 *
 * Prints one line; ends with code 1 at the first schedule that is not as it should be, and names its seed.
 */
import { playSchedule } from '../paying-model.ts'

const numberOf = (name: string, byDefault: number): number => {
  const argument = process.argv.find((each) => each.startsWith(`--${name}=`))
  return argument === undefined ? byDefault : Number(argument.slice(name.length + 3))
}

const endMs = Date.now() + numberOf('minutes', 60) * 60_000
const first = numberOf('first', 1)
const end = first + numberOf('runs', 100_000)
let seed = first
let faults: readonly string[] = []
while (seed < end && faults.length === 0 && Date.now() < endMs) {
  faults = await playSchedule(seed)
  if (faults.length === 0) seed++
}
process.stdout.write(faults.length === 0 ? `schedules ${first} to ${seed - 1} hold\n` : `schedule ${seed}: ${faults.join('; ')}\n`)
process.exitCode = faults.length === 0 ? 0 : 1
