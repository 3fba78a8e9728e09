/** Rates one after another until the system no longer holds them: the knee. Each rate is measured on fresh processes and clean data. */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { untilUndisturbed } from '../../../../tools/bench/undisturbed.ts'
import type { Cluster } from './cluster.ts'
import type { KeptWindows } from './kept-windows.ts'
import { type Measured, measureAt } from './measure.ts'

export interface Subject {
  readonly name: string
  start(folder: string): Promise<Cluster>
}

export interface Times {
  readonly warmUpSeconds: number
  readonly windowSeconds: number
  readonly repeats: number
}

/** Data of one run; removed after it. */
export interface Scratch {
  readonly folder: string
  readonly onMeasured: (subject: string, measured: Measured) => void
  /** What an earlier run has measured, and where the next one finds what this one does. */
  readonly kept?: KeptWindows | undefined
}

const RATES = [1_000, 2_000, 5_000, 10_000, 20_000, 40_000, 60_000, 80_000]
const P99_MS_MAX = 1_000
const COMMITTED_SHARE_MIN = 0.97
const BISECTIONS = 4
const STEP = 250

export const isHeld = ({ p99Ms, committedPerSecond, offeredPerSecond }: Measured): boolean => {
  return p99Ms < P99_MS_MAX && committedPerSecond >= COMMITTED_SHARE_MIN * offeredPerSecond
}

/** One window of `subject` at one rate; taken again when a process outside the test was busy. The last try stands, and says so. */
export async function measureSubject(subject: Subject, perSecond: number, times: Times, scratch: Scratch): Promise<Measured> {
  return await untilUndisturbed(async () => {
    const measured = scratch.kept?.take(subject.name, perSecond) ?? (await measureFresh(subject, perSecond, times, scratch))
    scratch.onMeasured(subject.name, measured)
    return measured
  })
}

async function measureFresh(subject: Subject, perSecond: number, times: Times, { folder: parent, kept }: Scratch): Promise<Measured> {
  const folder = join(parent, `${subject.name}-${perSecond}`)
  rmSync(folder, { recursive: true, force: true })
  const measured = await onFreshCluster(subject, folder, (cluster) =>
    measureAt(cluster, perSecond, times.warmUpSeconds, times.windowSeconds),
  )
  kept?.keep(subject.name, measured)
  return measured
}

export async function onFreshCluster<C extends Cluster, T>(
  subject: { start(folder: string): Promise<C> },
  folder: string,
  use: (cluster: C) => Promise<T>,
): Promise<T> {
  const cluster = await subject.start(folder)
  try {
    return await use(cluster)
  } finally {
    await cluster.stop()
  }
}

export interface Sweep {
  readonly points: readonly Measured[]
  /** The highest rate that is held, measured; undefined when not even the lowest is. */
  readonly knee: Measured | undefined
}

/** All rates up to the first that is not held, then halfway between the last two (or nothing), up to four times. */
export async function sweep(subject: Subject, times: Times, scratch: Scratch): Promise<Sweep> {
  const bounds = new Bounds((perSecond) => measureSubject(subject, perSecond, times, scratch))
  for (const rate of RATES) if (rate < bounds.lost) await bounds.measure(rate)
  return await bounds.narrowed(BISECTIONS)
}

/**
 * Once more what `found` has found: from its knee on, the rates that it has measured, and beyond them each a tenth higher, up to the first that is not
 * held; where not even the knee is, down to the first that is; then halfway between, up to twice.
 */
export async function sweepAgain(found: Sweep, subject: Subject, times: Times, scratch: Scratch): Promise<Sweep> {
  const bounds = new Bounds((perSecond) => measureSubject(subject, perSecond, times, scratch))
  const rates = [...new Set(found.points.map(({ offeredPerSecond }) => offeredPerSecond))].toSorted((a, b) => a - b)
  const knee = found.knee?.offeredPerSecond ?? 0
  for (const rate of rates) if (rate >= knee && rate < bounds.lost) await bounds.measure(rate)
  while (bounds.lost === Number.POSITIVE_INFINITY && bounds.top < END) await bounds.measure(higher(bounds.top))
  for (const rate of rates.toReversed()) if (rate < knee && bounds.held === undefined) await bounds.measure(rate)
  return await bounds.narrowed(2)
}

const END = RATES.at(-1) ?? 0
const stepped = (rate: number): number => Math.ceil(rate / STEP) * STEP
const higher = (rate: number): number => Math.min(END, stepped(1.1 * rate))

/** Between which rates the knee lies, by what was measured. */
class Bounds {
  readonly #measure: (perSecond: number) => Promise<Measured>
  readonly #points: Measured[] = []
  held: Measured | undefined
  lost = Number.POSITIVE_INFINITY

  constructor(measure: (perSecond: number) => Promise<Measured>) {
    this.#measure = measure
  }

  /** The highest rate that is held. */
  get top(): number {
    return this.held?.offeredPerSecond ?? 0
  }

  async measure(perSecond: number): Promise<void> {
    const measured = await this.#measure(perSecond)
    this.#points.push(measured)
    if (isHeld(measured)) this.held = measured
    else this.lost = perSecond
  }

  /** Halfway, at most so often: a rate between two others is a multiple of the step. */
  async narrowed(times: number): Promise<Sweep> {
    for (let i = 0; i < times && Number.isFinite(this.lost); i++) {
      const between = stepped((this.top + this.lost) / 2)
      if (between < this.lost) await this.measure(between)
    }
    return { points: this.#points, knee: this.held }
  }
}
