/** A process that keeps acknowledgements and ticks is killed with -9 at moments that a seed draws, again and again, and each time its folder is read. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { createFileAckStore } from '@selvedge/delivery-acknowledgement/node'
import { CHAINS, placeOfNumber, placesOf } from './records.ts'
import { createRandom, EPOCH } from './world.ts'

const CHILD = join(import.meta.dirname, '..', 'ack-store.child.ts')
const LINES_MOST = 60
/** From the line that decides to the kill: somewhere in the next batches. */
const DELAY_MS_MOST = 8

export interface Tally {
  kills: number
  /** Acknowledgements that were handed to the store, and in how many ms of its processes. */
  puts: number
  runMs: number
  /** Said to be on disk, and not there. */
  missing: number
  /** Lane nonces that were given out twice. */
  repeated: number
  /** Not on disk: how long before the kill the oldest of them was handed over, ms. */
  lostMsMost: number
}

interface Said {
  readonly nonce: bigint
  readonly durable: number
  readonly puts: readonly { readonly number: number; readonly ms: number }[]
}

/** @param onKill - hears how far it is; true ends it. */
export async function playKills(kills: number, seed: number, onKill: (tally: Tally) => boolean = () => false): Promise<Tally> {
  const random = createRandom(seed)
  const folder = await mkdtemp(join(tmpdir(), 'acks-'))
  const tally: Tally = { kills: 0, puts: 0, runMs: 0, missing: 0, repeated: 0, lostMsMost: 0 }
  const nonces = new Set<bigint>()
  let [next, durable] = [0, -1]
  try {
    while (tally.kills < kills) {
      const said = await runAndKill(folder, next, tally.kills % 2 === 0 ? 'flushing' : 'paced', random)
      if (nonces.has(said.nonce)) tally.repeated++
      nonces.add(said.nonce)
      durable = Math.max(durable, said.durable)
      const kept = await keptIn(folder)
      for (let chain = 0; chain < CHAINS; chain++) {
        const newest = durable - ((durable - chain + CHAINS) % CHAINS) // of the chain's, among those on disk
        if (newest >= 0 && (kept.get(chain) ?? 0) < placeOfNumber(newest)) tally.missing++
      }
      count(tally, said, next, kept)
      next = (said.puts.at(-1)?.number ?? next - 1) + 1
      tally.kills++
      if (onKill(tally)) break
    }
  } finally {
    await rm(folder, { recursive: true })
  }
  return tally
}

function count(tally: Tally, { puts }: Said, first: number, kept: ReadonlyMap<number, number>): void {
  const last = puts.at(-1)
  if (last === undefined) return
  tally.puts += last.number + 1 - first
  tally.runMs += last.ms - puts[0]!.ms
  const isLost = (number: number): boolean => (kept.get(number % CHAINS) ?? 0) < placeOfNumber(number)
  let from = first
  for (const { number, ms } of puts) {
    for (; from <= number; from++) if (isLost(from)) tally.lostMsMost = Math.max(tally.lostMsMost, last.ms - ms)
  }
}

async function runAndKill(folder: string, first: number, mode: string, random: () => number): Promise<Said> {
  const lines = 1 + (random() % LINES_MOST)
  const child = spawn(process.execPath, ['--conditions=@selvedge/source', CHILD, folder, String(first), mode], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exited = once(child, 'exit')
  const puts: { number: number; ms: number }[] = []
  let [nonce, durable, seen] = [-1n, -1, 0]
  for await (const line of createInterface({ input: child.stdout })) {
    const [kind, value = '0', ms = '0'] = line.split(' ')
    if (kind === 'nonce') nonce = BigInt(value)
    else if (kind === 'durable') durable = Number(value)
    else puts.push({ number: Number(value), ms: Number(ms) })
    if (++seen === lines) setTimeout(() => child.kill('SIGKILL'), random() % DELAY_MS_MOST) // what it says until then is read too
  }
  await exited
  return { nonce, durable, puts }
}

async function keptIn(folder: string): Promise<Map<number, number>> {
  const store = await createFileAckStore(folder)
  try {
    return placesOf(store.all(EPOCH))
  } finally {
    await store.stop()
  }
}
