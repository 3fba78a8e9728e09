/**
 * G4, G5 and G6: a validator is killed, two are cut from two, one comes back 10,000 rounds behind. Each run has fresh processes and clean
 * data; a figure is the median of its repeats.
 */
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { undisturbed } from '../../../../tools/bench/undisturbed.ts'
import { BUCKET_MS, type LoadResult } from './load.ts'
import { type Figures, figuresOf, startLoad } from './measure.ts'
import { onFreshCluster, type Scratch, type Times } from './sweep.ts'
import { medianOf, oneDecimal, type Row, spreadOf, thousands } from './table.ts'
import { startValidators, type ValidatorCluster, VALIDATORS } from './validators.ts'
import { LEADER_TIMEOUT_MS_MAX, SCHEDULE_COMMITS } from './validator-options.ts'

export type Mode = 'certified' | 'uncertified'
const NAMES = { certified: 'bullshark', uncertified: 'mysticeti' } as const
/** From the death to when the schedule has left the dead one out: more than `SCHEDULE_COMMITS` take. */
const SETTLING_SECONDS = 20

const start = (mode: Mode): { start(folder: string): Promise<ValidatorCluster> } => ({
  start: (folder) => startValidators(folder, { mode }),
})

/** `run` again and again, on fresh processes each time. */
async function repeated<T extends object>(repeats: number, run: () => Promise<T>): Promise<T[]> {
  const runs: T[] = []
  while (runs.length < repeats) runs.push(await undisturbed(run))
  return runs
}

const twoDecimals = (value: number): string => value.toFixed(2)

interface CrashRun {
  readonly before: Figures
  readonly after: Figures
  readonly commits: number
  readonly silenceMs: number
}

/** Throughput and latency before validator 3 is killed and after one schedule period, and the longest silence that its death makes. */
export async function measureCrash(mode: Mode, perSecond: number, times: Times, scratch: Scratch): Promise<Row> {
  const runs = await repeated(times.repeats, () => crashOnce(mode, perSecond, times, scratch))
  const throughputs = runs.map(({ before, after }) => after.committedPerSecond / before.committedPerSecond)
  const latencies = runs.map(({ before, after }) => after.p50Ms / before.p50Ms)
  const silences = runs.map(({ silenceMs }) => silenceMs)
  const commits = runs.map((run) => run.commits)
  const [p50Before, p50After] = [medianOf(runs.map(({ before }) => before.p50Ms)), medianOf(runs.map(({ after }) => after.p50Ms))]
  const silenceMsMax = 2 * LEADER_TIMEOUT_MS_MAX
  return {
    id: 'G4',
    what: `one of four is killed at ${thousands(perSecond)} tx/s, ${NAMES[mode]}`,
    goal: `after ${SCHEDULE_COMMITS} commits ≥ 0.9× throughput, p50 ≤ 1.5×; silence ≤ 2 leader time-outs (${silenceMsMax} ms)`,
    reached: `after ${spreadOf(commits)} commits ${spreadOf(throughputs, twoDecimals)}×, p50 ${spreadOf(latencies, twoDecimals)}× (${oneDecimal(p50Before)} → ${oneDecimal(p50After)} ms); silence ${spreadOf(silences)} ms`,
    isMet:
      Math.min(...commits) >= SCHEDULE_COMMITS &&
      medianOf(throughputs) >= 0.9 &&
      medianOf(latencies) <= 1.5 &&
      medianOf(silences) <= silenceMsMax,
    figures: { runs },
  }
}

async function crashOnce(mode: Mode, perSecond: number, { windowSeconds, warmUpSeconds }: Times, scratch: Scratch): Promise<CrashRun> {
  const killedAt = warmUpSeconds + windowSeconds
  const settledAt = killedAt + SETTLING_SECONDS
  const until = settledAt + windowSeconds
  const { results, commits } = await onFreshCluster(start(mode), join(scratch.folder, 'crash'), async (cluster) => {
    const load = await startLoad(cluster.targets.slice(0, VALIDATORS - 1), perSecond, until)
    await load.until(killedAt)
    const { index } = await cluster.status(0)
    await cluster.kill(VALIDATORS - 1)
    await load.until(settledAt)
    const settled = await cluster.status(0)
    return { results: await load.results, commits: settled.index - index }
  })
  return {
    before: figuresOf(results, { from: warmUpSeconds, to: killedAt }),
    after: figuresOf(results, { from: settledAt, to: until }),
    commits,
    silenceMs: longestSilenceMs(results, killedAt, settledAt),
  }
}

