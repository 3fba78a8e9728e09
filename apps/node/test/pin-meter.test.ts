// Goal: an order is paid exactly where an acknowledgement that the books counted names the last byte of a lane that came to its end; and all content that the
// account pays for is counted for its places, once.
// Method: the wrapped meter is one that answers as the test says; what a session tells it is told in every order that a session has.
import { encodeAnswer, encodeRequest, type ContentRequest } from '@selvedge/content'
import { createKeyPair } from '@selvedge/crypto/ed25519'
import { encodeAcknowledgement, signAcknowledgement } from '@selvedge/delivery-acknowledgement'
import type { EpochFrame, NodeLink, NodePayments, PayingSession, SessionMeter } from '@selvedge/handshake'
import { ChunkRanges } from '@selvedge/verified-streaming'
import { expect, test } from 'vitest'
import type { PinOrder } from '../src/pins/pin-book.ts'
import { withPins } from '../src/pins/pin-meter.ts'

const ACCOUNT = new Uint8Array(20).fill(7)
const ROOT = new Uint8Array(32).fill(8)
const NONE = new Uint8Array(0)
const KEYS = createKeyPair()
const SIZE = 100_000

interface World {
  readonly meter: SessionMeter
  /** What the books answer an acknowledgement with. */
  verdict: ReturnType<SessionMeter['ack']>
  /** What became of each order: the epoch that it is paid in, or that it is released. */
  readonly orders: (bigint | 'open' | 'released')[]
  readonly calls: string[]
  /** What the account was said to have paid for: epoch and bytes. */
  readonly paid: (readonly [bigint, number])[]
  hasRoom: boolean
  /** The books begin an epoch: bytes of the order's lane before `boundary` belong to the one before. */
  beginEpoch(epoch: bigint, boundary: bigint): void
  /** What the client hears of that. */
  readonly told: EpochFrame[]
}

function worldOf(): World {
  const none = { orders: [], calls: [], paid: [], told: [] }
  const world = { verdict: undefined, hasRoom: true, ...none } as unknown as World & { meter: SessionMeter }
  const say = (name: string): void => void world.calls.push(name)
  const inner: SessionMeter = {
    begin(_, link) {
      say('begin')
      world.beginEpoch = (epoch, boundary) =>
        link.epoch({ epoch, rand: new Uint8Array(16), priceVersion: 1, lanes: [{ lane: LANE, offset: boundary }] })
    },
    lane: () => say('lane'),
    allow: () => true,
    sent: () => say('sent'),
    ack: () => world.verdict,
    tick: () => 'late',
    laneOver: () => say('laneOver'),
    pong: () => say('pong'),
    suspend: () => true,
    chains: [{ epoch: 5n, serviceId: 0, seq: 1 }],
    resume: () => 24,
    over: () => say('over'),
    deadlineMs: 77,
    due: () => say('due'),
  }
  const price = { priceVersion: 1, bytePrice: 1n, cpuPrice: 1n, fromEpoch: 0n, services: [] }
  const payments: NodePayments = {
    admit: ({ clientKey }) =>
      clientKey.length === 0 ? { refuse: 6 } : { account: ACCOUNT, laneNonce: 1n, window: 1, maxLanes: 24, price, meter: inner },
    place: { nodeIndex: 3, epoch: 5n, priceVersion: 1 },
    nextLaneNonce: () => 9n,
  }
  const order = (account: Uint8Array, root: Uint8Array, size: number): PinOrder | undefined => {
    expect([account, root, size]).toEqual([ACCOUNT, ROOT, SIZE])
    if (!world.hasRoom) return undefined
    const place = world.orders.push('open') - 1
    const end = (how: bigint | 'released'): void => {
      if (world.orders[place] === 'open') world.orders[place] = how
    }
    return { pay: (epoch) => end(epoch), release: () => end('released') }
  }
  const paid = (account: Uint8Array, epoch: bigint, bytes: number): void => {
    expect(account).toEqual(ACCOUNT)
    world.paid.push([epoch, bytes])
  }
  const wrapped = withPins(payments, { order, paid })
  const hello = { delegation: NONE, clientRand: NONE, nodeRand: NONE, channelBinding: NONE }
  expect(wrapped.place.epoch).toBe(5n)
  expect(wrapped.nextLaneNonce()).toBe(9n)
  expect(wrapped.admit({ ...hello, clientKey: NONE })).toEqual({ refuse: 6 })
  const admitted = wrapped.admit({ ...hello, clientKey: KEYS.publicKey })
  if ('refuse' in admitted) throw new Error('it is let in')
  expect(admitted).toMatchObject({ account: ACCOUNT, laneNonce: 1n, window: 1, maxLanes: 24, price })
  return Object.assign(world, { meter: admitted.meter })
}

