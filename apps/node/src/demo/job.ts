/** The job, step by step; each says what it saw as it is seen. */
import { createClient, type Client } from '@selvedge/client'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { formatBytes, formatMs, formatRate } from '../cli/format.ts'
import type { FileDag } from '../dag/file-dag.ts'
import type { Checks } from './checks.ts'
import { fetchEverything, fetchTimed, type Timed } from './fetching.ts'
import type { Input } from './input.ts'
import { interrupt, type Interruption } from './interruption.ts'
import type { MisledNode, Refusal } from './refusals.ts'

const MIB = 2 ** 20

export interface JobContext {
  readonly dag: FileDag
  readonly input: Input
  /** The node's `selvedge://…`. */
  readonly address: string
  readonly misled: MisledNode
  readonly scratch: string
  readonly checks: Checks
  say(line: string): void
}

/** The line that `--json` ends with. */
export interface JobResult {
  readonly ok: boolean
  readonly largestFileBytes: number
  readonly cold: Figures
  readonly warm: Figures
  readonly resumed: { readonly bytesAgain: number }
  readonly seek: { readonly asked: number; readonly received: number }
  readonly tampered: readonly { readonly lie: string; readonly code: string }[]
}

interface Figures {
  readonly firstByteMs: number
  readonly wholeMs: number
  readonly mibPerSecond: number
}

const KILL_SHARE = 0.4
const SEEK_SHARE = 0.8
const SEEK_BYTES = 8 * MIB
const BYTES_AGAIN_MAX = MIB
/** Longer than any disk takes for a file of this size; what is not stored by then fails the check of the warm mode. */
const STORED_WITHIN_MS = 60_000

export async function doJob(context: JobContext): Promise<JobResult> {
  const { address, input, checks } = context
  const client = createClient({ nodes: [address] })
  try {
    const cold = await fetchLarge(context, client, 'cold')
    await untilStored(client, input.large)
    const warm = await fetchLarge(context, client, 'warm')
    const seek = await seekLarge(context, client)
    // No figure but a duration comes of these, and two of them wait for processes to start: they are done side by side.
    const [interruption, refusals] = await Promise.all([interruptLarge(context), context.misled.refuse(), fetchRest(context, client)])
    const bytesAgain = reportInterruption(context, interruption)
    const tampered = reportRefusals(context, refusals)
    const { length } = checks.failures
    return { ok: length === 0, largestFileBytes: input.large.file.size, cold, warm, resumed: { bytesAgain }, seek, tampered }
  } finally {
    await client.close()
  }
}

/** The last byte leaves the node before it has stored the file for good: asked in between, it still sends what arrives. */
async function untilStored(client: Client, { cid, truth }: Input['large']): Promise<void> {
  const giveUp = performance.now() + STORED_WITHIN_MS
  while ((await fetchTimed(truth, client, cid, { start: 0, end: 1 })).mode !== 'proof' && performance.now() < giveUp) await delay(20)
}

async function fetchLarge({ input, checks, say }: JobContext, client: Client, state: 'cold' | 'warm'): Promise<Figures> {
  const { cid, file, truth } = input.large
  const timed = await fetchTimed(truth, client, cid)
  checks.that(timed.isTrue, `${state}: the bytes are not those of ${file.file}`)
  checks.that(timed.mode === (state === 'cold' ? 'car' : 'proof'), `${state}: sent in mode ${timed.mode}`)
  const how = state === 'cold' ? 'from the origin through the node' : 'from the node, which has it now'
  say(`${state}: ${formatBytes(timed.bytes)} ${how}: first verified byte after ${formatMs(timed.firstByteMs)}, ${whole(timed)}`)
  return figures(timed)
}

const whole = ({ bytes, wholeMs }: Timed): string => `whole after ${formatMs(wholeMs)} (${formatRate(bytes, wholeMs)})`

function figures({ bytes, firstByteMs, wholeMs }: Timed): Figures {
  const round = (value: number): number => Math.round(value * 100) / 100
  return { firstByteMs: round(firstByteMs), wholeMs: round(wholeMs), mibPerSecond: round((bytes / MIB / wholeMs) * 1000) }
}

async function seekLarge({ input, checks, say }: JobContext, client: Client): Promise<JobResult['seek']> {
  const { cid, file, truth } = input.large
  const start = Math.floor(file.size * SEEK_SHARE)
  const end = Math.min(file.size, start + SEEK_BYTES)
  const asked = end - start
  const timed = await fetchTimed(truth, client, cid, { start, end })
  checks.that(timed.isTrue, 'seek: the bytes are not those of the file')
  checks.that(timed.receivedBytes <= asked * 1.1 + 64 * 1024, `seek: ${timed.receivedBytes} bytes received for ${asked}`)
  say(
    `seek: ${formatBytes(asked)} from 80 %: first verified byte after ${formatMs(timed.firstByteMs)}, ${whole(timed)}, ${formatBytes(timed.receivedBytes)} received`,
  )
  return { asked, received: timed.receivedBytes }
}

/** Every entity but the large file, which has come three times by now. */
async function fetchRest({ input, checks, say }: JobContext, client: Client): Promise<void> {
  for (const entity of input.entities) {
    if (entity.cid.equals(input.large.cid)) continue
    const { files, bytes, ms, wrong } = await fetchEverything(client, entity)
    checks.that(
      wrong.length === 0 && files === entity.files.size,
      `${entity.name}: ${wrong.length} wrong or missing, ${wrong.slice(0, 3).join(', ')}`,
    )
    say(`by CID: ${entity.name}: ${files} files, ${formatBytes(bytes)}, in ${formatMs(ms)}, each the same as on disk`)
  }
}

function interruptLarge({ address, input, scratch }: JobContext): Promise<Interruption | undefined> {
  const { cid, truth } = input.large
  return interrupt(address, cid, truth, join(scratch, 'fetched'), KILL_SHARE)
}

function reportInterruption({ input, checks, say }: JobContext, outcome: Interruption | undefined): number {
  const { file } = input.large
  if (outcome === undefined) {
    say(`resume: ${formatBytes(file.size)} were there before the client could be killed: nothing to resume`)
    return 0
  }
  const { keptBytes, resumedAt, bytesAgain, ms, isTrue } = outcome
  checks.that(isTrue, 'resume: the file is not what it should be')
  checks.that(bytesAgain <= BYTES_AGAIN_MAX, `resume: ${bytesAgain} bytes were received again`)
  say(
    `resume: the client was killed with -9 at ${Math.round((keptBytes / file.size) * 100)} %; a new process proved ${formatBytes(resumedAt)} on disk`,
  )
  say(`        again and finished in ${formatMs(ms)}; ${formatBytes(Math.max(0, bytesAgain))} came twice, and the file is whole`)
  return bytesAgain
}

function reportRefusals({ checks, say }: JobContext, refusals: readonly Refusal[]): JobResult['tampered'] {
  say('an origin that lies:')
  for (const { lie, code, expected, trueBytes, wrongBytes, isKept } of refusals) {
    checks.that(code === expected, `${lie}: refused with ${code || 'nothing'}, not ${expected}`)
    checks.that(wrongBytes === 0, `${lie}: ${wrongBytes} wrong bytes came out`)
    checks.that(!isKept, `${lie}: something of it stayed in the store`)
    say(
      `  ${lie.padEnd(26)} refused: ${code.padEnd(20)} ${formatBytes(trueBytes)} true, ${wrongBytes} wrong; ${isKept ? 'KEPT' : 'nothing kept'}`,
    )
  }
  return refusals.map(({ lie, code }) => ({ lie, code }))
}
