/** The table of all rows, each from the newest run that measured it, and under it those runs with their commands. */
import { readFileSync } from 'node:fs'
import { FOREIGN_SHARE_MAX } from '../../../../tools/bench/undisturbed.ts'
import type { Times } from './sweep.ts'
import { type Row, tableOf } from './table.ts'

/** A line of docs/benchmarks. */
export interface RecordedRow extends Row {
  /** Of the sources, as `git rev-parse --short HEAD` names it. */
  readonly commit: string
  /** When the run ended; all of its rows have the same. */
  readonly date: string
  readonly machine: { readonly cpu: string; readonly cores: number; readonly kernel: string; readonly runtime: string }
  readonly times: Times
  /** The peak that was named, where G1 was not measured in the run. */
  readonly rate?: number | undefined
  /** Of the memory cgroup that all processes were in, page cache included; in bytes. */
  readonly memoryLimit?: number | undefined
  /** Of an earlier run of the same sources and times, which `--windows` named. */
  readonly windowsTaken?: number | undefined
}

export const TIMES_BY_DEFAULT: Times = { windowSeconds: 60, warmUpSeconds: 10, repeats: 5 }
const FLAGS = { windowSeconds: 'window', warmUpSeconds: 'warmup', repeats: 'repeats' } as const
const SETTING =
  'Four validators are four processes over mutual TLS 1.3 on loopback, fsync on; each has an open-loop generator process of its own; latency is from when a transaction was due to when it is final at the validator that it was given to. etcd: 3 nodes, no TLS, fsync on, gRPC over local sockets; commit is the response to the put. A figure is the median of its repeats [least–most].'

export const commandOf = (ids: readonly string[], times: Times, rate?: number): string => {
  const named = Object.entries(FLAGS).flatMap(([key, flag]) => {
    const value = times[key as keyof typeof FLAGS]
    return value === TIMES_BY_DEFAULT[key as keyof typeof FLAGS] ? [] : [`--${flag} ${value}`]
  })
  return ['pnpm bench:ledger', ...ids, ...named, ...(rate === undefined ? [] : [`--rate ${rate}`])].join(' ')
}

/** The largest share of a core that somebody else had in any of the windows and runs that a row was made from. */
function foreignShareIn(figures: unknown): number {
  if (typeof figures !== 'object' || figures === null) return 0
  const { foreign } = figures as { readonly foreign?: { readonly share?: number } }
  return Math.max(foreign?.share ?? 0, ...Object.values(figures).map(foreignShareIn))
}

/** @param file - JSON lines. @param ids - the order of rows. */
export function recordedTable(file: string, ids: readonly string[]): string {
  const recorded = readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as RecordedRow)
  const newest = new Map(recorded.map(({ id, date }) => [id, date])) // lines are in the order of time
  const rows = ids.flatMap((id) => recorded.filter((row) => row.id === id && row.date === newest.get(id)))
  const dates = [...new Set(rows.map(({ date }) => date))]
  const footer = dates.map((date) => {
    const run = recorded.filter((row) => row.date === date)
    const shown = ids.filter((id) => newest.get(id) === date)
    const measured = ids.filter((id) => run.some((row) => row.id === id))
    const { commit, machine, times, rate, memoryLimit, windowsTaken = 0 } = run[0] as RecordedRow
    const within = memoryLimit === undefined ? '' : ` with --cgroup, ${memoryLimit / 2 ** 30} GiB for all processes and their page cache,`
    const taken = windowsTaken === 0 ? '' : `; ${windowsTaken} of its windows are of an earlier run of the same sources (--windows)`
    const disturbed = run.filter(({ id, figures }) => shown.includes(id) && foreignShareIn(figures) > FOREIGN_SHARE_MAX).map(({ id }) => id)
    const beside =
      disturbed.length === 0
        ? ''
        : `; in ${[...new Set(disturbed)].join(', ')} somebody else used more than ${FOREIGN_SHARE_MAX * 100} % of a core, the third time too`
    return `- ${shown.join(', ')}: \`${commandOf(measured, times, rate)}\`${within} of ${commit}, on ${date.slice(0, 10)}; ${machine.cpu}, ${machine.cores} cores, Linux ${machine.kernel}, ${machine.runtime}${taken}${beside}.`
  })
  return tableOf(rows, [...footer, '', SETTING])
}
