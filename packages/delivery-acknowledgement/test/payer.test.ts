/** What a client signs, and when: each acknowledgement here is judged by the ledger's own rules. */
import { sha256 } from '@selvedge/crypto/sha256'
import { checkAcknowledgement, priceOf } from '@selvedge/delivery-acknowledgement'
import { createPayer, type EpochFrame } from '@selvedge/delivery-acknowledgement/client'
import { expect, test } from 'vitest'
import { ACCEPT, BINDING, OPEN, type PaidSession, payingSession, PRICE, sessionIdFor } from './support/paying.ts'
import { CHAIN_ID, delegationOf, EPOCH, NODE, PRICES, RULES, seedOf } from './support/world.ts'

const KIB = 1024n
const SILENT = { sign: () => new Uint8Array(64), capMicroUsd: 10n, nowMs: () => 0 }
/** A quarter of the window of 256 KiB. */
const STEP = 64n * KIB
/** The longest: all that is signed for unseen. */
const UNIT = BigInt(2 ** 21 + 2 ** 17)

const offsetsOf = ({ acks }: PaidSession): [number, bigint][][] =>
  acks.map(({ lanes }) => lanes.map(({ lane, verifiedOffset }) => [lane, verifiedOffset]))
const bytesOf = ({ acks }: PaidSession): bigint[] => acks.map(({ acknowledgement }) => acknowledgement.cumBytes)

function withLane(session: PaidSession, ...lanes: number[]): PaidSession {
  for (const lane of lanes) session.payer.lane(lane, 0, OPEN, ACCEPT)
  return session
}

const text = (words: string): number[] => [...new TextEncoder().encode(words)]
const u64 = (value: bigint): number[] => [...new Uint8Array(new BigUint64Array([value]).buffer)]

test('nothing is signed before a quarter of the window is verified', () => {
  const session = withLane(payingSession(1), 1)
  session.payer.verified(1, STEP - 1n)
  expect(session.acks).toEqual([])
  session.payer.verified(1, STEP)
  expect(offsetsOf(session)).toEqual([[[1, STEP]]])
})

test('the step counts all lanes of the session together, and never falls below 16 KiB', () => {
  const session = withLane(payingSession(1), 1, 2)
  session.payer.verified(1, STEP / 2n)
  session.payer.verified(2, STEP / 2n)
  session.payer.window({ window: 1_000, isStopped: false })
  session.payer.verified(2, STEP / 2n + 16n * KIB - 1n)
  session.payer.verified(2, STEP / 2n + 16n * KIB)
  expect(offsetsOf(session)).toEqual([
    [
      [1, STEP / 2n],
      [2, STEP / 2n],
    ],
    [[2, STEP / 2n + 16n * KIB]],
  ])
})

test('the end of a response is signed at once, whichever of its end and its last verified byte is known first', () => {
  const session = withLane(payingSession(1), 1, 2)
  session.payer.laneOver(1, 500n, 'ended')
  session.payer.verified(1, 500n)
  session.payer.verified(2, 300n)
  session.payer.laneOver(2, 300n, 'ended')
  expect(offsetsOf(session)).toEqual([[[1, 500n]], [[2, 300n]]])
})

test('every acknowledgement is payable under the rules of its epoch, and the chain counts up', () => {
  const session = withLane(payingSession(1), 1, 2)
  for (let step = 1n; step <= 5n; step++) {
    session.payer.verified(1, step * STEP)
    session.payer.verified(2, step * 1_000n)
  }
  session.payer.finish()
  const [{ evidence }] = session.payer.receipts as [(typeof session.payer.receipts)[number]]
  for (const { acknowledgement } of session.acks) {
    const cost = priceOf(acknowledgement.cumBytes, 0n, PRICES, 1_000_000)
    expect(checkAcknowledgement({ ...evidence, acknowledgement }, RULES)).toMatchObject({ isPayable: true, amount: cost })
  }
  expect(session.acks.map(({ acknowledgement }) => acknowledgement.seq)).toEqual(session.acks.map((_, index) => index + 1))
  expect(session.acks.map(({ acknowledgement }) => acknowledgement.isFinal)).toEqual(session.acks.map((_, index) => index === 6))
  expect(session.payer.cost).toEqual({ bytes: 5n * STEP + 5_000n, microUsd: 3n })
})

