// Goal: whoever comes late, or comes back late, gets to the head by itself and takes its place again: a follower for whom nobody keeps blocks any
// more, a member with an empty disk, a member that was away for epochs, a node that never hashed a state it was at. None of it is told to a
// wallet: transactions reach the order through a node without a seat.
// Method: four real members, and a stranger; all know each other's addresses and nothing else. One member keeps all blocks and is nobody's source:
// the others keep two epochs. Block time runs fast, and however slow the machine is, a node stays away until what it lacks is gone; and no epoch ends
// before it is back, for in life epochs are hours long, and here whoever takes longer than two of them would have to begin again and again.
import { createApplication, hasState } from '@selvedge/application'
import { createLmdbStore } from '@selvedge/application/lmdb'
import { CHECKPOINT_BYTES } from '@selvedge/ledger-types'
import type { Joined } from '@selvedge/synchronizer'
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createPublicClient, createWalletClient, defineChain, http, parseEther, toHex } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { evidenceRules } from '../src/ledger/evidence-rules.ts'
import { ledgerBlockOf } from '../src/ledger/replay.ts'
import { CHAIN_ID, hexOf, TestNetwork } from './ledger-network.ts'

const ARCHIVE = 0
const MEMBER = 3
const STRANGER = 4
/** Only for what hangs. */
const MS_MAX = 600_000

let folder: string
let network: TestNetwork
const joined = new Map<number, Joined[]>()

beforeAll(async () => {
  const temporary = join(import.meta.dirname, '..', '.tmp')
  await mkdir(temporary, { recursive: true })
  folder = await mkdtemp(join(temporary, 'left-behind-'))
  network = await TestNetwork.create(folder, { pace: 3, strangers: 1 })
  await Promise.all([ARCHIVE, 1, 2, MEMBER].map(start))
}, MS_MAX)

afterAll(async () => {
  await network.stopAll()
  await rm(folder, { recursive: true, force: true, maxRetries: 3 })
}, MS_MAX)

async function start(index: number): Promise<void> {
  await network.start(index, {
    isArchive: index === ARCHIVE,
    stuckMs: 1_000,
    sources: sourcesOf(index),
    onJoined: (each) => joined.set(index, [...(joined.get(index) ?? []), each]),
  })
}

const sourcesOf = (index: number): { readonly host: string; readonly port: number }[] =>
  network.sourcesOf(index).filter(({ port }) => port !== network.nodes[ARCHIVE]!.ports.sync)

const joinsOf = (index: number): readonly Joined[] => joined.get(index) ?? []

/** Until nobody whom `index` asks keeps the block after `height`. */
async function isGone(index: number, height: number): Promise<void> {
  const asked = [1, 2, MEMBER, STRANGER].filter((each) => each !== index)
  await network.until(() => asked.every((each) => network.application(each).history.oldest() > height + 1))
}

const epochOf = (index: number): number => network.application(index).lastApplied().epoch
const outcomeAt = (index: number, height: number): string | undefined => {
  const found = network.blocks.get(index)!.find(({ outcome }) => outcome.height === height)
  return found === undefined ? undefined : hexOf(found.outcome.stateRoot)
}

/** At the head with the state that others had there. */
async function isLevel(index: number): Promise<void> {
  const goal = network.heightOf(ARCHIVE) + 3
  await network.until(() => outcomeAt(index, goal) !== undefined && outcomeAt(ARCHIVE, goal) !== undefined)
  expect(outcomeAt(index, goal)).toBe(outcomeAt(ARCHIVE, goal))
}

async function epochsLater(index: number, count: number): Promise<void> {
  const goal = epochOf(index) + count
  await network.until(() => epochOf(index) >= goal)
}

/** Starts it. No epoch ends until it has taken over a state above what it had, and is at the head. */
async function comesBack(index: number): Promise<void> {
  const joins = joinsOf(index).length
  await network.whileTimeStands(async () => {
    await start(index)
    await network.until(() => joinsOf(index).length > joins)
    await isLevel(index)
  })
}

