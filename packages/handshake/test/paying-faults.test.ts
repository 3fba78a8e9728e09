/** What fails beside a session that pays: books that throw, the last epoch there is, a wake that comes while the meter is asked. */
import { expect, test } from 'vitest'
import type { Effect } from '../src/effects.ts'
import { CODES } from '../src/codes.ts'
import { FRAME } from '../src/frames.ts'
import * as greeting from '../src/greeting.ts'
import { connectSession, type NodePayments } from '../src/index.ts'
import * as frames from '../src/payment-frames.ts'
import { createSessionServer } from '../src/tls.ts'
import { CHAIN, CLIENT, createClientCore, drain, feed, NODE } from './cores.ts'
import {
  createPaidNode,
  createPayingClient,
  createPayments,
  delegationOf,
  framesOf,
  openLane,
  paid,
  PLACE,
  PRICE,
  TestMeter,
  TestPayer,
} from './paying.ts'

const LAST_EPOCH = 2n ** 32n - 2n
const overOf = (effects: Effect[]): Effect | undefined => effects.find(({ type }) => type === 'over')
const dataBytes = (bytes: Uint8Array, lane: number): number =>
  framesOf(bytes).reduce((sum, frame) => (frame.type === FRAME.data && frame.lane === lane ? sum + frame.body.length : sum), 0)

const full = new Error('ENOSPC: no space left on device')
/** Books whose disk is full for as long as the test says. */
function createFullBooks(): { readonly payments: NodePayments; readonly disk: { isFull: boolean } } {
  const disk = { isFull: true }
  const books = createPayments(new TestMeter())
  const write = <T>(ask: () => T): T => {
    if (disk.isFull) throw full
    return ask()
  }
  const payments: NodePayments = {
    place: books.place,
    admit: (hello) => write(() => books.admit(hello)),
    nextLaneNonce: () => write(() => books.nextLaneNonce()),
  }
  return { payments, disk }
}

test.each([
  ['a guest', () => createClientCore()],
  ['a client that pays', () => createPayingClient(new TestPayer())],
])('books that throw at the HELLO of %s send it away with 23', (_name, createClient) => {
  const node = createPaidNode(createFullBooks().payments)
  const client = createClient()
  expect(overOf(feed(node, drain(client)))).toMatchObject({ why: 'protocol', code: CODES.internal })
  expect(overOf(feed(client, drain(node)))).toMatchObject({ why: 'goaway', code: CODES.internal })
})

test.each([
  ['a guest', {}],
  ['a client that pays', { identity: CLIENT, delegation: delegationOf(CLIENT.publicKey), payer: new TestPayer() }],
])('a node whose books throw at the HELLO of %s says so, goes on, and serves the next', async (_name, client) => {
  const { payments, disk } = createFullBooks()
  const errors: unknown[] = []
  await using server = createSessionServer(
    { identity: NODE, onLane() {}, payments, onError: (error) => errors.push(error) },
    { chainId: CHAIN },
  )
  const target = { ...(await server.start()), nodeKey: NODE.publicKey, chainId: CHAIN, ...client }
  await expect(connectSession(target)).rejects.toMatchObject({ code: 'HANDSHAKE_REFUSED', laneCode: CODES.internal })
  expect(errors).toEqual([full])
  disk.isFull = false
  const session = await connectSession(target)
  expect(session.welcome.laneNonce).toBe(41n)
  await session.close()
})

test('a WELCOME in the last number of an epoch is refused, one before it is taken', () => {
  for (const [epoch, code] of [[LAST_EPOCH, undefined] as const, [LAST_EPOCH + 1n, CODES.badFrame] as const]) {
    const payer = new TestPayer()
    const client = createPayingClient(payer)
    const node = createPaidNode({ ...createPayments(new TestMeter()), place: { ...PLACE, epoch } })
    feed(node, drain(client))
    const over = overOf(feed(client, drain(node)))
    expect(over === undefined ? undefined : 'code' in over && over.code).toBe(code)
    expect(payer.toldOf('begin')).toHaveLength(code === undefined ? 1 : 0)
  }
})

test('an EPOCH that leads to the last number is refused before the payer hears of it', () => {
  const meter = new TestMeter()
  const payer = new TestPayer()
  const client = createPayingClient(payer)
  const node = createPaidNode({ ...createPayments(meter), place: { ...PLACE, epoch: LAST_EPOCH } })
  feed(node, drain(client))
  feed(client, drain(node))
  meter.link.epoch({ epoch: LAST_EPOCH + 1n, rand: new Uint8Array(16), priceVersion: 3, lanes: [] })
  expect(overOf(feed(client, drain(node)))).toMatchObject({ why: 'protocol', code: CODES.badFrame })
  expect(payer.toldOf('epoch')).toEqual([])
})

const NONE = new Uint8Array(32)
const welcome = (epoch: bigint): Uint8Array => {
  const body = new Uint8Array(169)
  const fields = { nodeIndex: 0, priceVersion: 0, laneNonce: 0n, rand: NONE.slice(16), sessionId: NONE.slice(16), window: 0 }
  body.set(greeting.encodeWelcome({ ...fields, epoch, maxLanes: 4, connection: 0, nodeTimeMs: 0n, resumeToken: NONE }))
  return body
}
const FRAMES_OF_EPOCHS: [string, (epoch: bigint) => unknown][] = [
  ['WELCOME', (epoch) => greeting.decodeWelcome(welcome(epoch))],
  ['a tick', (epoch) => frames.decodeTick(frames.encodeTick({ epoch, serviceId: 0, index: 1, preimage: NONE }))],
  ['EPOCH', (epoch) => frames.decodeEpoch(frames.encodeEpoch({ epoch, rand: NONE.slice(16), priceVersion: 0, lanes: [] }))],
  ['PRICE', (epoch) => frames.decodePrice(frames.encodePrice({ ...PRICE, fromEpoch: epoch }))],
  ['METER', (epoch) => frames.decodeMeter(frames.encodeMeter({ serviceId: 0, epoch, cumCpuMicros: 0n }))],
]
test.each(FRAMES_OF_EPOCHS)('%s of an epoch that has one after it is read, of the last number it is not', (_name, decode) => {
  expect(() => decode(LAST_EPOCH)).not.toThrow()
  expect(() => decode(LAST_EPOCH + 1n)).toThrow(expect.objectContaining({ laneCode: CODES.badFrame }))
})

test('a lane that is woken while the meter refuses it is asked again, and is held when nothing wakes it', () => {
  const session = paid()
  const { atNode } = openLane(session)
  const asked: number[] = []
  session.meter.allows = (lane) => {
    asked.push(lane)
    if (asked.length === 1) session.meter.link.wake() // as another session of the account does, which is written off because of this unit
    return asked.length > 2
  }
  session.node.write(atNode, [new Uint8Array(10_000)], 'token', [10_000])
  expect(dataBytes(drain(session.node), atNode.id)).toBe(0)
  expect(asked).toEqual([atNode.id, atNode.id])
  session.meter.link.wake()
  expect(dataBytes(drain(session.node), atNode.id)).toBe(10_000)
})

test('a lane whose unit becomes possible while the meter is asked for it is sent at once', () => {
  const session = paid()
  const { atNode } = openLane(session)
  let isFree = false
  session.meter.allows = () => {
    const isAllowed = isFree
    isFree = true
    if (!isAllowed) session.meter.link.wake()
    return isAllowed
  }
  session.node.write(atNode, [new Uint8Array(10_000)], 'token', [10_000])
  expect(dataBytes(drain(session.node), atNode.id)).toBe(10_000)
})
