/**
 * Measurements that nobody disturbs: one during which a process outside of them was busy is taken again. Who was, /proc tells, by the CPU time of every
 * process before and after; what began and ended in between is not seen. Where there is no /proc nobody is seen at all, and the name says so.
 */
import { readdirSync, readFileSync } from 'node:fs'

/** More CPU than this in a process outside, as a share of one core, and a figure does not count. */
export const FOREIGN_SHARE_MAX = 0.05
/** How often something is measured at most; the last time stands, and says so. */
export const TRIES_MAX = 3

const TICKS_PER_SECOND = 100 // USER_HZ: what /proc counts in on every Linux that Node runs on
const KERNEL_THREADS = 2 // the parent of all of them: they do the disk's work for whoever asked for it

export interface ProcessTimes {
  readonly name: string
  readonly parent: number
  readonly cpuSeconds: number
}

export type AllTimes = ReadonlyMap<number, ProcessTimes>

/** By process id: its CPU time since it began, its threads' included. Empty where there is no /proc. */
export function cpuOfAll(): AllTimes {
  const all = new Map<number, ProcessTimes>()
  for (const entry of entriesOf('/proc')) {
    const pid = Number(entry)
    const times = pid > 0 ? timesOf(pid) : undefined
    if (times !== undefined) all.set(pid, times)
  }
  return all
}

function timesOf(pid: number): ProcessTimes | undefined {
  const stat = textOf(`/proc/${pid}/stat`)
  if (stat === undefined) return undefined // it ended between the listing and now
  const nameEnd = stat.lastIndexOf(')') // a name may hold blanks and brackets
  const fields = stat.slice(nameEnd + 2).split(' ')
  const ticks = Number(fields[11]) + Number(fields[12])
  return { name: stat.slice(stat.indexOf('(') + 1, nameEnd), parent: Number(fields[1]), cpuSeconds: ticks / TICKS_PER_SECOND }
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

function entriesOf(folder: string): readonly string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

export interface ForeignLoad {
  /** `none` where nobody took anything, `unknown` where nobody could be seen. */
  readonly name: string
  /** Of one core, over the whole time. */
  readonly share: number
}

/** The busiest process outside this one and what it started. */
export function busiestForeign(before: AllTimes, after: AllTimes, seconds: number): ForeignLoad {
  let busiest: ForeignLoad = { name: after.size === 0 ? 'unknown' : 'none', share: 0 }
  for (const [pid, { name, cpuSeconds, parent }] of after) {
    if (parent === KERNEL_THREADS || isOurs(pid, after)) continue
    const share = (cpuSeconds - (before.get(pid)?.cpuSeconds ?? 0)) / seconds
    if (share > busiest.share) busiest = { name, share }
  }
  return busiest
}

function isOurs(pid: number, all: AllTimes): boolean {
  for (let each = pid; each > 1; each = all.get(each)?.parent ?? 0) if (each === process.pid) return true
  return false
}

export interface Disturbed {
  readonly foreign: ForeignLoad
}

export const isDisturbed = ({ foreign }: Disturbed): boolean => foreign.share > FOREIGN_SHARE_MAX

/**
 * What `run` gives, and the busiest process outside the test meanwhile; run again when that was busy, `TRIES_MAX` times at most.
 * @param look - for tests: what processes have had so far.
 */
export async function undisturbed<T extends object>(run: () => Promise<T>, look: () => AllTimes = cpuOfAll): Promise<T & Disturbed> {
  return await untilUndisturbed(async () => {
    const before = look()
    const began = performance.now()
    const result = await run()
    return { ...result, foreign: busiestForeign(before, look(), (performance.now() - began) / 1000) }
  })
}

/** The same for a `run` that looks by itself. */
export async function untilUndisturbed<T extends Disturbed>(run: () => Promise<T>): Promise<T> {
  for (let left = TRIES_MAX - 1; ; left--) {
    const result = await run()
    if (!isDisturbed(result) || left === 0) return result
  }
}
