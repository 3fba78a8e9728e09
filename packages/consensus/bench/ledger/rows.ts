/** The rows in their order, each from what was measured before it; and where they are written. */
import { spawnSync } from 'node:child_process'
import { appendFileSync, existsSync, mkdirSync, rmSync } from 'node:fs'
import { loadavg } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { machineOf } from '../../../../tools/bench/report.ts'
import { holdBlock } from '../../../../tools/markers.ts'
import { top } from '../../../../tools/tool.ts'
import { ETCD_MISSING, etcdVersion } from './etcd-cluster.ts'
import { createKeptWindows } from './kept-windows.ts'
import type { Measured } from './measure.ts'
import { measurePoints, SUBJECTS } from './points.ts'
import { measureCatchUp, measureCrash, measurePartition } from './rows-faults.ts'
import { measureLatency, measurePeaks } from './rows-load.ts'
import { joinCgroup } from './join-cgroup.ts'
import { commandOf, type RecordedRow, recordedTable, TIMES_BY_DEFAULT } from './recorded-table.ts'
import { measureMemory } from './rows-memory.ts'
import { measureSigned } from './rows-signed.ts'
import { recordedRows } from './rows-recorded.ts'
import { SIGNATURES } from './signed-transactions.ts'
import type { Scratch, Times } from './sweep.ts'
import { oneDecimal, type Row, tableOf, thousands } from './table.ts'

const options = {
  window: { type: 'string', default: String(TIMES_BY_DEFAULT.windowSeconds) },
  warmup: { type: 'string', default: String(TIMES_BY_DEFAULT.warmUpSeconds) },
  repeats: { type: 'string', default: String(TIMES_BY_DEFAULT.repeats) },
  memory: { type: 'string', default: '600' },
  behind: { type: 'string', default: '10000' },
  rate: { type: 'string' },
  rates: { type: 'string' },
  subjects: { type: 'string', default: 'bullshark' },
  windows: { type: 'string' },
  cgroup: { type: 'string' },
  profile: { type: 'string' },
  record: { type: 'boolean' },
} as const

const ROWS = ['G1', 'G2', 'G3', 'G4', 'G5', 'G6', 'G7', 'G10', 'G11']

const say = (line: string): void => void process.stderr.write(`${line}\n`)
const sayMeasured = (subject: string, each: Measured): void => {
  const { offeredPerSecond, committedPerSecond, p50Ms, p99Ms, foreign, residentMiBMax, cpuSecondsPer1k, lateShare } = each
  process.stdout.write(`${JSON.stringify({ subject, ...each })}\n`)
  say(
    `${subject.padEnd(10)} ${thousands(offeredPerSecond).padStart(7)}/s offered, ${thousands(committedPerSecond).padStart(7)}/s committed, ` +
      `p50 ${oneDecimal(p50Ms)} ms, p99 ${oneDecimal(p99Ms)} ms, ${Math.round(cpuSecondsPer1k * 1000)} CPU ms per 1,000, ` +
      `${thousands(residentMiBMax)} MiB, ${(lateShare * 100).toFixed(1)} % left late; busiest outside: ${foreign.name} ${(foreign.share * 100).toFixed(1)} %`,
  )
}

interface Plan {
  readonly wanted: ReadonlySet<string>
  readonly times: Times
  readonly memorySeconds: number
  readonly behindRounds: number
  readonly rate: number | undefined
  readonly scratch: Scratch
}

