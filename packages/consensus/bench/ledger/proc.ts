/** What /proc knows of this machine: CPU time and memory of processes, bytes over loopback. Linux only. */
import { readdirSync, readFileSync } from 'node:fs'

const TICKS_PER_SECOND = 100 // USER_HZ: what /proc counts in on every Linux that Node runs on
const KERNEL_THREADS = 2 // the parent of all of them: they do the disk's work for whoever asked for it

export interface ProcessTimes {
  readonly name: string
  readonly parent: number
  readonly cpuSeconds: number
}

/** CPU time of every process since it began, its threads included. */
export function cpuOfAll(): Map<number, ProcessTimes> {
  const all = new Map<number, ProcessTimes>()
  for (const entry of readdirSync('/proc')) {
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

/** Resident bytes of a process, 0 when it has ended. */
export function residentBytesOf(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(textOf(`/proc/${pid}/status`) ?? '')?.[1] ?? 0) * 1024
}

/** Bytes that went over loopback since the machine started; each counted once. */
export function loopbackBytes(): number {
  return Number(/^\s*lo:\s*(\d+)/m.exec(textOf('/proc/net/dev') ?? '')?.[1] ?? 0)
}

export interface ForeignLoad {
  readonly name: string
  /** Of one core, over the whole time. */
  readonly share: number
}

/** The busiest process outside this one and what it started. */
export function busiestForeign(
  before: ReadonlyMap<number, ProcessTimes>,
  after: ReadonlyMap<number, ProcessTimes>,
  seconds: number,
): ForeignLoad {
  let busiest: ForeignLoad = { name: 'none', share: 0 }
  for (const [pid, { name, cpuSeconds, parent }] of after) {
    if (parent === KERNEL_THREADS || isOurs(pid, after)) continue
    const share = (cpuSeconds - (before.get(pid)?.cpuSeconds ?? 0)) / seconds
    if (share > busiest.share) busiest = { name, share }
  }
  return busiest
}

function isOurs(pid: number, all: ReadonlyMap<number, ProcessTimes>): boolean {
  for (let each = pid; each > 1; each = all.get(each)?.parent ?? 0) if (each === process.pid) return true
  return false
}
