// Goal: what happens to a ledger once in a while, seen on four real nodes in order: governors activate a version that one node is too old
// for; the epoch that ended becomes a file that a second node serves; two nodes are lost for good and the others go on; the past is replayed.
// Method: nodes in this process with their own folders, TLS and sessions; block time runs twice as fast as ours.
import { createClient, formatNodeAddress } from '@selvedge/client'
import { createMemoryStore, epochFiles, NODE_STATES, nodes, SPACES, type Outcome } from '@selvedge/application'
import { createLmdbStore } from '@selvedge/application/lmdb'
import { createKeyPair } from '@selvedge/crypto/ed25519'
import {
  committeeOfGenesis,
  encodeAction,
  encodeCommittee,
  readEpochFile,
  type ArchivedBlock,
  type Checkpoint,
} from '@selvedge/ledger-types'
import { createLightClient, encodeEpochProof } from '@selvedge/ledger-types/light-client'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { startNode, type RunningNode } from '../src/compose/node.ts'
import { openEpochFile } from '../src/ledger-tools/archive-files.ts'
import { openArchive, openLedgerFolder } from '../src/ledger-tools/archive-source.ts'
import { createEpochArchive } from '../src/ledger-tools/epoch-archive.ts'
import { checkEpochFile } from '../src/ledger-tools/epoch-file-check.ts'
import { epochSpanOf } from '../src/ledger-tools/epoch-span.ts'
import { createRootFetcher } from '../src/ledger-tools/fetch-root.ts'
import { committeeAt } from '../src/ledger/committee-at.ts'
import type { Pin } from '../src/ledger/pin.ts'
import { pastBlockOf, replayLedger, type Difference, type PastBlock } from '../src/ledger-tools/replay-ledger.ts'
import { formatPin, pinHashOf, readPin } from '../src/ledger-tools/pin-file.ts'
import { importRestart, pinOf, restartStateOf } from '../src/ledger-tools/restart-state.ts'
import { createVersionWatch, type VersionNotice } from '../src/ledger-tools/version-watch.ts'
import { parseLine, run } from './harness.ts'
import { CHAIN_ID, hexOf, MICRO, signed, signedCall, TestNetwork, type TestNode } from './ledger-network.ts'

vi.setConfig({ testTimeout: 240_000 }) // epochs and processes, on a machine that may be busy with others

const TOO_OLD = 3
const STRANGER = 4
const SIGNAL = new AbortController().signal
/** What a checkpoint says in digests. */
const ROOTS = ['txRoot', 'receiptsRoot', 'blockDigest', 'stateRoot', 'committeeRoot', 'nextCommitteeRoot', 'snapshotRoot'] as const

let folder: string
let nonce = 0n
let network: TestNetwork
const doors: RunningNode[] = []
const notices: VersionNotice[] = []
const ends: { notice: VersionNotice; height: number }[] = []
const kept = new Map<number, string>()
const refused: string[] = []

beforeAll(async () => {
  const temporary = join(import.meta.dirname, '..', '.tmp')
  await mkdir(temporary, { recursive: true })
  folder = await mkdtemp(join(temporary, 'ledger-'))
  network = await TestNetwork.create(folder, { pace: 2, strangers: 1, parameters: { governDelayEpochs: 1 } })
  for (const { seeds, host, ports, folder: dataDir } of network.nodes) {
    doors.push(await startNode(createKeyPair(seeds.node), { dataDir, host, port: ports.sessions, origins: [], chainId: CHAIN_ID }))
  }
  await network.startAll((node) => ({ newestVersion: newestOf(node), attachments: [archiveOf(node), watchOf(node)] }))
  await writeFile(join(folder, 'genesis.json'), network.genesisFile)
}, 60_000)

afterAll(async () => {
  await network.stopAll()
  await Promise.all(doors.map((door) => door.stop()))
  await rm(folder, { recursive: true, force: true, maxRetries: 3 })
})

const newestOf = ({ index }: TestNode): number => (index === TOO_OLD ? 1 : 2)

function archiveOf({ index, seeds }: TestNode): ReturnType<typeof createEpochArchive> {
  return createEpochArchive(
    { store: doors[index]!.store, fetch: createRootFetcher(CHAIN_ID) },
    {
      nodeKey: createKeyPair(seeds.node).publicKey,
      onFile: ({ epoch, root, what }) => {
        if (epoch === 0 && what === 'kept') kept.set(index, hexOf(root))
        network.tell()
      },
      onRefused: (epoch, root, reason) => refused.push(`${index}: ${epoch} ${hexOf(root)} ${reason}`),
      onError: (error) => network.failures.push(error as Error),
    },
  )
}

