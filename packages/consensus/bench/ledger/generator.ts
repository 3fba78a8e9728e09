/**
 * An open-loop generator, one process for each validator: transactions leave when they are due, whatever came back of the earlier ones.
 *
 * Latency counts from the moment a transaction was DUE, so that a stalled generator or a full line is seen in the figures and not
 * hidden by them. What never comes back counts as slower than everything that did.
 */
import { randomFillSync } from 'node:crypto'
import { createEtcdLine } from './etcd-line.ts'
import { BUCKET_MS, type LoadPlan, type LoadResult } from './load.ts'
import { signedTemplates } from './signed-transactions.ts'
import { SAMPLE_EVERY, TRANSACTION_BYTES, ID_BYTES } from './transactions.ts'
import { createValidatorLine } from './validator-line.ts'

/** What a line reports; `number` is the transaction's. */
export interface LineEvents {
  committed(count: number, atNs: bigint): void
  sampled(number: number, atNs: bigint): void
  refused(count: number): void
}

export interface Line {
  /** `count` transactions of 512 bytes; the first is number `first`. */
  send(transactions: Uint8Array, first: number, count: number): void
  close(): void
}

const LATE_MS = 10
const FRAME_COUNT_MAX = 1_000
/** A turn every 4 ms: at 1 ms the generators' own wake-ups took a quarter of the machine. What it adds to latency is counted in it. */
const TICK_MS = 4
const NS_PER_MS = 1e6

async function generate(plan: LoadPlan): Promise<LoadResult> {
  const startNs = BigInt(plan.startNs)
  const sinceStartMs = (atNs: bigint): number => Number(atNs - startNs) / NS_PER_MS
  const committed = new Array<number>(Math.ceil(((plan.seconds + plan.drainSeconds) * 1000) / BUCKET_MS) + 1).fill(0)
  const total = Math.floor(plan.seconds * plan.perSecond)
  const latencyMs = new Array<number>(Math.ceil(total / SAMPLE_EVERY)).fill(-1)
  const dueMsOf = (number: number): number => (number * 1000) / plan.perSecond
  let refused = 0
  let sent = 0
  let late = 0
  const { signatures } = plan.target
  const templates = signatures === undefined ? undefined : signedTemplates(signatures)
  const line = await lineTo(plan, {
    committed(count, atNs) {
      const bucket = Math.floor(sinceStartMs(atNs) / BUCKET_MS)
      if (bucket >= 0 && bucket < committed.length) committed[bucket] = (committed[bucket] ?? 0) + count
    },
    sampled(number, atNs) {
      const place = number / SAMPLE_EVERY
      if (latencyMs[place] === -1) latencyMs[place] = sinceStartMs(atNs) - dueMsOf(number)
    },
    refused: (count) => (refused += count),
  })
  await new Promise<void>((resolve) => {
    const tick = (): void => {
      const nowMs = sinceStartMs(process.hrtime.bigint())
      const due = Math.min(total, Math.floor((nowMs * plan.perSecond) / 1000) + 1)
      if (due > sent && nowMs - dueMsOf(sent) > LATE_MS) late += due - sent
      while (due > sent) {
        const count = Math.min(due - sent, FRAME_COUNT_MAX)
        line.send(transactionsFrom(templates, sent, count), sent, count)
        sent += count
      }
      if (sent < total) setTimeout(tick, TICK_MS)
      else setTimeout(resolve, plan.drainSeconds * 1000)
    }
    setTimeout(tick, Math.max(0, -sinceStartMs(process.hrtime.bigint())))
  })
  line.close()
  return { sent, refused, committed, dueMs: latencyMs.map((_, place) => dueMsOf(place * SAMPLE_EVERY)), latencyMs, lateShare: late / total }
}

/** @param templates - what stands below id and number; noise where there is none. */
function transactionsFrom(templates: Uint8Array | undefined, first: number, count: number): Uint8Array {
  const bytes = new Uint8Array(count * TRANSACTION_BYTES)
  if (templates === undefined) randomFillSync(bytes)
  else stamp(bytes, templates, first)
  const view = new DataView(bytes.buffer)
  for (let i = 0; i < count; i++) view.setBigUint64(i * TRANSACTION_BYTES + ID_BYTES, BigInt(first + i), true)
  return bytes
}

function stamp(bytes: Uint8Array, templates: Uint8Array, first: number): void {
  for (let at = 0; at < bytes.length; at += TRANSACTION_BYTES) {
    const from = (first * TRANSACTION_BYTES + at) % templates.length
    bytes.set(templates.subarray(from, from + TRANSACTION_BYTES), at)
    randomFillSync(bytes, at, ID_BYTES)
  }
}

const lineTo = (plan: LoadPlan, events: LineEvents): Promise<Line> => {
  return plan.target.kind === 'etcd' ? createEtcdLine(plan.target.socket, events) : createValidatorLine(plan.target.socket, events)
}

process.on('message', (plan: LoadPlan) => {
  void generate(plan).then((result) => process.send?.(result))
})
process.on('disconnect', () => process.exit(0))
