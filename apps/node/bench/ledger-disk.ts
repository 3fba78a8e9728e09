/**
 * What a ledger node's disk grows by: four nodes in this process with the order's default pace, first idle, then under transfers. Two keep
 * everything (archives), two keep two epochs. The first seconds of each phase are left out: LMDB reuses its pages only after some blocks.
 *
 *   node --conditions=@selvedge/source apps/node/bench/ledger-disk.ts
 */
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { signed, TestNetwork } from '../test/ledger-network.ts'

const WARM_UP_MS = 8_000
/** An idle network makes few blocks. */
const IDLE_MS = 100_000
const LOADED_MS = 40_000
const STEP_MS = 100
const TRANSFERS_PER_SECOND = 200
const DAY_S = 86_400
const EPOCH_MS = 3_600_000
const MIB = 2 ** 20

interface Mark {
  readonly atMs: number
  readonly height: number
  readonly transactions: number
  /** By node. */
  readonly stateBytes: readonly number[]
}

const folder = await mkdtemp(join(tmpdir(), 'selvedge-disk-'))
const network = await TestNetwork.create(folder, { pace: 1, parameters: { epochMs: EPOCH_MS }, senders: 2 })
const [sender, target] = network.senders as [(typeof network.senders)[0], (typeof network.senders)[0]]
const load = Array.from({ length: (TRANSFERS_PER_SECOND * (WARM_UP_MS + LOADED_MS + 2_000)) / 1_000 }, (_, nonce) => {
  return signed(sender, BigInt(nonce), target.address, 1n)
})
await network.startAll(({ index }) => ({ core: {}, isArchive: index < 2 }))

await sleep(WARM_UP_MS)
const idle = [await mark(), await sleep(IDLE_MS).then(mark)] as const
const ending = new AbortController()
const loading = offer(ending.signal)
await sleep(WARM_UP_MS)
const loaded = [await mark(), await sleep(LOADED_MS).then(mark)] as const
ending.abort()
await loading
await network.stopAll()
await rm(folder, { recursive: true, force: true })
console.log(JSON.stringify({ idle: growthOf(idle), loaded: growthOf(loaded) }, undefined, 2))

async function offer(signal: AbortSignal): Promise<void> {
  const began = performance.now()
  for (let offered = 0; !signal.aborted && offered < load.length; ) {
    const due = Math.min(load.length, Math.floor((TRANSFERS_PER_SECOND * (performance.now() - began)) / 1_000))
    if (due > offered) await network.submit(0, load.slice(offered, due))
    offered = Math.max(offered, due)
    await sleep(STEP_MS)
  }
}

async function mark(): Promise<Mark> {
  const seen = network.blocks.get(0)!
  const stateBytes = await Promise.all(network.nodes.map(async (node) => (await stat(join(node.folder, 'state', 'data.mdb'))).blocks * 512))
  const transactions = seen.reduce((sum, { outcome }) => sum + outcome.executed.length - 1, 0)
  return { atMs: performance.now(), height: network.heightOf(0), transactions, stateBytes }
}

function growthOf([from, to]: readonly [Mark, Mark]): object {
  const seconds = (to.atMs - from.atMs) / 1_000
  const blocks = to.height - from.height
  const transactions = to.transactions - from.transactions
  const bytes = to.stateBytes.map((each, i) => each - from.stateBytes[i]!)
  const archive = (bytes[0]! + bytes[1]!) / 2
  const perDay = (each: number): number => Math.round(((each / seconds) * DAY_S) / MIB)
  return {
    seconds: Math.round(seconds),
    blocksPerSecond: Math.round((10 * blocks) / seconds) / 10,
    transactionsPerSecond: Math.round(transactions / seconds),
    archiveBytesPerBlock: Math.round(archive / blocks),
    archiveBytesPerTransaction: transactions > blocks ? Math.round(archive / transactions) : null,
    archiveMibPerDay: perDay(archive),
    // Within one epoch nothing is pruned: what a node keeps of two epochs is what it grows by in two.
    nodeMibPerDayBeforePruning: perDay((bytes[2]! + bytes[3]!) / 2),
  }
}
