/** Load on a cluster, and what a window of it shows. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { loadavg } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { busiestForeign, cpuOfAll, type ForeignLoad, type ProcessTimes } from '../../../../tools/bench/undisturbed.ts'
import type { Cluster } from './cluster.ts'
import { BUCKET_MS, type LoadPlan, type LoadResult, type LoadTarget } from './load.ts'
import { loopbackBytes, residentBytesOf } from './proc.ts'

/** Generators prepare in it what they send. */
const START_DELAY_MS = 1_500
const DRAIN_SECONDS = 3
const MIB = 2 ** 20

/** The part of a run that is looked at, in seconds from its start. */
export interface Window {
  readonly from: number
  readonly to: number
}

export interface Load {
  readonly pids: readonly number[]
  readonly startNs: bigint
  /** Resolves at this many seconds from the start. */
  until(seconds: number): Promise<void>
  readonly results: Promise<readonly LoadResult[]>
}

/** Starts one generator for each target, all with the same start; together they offer `perSecond`. */
export async function startLoad(targets: readonly LoadTarget[], perSecond: number, seconds: number): Promise<Load> {
  const children = targets.map(() => fork(join(import.meta.dirname, 'generator.ts')))
  await Promise.all(children.map((child) => once(child, 'spawn')))
  const startNs = process.hrtime.bigint() + BigInt(START_DELAY_MS * 1e6)
  const results = children.map(async (child, i): Promise<LoadResult> => {
    const target = targets[i] as LoadTarget
    const plan: LoadPlan = { target, perSecond: perSecond / targets.length, startNs: String(startNs), seconds, drainSeconds: DRAIN_SECONDS }
    child.send(plan)
    const [result] = (await Promise.race([once(child, 'message'), once(child, 'exit').then(([code]) => fail(code as number))])) as [
      LoadResult,
    ]
    child.disconnect()
    return result
  })
  return {
    pids: children.map(({ pid }) => pid ?? 0),
    startNs,
    until: (at) => sleep(Math.max(0, Number(startNs - process.hrtime.bigint()) / 1e6 + at * 1000)),
    results: Promise.all(results),
  }
}

function fail(code: number): never {
  throw new Error(`a generator ended with code ${code}`)
}

export interface Figures {
  readonly committedPerSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly lateShare: number
}

/** Commits that fell into the window; latencies of what was due in it. What never came is slower than all that did. */
export function figuresOf(results: readonly LoadResult[], { from, to }: Window): Figures {
  const latencies: number[] = []
  let committed = 0
  for (const { committed: buckets, dueMs, latencyMs } of results) {
    for (const count of buckets.slice((from * 1000) / BUCKET_MS, (to * 1000) / BUCKET_MS)) committed += count
    for (const [i, due] of dueMs.entries()) {
      const ms = latencyMs[i] ?? -1
      if (due >= from * 1000 && due < to * 1000) latencies.push(ms < 0 ? Number.POSITIVE_INFINITY : ms)
    }
  }
  latencies.sort((a, b) => a - b)
  const quantile = (share: number): number => latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))] ?? Number.NaN
  return {
    committedPerSecond: committed / (to - from),
    p50Ms: quantile(0.5),
    p99Ms: quantile(0.99),
    lateShare: Math.max(...results.map(({ lateShare }) => lateShare)),
  }
}

export interface Measured extends Figures {
  readonly offeredPerSecond: number
  readonly cpuSecondsPer1k: number
  readonly clientCpuSecondsPer1k: number
  readonly wireBytesPerTransaction: number
  readonly residentMiBMax: number
  readonly loadBefore: number
  readonly loadAfter: number
  readonly foreign: ForeignLoad
}

interface Reading {
  readonly cpu: ReadonlyMap<number, ProcessTimes>
  readonly wireBytes: number
}

const read = (): Reading => ({ cpu: cpuOfAll(), wireBytes: loopbackBytes() })

/** One window under a steady load, with what it cost. */
export async function measureAt(cluster: Cluster, perSecond: number, warmUpSeconds: number, windowSeconds: number): Promise<Measured> {
  const loadBefore = loadavg()[0] ?? 0
  const load = await startLoad(cluster.targets, perSecond, warmUpSeconds + windowSeconds)
  const window = { from: warmUpSeconds, to: warmUpSeconds + windowSeconds }
  await load.until(window.from)
  const before = read()
  await load.until(window.to)
  const after = read()
  const residentMiBMax = Math.max(...cluster.pids.map(residentBytesOf)) / MIB
  const figures = figuresOf(await load.results, window)
  const thousands = (figures.committedPerSecond * windowSeconds) / 1000
  return {
    offeredPerSecond: perSecond,
    ...figures,
    cpuSecondsPer1k: cpuSeconds(cluster.pids, before, after) / thousands,
    clientCpuSecondsPer1k: cpuSeconds(load.pids, before, after) / thousands,
    wireBytesPerTransaction: (after.wireBytes - before.wireBytes) / (thousands * 1000),
    residentMiBMax,
    loadBefore,
    loadAfter: loadavg()[0] ?? 0,
    foreign: busiestForeign(before.cpu, after.cpu, windowSeconds),
  }
}

function cpuSeconds(pids: readonly number[], before: Reading, after: Reading): number {
  return pids.reduce((sum, pid) => sum + (after.cpu.get(pid)?.cpuSeconds ?? 0) - (before.cpu.get(pid)?.cpuSeconds ?? 0), 0)
}
