// Goal: an account has content kept by paying for it in each epoch, loses it when it stops, and what the ledger takes for that is the price of the
// bytes that it was sent, to the micro-unit.
// Method: four real ledger nodes in this process, whose nodes serve real content over TLS from stores that are full; a client that orders, counts and
// signs what it reads; then the epochs until all is paid. The content is wanted by nobody, so whatever does not keep it lets it go.
import { decodeAnswer, encodeRequest } from '@selvedge/content'
import { encodeDelegation } from '@selvedge/delivery-acknowledgement'
import { createPayer, type Receipt } from '@selvedge/delivery-acknowledgement/client'
import { connectSession, type Session } from '@selvedge/handshake'
import { pinChunksOf } from '@selvedge/service-cdn'
import { ChunkRanges, decode } from '@selvedge/verified-streaming'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startNode, type RunningNode } from '../src/compose/node.ts'
import { sampleBytes } from './harness.ts'
import { type Door, MoneyWorld, priceOfBytes, type Word } from './hostile-money-world.ts'
import { CHAIN_ID } from './ledger-network.ts'

const MIB = 2 ** 20
const STORE_BYTES = 16 * MIB
const SIZE = 3 * MIB
const FILLER_BYTES = 400_000
const KIB = 1_024
const GROUP_CHUNKS = 16
const DEPOSIT = 400_000n
const NOT_PAID = 402

let folder: string
let world: MoneyWorld
const nodes = new Map<number, RunningNode>()

beforeAll(async () => {
  const temporary = join(import.meta.dirname, '..', '.tmp')
  await mkdir(temporary, { recursive: true })
  folder = await mkdtemp(join(temporary, 'pins-'))
  world = await MoneyWorld.create(folder, 1, async (index, keys, payments) => {
    const place = { dataDir: join(folder, `content-${index}`), host: '127.0.0.1', port: 0, origins: [] }
    const node = await startNode(keys, { ...place, storeBytesMax: STORE_BYTES, chainId: CHAIN_ID, payments })
    nodes.set(index, node)
    return node
  })
  await world.network.until(() => world.network.applications.size === 4 && world.network.heightOf(0) > 0)
}, 400_000)

afterAll(async () => {
  await world?.stop()
  await rm(folder, { recursive: true, force: true, maxRetries: 3 })
})

interface Answered {
  readonly status: number
  /** Of the lane, counted where the client reads. */
  readonly bytes: number
  readonly receipts: readonly Receipt[]
}

interface How {
  readonly pin: boolean
  readonly head: boolean
}

function requestOf(root: Uint8Array, ranges: ChunkRanges, how: How): Uint8Array {
  const about = { kind: 'root', address: root, modes: ['blake3'], mappingProof: false, outboardOnly: false, scope: 'entity' } as const
  return encodeRequest({ ...about, ...how, traceparent: new Uint8Array(0), ranges })
}

/** One session with one request, which pays for all that comes where it can. */
async function ask(door: Door, word: Word | undefined, root: Uint8Array, ranges: ChunkRanges, how: How): Promise<Answered> {
  const { port, nodeKey } = door
  const target = { host: '127.0.0.1', port, nodeKey, chainId: CHAIN_ID }
  const nowMs = (): number => performance.now()
  const payer =
    word &&
    createPayer({ chainId: CHAIN_ID, nodeKey, delegation: word.delegation, sign: word.sessionKey.sign, capMicroUsd: 2n ** 60n, nowMs })
  const session: Session = await connectSession(
    word === undefined || payer === undefined
      ? target
      : { ...target, identity: word.sessionKey, delegation: encodeDelegation(word.delegation), payer },
  )
  const lane = await session.openLane({ serviceId: 0, metadata: requestOf(root, ranges, how) })
  void lane.end()
  const parts: Uint8Array[] = []
  let bytes = 0
  for await (const part of lane.source) {
    parts.push(part.slice())
    bytes += part.length
    payer?.verified(lane.laneId, BigInt(bytes))
  }
  const { status } = decodeAnswer(lane.metadata)
  if (parts.length > 0) await expectContent(parts, root, ranges)
  payer?.finish()
  await session.close()
  return { status, bytes, receipts: payer?.receipts ?? [] }
}

/** What came is the content that was asked for, by its root. */
async function expectContent(parts: readonly Uint8Array[], root: Uint8Array, ranges: ChunkRanges): Promise<void> {
  async function* encoded(): AsyncGenerator<Uint8Array> {
    yield* parts
  }
  for await (const { offset, bytes } of decode(encoded(), root as never, { ranges }))
    expect(Buffer.compare(bytes, CONTENT.subarray(offset, offset + bytes.length))).toBe(0)
}

const CONTENT = sampleBytes(SIZE, 42)