function watchOf(node: TestNode): ReturnType<typeof createVersionWatch> {
  return createVersionWatch({
    keys: createKeyPair(node.seeds.node),
    newest: newestOf(node),
    onNotice: (notice) => void (node.index === TOO_OLD && notices.push(notice)),
    onEnd: (notice) => {
      ends.push({ notice, height: network.heightOf(node.index) })
      void network.stop(node.index).then(() => network.tell())
    },
  })
}

test('a node that is too old for a version says so in time and stops before it would fork; the others go on', async () => {
  const action = encodeAction({ kind: 'activateVersion', version: 2 })
  await network.until(() => [0, 1, 2].every((index) => network.application(0).state.get(nodes, index)?.newestVersion === 2))
  const running = (): number => network.application(TOO_OLD).lastApplied().epoch
  let due = 0
  while (notices.length === 0) {
    due = running() + 1 // asked for again when an epoch ended on the way
    await network.submit(0, [signedCall(network.user, nonce++, 'govern', { action, epoch: BigInt(due) })])
    await network.until(() => notices.length > 0 || running() >= due)
  }
  expect(notices).toEqual([{ version: 2, epoch: due, newest: 1 }])
  expect(running()).toBeLessThan(due)

  await network.until(() => ends.length > 0 && [0, 1, 2].every((index) => network.heightOf(index) >= ends[0]!.height + 3))
  const [{ height }] = ends as [(typeof ends)[0]]
  expect(ends).toEqual([{ notice: { version: 2, epoch: due, newest: 1 }, height }])
  const outcomeOf = (index: number, at: number): Outcome => network.blocks.get(index)!.find(({ outcome }) => outcome.height === at)!.outcome
  expect(outcomeOf(0, height).final?.view).toMatchObject({ version: 2, epoch: due })
  expect(network.blocks.get(TOO_OLD)!.at(-1)!.outcome.height).toBe(height)
  const roots = [0, 1, 2].map((index) => hexOf(outcomeOf(index, height + 3).stateRoot))
  expect(new Set(roots).size).toBe(1)
})

test('a closed epoch is a file that its members name, and a stranger gets it from a second node by its root and checks it', async () => {
  await network.until(() => [0, 1, 2].every((index) => kept.has(index)))
  expect(refused).toEqual([])
  const root = network.application(0).state.get(epochFiles, 0)!
  expect([0, 1, 2].map((index) => kept.get(index))).toEqual([hexOf(root), hexOf(root), hexOf(root)])

  const bytes = await fetchFrom(1, root)
  await writeFile(join(folder, 'epoch-0'), bytes)
  const { header, blocks } = readEpochFile(bytes)
  const whole = [...blocks]
  const { last } = epochSpanOf(network.application(0), 0)!
  expect(header).toEqual({ chainId: CHAIN_ID, epoch: 0, count: last })
  const committee = committeeOfGenesis(network.genesis)
  const trust = { chainId: CHAIN_ID, epoch: 0, committee, previous: { height: 0, digest: network.genesis.hash } }
  const checked = await checkEpochFile(await openEpochFile(readerOf(bytes)), trust)
  expect(checked).toMatchObject({ first: 1, last, transactions: whole.reduce((sum, { transactions }) => sum + transactions.length, 0) })

  const client = createLightClient({ chainId: CHAIN_ID, epoch: 0, committee })
  const next = encodeCommittee(committeeAt(network.application(0), 1))
  client.advance(encodeEpochProof({ certificate: whole.at(-1)!.certificate, committee: next }))
  expect(client.epoch).toBe(1)

  for (const at of [30, 60, bytes.length >> 1, bytes.length - 40]) {
    const wrong = bytes.slice()
    wrong[at]! ^= 1
    await expect(openEpochFile(readerOf(wrong)).then((file) => checkEpochFile(file, trust))).rejects.toMatchObject({ name: 'LedgerError' })
  }
  for (const size of [0, 20, bytes.length - 1]) {
    const cut = openEpochFile(readerOf(bytes.subarray(0, size))).then((file) => checkEpochFile(file, trust))
    await expect(cut).rejects.toMatchObject({ name: 'LedgerError' })
  }
})