test('content is chained as the page says, by a sum that shares no code', () => {
  const session = withLane(payingSession(1), 1)
  session.payer.verified(1, STEP)
  session.payer.verified(1, 2n * STEP)
  const digest = (...parts: (number[] | Uint8Array)[]): Uint8Array => sha256(Uint8Array.from(parts.flatMap((part) => [...part])))
  const salt = digest(text('selvedge/dack/salt/1\0'), BINDING)
  const lane = digest(text('selvedge/dack/lane/1\0'), [OPEN.length, 0, 0, 0], OPEN, ACCEPT)
  let root = digest(text('selvedge/dack/content/1\0'), session.session.sessionId, salt)
  for (const [index, { acknowledgement }] of session.acks.entries()) {
    root = digest(text('selvedge/dack/piece/1\0'), root, lane, u64(BigInt(index) * STEP), u64(BigInt(index + 1) * STEP))
    expect(acknowledgement.contentRoot).toEqual(root)
  }
  expect(session.acks.length).toBe(2)
})

test('while the node is stopped all is signed as soon as it is verified', () => {
  const session = withLane(payingSession(1), 1)
  session.payer.verified(1, 100n)
  session.payer.window({ window: 262_144, isStopped: true })
  session.payer.verified(1, 101n)
  session.payer.window({ window: 262_144, isStopped: false })
  session.payer.verified(1, 102n)
  expect(offsetsOf(session)).toEqual([[[1, 100n]], [[1, 101n]]])
})

test('a lane that the client reset is signed for to the byte at which the node stopped, where that is in the unit behind what is verified', () => {
  const [near, far] = [withLane(payingSession(1), 1), withLane(payingSession(1), 1)]
  for (const { payer } of [near, far]) payer.verified(1, 100n)
  near.payer.laneOver(1, 100n + UNIT, 'reset-by-client')
  expect([offsetsOf(near), near.left]).toEqual([[[[1, 100n + UNIT]]], []])
  far.payer.laneOver(1, 101n + UNIT, 'reset-by-client')
  expect([offsetsOf(far), far.left]).toEqual([[[[1, 100n + UNIT]]], [22]]) // what is behind it nobody will ever sign for
})

test('who verifies on behind his reset is waited for: what he verified is signed for, and unseen the unit in which that ends', () => {
  const session = withLane(payingSession(1), 1)
  session.payer.follows(1)
  session.payer.verified(1, 100n)
  session.payer.laneOver(1, 3n * UNIT, 'reset-by-client')
  expect(session.acks).toEqual([])
  session.payer.verified(1, 3n * UNIT - 5n)
  session.payer.giveUp(1)
  expect(offsetsOf(session)).toEqual([[[1, 3n * UNIT - 5n]], [[1, 3n * UNIT]]])
  expect(session.left).toEqual([])
})

test('what he finds wrong behind his reset, and what follows it, is signed for by nobody: the session is left with 22', () => {
  const session = withLane(payingSession(1), 1)
  session.payer.follows(1)
  session.payer.verified(1, 100n)
  session.payer.laneOver(1, 50_000n, 'reset-by-client')
  session.payer.verified(1, 20_000n)
  session.payer.refuse(1)
  session.payer.giveUp(1)
  session.payer.finish()
  expect([bytesOf(session).at(-1), session.left]).toEqual([20_000n, [22]])
})

test('a reader that leaves before the end of the lane is known has it signed all the same, and one that the node reset is not signed for unseen', () => {
  const session = withLane(payingSession(1), 1, 2, 3)
  for (const lane of [1, 2, 3]) {
    session.payer.follows(lane)
    session.payer.verified(lane, 10n)
    session.payer.giveUp(lane)
  }
  expect(session.acks).toEqual([])
  session.payer.laneOver(1, 500n, 'reset-by-client')
  session.payer.laneOver(2, 500n, 'ended')
  session.payer.laneOver(3, 500n, 'reset-by-node')
  session.payer.finish()
  expect([session.payer.cost.bytes, session.left]).toEqual([1_010n, []])
})