/** Groups from all over the content, others each time, as many as an epoch costs. */
function drawn(turn: number): ChunkRanges {
  const group = GROUP_CHUNKS * KIB
  const count = pinChunksOf(SIZE) / GROUP_CHUNKS
  const distance = SIZE / group / count
  const starts = Array.from({ length: count }, (_, i) => group * (i * distance + ((turn * 7 + i * 5) % distance)))
  return ChunkRanges.fromByteRanges(starts.map((start) => ({ start, end: start + group })))
}

let filler = 1_000

/** Others ask for so much that all that may go has gone: what comes is wanted by somebody, and so worth more than what nobody asks for. */
async function press(door: Door, node: RunningNode): Promise<void> {
  const { port, nodeKey } = door
  const guest = await connectSession({ host: '127.0.0.1', port, nodeKey, chainId: CHAIN_ID })
  for (let i = 0; i < 45; i++) {
    await node.own.makeRoom(2 * FILLER_BYTES)
    const { root } = await node.store.put(new Blob([new Uint8Array(sampleBytes(FILLER_BYTES, ++filler))]).stream())
    const lane = await guest.openLane({ serviceId: 0, metadata: requestOf(root, ChunkRanges.all, { pin: false, head: false }) })
    void lane.end()
    let bytes = 0
    for await (const part of lane.source) bytes += part.length
    expect(bytes).toBeGreaterThan(FILLER_BYTES)
  }
  await guest.close()
}

test('an account pays for content in two epochs, stops, and loses it; the ledger took the price of what it was sent', {
  timeout: 600_000,
}, async () => {
  const door = world.doors.find(({ index }) => index === 0)!
  const node = nodes.get(0)!
  const { root } = await node.store.put(new Blob([new Uint8Array(CONTENT)]).stream())
  const [customer] = world.network.senders
  await world.deposit(new Map([[customer!, DEPOSIT]]))
  const word = world.allow(customer!)
  const statusOf = async (): Promise<number> => (await ask(door, word, root, ChunkRanges.all, { pin: true, head: true })).status
  const taken: Answered[] = []
  const pay = async (): Promise<void> => {
    const answered = await ask(door, word, root, drawn(taken.length), { pin: true, head: false })
    expect(answered.status).toBe(206)
    expect(answered.bytes).toBeGreaterThanOrEqual(SIZE / 32)
    taken.push(answered)
    await expect.poll(statusOf, { timeout: 60_000, interval: 500 }).toBe(200)
  }
  const untilEpoch = (epoch: number): Promise<void> => world.network.until(() => world.epoch >= epoch)

  await untilEpoch(world.epoch + 1)
  expect(await statusOf()).toBe(NOT_PAID)
  expect((await ask(door, undefined, root, drawn(9), { pin: true, head: false })).status).toBe(NOT_PAID) // a guest
  const short = ChunkRanges.fromByteRanges([{ start: 0, end: GROUP_CHUNKS * KIB }])
  expect((await ask(door, word, root, short, { pin: true, head: false })).status).toBe(416)
  await pay()
  await press(door, node)
  expect(await node.store.has(root)).toBe(true)

  await untilEpoch(world.epoch + 1)
  await pay()
  const lastPaid = Math.max(...taken.flatMap(({ receipts }) => receipts.map((receipt) => Number(receipt.evidence.acknowledgement.epoch))))
  await press(door, node)
  expect(await node.store.has(root)).toBe(true)

  await untilEpoch(lastPaid + 1)
  expect(await node.store.has(root)).toBe(true)
  await untilEpoch(lastPaid + 2)
  await expect.poll(statusOf, { timeout: 60_000, interval: 500 }).toBe(NOT_PAID)
  await press(door, node)
  expect(await node.store.has(root)).toBe(false)
  expect((await ask(door, word, root, ChunkRanges.all, { pin: false, head: true })).status).toBe(404)

  await world.settled()
  expect(world.errors).toEqual([])
  for (const { bytes, receipts } of taken) {
    const signed = receipts.reduce((sum, { evidence }) => sum + evidence.acknowledgement.cumBytes, 0n)
    expect(signed).toBe(BigInt(bytes)) // what it counted is what it signed for, whichever epochs it fell into
  }
  const chains = taken.flatMap(({ receipts }) => receipts.map(({ evidence }) => evidence.acknowledgement))
  const paid = chains.filter(({ epoch }) => isPaid(Number(epoch))) // a node that comes too late on a busy machine is not paid for that epoch
  expect(paid.length).toBeGreaterThan(0)
  const expected = paid.reduce((sum, { cumBytes }) => sum + priceOfBytes(Number(cumBytes)), 0n)
  expect(DEPOSIT - world.prepaidOf(customer!)).toBe(expected)
  expect(expected).toBeGreaterThan(0n)
})

const isPaid = (epoch: number): boolean =>
  world.events.some(({ node, event }) => node === 0 && event.type === 'over' && event.epoch === epoch && event.isPaid)