/** The longest time in which some validator committed nothing of its own. */
function longestSilenceMs(results: readonly LoadResult[], from: number, to: number): number {
  let longest = 0
  for (const { committed } of results) {
    let silent = 0
    for (const count of committed.slice((from * 1000) / BUCKET_MS, (to * 1000) / BUCKET_MS)) {
      silent = count === 0 ? silent + BUCKET_MS : 0
      longest = Math.max(longest, silent)
    }
  }
  return longest
}

const CUT_SECONDS = 10
const HEALED_SHARE = 0.9

interface PartitionRun {
  readonly before: number
  readonly during: number
  readonly healedSeconds: number
  readonly backlogSeconds: number
  readonly refused: number
  /** Of all that was offered: neither committed when the run ended, three seconds after the last was due, nor refused. */
  readonly unanswered: number
}

/** Two are cut from two for ten seconds while the load goes on. What validators refuse meanwhile is told, not hidden. */
export async function measurePartition(mode: Mode, perSecond: number, times: Times, scratch: Scratch): Promise<Row> {
  const runs = await repeated(times.repeats, () => partitionOnce(mode, perSecond, times, scratch))
  const healed = runs.map(({ healedSeconds }) => healedSeconds)
  const backlogs = runs.map(({ backlogSeconds }) => backlogSeconds)
  const during = Math.max(...runs.map((run) => run.during))
  const unanswered = Math.max(...runs.map((run) => run.unanswered))
  return {
    id: 'G5',
    what: `two cut from two for ${CUT_SECONDS} s at ${thousands(perSecond)} tx/s, ${NAMES[mode]}`,
    goal: `90 % of the throughput within 2 s of the heal; the backlog within ${CUT_SECONDS} s, all of it`,
    reached: `${spreadOf(healed, oneDecimal)} s; backlog ${spreadOf(backlogs, oneDecimal)} s (${thousands(during)} tx/s while cut, ${spreadOf(runs.map(({ refused }) => refused))} refused, ${thousands(unanswered)} neither committed nor refused)`,
    isMet: medianOf(healed) <= 2 && medianOf(backlogs) <= CUT_SECONDS && during === 0 && unanswered === 0,
    figures: { runs },
  }
}

/** The time before the cut is half a window: it is there to know the throughput by. */
async function partitionOnce(
  mode: Mode,
  perSecond: number,
  { windowSeconds, warmUpSeconds }: Times,
  scratch: Scratch,
): Promise<PartitionRun> {
  const cutAt = warmUpSeconds + windowSeconds / 2
  const healedAt = cutAt + CUT_SECONDS
  const until = healedAt + 2 * CUT_SECONDS
  const results = await onFreshCluster(start(mode), join(scratch.folder, 'partition'), async (cluster) => {
    const load = await startLoad(cluster.targets, perSecond, until)
    await load.until(cutAt)
    cluster.cut([0, 1], [2, 3])
    await load.until(healedAt)
    cluster.heal()
    return await load.results
  })
  const before = figuresOf(results, { from: warmUpSeconds, to: cutAt }).committedPerSecond
  return {
    before,
    during: figuresOf(results, { from: cutAt + 1, to: healedAt }).committedPerSecond,
    healedSeconds: secondsUntil(results, healedAt, HEALED_SHARE * before),
    backlogSeconds: lastOfBacklog(results, healedAt),
    refused: results.reduce((sum, each) => sum + each.refused, 0),
    unanswered: results.reduce((sum, each) => sum + each.sent - each.refused - each.committed.reduce((all, count) => all + count, 0), 0),
  }
}

