/** G1 and G2: what is held, and how long a transaction takes at half of that. Ours and etcd in turn, in one run. */
import { ETCD_MISSING, etcdVersion, startEtcd } from './etcd-cluster.ts'
import type { Measured } from './measure.ts'
import { measureSubject, type Scratch, type Subject, type Sweep, sweep, sweepAgain, type Times } from './sweep.ts'
import { medianOf, oneDecimal, type Row, spreadOf, thousands } from './table.ts'
import { startValidators } from './validators.ts'

export const bullshark: Subject = { name: 'bullshark', start: (folder) => startValidators(folder, { mode: 'certified' }) }
export const mysticeti: Subject = { name: 'mysticeti', start: (folder) => startValidators(folder, { mode: 'uncertified' }) }
export const etcd: Subject = { name: 'etcd', start: startEtcd }

const G1_PER_SECOND = 45_000
const G1_ETCD_RATIO = 10
const G2 = {
  bullshark: { p50Ms: 60, p99Ms: 250 },
  mysticeti: { p50Ms: 30, p99Ms: 80 },
  ratio: 0.5,
} as const

export interface Peaks {
  readonly rows: readonly Row[]
  /** Committed transactions a second at the knee, the median of the repeats. */
  readonly peakOf: Readonly<Record<string, number>>
}

/** A B C A B C: each repeat takes every subject's knee, the first over all rates. */
export async function measurePeaks(times: Times, scratch: Scratch): Promise<Peaks> {
  const version = etcdVersion()
  const subjects = version === undefined ? [bullshark, mysticeti] : [bullshark, etcd, mysticeti]
  const knees: Record<string, Measured[]> = {}
  const first: Record<string, Sweep> = {}
  for (let repeat = 0; repeat < times.repeats; repeat++) {
    for (const subject of subjects) {
      const before = first[subject.name]
      const swept = await (before === undefined ? sweep(subject, times, scratch) : sweepAgain(before, subject, times, scratch))
      first[subject.name] ??= swept
      const { knee } = swept
      if (knee !== undefined) (knees[subject.name] ??= []).push(knee)
    }
  }
  const committed = (name: string): number[] => (knees[name] ?? []).map(({ committedPerSecond }) => committedPerSecond)
  const peakOf = Object.fromEntries(subjects.map(({ name }) => [name, medianOf(committed(name))]))
  const own = peakOf.bullshark ?? Number.NaN
  return {
    peakOf,
    rows: [
      throughputRow('bullshark', knees.bullshark ?? []),
      ratioRow(own, committed('bullshark'), committed('etcd'), knees, version),
      throughputRow('mysticeti', knees.mysticeti ?? []),
    ],
  }
}

function throughputRow(name: string, knees: readonly Measured[]): Row {
  const values = knees.map(({ committedPerSecond }) => committedPerSecond)
  const cost = `${spreadOf(knees.map(({ cpuSecondsPer1k }) => cpuSecondsPer1k * 1000))} CPU ms and ${spreadOf(
    knees.map(({ wireBytesPerTransaction }) => wireBytesPerTransaction / 1000),
    oneDecimal,
  )} MB on the wire per 1,000`
  return {
    id: 'G1',
    what: `opaque throughput at the knee, 4 validators, ${name}`,
    goal: `≥ ${thousands(G1_PER_SECOND)} tx/s`,
    reached: `${spreadOf(values)} tx/s; ${cost}`,
    isMet: medianOf(values) >= G1_PER_SECOND,
    figures: { knees },
  }
}

function ratioRow(
  own: number,
  ours: readonly number[],
  theirs: readonly number[],
  knees: Readonly<Record<string, readonly Measured[]>>,
  version: string | undefined,
): Row {
  const goal = `≥ ${G1_ETCD_RATIO}×`
  if (version === undefined) return { id: 'G1', what: 'beside etcd', goal, reached: ETCD_MISSING, isMet: false, figures: {} }
  const ratios = ours.flatMap((value, i) => (theirs[i] === undefined ? [] : [value / (theirs[i] ?? 1)]))
  return {
    id: 'G1',
    what: `bullshark's throughput beside etcd ${version}, 3 nodes, puts of 512 B`,
    goal,
    reached: `${spreadOf(ratios, oneDecimal)}× (etcd ${spreadOf(theirs)} puts/s)`,
    isMet: own / medianOf(theirs) >= G1_ETCD_RATIO,
    figures: { knees: knees.etcd, ratios },
  }
}

export async function measureLatency(times: Times, scratch: Scratch, peakOf: Readonly<Record<string, number>>): Promise<Row[]> {
  const taken: Record<string, Measured[]> = { bullshark: [], mysticeti: [] }
  for (let repeat = 0; repeat < times.repeats; repeat++) {
    for (const subject of [bullshark, mysticeti]) {
      taken[subject.name]?.push(await measureSubject(subject, Math.round((peakOf[subject.name] ?? 0) / 2), times, scratch))
    }
  }
  const p50 = (name: string): number[] => (taken[name] ?? []).map(({ p50Ms }) => p50Ms)
  const p99 = (name: string): number[] => (taken[name] ?? []).map(({ p99Ms }) => p99Ms)
  const row = (name: 'bullshark' | 'mysticeti'): Row => ({
    id: 'G2',
    what: `latency at half of its own peak (${thousands((peakOf[name] ?? 0) / 2)} tx/s), ${name}`,
    goal: `p50 ≤ ${G2[name].p50Ms}, p99 ≤ ${G2[name].p99Ms} ms`,
    reached: `p50 ${spreadOf(p50(name), oneDecimal)}, p99 ${spreadOf(p99(name), oneDecimal)} ms`,
    isMet: medianOf(p50(name)) <= G2[name].p50Ms && medianOf(p99(name)) <= G2[name].p99Ms,
    figures: { measured: taken[name] },
  })
  const ratios = p50('mysticeti').map((value, i) => value / (p50('bullshark')[i] ?? Number.NaN))
  const ratio: Row = {
    id: 'G2',
    what: 'p50 of mysticeti beside bullshark, each at half of its own peak',
    goal: `≤ ${G2.ratio}`,
    reached: spreadOf(ratios, (value) => value.toFixed(2)),
    isMet: medianOf(ratios) <= G2.ratio,
    figures: { ratios },
  }
  return [row('bullshark'), row('mysticeti'), ratio]
}
