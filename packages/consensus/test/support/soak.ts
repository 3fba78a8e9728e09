/**
 * A long run that may be ended at any time and goes on where it was: its row in bench/SOAK.md says which seeds were played, what they met,
 * and on which sources. A row of other sources is no part of the sum: the run begins again then.
 */
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import type { Mode } from '../../src/dag/contract.ts'

export interface Tally {
  schedules: number
  broken: number
  commits: number
  readonly counts: Record<string, number>
}

export interface Soak {
  /** Names the row, `<!-- mark -->` around it. */
  readonly mark: string
  /** First column. */
  readonly name: string
  readonly first: number
  /** What `sourceDigestOf` says of what is played. */
  readonly sources: string
  /** How many seeds there are to be, those of earlier runs among them. */
  readonly count: number
  readonly reportEvery: number
  readonly isWritten: boolean
  /** Plays one seed and adds what it met. @throws where an invariant breaks: the run ends, after its row was written. */
  readonly play: (tally: Tally, seed: number) => void
}

/** Of one row: what was met until now, and CPU seconds. */
export interface Progress {
  readonly tally: Tally
  readonly seconds: number
}

export const createTally = (): Tally => ({ schedules: 0, broken: 0, commits: 0, counts: {} })

export function addTo(tally: Tally, commits: number, counts: Readonly<Record<string, number>>): void {
  tally.schedules += 1
  tally.commits += commits
  for (const [name, met] of Object.entries(counts)) tally.counts[name] = (tally.counts[name] ?? 0) + met
}

/** The row as text, without its line break. */
export function formatRow({ name, first, sources }: Soak, { tally, seconds }: Progress): string {
  const { schedules, broken, commits, counts } = tally
  const met = Object.entries(counts).map(([what, count]) => `${what} ${count}`)
  const seeds = `${first} to ${first + schedules - 1}`
  const cells = [
    name,
    seeds,
    schedules,
    broken,
    commits,
    met.join(', '),
    `${seconds.toFixed(0)} s`,
    process.versions.node,
    `\`${sources}\``,
  ]
  return `| ${cells.join(' | ')} |`
}

/** What `row` says, where it is of the same first seed, sources and Node; otherwise a beginning. */
export function parseRow(row: string, soak: Soak): Progress {
  const [, , , schedules, broken, commits, met = '', seconds = ''] = row.split('|').map((cell) => cell.trim())
  const counts = met.split(', ').map((each) => [each.slice(0, each.lastIndexOf(' ')), Number(each.slice(each.lastIndexOf(' ') + 1))])
  const tally = { schedules: Number(schedules), broken: Number(broken), commits: Number(commits), counts: Object.fromEntries(counts) }
  const progress = { tally, seconds: Number.parseFloat(seconds) }
  return formatRow(soak, progress) === row ? progress : { tally: createTally(), seconds: 0 }
}

/** Puts `row` between its marks. Another run writes its own rows into the same page: what it overwrote meanwhile is written again. */
export function writeRow(page: URL, mark: string, row: string): void {
  const [start, end] = [`<!-- ${mark} -->\n`, `\n<!-- /${mark} -->`]
  const part = new URL(`${page.href}.${process.pid}`)
  for (;;) {
    const text = readFileSync(page, 'utf8')
    const written = `${text.slice(0, text.indexOf(start) + start.length)}${row}${text.slice(text.indexOf(end))}`
    if (written === text) return
    writeFileSync(part, written)
    renameSync(part, page) // whole, or not at all
  }
}

export function readRow(page: URL, mark: string): string {
  const text = readFileSync(page, 'utf8')
  const start = `<!-- ${mark} -->\n`
  return text.slice(text.indexOf(start) + start.length, text.indexOf(`\n<!-- /${mark} -->`))
}

/**
 * Plays until all seeds were, something breaks, time is up, or SIGINT or SIGTERM comes. What was played is in the row then, if it is written.
 * @returns whether nobody asked it to stop.
 */
export async function runSoak(page: URL, soak: Soak, minutes: number = Number.POSITIVE_INFINITY): Promise<boolean> {
  const endMs = performance.now() + minutes * 60_000
  const { tally, seconds } = soak.isWritten ? parseRow(readRow(page, soak.mark), soak) : { tally: createTally(), seconds: 0 }
  let isStopped = false
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => (isStopped = true))
  const report = (): void => {
    const row = formatRow(soak, { tally, seconds: seconds + process.cpuUsage().user / 1e6 })
    if (soak.isWritten) writeRow(page, soak.mark, row)
    process.stdout.write(`${row}\n`)
  }
  try {
    while (tally.schedules < soak.count && !isStopped && performance.now() < endMs) {
      soak.play(tally, soak.first + tally.schedules)
      if (tally.schedules % soak.reportEvery !== 0) continue
      report()
      await new Promise((resolve) => setImmediate(resolve)) // lets a signal in
    }
  } finally {
    report()
  }
  return !isStopped
}

/** Both modes one after the other, each for half of `--minutes`, or the one that the arguments begin with. */
export async function runModes(args: readonly string[], page: URL, soakOf: (mode: Mode) => Soak): Promise<void> {
  const modes: readonly Mode[] = args[0] === 'certified' || args[0] === 'uncertified' ? [args[0]] : ['certified', 'uncertified']
  const minutes = optionOf(args, 'minutes', Number.POSITIVE_INFINITY) / modes.length
  for (const mode of modes) if (!(await runSoak(page, soakOf(mode), minutes))) return
}

/** A whole number among the arguments, `--name=7`. */
export function optionOf(args: readonly string[], name: string, byDefault: number): number {
  return Number(args.find((each) => each.startsWith(`--${name}=`))?.slice(name.length + 3) ?? byDefault)
}