test('a session in which something was wrong goes on while other lanes are open, unless its node is stopped', () => {
  const [going, stopped] = [withLane(payingSession(1), 1, 2), withLane(payingSession(1), 1, 2)]
  for (const { payer } of [going, stopped]) {
    payer.refuse(1)
    payer.laneOver(1, 900n, 'reset-by-client')
  }
  expect([going.left, stopped.left]).toEqual([[], []])
  going.payer.laneOver(2, 700n, 'ended')
  expect(going.left).toEqual([])
  going.payer.verified(2, 700n)
  stopped.payer.window({ window: 262_144, isStopped: true })
  expect([going.left, stopped.left]).toEqual([[22], [22]])
  expect([going, stopped].map(bytesOf)).toEqual([[700n], []])
})

test('of a lane whose bytes were wrong nothing is signed behind them, also when it is reset or ends', () => {
  const session = withLane(payingSession(1), 1, 2)
  for (const lane of [1, 2]) {
    session.payer.verified(lane, 100n)
    session.payer.refuse(lane)
    session.payer.verified(lane, 50_000n)
  }
  session.payer.laneOver(1, 70_000n, 'reset-by-client')
  session.payer.laneOver(2, 70_000n, 'ended')
  session.payer.giveUp(2)
  session.payer.finish()
  expect([bytesOf(session).at(-1), session.left]).toEqual([200n, [22]])
})

test('a reader that leaves a lane which has ended has it signed to its end; one that goes on does not', () => {
  const session = withLane(payingSession(1), 1, 2)
  session.payer.laneOver(1, 900n, 'ended')
  session.payer.laneOver(2, 900n, 'ended')
  session.payer.giveUp(1)
  expect(offsetsOf(session)).toEqual([[[1, 900n]]])
})

test('a lane that the node reset is signed for as far as it was verified, and further when more is', () => {
  const session = withLane(payingSession(1), 1)
  session.payer.verified(1, 100n)
  session.payer.laneOver(1, 900n, 'reset-by-node')
  session.payer.verified(1, 2_000n) // no byte of it is behind the end
  expect(offsetsOf(session)).toEqual([[[1, 100n]], [[1, 900n]]])
})

test('services have chains of their own', () => {
  const session = withLane(payingSession(1), 1)
  session.payer.lane(2, 1, OPEN, ACCEPT)
  session.payer.verified(1, 10n)
  session.payer.verified(2, 20n)
  session.payer.flush()
  const chains = session.acks.map(({ acknowledgement: { serviceId, seq, cumBytes } }) => [serviceId, seq, cumBytes])
  expect(chains).toEqual([
    [0, 1, 10n],
    [1, 1, 20n],
  ])
})

test('of more lanes than a frame names, several frames are made', () => {
  const session = payingSession(1)
  for (let lane = 1; lane <= 300; lane++) {
    withLane(session, lane)
    session.payer.verified(lane, 10n)
  }
  session.payer.flush()
  expect(session.acks.map(({ lanes }) => lanes.length)).toEqual([255, 45])
  expect(bytesOf(session)).toEqual([2_550n, 3_000n])
})

const NEXT_RAND = seedOf(78).slice(0, 16)
const nextEpoch = (lanes: EpochFrame['lanes']): EpochFrame => ({
  epoch: EPOCH + 1n,
  rand: NEXT_RAND,
  priceVersion: PRICES.priceVersion,
  lanes,
})

test('at a change of epoch the old chain ends as soon as its last byte is verified, and the new one begins at the boundary', () => {
  const session = withLane(payingSession(1), 1, 2)
  session.payer.verified(1, STEP)
  session.payer.verified(2, 1_000n)
  session.payer.epoch(
    nextEpoch([
      { lane: 1, offset: STEP + 10n },
      { lane: 2, offset: 1_000n },
    ]),
  )
  expect(session.acks.length).toBe(1) // the boundary of lane 1 is ten bytes off
  session.payer.verified(1, STEP + 10n + STEP)
  const seen = session.acks.map(({ acknowledgement: { epoch, seq, cumBytes, isFinal } }) => [epoch, seq, cumBytes, isFinal])
  expect(seen).toEqual([
    [EPOCH, 1, STEP, false],
    [EPOCH, 2, STEP + 1_010n, false],
    [EPOCH + 1n, 1, STEP, false],
    [EPOCH, 3, STEP + 1_010n, true],
  ])
  expect(session.acks[2]!.acknowledgement.sessionId).toEqual(sessionIdFor(1, EPOCH + 1n, NEXT_RAND))
  expect(session.acks[2]!.lanes).toEqual([{ lane: 1, verifiedOffset: 2n * STEP + 10n }])
})