/**
 * Until it orders an epoch from its beginning on. Who comes into the middle of one, with no record of what it signed there, signs nothing up to where
 * the others are: a second one of four that is away then stops the order until it is back.
 */
async function ordersAnEpoch(index: number): Promise<void> {
  await takesItsSeat(index)
  await epochsLater(index, 1)
  await takesItsSeat(index)
}

/** In the epoch that runs. */
async function takesItsSeat(index: number): Promise<void> {
  await network.whileTimeStands(async () => {
    await network.until(() => network.node(index).phase === 'ordering')
    await isLevel(index)
  })
}

test(
  'a stranger joins from members that keep two epochs, pinned to genesis alone, when those epochs are long past',
  async () => {
    await network.until(() => [1, 2, MEMBER].every((index) => network.application(index).history.oldest() > 1))
    await comesBack(STRANGER)
    expect(joinsOf(STRANGER)[0]!.epoch).toBeGreaterThan(0)
    expect(network.node(STRANGER).phase).toBe('following')
    await expect(readdir(join(network.nodes[STRANGER]!.folder, 'joining'))).rejects.toMatchObject({ code: 'ENOENT' }) // it is in the store now
  },
  MS_MAX,
)

test(
  'a wallet sends through a node without a seat, and the transfer is executed',
  async () => {
    const chain = defineChain({
      id: CHAIN_ID,
      name: 'left behind',
      nativeCurrency: { name: 'Selvedge', symbol: 'SLV', decimals: 18 },
      rpcUrls: { default: { http: [`http://127.0.0.1:${network.nodes[STRANGER]!.ports.rpc}`] } },
    })
    const wallet = createWalletClient({ account: privateKeyToAccount(toHex(network.user.secretKey)), chain, transport: http() })
    const reader = createPublicClient({ chain, transport: http(), pollingInterval: 100 })
    const to = toHex(network.nodes[0]!.owner.address)
    for (let sent = 1; sent <= 2; sent++) {
      const hash = await wallet.sendTransaction({ to, value: parseEther('1') })
      const { status } = await reader.waitForTransactionReceipt({ hash, timeout: MS_MAX })
      expect(status).toBe('success')
      await network.until(() => network.application(ARCHIVE).balance(network.nodes[0]!.owner.address, 0) === BigInt(sent) * 1_000_000n)
    }
  },
  MS_MAX,
)

test(
  'a follower that was away for longer than anybody keeps blocks takes a newer state over, and keeps nothing of the old one',
  async () => {
    const { height: before, epoch } = network.application(STRANGER).lastApplied()
    const proofs = [...network.application(STRANGER).epochProofs()].length
    await network.stop(STRANGER)
    await isGone(STRANGER, before)
    const joins = joinsOf(STRANGER).length
    await comesBack(STRANGER)
    expect(joinsOf(STRANGER)[joins]!.height).toBeGreaterThan(before)
    const { history } = network.application(STRANGER)
    expect(history.recordOf(before)).toBeUndefined()
    expect(history.oldest()).toBeGreaterThan(before)
    const kept = [...network.application(STRANGER).epochProofs()]
    expect(kept.length).toBeGreaterThan(proofs)
    expect(kept.map((each) => each.epoch)).toEqual(kept.map((_, i) => i)) // from genesis to here, without a hole
    expect(kept.length).toBeGreaterThan(epoch)
  },
  MS_MAX,
)