/** Seconds from `from` to the end of the first half second in which `perSecond` was committed. */
function secondsUntil(results: readonly LoadResult[], from: number, perSecond: number): number {
  const perBucket = results.reduce<number[]>((sums, { committed }) => committed.map((count, i) => count + (sums[i] ?? 0)), [])
  const first = (from * 1000) / BUCKET_MS
  const span = 500 / BUCKET_MS
  let sum = 0
  for (let i = first; i < perBucket.length; i++) {
    sum += (perBucket[i] ?? 0) - (i - span >= first ? (perBucket[i - span] ?? 0) : 0)
    if (sum >= perSecond * 0.5) return ((i - first + 1) * BUCKET_MS) / 1000
  }
  return Number.POSITIVE_INFINITY
}

/** Seconds from the heal to the last commit of a timed transaction that was due before it. */
function lastOfBacklog(results: readonly LoadResult[], healedAt: number): number {
  let last = 0
  for (const { dueMs, latencyMs } of results) {
    for (const [i, due] of dueMs.entries()) {
      const latency = latencyMs[i] ?? -1
      if (due < healedAt * 1000 && latency >= 0) last = Math.max(last, due + latency - healedAt * 1000)
    }
  }
  return last / 1000
}

const LEVEL_ROUNDS = 50
const CATCH_UP_LOAD = 1_000
const CATCH_UP_SECONDS_MAX = 1_200
const POLL_MS = 50
const CATCH_UP_RATIO = 10

interface CatchUpRun {
  /** Rounds a second of the others, before it comes back. */
  readonly live: number
  readonly behind: number
  readonly seconds: number
}

/** A validator is stopped, the others go on for `behindRounds`, it comes back: its rounds a second beside the others' before that. */
export async function measureCatchUp(mode: Mode, behindRounds: number, { repeats }: Times, scratch: Scratch): Promise<Row> {
  const runs = await repeated(repeats, () => catchUpOnce(mode, behindRounds, scratch))
  const ratios = runs.map(({ live, behind, seconds }) => behind / seconds / live)
  const [behind, seconds, live] = (['behind', 'seconds', 'live'] as const).map((name) => medianOf(runs.map((run) => run[name])))
  return {
    id: 'G6',
    what: `a validator ${thousands(behindRounds)} rounds behind catches up, ${NAMES[mode]}`,
    goal: `≥ ${CATCH_UP_RATIO}× the live rate`,
    reached: `${spreadOf(ratios, oneDecimal)}× (${thousands(behind ?? Number.NaN)} rounds in ${oneDecimal(seconds ?? Number.NaN)} s, start included; live ${oneDecimal(live ?? Number.NaN)} rounds/s)`,
    isMet: medianOf(ratios) >= CATCH_UP_RATIO,
    figures: { runs },
  }
}

async function catchUpOnce(mode: Mode, behindRounds: number, scratch: Scratch): Promise<CatchUpRun> {
  const last = VALIDATORS - 1
  return await onFreshCluster(start(mode), join(scratch.folder, 'behind'), async (cluster) => {
    const load = await startLoad(cluster.targets.slice(0, last), CATCH_UP_LOAD, CATCH_UP_SECONDS_MAX)
    load.results.catch(() => {}) // it ends with the cluster, long before its time
    await load.until(5)
    const begin = { round: (await cluster.status(last)).round, ms: performance.now() }
    await cluster.kill(last)
    let ahead = await cluster.status(0)
    while (ahead.round - begin.round < behindRounds) {
      await sleep(1_000)
      ahead = await cluster.status(0)
    }
    const perSecond = (ahead.round - begin.round) / ((performance.now() - begin.ms) / 1000)
    const began = performance.now()
    await cluster.restart(last)
    while ((await cluster.status(0)).round - (await cluster.status(last)).round > LEVEL_ROUNDS) await sleep(POLL_MS)
    const took = (performance.now() - began) / 1000
    for (const pid of load.pids) process.kill(pid)
    return { live: perSecond, behind: (await cluster.status(last)).round - begin.round, seconds: took }
  })
}