function openOf(changes: Partial<ContentRequest> = {}): Uint8Array {
  const flags = { head: false, mappingProof: false, outboardOnly: false, scope: 'entity', traceparent: NONE } as const
  const metadata = encodeRequest({
    kind: 'root',
    address: ROOT,
    modes: ['blake3'],
    ...flags,
    ranges: ChunkRanges.all,
    pin: true,
    ...changes,
  })
  return Uint8Array.of(0, 0, 0, 0, 0, 0, 1, 0, metadata.length & 255, metadata.length >> 8, ...metadata)
}

function acceptOf(status = 200): Uint8Array {
  const isBare = status >= 400
  const known = isBare ? { mode: undefined, size: undefined, root: undefined } : { mode: 'blake3' as const, size: SIZE, root: ROOT }
  const metadata = encodeAnswer({ status, ...known, chunkGroupLog: isBare ? 0 : 4, contentType: '', mappingProof: NONE })
  return Uint8Array.of(0, 0, 0, 0, metadata.length & 255, metadata.length >> 8, ...metadata)
}

/** An acknowledgement of an epoch; most of what it says is the books' business. */
function ackOf(epoch: bigint, { cumBytes = 1n, serviceId = 0 } = {}): Uint8Array {
  const fields = {
    chainId: 1,
    account: ACCOUNT,
    sessionId: new Uint8Array(16),
    nodeIndex: 3,
    serviceId,
    isFinal: false,
    epoch,
    seq: 1,
    cumBytes,
    cumCpuMicros: 0n,
    cumPrice: 0n,
    priceVersion: 1,
    contentRoot: new Uint8Array(32),
    ttfbMs: 0,
    goodputKbps: 0,
    payAnchor: new Uint8Array(32),
    expiryEpoch: Number(epoch) + 1,
  }
  return encodeAcknowledgement(signAcknowledgement(fields, KEYS.sign))
}

const LANE = 5

/** @returns the meter, an order open on lane 5. */
function ordered(): World {
  const world = worldOf()
  world.meter.begin({} as PayingSession, { epoch: (frame) => void world.told.push(frame) } as NodeLink)
  world.meter.lane(LANE, 0, openOf(), acceptOf())
  expect(world.orders).toEqual(['open'])
  return world
}

const acked = ({ meter }: World, verifiedOffset: bigint, epoch = 5n): ReturnType<SessionMeter['ack']> =>
  meter.ack({ acknowledgement: ackOf(epoch), lanes: [{ lane: LANE, verifiedOffset }] }, 0)

test('all of it acknowledged and at its end, in either order, is paid in the epoch of the last of it', () => {
  for (const isEndFirst of [true, false]) {
    const world = ordered()
    acked(world, 40n, 5n)
    if (isEndFirst) world.meter.laneOver(LANE, 100n, 'ended')
    expect(world.orders).toEqual(['open'])
    acked(world, 100n, 6n)
    if (!isEndFirst) world.meter.laneOver(LANE, 100n, 'ended')
    expect(world.orders).toEqual([6n])
    world.meter.over()
    expect(world.orders).toEqual([6n])
  }
})

test('a part of it, another lane, or what the books did not count pays for nothing', () => {
  const world = ordered()
  world.meter.laneOver(LANE, 100n, 'ended')
  acked(world, 99n)
  world.meter.ack({ acknowledgement: ackOf(5n), lanes: [{ lane: 6, verifiedOffset: 100n }] }, 0)
  for (const verdict of [12, 14, 'late'] as const) {
    world.verdict = verdict
    expect(acked(world, 100n)).toBe(verdict)
  }
  expect(world.meter.tick({ epoch: 5n, serviceId: 0, index: 1, preimage: new Uint8Array(32) })).toBe('late')
  expect(world.orders).toEqual(['open'])
  world.verdict = undefined
  acked(world, 100n)
  expect(world.orders).toEqual([5n])
})