test(
  'a follower that died before it hashed a state makes its snapshot in the next life',
  async () => {
    await network.whileTimeStands(async () => {
      await isLevel(STRANGER)
      await network.stop(STRANGER)
    })
    const store = createLmdbStore(join(network.nodes[STRANGER]!.folder, 'state'))
    const options = { genesis: network.genesis, keepsSnapshots: true }
    const application = createApplication({ store, evidenceRules }, options)
    const { history } = network.application(ARCHIVE)
    const { epoch, height: from } = application.lastApplied()
    await network.until(() => epochOf(ARCHIVE) > epoch)
    await network.whileTimeStands(async () => {
      for (
        let height = from + 1;
        application.lastApplied().epoch === epoch || height < application.lastApplied().start.height + 3;
        height++
      ) {
        await network.until(() => network.application(ARCHIVE).certificateOf(height) !== undefined)
        const { subDagDigest } = history.recordOf(height)!
        const certificate = network.application(ARCHIVE).certificateOf(height)!
        const block = { certificate, subDagDigest, transactions: history.transactionsOf(height), receipts: history.receiptsOf(height) }
        application.execute(ledgerBlockOf(application, block))
        application.addCertificate(height, certificate)
      }
      const [final] = application.heldSnapshots().slice(-1)
      expect(final).toBe(application.lastApplied().start.height)
      await store.close()
      const files = (): Promise<string[]> => readdir(join(network.nodes[STRANGER]!.folder, 'snapshots'))
      expect(await files()).not.toContain(`outboard-${final}`)
      await start(STRANGER)
      await network.until(() => !network.application(STRANGER).heldSnapshots().includes(final!))
      await isLevel(STRANGER)
    })
    await network.until(() => network.application(STRANGER).epochSpan(epoch + 1)?.last !== undefined)
    // Its own checkpoint names that root, and is what the members certified.
    await network.whileTimeStands(async () => {
      const archive = network.application(ARCHIVE)
      const { last } = network.application(STRANGER).epochSpan(epoch + 1)!
      await network.until(() => archive.certificateOf(last!) !== undefined)
      const named = archive.certificateOf(last!)!.slice(0, CHECKPOINT_BYTES)
      await network.until(() => network.application(STRANGER).history.recordOf(last!)?.isPending === false)
      expect(network.application(STRANGER).history.recordOf(last!)!.checkpoint).toEqual(named)
    })
  },
  MS_MAX,
)

test(
  'a member with an empty disk joins like a stranger, and then orders',
  async () => {
    await network.stop(MEMBER)
    await rm(network.nodes[MEMBER]!.folder, { recursive: true })
    await comesBack(MEMBER)
    expect(joinsOf(MEMBER).at(-1)!.height).toBeGreaterThan(0)
    await ordersAnEpoch(MEMBER)
    await network.stop(2) // with one member less there is no quorum without its signature
    const goal = network.heightOf(MEMBER) + 5
    await network.until(() => [ARCHIVE, 1, MEMBER].every((index) => network.heightOf(index) >= goal))
    await start(2)
    await ordersAnEpoch(2)
  },
  MS_MAX,
)

test(
  'a member that was away for epochs comes back to the head and to its seat',
  async () => {
    const { height: before } = network.application(MEMBER).lastApplied()
    await network.stop(MEMBER)
    await isGone(MEMBER, before)
    const joins = joinsOf(MEMBER).length
    await comesBack(MEMBER)
    expect(joinsOf(MEMBER)[joins]!.height).toBeGreaterThan(before)
    await takesItsSeat(MEMBER)
  },
  MS_MAX,
)

test(
  'an archive that nobody can bring further says so, and throws nothing away',
  async () => {
    const { height } = network.application(STRANGER).lastApplied()
    await network.stop(STRANGER)
    await isGone(STRANGER, height)
    await network.start(STRANGER, { isArchive: true, sources: sourcesOf(STRANGER) })
    await expect(network.until(() => false)).rejects.toMatchObject({ code: 'NODE_LEFT_BEHIND' })
    expect(network.failures.splice(0)).toHaveLength(1)
    await network.stop(STRANGER)
    const store = createLmdbStore(join(network.nodes[STRANGER]!.folder, 'state'))
    expect(hasState(store)).toBe(true)
    await store.close()
  },
  MS_MAX,
)