test('both epochs together are signed for every verified byte once', () => {
  const session = withLane(payingSession(1), 1)
  session.payer.verified(1, 700n)
  session.payer.epoch(nextEpoch([{ lane: 1, offset: 1_000n }]))
  session.payer.verified(1, 1_500n)
  session.payer.finish()
  expect(session.payer.cost.bytes).toBe(1_500n)
  const byEpoch = session.payer.receipts.map(({ evidence: { acknowledgement } }) => [acknowledgement.epoch, acknowledgement.cumBytes])
  expect(byEpoch).toEqual([
    [EPOCH, 1_000n],
    [EPOCH + 1n, 500n],
  ])
})

test('a boundary below what is signed for is moved up to it', () => {
  const session = withLane(payingSession(1), 1)
  session.payer.verified(1, STEP)
  session.payer.epoch(nextEpoch([{ lane: 1, offset: 10n }]))
  session.payer.verified(1, 2n * STEP)
  session.payer.finish()
  expect(session.payer.cost.bytes).toBe(2n * STEP)
})

test('an epoch that is not the next, or whose prices were not told, ends the session', () => {
  const skipping = withLane(payingSession(1), 1)
  skipping.payer.epoch({ ...nextEpoch([]), epoch: EPOCH + 2n })
  const untold = withLane(payingSession(1), 1)
  untold.payer.epoch({ ...nextEpoch([]), priceVersion: 9 })
  const repeated = withLane(payingSession(1), 1)
  repeated.payer.epoch({ ...nextEpoch([]), epoch: EPOCH })
  expect([skipping.left, untold.left, repeated.left]).toEqual([[18], [19], []])
})

test('new prices hold from the new epoch on, and not before', () => {
  const session = withLane(payingSession(1), 1)
  expect(session.payer.prices).toEqual(PRICE)
  session.payer.price({ ...PRICE, priceVersion: 4, bytePrice: 10_000_000n, fromEpoch: EPOCH + 1n })
  expect(session.payer.prices).toMatchObject({ priceVersion: 4 })
  session.payer.verified(1, STEP)
  session.payer.epoch({ ...nextEpoch([{ lane: 1, offset: STEP }]), priceVersion: 4 })
  session.payer.verified(1, 2n * STEP)
  expect(session.acks.map(({ acknowledgement }) => acknowledgement.cumPrice)).toEqual([0n, 0n, 655_360n]) // the second says that nothing follows
})

test('prices above the client’s own most, and multiples above the table, are refused', () => {
  const priceMax = { bytePrice: 9n, cpuPrice: 50n }
  expect(payingSession(1, { priceMax }).left).toEqual([19])
  expect(payingSession(1, { priceMax: { bytePrice: 10n, cpuPrice: 50n } }).left).toEqual([])
  const session = payingSession(1)
  expect(session.payer.price({ ...PRICE, services: [{ serviceId: 0, multiplePpm: 1_000_001 }] })).toBe(19)
  expect(session.payer.prices).toEqual(PRICE) // what is refused is not taken
  session.payer.lane(1, 9, OPEN, ACCEPT) // a service that the table does not name cannot be paid
  expect(session.left).toEqual([19])
})

