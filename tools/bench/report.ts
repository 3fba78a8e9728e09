/** What a run of benches leaves: a record of one JSON line a bench, and a table for people. */
import { execFileSync } from 'node:child_process'
import { arch, cpus, loadavg, release, totalmem } from 'node:os'
import { type Bench, medianOf, ratioOf, type Sample, type TakenSample } from './bench.ts'
import { FOREIGN_SHARE_MAX, isDisturbed } from './undisturbed.ts'

export interface Measured {
  readonly bench: Bench
  readonly file: string
  readonly samples: Readonly<Record<string, readonly TakenSample[]>>
}

export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly memoryMiB: number
  readonly kernel: string
  readonly runtime: string
}

export const machineOf = (): Machine => ({
  cpu: cpus()[0]?.model ?? arch(),
  cores: cpus().length,
  memoryMiB: Math.round(totalmem() / 2 ** 20),
  kernel: release(),
  runtime: `node ${process.versions.node}`,
})

const commitOf = (root: string): string => {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], {
      cwd: root,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim()
  } catch {
    return 'unknown'
  }
}

const valuesOf = (samples: readonly Sample[] | undefined): number[] => (samples ?? []).map(({ value }) => value)

export interface RecordContext {
  readonly root: string
  readonly room: string
  readonly peers: Readonly<Record<string, string>>
  readonly command: string
}

/** One line of docs/benchmarks/<room>.jsonl. */
export function recordOf({ bench, samples }: Measured, { root, room, peers, command }: RecordContext): object {
  const medians = Object.fromEntries(Object.entries(samples).map(([subject, list]) => [subject, medianOf(valuesOf(list))]))
  const ours = medians.ours ?? Number.NaN
  const others = Object.entries(medians).filter(([subject]) => subject !== 'ours')
  return {
    room,
    name: bench.name,
    unit: bench.unit,
    commit: commitOf(root),
    date: new Date().toISOString(),
    machine: machineOf(),
    loadBefore: samples.ours?.[0]?.loadBefore,
    loadAfter: loadavg()[0],
    foreign: foreignIn([samples]),
    peers,
    samples: Object.fromEntries(Object.entries(samples).map(([subject, list]) => [subject, valuesOf(list)])),
    medians,
    ratios: Object.fromEntries(others.map(([subject, median]) => [subject, ratioOf(bench.unit, ours, median)])),
    command,
  }
}

/** Of a core, what the busiest process outside had during any sample; how many samples stand that had more beside them than they may. */
function foreignIn(all: readonly Measured['samples'][]): {
  readonly shareMax: number
  readonly disturbed: number
  readonly samples: number
} {
  const taken = all.flatMap((samples) => Object.values(samples).flat())
  const shareMax = Math.max(0, ...taken.map(({ foreign }) => foreign.share))
  return { shareMax: Number(shareMax.toFixed(3)), disturbed: taken.filter(isDisturbed).length, samples: taken.length }
}

/** How far others were in it. */
function disturbanceOf(measured: readonly Measured[]): string {
  const { shareMax, disturbed, samples } = foreignIn(measured.map((each) => each.samples))
  const percent = (share: number): string => `${Math.round(100 * share)} %`
  const rule = `taken again when a process outside of it had more than ${percent(FOREIGN_SHARE_MAX)} of a core`
  return disturbed === 0
    ? rule
    : `${rule}, which ${disturbed} of ${samples} still had beside them the third time (at most ${percent(shareMax)})`
}

const digits = (value: number): string => value.toLocaleString('en-US', { maximumSignificantDigits: value >= 1000 ? 4 : 3 })

function spread(values: readonly number[], unit: string): string {
  return values.length === 0 ? '' : `${digits(medianOf(values))} ${unit} [${digits(Math.min(...values))}–${digits(Math.max(...values))}]`
}

function rowsOf({ bench, samples }: Measured): string[] {
  const { name, unit, goals = {} } = bench
  const ours = valuesOf(samples.ours)
  const others = Object.entries(samples).filter(([subject]) => subject !== 'ours')
  if (others.length === 0) return [`| ${name} | ${spread(ours, unit)} | | | | |`]
  return others.map(([subject, list]) => {
    const ratio = ratioOf(unit, medianOf(ours), medianOf(valuesOf(list)))
    const wanted = goals[subject]
    const goal = wanted === undefined ? '' : `≥ ${wanted}×${ratio < wanted ? ', missed' : ''}`
    return `| ${name} | ${spread(ours, unit)} | ${subject} | ${spread(valuesOf(list), unit)} | ${ratio.toFixed(2)}× | ${goal} |`
  })
}

/** The table between the markers of bench/RESULTS.md and of the README. */
export function tableOfResults(measured: readonly Measured[], { peers, command }: RecordContext): string {
  const { cpu, cores, runtime } = machineOf()
  const notes = measured.flatMap(({ bench }) => (bench.note === undefined ? [] : [`- ${bench.name}: ${bench.note}`]))
  const versions = Object.entries(peers).map(([name, version]) => `${name} ${version}`)
  return [
    '| job | ours, median [min–max] | peer | its figure | ours is better by | goal |',
    '| --- | --- | --- | --- | --- | --- |',
    ...measured.flatMap(rowsOf),
    '',
    `Measured by \`${command}\` on ${new Date().toISOString().slice(0, 10)}: ${cpu}, ${cores} cores, ${runtime}; a fresh process for each sample, ours and peer in turn, ${disturbanceOf(measured)}.`,
    ...(versions.length === 0 ? [] : [`Peers: ${versions.join(', ')}.`]),
    ...(notes.length === 0 ? [] : ['', ...notes]),
  ].join('\n')
}
