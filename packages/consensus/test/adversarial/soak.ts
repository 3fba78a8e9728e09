/**
 * The long run of the rules as they are: schedules from a named seed on, and what they met, into bench/SOAK.md.
 *
 *   node --conditions=@selvedge/source test/adversarial/soak.ts certified|uncertified [--first=1] [--count=1000000] [--write]
 *
 * It stops at the first schedule that breaks an invariant, prints the seed and the shrunk schedule, and ends with code 1. SIGINT and
 * SIGTERM end it early: what it played until then is what it reports.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import type { Mode } from '../../src/dag/contract.ts'
import type { RuleMaker } from './config.ts'
import { RULES } from './hunt.ts'
import { describeActions, replay, shrinkRecording } from './recording.ts'
import { playSchedule } from './schedule.ts'

const COUNT = 1_000_000
const REPORT_EVERY = 10_000
const page = new URL('../../bench/SOAK.md', import.meta.url)

export interface Tally {
  schedules: number
  broken: number
  commits: number
  readonly counts: Record<string, number>
}

export const createTally = (): Tally => ({ schedules: 0, broken: 0, commits: 0, counts: {} })

/**
 * Plays one schedule of the rule as it is, and counts what it met.
 * @throws {Error} where an invariant breaks: which one, and for safety the shrunk schedule.
 */
export function playInto(tally: Tally, mode: Mode, seed: number): void {
  const makerOf = (): RuleMaker => RULES[mode]
  const outcome = playSchedule(mode, seed, makerOf)
  const { broken } = outcome
  tally.schedules += 1
  tally.commits += outcome.commits
  for (const [name, met] of Object.entries(outcome.counts)) tally.counts[name] = (tally.counts[name] ?? 0) + met
  if (broken === undefined) return
  tally.broken += 1
  const isReplayable = replay(outcome, outcome.actions, makerOf)?.invariant === broken.invariant // not what only the end of a run shows
  const actions = isReplayable ? shrinkRecording(outcome, broken.invariant, makerOf) : []
  throw new Error(`${mode}, seed ${seed}: ${broken.message}\n${describeActions(outcome, actions)}`, { cause: broken })
}

function write(mode: Mode, first: number, tally: Tally, seconds: number): void {
  const { schedules, broken, commits, counts } = tally
  const met = Object.entries(counts).map(([name, count]) => `${name} ${count}`)
  const row = [
    mode === 'certified' ? 'Bullshark' : 'Mysticeti-C',
    `${first} to ${first + schedules - 1}`,
    schedules,
    broken,
    commits,
    met.join(', '),
    `${seconds.toFixed(0)} s`,
    `Node ${process.versions.node}`,
  ].join(' | ')
  const text = readFileSync(page, 'utf8')
  const start = `<!-- ${mode} -->`
  const end = `<!-- /${mode} -->`
  writeFileSync(page, `${text.slice(0, text.indexOf(start) + start.length)}\n| ${row} |\n${text.slice(text.indexOf(end))}`)
}

async function main(args: readonly string[]): Promise<void> {
  const option = (name: string, byDefault: number): number => {
    return Number(args.find((each) => each.startsWith(`--${name}=`))?.slice(name.length + 3) ?? byDefault)
  }
  const mode: Mode = args[0] === 'uncertified' ? 'uncertified' : 'certified'
  const [first, count] = [option('first', 1), option('count', COUNT)]
  let isStopped = false
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => (isStopped = true))
  const tally = createTally()
  const report = (): void => {
    if (args.includes('--write')) write(mode, first, tally, process.cpuUsage().user / 1e6)
    process.stdout.write(`${mode}: ${tally.schedules} schedules, ${tally.broken} broken\n`)
  }
  try {
    for (let seed = first; seed < first + count && !isStopped; seed++) {
      playInto(tally, mode, seed)
      if (tally.schedules % REPORT_EVERY !== 0) continue
      report()
      await new Promise((resolve) => setImmediate(resolve)) // lets a signal in
    }
  } finally {
    report()
  }
}

if (import.meta.main) await main(process.argv.slice(2))