test('a replay of the file and of a stopped node’s folder finds every root again, and the first difference by its height', async () => {
  const { last } = epochSpanOf(network.application(0), 0)!
  const file = await replayOf([join(folder, 'epoch-0')])
  expect(file).toMatchObject({ height: last, epoch: 1, blocks: last, certified: last })
  expect(file).not.toHaveProperty('difference')
  const own = await replayOf([network.nodes[TOO_OLD]!.folder])
  const { height, stateRoot } = network.blocks.get(TOO_OLD)!.at(-1)!.outcome
  expect(own).toMatchObject({ height, stateRoot: hexOf(stateRoot) })
  expect(own).not.toHaveProperty('difference')

  const blocks = await archivedBlocks(join(folder, 'epoch-0'))
  const at = blocks.findIndex(({ transactions }) => transactions.length > 0)
  const { transactions } = blocks[at]!
  const dropped = { ...pastBlockOf(blocks[at]!), transactions: transactions.slice(1), receipts: blocks[at]!.receipts.slice(1) }
  const before = blocks.slice(0, at).map(pastBlockOf)
  const inArchive = await replayLedger(network.genesis, [...before, dropped], createMemoryStore(), { signal: SIGNAL })
  expect(inArchive.difference).toMatchObject({ height: at + 1, what: 'archive' })
  const unsigned = { ...dropped, certificate: undefined }
  const inExecution = await replayLedger(network.genesis, [...before, unsigned], createMemoryStore(), { signal: SIGNAL })
  expect(inExecution.difference).toMatchObject({ height: at + 1, epoch: 0, what: 'txRoot' })
  const forged = blocks.map(pastBlockOf).with(1, { ...pastBlockOf(blocks[1]!), certificate: flipped(blocks[1]!.certificate) })
  const inSignature = await replayLedger(network.genesis, forged, createMemoryStore(), { signal: SIGNAL })
  expect(inSignature.difference).toMatchObject({ height: 2, what: 'certificate' })
})

test('a replay finds each root that no certificate holds and that execution does not arrive at, by its name', async () => {
  const blocks = await archivedBlocks(join(folder, 'epoch-0'))
  const differenceAt = async (at: number, changed: (checkpoint: Checkpoint) => Checkpoint): Promise<Difference | undefined> => {
    const block = pastBlockOf(blocks[at]!)
    const unsigned: PastBlock = { ...block, certificate: undefined, checkpoint: changed(block.checkpoint) }
    const past = [...blocks.slice(0, at).map(pastBlockOf), unsigned]
    return (await replayLedger(network.genesis, past, createMemoryStore(), { signal: SIGNAL })).difference
  }
  expect(await differenceAt(0, (checkpoint) => checkpoint)).toBeUndefined()
  expect(await differenceAt(0, (checkpoint) => ({ ...checkpoint, isFinal: true }))).toMatchObject({ height: 1, what: 'isFinal' })
  const last = blocks.length - 1 // the only one that names a committee to come
  for (const [at, name] of [...ROOTS.map((each) => [0, each] as const), [last, 'nextCommitteeRoot'] as const]) {
    const root = pastBlockOf(blocks[at]!).checkpoint[name]
    const archived = flipped(root)
    expect(await differenceAt(at, (checkpoint) => ({ ...checkpoint, [name]: archived }))).toEqual({
      height: at + 1,
      epoch: 0,
      what: name,
      archived: hexOf(archived),
      computed: hexOf(root),
    })
  }
})

test('`ledger replay` says so where the state of a folder is another than its blocks lead to', async () => {
  const { folder: home } = network.nodes[TOO_OLD]!
  const { height, stateRoot } = network.blocks.get(TOO_OLD)!.at(-1)!.outcome
  const store = createLmdbStore(join(home, 'state'))
  const key = new TextEncoder().encode('stateRoot')
  expect(hexOf(store.get(SPACES.local, key)!)).toBe(hexOf(stateRoot))
  store.commit([{ space: SPACES.local, key, value: flipped(stateRoot) }]) // nobody starts this node again
  await store.close()
  const replayed = await run(['ledger', 'replay', home, '--genesis', join(folder, 'genesis.json'), '--json'])
  expect(replayed.code).toBe(1)
  const difference = { height, what: 'state of the folder', archived: hexOf(flipped(stateRoot)), computed: hexOf(stateRoot) }
  expect(parseLine(replayed)).toMatchObject({ ok: false, height, stateRoot: hexOf(stateRoot), difference })
})