test('a cap is signed up to its last byte, never beyond, and ends the session', () => {
  const session = withLane(payingSession(1, { capMicroUsd: 2n }), 1)
  session.payer.verified(1, 250_000n)
  expect(session.payer.cost.microUsd).toBe(2n)
  session.payer.verified(1, 10_000_000n)
  expect(session.payer.cost).toEqual({ bytes: 299_999n, microUsd: 2n }) // 300,000 bytes cost 3
  expect([session.left, session.payer.isCapped]).toEqual([[14], true])
  session.payer.verified(1, 20_000_000n)
  session.payer.finish()
  expect(session.payer.cost.bytes).toBe(299_999n)
})

test('time is not signed for where nobody said that the service has any: the client leaves with 19', () => {
  const session = withLane(payingSession(1, { capMicroUsd: 5_000_000n, meteredServices: [1] }), 1)
  session.payer.meter({ serviceId: 0, epoch: EPOCH, cumCpuMicros: 0n })
  expect(session.left).toEqual([])
  session.payer.meter({ serviceId: 0, epoch: EPOCH, cumCpuMicros: 99_999_980_000n }) // what the cap pays for
  session.payer.verified(1, 1_024n)
  session.payer.finish()
  expect([session.left, session.payer.cost]).toEqual([[19], { bytes: 1_024n, microUsd: 0n }])
})

test('time is signed for as far as the node told it, and never less than before', () => {
  const session = withLane(payingSession(1, { meteredServices: [0] }), 1)
  session.payer.meter({ serviceId: 0, epoch: EPOCH, cumCpuMicros: 40_000n })
  session.payer.meter({ serviceId: 0, epoch: EPOCH, cumCpuMicros: 30_000n })
  session.payer.verified(1, STEP)
  expect(session.acks.map(({ acknowledgement: { cumCpuMicros, cumPrice } }) => [cumCpuMicros, cumPrice])).toEqual([[40_000n, 2n]])
})

test('time that would cost more than the cap is not signed for, in the last word either, nor is it where bytes are free', () => {
  const session = withLane(payingSession(1, { capMicroUsd: 10n, meteredServices: [0] }), 1)
  session.payer.verified(1, STEP)
  session.payer.meter({ serviceId: 0, epoch: EPOCH, cumCpuMicros: 10n ** 12n }) // 50 USD
  session.payer.finish()
  expect(session.acks.map(({ acknowledgement: { cumCpuMicros, isFinal } }) => [cumCpuMicros, isFinal])).toEqual([[0n, false]])
  expect([session.left, session.payer.isCapped, session.payer.cost.microUsd]).toEqual([[14], true, 0n])

  const free = payingSession(1, { capMicroUsd: 10n, meteredServices: [0] }, 262_144, { ...PRICE, bytePrice: 0n })
  withLane(free, 1).payer.meter({ serviceId: 0, epoch: EPOCH, cumCpuMicros: 10n ** 12n })
  free.payer.verified(1, STEP)
  free.payer.finish()
  expect([free.acks, new Set(free.left)]).toEqual([[], new Set([14])])
})

test('time of one service and bytes of another cost no more than the cap together', () => {
  const session = payingSession(1, { capMicroUsd: 5n, meteredServices: [1] })
  session.payer.lane(1, 1, OPEN, ACCEPT)
  session.payer.verified(1, STEP)
  session.payer.meter({ serviceId: 1, epoch: EPOCH, cumCpuMicros: 80_000n }) // 4 µUSD
  session.payer.lane(2, 0, OPEN, ACCEPT)
  session.payer.verified(2, 10_000_000n)
  session.payer.finish()
  expect(session.payer.cost.microUsd).toBeLessThanOrEqual(5n)
})

test('after the session is over nothing is signed', () => {
  const session = withLane(payingSession(1), 1)
  session.payer.over()
  session.payer.verified(1, 10n * STEP)
  session.payer.finish()
  expect([session.acks, session.payer.cost.bytes]).toEqual([[], 0n])
})

test('a session whose id is not made of what both ends said is left', () => {
  const { session } = payingSession(1)
  const payer = createPayer({ chainId: CHAIN_ID, nodeKey: NODE.keys.publicKey, delegation: delegationOf(1), ...SILENT })
  payer.begin({ ...session, sessionId: session.sessionId.map((byte) => byte ^ 1) }, { ack: () => {}, tick: () => {}, leave: () => {} })
  expect(payer.price(PRICE)).toBe(1)
})