test('what was sent before an epoch ended is paid in that one or the order is not paid, whatever is acknowledged behind it', () => {
  for (const old of ['first', 'last', 'in part', 'never'] as const) {
    const world = ordered()
    acked(world, 20n)
    world.beginEpoch(6n, 80n)
    if (old === 'first') acked(world, 80n, 5n)
    if (old === 'in part') acked(world, 79n, 5n)
    world.meter.laneOver(LANE, 100n, 'ended')
    acked(world, 100n, 6n)
    if (old === 'last') acked(world, 80n, 5n)
    const isPaid = old === 'first' || old === 'last'
    expect([old, world.orders]).toEqual([old, [isPaid ? 6n : 'open']])
    world.beginEpoch(7n, 100n)
    expect([old, world.orders]).toEqual([old, [isPaid ? 6n : 'released']])
    expect(world.told.map(({ epoch }) => epoch)).toEqual([6n, 7n])
  }
})

test('a lane of which nothing was owed when the epoch changed, or all was acknowledged in the grace, goes on as it was', () => {
  const paidUp = ordered()
  acked(paidUp, 80n)
  paidUp.beginEpoch(6n, 80n)
  acked(paidUp, 90n, 6n)
  paidUp.beginEpoch(7n, 90n)
  paidUp.meter.laneOver(LANE, 100n, 'ended')
  acked(paidUp, 100n, 7n)
  expect(paidUp.orders).toEqual([7n])
  const inGrace = ordered()
  inGrace.beginEpoch(6n, 100n)
  inGrace.meter.laneOver(LANE, 100n, 'ended')
  acked(inGrace, 100n, 5n)
  expect(inGrace.orders).toEqual([5n])
})

test.each(['reset-by-client', 'reset-by-node', 'session-over'] as const)(
  'a lane that is %s pays for nothing, whatever comes later',
  (how) => {
    const world = ordered()
    acked(world, 100n)
    world.meter.laneOver(LANE, 100n, how)
    acked(world, 100n)
    expect(world.orders).toEqual(['released'])
  },
)

test('a session that is over gives its orders up', () => {
  const world = ordered()
  world.meter.lane(LANE + 1, 0, openOf(), acceptOf(206))
  world.meter.over()
  expect(world.orders).toEqual(['released', 'released'])
  expect(world.calls.at(-1)).toBe('over')
})

test('a number that comes again is another lane', () => {
  const world = ordered()
  world.meter.lane(LANE, 0, openOf({ pin: false }), acceptOf())
  expect(world.orders).toEqual(['released'])
  acked(world, 100n)
  world.meter.laneOver(LANE, 100n, 'ended')
  expect(world.orders).toEqual(['released'])
})

test('all content that is acknowledged is paid for once, in the epoch that runs; what the books do not count, and other services, are not', () => {
  const world = worldOf()
  const ack = (epoch: bigint, cumBytes: bigint, serviceId = 0): unknown =>
    world.meter.ack({ acknowledgement: ackOf(epoch, { cumBytes, serviceId }), lanes: [] }, 0)
  ack(5n, 100n)
  ack(5n, 900n, 1)
  for (const verdict of [12, 'late'] as const) {
    world.verdict = verdict
    expect(ack(5n, 900n)).toBe(verdict)
  }
  world.verdict = undefined
  for (const cumBytes of [250n, 250n]) ack(5n, cumBytes) // for processor time alone, the second time
  ack(6n, 40n)
  ack(5n, 400n) // in its grace
  ack(6n, 41n)
  expect(world.paid).toEqual([
    [5n, 100],
    [5n, 150],
    [6n, 40],
    [6n, 1],
  ])
})

test('what orders nothing is none: another service, a look, a read, a refusal, and where there is no room', () => {
  const world = worldOf()
  world.meter.lane(1, 1, openOf(), acceptOf())
  world.meter.lane(2, 0, openOf({ head: true }), acceptOf())
  world.meter.lane(3, 0, openOf({ pin: false }), acceptOf())
  world.meter.lane(4, 0, openOf(), acceptOf(507))
  world.hasRoom = false
  world.meter.lane(LANE, 0, openOf(), acceptOf())
  acked(world, 100n)
  world.meter.laneOver(LANE, 100n, 'ended')
  expect(world.orders).toEqual([])
})

test('the books hear of everything, and what they say is said', () => {
  const { meter, calls } = worldOf()
  expect([meter.deadlineMs, meter.allow(1, 2, false), meter.suspend!(), meter.resume!([], 0)]).toEqual([77, true, true, 24])
  expect(meter.chains).toEqual([{ epoch: 5n, serviceId: 0, seq: 1 }])
  meter.begin(undefined as never, undefined as never)
  meter.sent(1, 2n, true)
  meter.pong(1n, 2)
  meter.due(3)
  expect(calls).toEqual(['begin', 'sent', 'pong', 'due'])
})