test('after more than f validators are gone for good, the survivors go on from the last state', async () => {
  await network.submit(1, [signed(network.user, nonce++, network.nodes[0]!.owner.address, 7n * MICRO)])
  await network.until(() => network.application(1).balance(network.nodes[0]!.owner.address, 0) === 7n * MICRO)
  await network.stop(0) // node 3 is down already: two of four have no quorum
  await network.until(() => network.heightOf(1) === network.heightOf(2))
  await Promise.all([1, 2].map((index) => network.stop(index)))

  const gone = [0, TOO_OLD]
  const prepared = [1, 2].map((index) => {
    const survivor = openLedgerFolder(network.nodes[index]!.folder, network.genesis)
    return { survivor, head: survivor.application.lastApplied().height }
  })
  const heights = prepared.map(({ head }) => head)
  const highest = prepared[heights.indexOf(Math.max(...heights))]!.survivor
  const before = highest.application.lastApplied()
  const options = { genesis: network.genesis, gone, newestVersion: 2 }
  const states = [0, 1].map(() => restartStateOf(highest.application, createMemoryStore(), options))
  const streams = states.map(({ pieces }) => hexOf(Buffer.concat([...pieces()])))
  expect(streams[0]).toBe(streams[1])
  const [state] = states as [(typeof states)[0]]
  expect(state).toMatchObject({ epoch: before.epoch + 1, height: before.height + 1 })
  expect(state.committee.map(({ nodeIndex }) => nodeIndex).toSorted((a, b) => a - b)).toEqual([1, 2])
  await Promise.all(prepared.map(({ survivor }) => survivor.store.close()))

  for (const index of [1, 2]) {
    const { folder: home } = network.nodes[index]!
    await rm(join(home, 'state'), { recursive: true })
    await rm(join(home, 'wal'), { recursive: true })
    const store = createLmdbStore(join(home, 'state'))
    await importRestart(store, [Buffer.from(streams[0]!, 'hex')], CHAIN_ID)
    await store.close()
  }
  await Promise.all([1, 2].map((index) => network.start(index, { newestVersion: 2 })))
  await network.until(() => [1, 2].every((index) => network.heightOf(index) >= state.height + 10))
  for (const index of [1, 2]) {
    expect(network.application(index).balance(network.nodes[0]!.owner.address, 0)).toBe(7n * MICRO)
    for (const lost of gone) expect(network.application(index).state.get(nodes, lost)?.state).toBe(NODE_STATES.idle)
  }
  await network.submit(2, [signed(network.user, nonce++, network.nodes[0]!.owner.address, MICRO)])
  await network.until(() => network.application(1).balance(network.nodes[0]!.owner.address, 0) === 8n * MICRO)
  await joinsByPin(pinOf(network.genesis, state))
})

/** No certificate leads from genesis past the decree: a stranger that pins what began there takes that state, or a later one, and follows. */
async function joinsByPin(pin: Pin): Promise<void> {
  const path = join(folder, 'pin.json')
  await writeFile(path, formatPin(pin))
  const read = await readPin(path, network.genesis, pinHashOf(formatPin(pin)))
  expect(read).toEqual(pin)
  const sources = network.sourcesOf(STRANGER).filter(({ port }) => [1, 2].some((index) => network.nodes[index]!.ports.sync === port))
  await network.start(STRANGER, { newestVersion: 2, isArchive: false, pin: read, sources })
  const goal = network.heightOf(1) + 5
  const rootAt = (index: number): string | undefined => {
    const found = network.blocks.get(index)!.find(({ outcome }) => outcome.height === goal)
    return found === undefined ? undefined : hexOf(found.outcome.stateRoot)
  }
  await network.until(() => [1, STRANGER].every((index) => rootAt(index) !== undefined))
  expect(rootAt(STRANGER)).toBe(rootAt(1))
  expect(network.node(STRANGER).phase).toBe('following')
}

async function fetchFrom(index: number, root: Uint8Array): Promise<Uint8Array> {
  const client = createClient({ nodes: [formatNodeAddress(doors[index]!)], chainId: CHAIN_ID })
  try {
    const parts: Uint8Array[] = []
    for await (const { bytes } of await client.get(hexOf(root))) parts.push(bytes.slice())
    return new Uint8Array(Buffer.concat(parts))
  } finally {
    await client.close()
  }
}

async function replayOf(paths: readonly string[]): Promise<Awaited<ReturnType<typeof replayLedger>>> {
  const archive = await openArchive(paths, network.genesis)
  try {
    return await replayLedger(network.genesis, archive.blocks(), createMemoryStore(), { signal: SIGNAL })
  } finally {
    await archive.close()
  }
}

async function archivedBlocks(path: string): Promise<ArchivedBlock[]> {
  const blocks: ArchivedBlock[] = []
  for await (const { block } of (await fileReader(path)).blocks()) blocks.push(block)
  return blocks
}

async function fileReader(path: string): ReturnType<typeof openEpochFile> {
  return await openEpochFile(readerOf(new Uint8Array(await readFile(path))))
}

function readerOf(bytes: Uint8Array): { size: number; readAt: (offset: number, length: number) => Uint8Array } {
  return { size: bytes.length, readAt: (offset, length) => bytes.subarray(offset, offset + length) }
}

function flipped(bytes: Uint8Array): Uint8Array {
  return bytes.with(bytes.length - 1, bytes.at(-1)! ^ 1)
}
