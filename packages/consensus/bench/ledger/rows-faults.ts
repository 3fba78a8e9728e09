/** G4, G5 and G6: a validator is killed, two are cut from two, one comes back 10,000 rounds behind. Each on fresh processes. */
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { BUCKET_MS, type LoadResult } from './load.ts'
import { figuresOf, startLoad } from './measure.ts'
import { onFreshCluster, type Scratch } from './sweep.ts'
import { oneDecimal, type Row, thousands } from './table.ts'
import { startValidators, type ValidatorCluster, VALIDATORS } from './validators.ts'
import { LEADER_TIMEOUT_MS_MAX, SCHEDULE_COMMITS } from './validator-options.ts'

export type Mode = 'certified' | 'uncertified'
const NAMES = { certified: 'bullshark', uncertified: 'mysticeti' } as const
const WINDOW_SECONDS = 20
const WARM_UP_SECONDS = 10

const start = (mode: Mode): { start(folder: string): Promise<ValidatorCluster> } => ({
  start: (folder) => startValidators(folder, { mode }),
})

/** Throughput and latency before validator 3 is killed and after one schedule period, and the longest silence that its death makes. */
export async function measureCrash(mode: Mode, perSecond: number, scratch: Scratch): Promise<Row> {
  const killedAt = WARM_UP_SECONDS + WINDOW_SECONDS
  const settledAt = killedAt + 20
  const until = settledAt + WINDOW_SECONDS
  const { results, commits } = await onFreshCluster(start(mode), join(scratch.folder, 'crash'), async (cluster) => {
    const load = await startLoad(cluster.targets.slice(0, VALIDATORS - 1), perSecond, until)
    await load.until(killedAt)
    const { index } = await cluster.status(0)
    await cluster.kill(VALIDATORS - 1)
    await load.until(settledAt)
    const settled = await cluster.status(0)
    return { results: await load.results, commits: settled.index - index }
  })
  const before = figuresOf(results, { from: WARM_UP_SECONDS, to: killedAt })
  const after = figuresOf(results, { from: settledAt, to: until })
  const silenceMs = longestSilenceMs(results, killedAt, settledAt)
  const throughput = after.committedPerSecond / before.committedPerSecond
  const latency = after.p50Ms / before.p50Ms
  return {
    id: 'G4',
    what: `one of four is killed at ${thousands(perSecond)} tx/s, ${NAMES[mode]}`,
    goal: `after ${SCHEDULE_COMMITS} commits ≥ 0.9× throughput, p50 ≤ 1.5×; silence ≤ 2 leader time-outs (${2 * LEADER_TIMEOUT_MS_MAX} ms)`,
    reached: `after ${commits} commits ${throughput.toFixed(2)}×, p50 ${latency.toFixed(2)}× (${oneDecimal(before.p50Ms)} → ${oneDecimal(after.p50Ms)} ms); silence ${silenceMs} ms`,
    isMet: commits >= SCHEDULE_COMMITS && throughput >= 0.9 && latency <= 1.5 && silenceMs <= 2 * LEADER_TIMEOUT_MS_MAX,
    figures: { before, after, commits, silenceMs },
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

/** Two are cut from two for ten seconds while the load goes on. What validators refuse meanwhile is told, not hidden. */
export async function measurePartition(mode: Mode, perSecond: number, scratch: Scratch): Promise<Row> {
  const cutAt = WARM_UP_SECONDS + WINDOW_SECONDS / 2
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
  const before = figuresOf(results, { from: WARM_UP_SECONDS, to: cutAt }).committedPerSecond
  const during = figuresOf(results, { from: cutAt + 1, to: healedAt }).committedPerSecond
  const healedSeconds = secondsUntil(results, healedAt, HEALED_SHARE * before)
  const backlogSeconds = lastOfBacklog(results, healedAt)
  const refused = results.reduce((sum, each) => sum + each.refused, 0)
  return {
    id: 'G5',
    what: `two cut from two for ${CUT_SECONDS} s at ${thousands(perSecond)} tx/s, ${NAMES[mode]}`,
    goal: `90 % of the throughput within 2 s of the heal; the backlog within ${CUT_SECONDS} s`,
    reached: `${oneDecimal(healedSeconds)} s; backlog ${oneDecimal(backlogSeconds)} s (${thousands(during)} tx/s while cut, ${thousands(refused)} refused)`,
    isMet: healedSeconds <= 2 && backlogSeconds <= CUT_SECONDS && during === 0,
    figures: { before, during, healedSeconds, backlogSeconds, refused },
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
const POLL_MS = 50
const CATCH_UP_RATIO = 10

/** A validator is stopped, the others go on for `behindRounds`, it comes back: its rounds a second beside the others' before that. */
export async function measureCatchUp(mode: Mode, behindRounds: number, scratch: Scratch): Promise<Row> {
  const last = VALIDATORS - 1
  const { live, behind, seconds } = await onFreshCluster(start(mode), join(scratch.folder, 'behind'), async (cluster) => {
    const load = await startLoad(cluster.targets.slice(0, last), CATCH_UP_LOAD, 1_200)
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
  const ratio = behind / seconds / live
  return {
    id: 'G6',
    what: `a validator ${thousands(behindRounds)} rounds behind catches up, ${NAMES[mode]}`,
    goal: `≥ ${CATCH_UP_RATIO}× the live rate`,
    reached: `${oneDecimal(ratio)}× (${thousands(behind)} rounds in ${oneDecimal(seconds)} s, start included; live ${oneDecimal(live)} rounds/s)`,
    isMet: ratio >= CATCH_UP_RATIO,
    figures: { live, behind, seconds },
  }
}
