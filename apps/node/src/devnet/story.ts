/**
 * The story of consensus, on real processes: order under load, a kill, a cut, a new member, another mode. Told in words with figures,
 * judged by the files that the validators leave.
 */
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { areLogsEqual, auditSignatures, readDelivered } from './audit.ts'
import { Devnet } from './devnet.ts'

export interface StoryOptions {
  readonly validators: number
  /** For data; the caller removes it. */
  readonly folder: string
  readonly say: (line: string) => void
}

export interface StoryResult {
  readonly ok: boolean
  readonly logsEqual: boolean
  readonly killed: { readonly doubleSigned: number; readonly lost: number }
  readonly healedInSeconds: number
  readonly committeeChanged: boolean
  readonly modes: readonly string[]
}

const TRANSFERS_PER_SECOND = 1_000
const LOOK_MS = 2_000
/** At least so many are looked at, however slow the machine. */
const LOOK_TRANSFERS = 500
const DOWN_MS = 2_000
const CUT_MS = 4_000
/** What was on its way when the cut came may still arrive. */
const CUT_GRACE_MS = 500
const MODE_NAMES = { certified: 'bullshark', uncertified: 'mysticeti' } as const

/** Runs the story to its end. With `meanwhile` the network goes on after the last chapter until that settles; then all is judged. */
export async function runStory({ validators, folder, say }: StoryOptions, meanwhile?: () => Promise<unknown>): Promise<StoryResult> {
  const devnet = new Devnet({ validators, folder, transfersPerSecond: TRANSFERS_PER_SECOND })
  try {
    await devnet.start()
    say(`${validators} validators, each a process of its own over mutual TLS; ${TRANSFERS_PER_SECOND} transfers a second`)
    await look(devnet, say, 'bullshark, all well')
    await killAndBringBack(devnet, validators - 1, say)
    const healedInSeconds = await cutAndHeal(devnet, say)
    await devnet.closeEpoch(0)
    say(`epoch 0 is closed: validator 0 has left, validator ${validators} has checked the history by its certificate and has the seat`)
    await look(devnet, say, 'bullshark, new committee')
    await devnet.closeEpoch(1)
    say('epoch 1 is closed: from here on Mysticeti-C orders')
    await look(devnet, say, 'mysticeti')
    await meanwhile?.()
    devnet.client.use([])
    await devnet.until('delivery of all that was acknowledged', () => devnet.client.pending.size === 0).catch(() => {}) // then it is lost, and judged
    return await judge(devnet, healedInSeconds, say)
  } finally {
    await devnet.stop()
  }
}

/** A while of load, and what it looked like. */
async function look(devnet: Devnet, say: (line: string) => void, what: string): Promise<void> {
  devnet.client.takeLatenciesMs()
  const began = performance.now()
  await sleep(LOOK_MS)
  await devnet.until(`${LOOK_TRANSFERS} transfers delivered`, () => devnet.client.latencyCount >= LOOK_TRANSFERS)
  const latencies = devnet.client.takeLatenciesMs().toSorted((a, b) => a - b)
  const perSecond = (latencies.length * 1000) / (performance.now() - began)
  const at = (share: number): string => (latencies[Math.floor(latencies.length * share)] ?? Number.NaN).toFixed(0)
  say(`${what}: ${perSecond.toFixed(0)} transfers a second delivered, half of them within ${at(0.5)} ms, 99 of 100 within ${at(0.99)} ms`)
}

async function killAndBringBack(devnet: Devnet, victim: number, say: (line: string) => void): Promise<void> {
  const others = devnet.started.filter((validator) => validator !== victim)
  const before = devnet.heightOf(victim)
  await devnet.kill(victim)
  await sleep(DOWN_MS)
  const behind = Math.max(...others.map((validator) => devnet.heightOf(validator))) - before
  const began = performance.now()
  await devnet.restart(victim)
  const goal = Math.max(...others.map((validator) => devnet.heightOf(validator)))
  await devnet.until('the killed validator to catch up', () => devnet.heightOf(victim) >= goal)
  const seconds = ((performance.now() - began) / 1000).toFixed(1)
  say(`validator ${victim} was killed with -9, the others made ${behind} blocks; it came back and was level after ${seconds} s`)
}

/** @returns seconds from the heal until every validator has applied a block again. */
async function cutAndHeal(devnet: Devnet, say: (line: string) => void): Promise<number> {
  const all = devnet.started
  const half = all.length >> 1
  const groups = [all.slice(0, half), all.slice(half)] as const
  devnet.cut(...groups)
  await sleep(CUT_GRACE_MS)
  const since = performance.now()
  await sleep(CUT_MS - CUT_GRACE_MS)
  const delivered = devnet.client.deliveredOf(since)
  const heights = all.map((validator) => devnet.heightOf(validator))
  devnet.heal()
  const began = performance.now()
  await devnet.until('blocks after the heal', () => all.every((validator, i) => devnet.heightOf(validator) > (heights[i] ?? 0)))
  const seconds = (performance.now() - began) / 1000
  const parts = groups.map((group) => group.join(' ')).join(' | ')
  say(
    `cut ${parts} for ${CUT_MS / 1000} s: ${delivered} of its transfers delivered meanwhile; healed, all went on after ${seconds.toFixed(1)} s`,
  )
  if (delivered > 0) throw new Error(`${delivered} transfers were ordered by a part that is no quorum`)
  return seconds
}

async function judge(devnet: Devnet, healedInSeconds: number, say: (line: string) => void): Promise<StoryResult> {
  await devnet.stop()
  const { epochs, started, client } = devnet
  const logs = started.map((validator) => readDelivered(join(devnet.folderOf(validator), 'journal')))
  const logsEqual = areLogsEqual(logs)
  const longest = Math.max(...logs.map(({ lines }) => lines.length))
  say(`delivered logs of ${logs.length} validators: ${logsEqual ? 'equal' : 'NOT EQUAL'}, ${longest} blocks`)
  const wals = new Map(started.map((validator) => [validator, devnet.keptLogsOf(validator)]))
  const audit = auditSignatures(wals, devnet.seats)
  say(`${audit.statements} signed statements in their logs: ${audit.doubleSigned.length} slots signed twice`)
  for (const slot of audit.doubleSigned) say(`  signed twice: ${slot}`)
  const lost = client.acknowledged.filter((id) => !logs.some(({ ids }) => ids.has(id))).length
  for (const [validator, count] of client.pending) say(`  not delivered, acknowledged by validator ${validator}: ${count}`)
  say(`${client.acknowledged.length} of ${client.submitted} transfers were acknowledged: ${lost} of them lost`)
  const left = started.find((validator) => !epochs[1]?.validators.includes(validator)) ?? -1
  const joined = started.find((validator) => !epochs[0]?.validators.includes(validator)) ?? -1
  const committeeChanged = logs[started.indexOf(left)]?.epochs.has(1) === false && audit.authorsIn(1).has(joined)
  const modes = audit.modes.map((mode) => MODE_NAMES[mode])
  const killed = { doubleSigned: audit.doubleSigned.length, lost }
  const ok =
    logsEqual && killed.doubleSigned === 0 && lost === 0 && committeeChanged && modes.length === 2 && Number.isFinite(healedInSeconds)
  return { ok, logsEqual, killed, healedInSeconds: Math.round(healedInSeconds * 100) / 100, committeeChanged, modes }
}