async function measure({ wanted, times, memorySeconds, behindRounds, rate, scratch }: Plan): Promise<Row[]> {
  const rows: Row[] = []
  const add = (...more: readonly Row[]): void => {
    for (const row of more) say(`${row.id}: ${row.what}: ${row.reached} (goal ${row.goal}): ${row.isMet ? 'met' : 'MISSED'}`)
    rows.push(...more)
  }
  let peakOf: Readonly<Record<string, number>> = { bullshark: rate ?? Number.NaN, mysticeti: rate ?? Number.NaN }
  if (wanted.has('G1')) {
    const peaks = await measurePeaks(times, scratch)
    peakOf = peaks.peakOf
    add(...peaks.rows)
  }
  const half = (name: string): number => Math.round((peakOf[name] ?? Number.NaN) / 2)
  if (['G2', 'G4', 'G5', 'G10'].some((id) => wanted.has(id)) && Number.isNaN(half('bullshark'))) {
    throw new Error('no peak to start from: measure G1 too, or name one with --rate')
  }
  if (wanted.has('G2')) add(...(await measureLatency(times, scratch, peakOf)))
  for (const kind of wanted.has('G3') ? SIGNATURES : []) add(...(await measureSigned(kind, times, scratch)))
  if (wanted.has('G4')) {
    add(
      await measureCrash('certified', half('bullshark'), times, scratch),
      await measureCrash('uncertified', half('mysticeti'), times, scratch),
    )
  }
  if (wanted.has('G5')) {
    add(
      await measurePartition('certified', half('bullshark'), times, scratch),
      await measurePartition('uncertified', half('mysticeti'), times, scratch),
    )
  }
  if (wanted.has('G6'))
    add(await measureCatchUp('certified', behindRounds, times, scratch), await measureCatchUp('uncertified', behindRounds, times, scratch))
  if (wanted.has('G10')) add(await measureMemory('certified', peakOf.bullshark ?? 0, memorySeconds, scratch))
  add(...recordedRows(['G7', 'G11'].filter((id) => wanted.has(id))))
  return rows
}

/** What the command line asks for: rows, or single windows. */
export async function measureAsAsked(): Promise<void> {
  const { values, positionals } = parseArgs({ options, allowPositionals: true })
  const unknown = positionals.filter((row) => !ROWS.includes(row))
  if (unknown.length > 0) throw new Error(`no row ${unknown.join(', ')}; there are: ${ROWS.join(' ')}`)
  const wanted = new Set(positionals.length === 0 ? ROWS : positionals)
  const times = { windowSeconds: Number(values.window), warmUpSeconds: Number(values.warmup), repeats: Number(values.repeats) }
  const folder = join(top, '.selvedge', `bench-ledger-${process.pid}`)
  mkdirSync(folder, { recursive: true })
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130)) // children end with their channel
  if (wanted.has('G1') && etcdVersion() === undefined) say(ETCD_MISSING)
  const memoryLimit = values.cgroup === undefined ? undefined : joinCgroup(values.cgroup)
  const kept = values.windows === undefined ? undefined : createKeptWindows(values.windows, times)
  const scratch: Scratch = { folder, onMeasured: sayMeasured, kept }
  if (values.rates !== undefined) {
    const subjects = values.subjects.split(',')
    const strange = subjects.filter((subject) => !SUBJECTS.includes(subject))
    if (strange.length > 0) throw new Error(`no subject ${strange.join(', ')}; there are: ${SUBJECTS.join(' ')}`)
    return await measurePoints({ subjects, rates: values.rates.split(',').map(Number), times, profile: values.profile }, scratch, say)
  }
  say(`load before: ${(loadavg()[0] ?? 0).toFixed(2)}`)
  const rate = values.rate === undefined ? undefined : Number(values.rate)
  const rows = await measure({
    wanted,
    times,
    memorySeconds: Number(values.memory),
    behindRounds: Number(values.behind),
    rate,
    scratch,
  })
  for (const row of rows) process.stdout.write(`${JSON.stringify(row)}\n`)
  say(`\n${tableOf(rows, [commandOf(positionals, times, rate)])}`)
  if (values.record) record(rows, { times, rate, memoryLimit, windowsTaken: kept?.taken })
}

function record(rows: readonly Row[], how: Pick<RecordedRow, 'times' | 'rate' | 'memoryLimit' | 'windowsTaken'>): void {
  mkdirSync(join(top, 'docs/benchmarks'), { recursive: true })
  const commit = spawnSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: top, encoding: 'utf8' }).stdout.trim()
  const context = { room: 'consensus', commit, date: new Date().toISOString(), machine: machineOf(), ...how }
  const file = join(top, 'docs/benchmarks/consensus-ledger.jsonl')
  appendFileSync(file, rows.map((row) => `${JSON.stringify({ ...context, ...row })}\n`).join(''))
  const table = recordedTable(file, ROWS)
  const pages = ['bench/RESULTS.md', 'README.md'].map((page) => join(top, 'packages/consensus', page)).filter(existsSync)
  for (const { file, message } of pages.flatMap((page) => holdBlock(page, 'ledger', table, true))) say(`${file}: ${message}`)
}
