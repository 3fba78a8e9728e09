/**
 * The long run of whole cores as they are: schedules from a named seed on, and what they met, into bench/SOAK.md.
 *
 *   node --conditions=@selvedge/source test/scenarios/soak.ts certified|uncertified [--first=1] [--count=10000] [--write]
 *
 * It stops at the first schedule that breaks an invariant and ends with code 1. SIGINT and SIGTERM end it early: what it played until
 * then is what it reports.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import type { Mode } from '../../src/dag/contract.ts'
import { CORES } from './play.ts'
import { playSchedule } from './schedule.ts'

const COUNT = 10_000
const REPORT_EVERY = 50
const page = new URL('../../bench/SOAK.md', import.meta.url)

interface Tally {
  schedules: number
  broken: number
  commits: number
  readonly counts: Record<string, number>
}

function write(mode: Mode, first: number, tally: Tally): void {
  const { schedules, broken, commits, counts } = tally
  const met = Object.entries(counts).map(([name, count]) => `${name} ${count}`)
  const name = mode === 'certified' ? 'certified core' : 'uncertified core'
  const cpu = `${(process.cpuUsage().user / 1e6).toFixed(0)} s`
  const row = [
    name,
    `${first} to ${first + schedules - 1}`,
    schedules,
    broken,
    commits,
    met.join(', '),
    cpu,
    `Node ${process.versions.node}`,
  ]
  const text = readFileSync(page, 'utf8')
  const [start, end] = [`<!-- whole ${mode} -->`, `<!-- /whole ${mode} -->`]
  writeFileSync(page, `${text.slice(0, text.indexOf(start) + start.length)}\n| ${row.join(' | ')} |\n${text.slice(text.indexOf(end))}`)
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
    const outcome = playSchedule(mode, seed, () => CORES[mode])
    tally.schedules += 1
    tally.commits += outcome.commits
    for (const [name, met] of Object.entries(outcome.counts)) tally.counts[name] = (tally.counts[name] ?? 0) + met
    if (outcome.broken !== undefined) {
      tally.broken += 1
      process.exitCode = 1
      process.stdout.write(`${mode} seed ${seed}: ${outcome.broken.message}\n`)
    }
    if (tally.schedules % REPORT_EVERY === 0) process.stdout.write(`${mode}: ${tally.schedules} schedules, ${tally.broken} broken\n`)
    await new Promise((resolve) => setImmediate(resolve)) // lets a signal in
  }
  if (args.includes('--write')) write(mode, first, tally)
}

if (import.meta.main) await main(process.argv.slice(2))
