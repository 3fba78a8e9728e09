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
import { RULES } from './hunt.ts'
import { describeActions, shrinkRecording } from './recording.ts'
import { playSchedule } from './schedule.ts'

const COUNT = 1_000_000
const REPORT_EVERY = 10_000
const page = new URL('../../bench/SOAK.md', import.meta.url)

interface Tally {
  schedules: number
  broken: number
  commits: number
  readonly counts: Record<string, number>
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
  const tally: Tally = { schedules: 0, broken: 0, commits: 0, counts: {} }
  for (let seed = first; seed < first + count && !isStopped && tally.broken === 0; seed++) {
    const outcome = playSchedule(mode, seed, () => RULES[mode])
    tally.schedules += 1
    tally.commits += outcome.commits
    for (const [name, met] of Object.entries(outcome.counts)) tally.counts[name] = (tally.counts[name] ?? 0) + met
    if (outcome.broken !== undefined) {
      tally.broken += 1
      process.exitCode = 1
      const actions = outcome.broken.invariant === 'I9' ? [] : shrinkRecording(outcome, outcome.broken.invariant, () => RULES[mode])
      process.stdout.write(`seed ${seed}: ${outcome.broken.message}\n${describeActions(outcome, actions)}\n`)
    }
    if (tally.schedules % REPORT_EVERY !== 0) continue
    if (args.includes('--write')) write(mode, first, tally, process.cpuUsage().user / 1e6)
    process.stdout.write(`${mode}: ${tally.schedules} schedules, ${tally.broken} broken\n`)
    await new Promise((resolve) => setImmediate(resolve)) // lets a signal in
  }
  if (args.includes('--write')) write(mode, first, tally, process.cpuUsage().user / 1e6)
}

if (import.meta.main) await main(process.argv.slice(2))
