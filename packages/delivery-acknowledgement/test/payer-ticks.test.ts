/** What a client says by ticks in place of signatures, and when it signs nevertheless. Whatever it has said is judged by the ledger's own rules. */
import { checkAcknowledgement, createTickChain, priceOf, type TickChain } from '@selvedge/delivery-acknowledgement'
import { createTicks } from '@selvedge/delivery-acknowledgement/client'
import { expect, test } from 'vitest'
import { ACCEPT, OPEN, type PaidSession, payingSession, PRICE } from './support/paying.ts'
import { EPOCH, PRICES, RULES, seedOf } from './support/world.ts'

/** A tick, and a quarter of the window of 256 KiB. */
const STEP = 65_536n
const LENGTH = 600
const ZERO = new Uint8Array(32)

/** Its hash chains are those of seeds 1, 2 and so on. */
function tickingSession(options: Parameters<typeof payingSession>[1] = {}, window?: number): PaidSession & { readonly made: TickChain[] } {
  const made: TickChain[] = []
  const secret = (): Uint8Array => {
    const seed = seedOf(made.length + 1)
    made.push(createTickChain(seed, LENGTH))
    return seed
  }
  return { ...payingSession(1, { ticks: createTicks({ secret, length: LENGTH }), ...options }, window), made }
}

function withLanes<T extends PaidSession>(session: T, ...lanes: number[]): T {
  for (const lane of lanes) session.payer.lane(lane, 0, OPEN, ACCEPT)
  return session
}

const anchorsOf = ({ acks }: PaidSession): Uint8Array[] => acks.map(({ acknowledgement }) => acknowledgement.payAnchor)
const bytesOf = ({ acks }: PaidSession): bigint[] => acks.map(({ acknowledgement }) => acknowledgement.cumBytes)
const indicesOf = ({ ticks }: PaidSession): number[] => ticks.map(({ index }) => index)

test('without the option all is signed for, and no acknowledgement names an anchor', () => {
  const session = withLanes(payingSession(1), 1)
  for (let step = 1n; step <= 5n; step++) session.payer.verified(1, step * STEP)
  expect([session.ticks, bytesOf(session).length, anchorsOf(session)]).toEqual([[], 5, Array.from({ length: 5 }, () => ZERO)])
})

test('in the middle of a response ticks stand where signatures stood; the first one names the anchor, and the next what was shown last', () => {
  const session = withLanes(tickingSession(), 1)
  for (let step = 1n; step <= 4n; step++) session.payer.verified(1, step * STEP)
  session.payer.verified(1, 6n * STEP + 100n) // two steps at once
  session.payer.laneOver(1, 6n * STEP + 200n, 'ended')
  session.payer.verified(1, 6n * STEP + 200n)
  const chain = session.made[0]!
  expect(session.made.length).toBe(1)
  expect(session.ticks).toEqual([1, 2, 3, 5].map((index) => ({ epoch: EPOCH, serviceId: 0, index, preimage: chain.at(index) })))
  expect([bytesOf(session), anchorsOf(session)]).toEqual([
    [STEP, 6n * STEP + 200n],
    [chain.at(0), chain.at(5)],
  ])
})

test('after each step what was said costs what it says, and is payable as it stands', () => {
  const session = withLanes(tickingSession(), 1, 2)
  for (let step = 1n; step <= 300n; step++) {
    session.payer.verified(1 + Number(step % 2n), (step / 2n + 1n) * STEP + step)
    const { cost, receipts } = session.payer
    expect(checkAcknowledgement(receipts[0]!.evidence, RULES)).toMatchObject({ isPayable: true, amount: cost.microUsd })
    expect(cost.microUsd).toBe(priceOf(cost.bytes, 0n, PRICES, 1_000_000))
  }
  expect(session.ticks.length).toBeGreaterThan(200)
})

test('256 ticks follow one signature, and no more', () => {
  const session = withLanes(tickingSession(), 1)
  for (let step = 1n; step <= 260n; step++) session.payer.verified(1, step * STEP)
  expect(indicesOf(session)).toEqual([...Array.from({ length: 256 }, (_, i) => i + 1), 1, 2])
  expect(bytesOf(session)).toEqual([STEP, 258n * STEP])
})

test('a chain that has run out is followed by signatures, under the element that was shown last', () => {
  const session = withLanes(tickingSession({ ticks: createTicks({ secret: () => seedOf(1), length: 4 }) }), 1)
  for (let step = 1n; step <= 7n; step++) session.payer.verified(1, step * STEP)
  const chain = createTickChain(seedOf(1), 4)
  expect(indicesOf(session)).toEqual([1, 2, 3])
  expect([bytesOf(session), anchorsOf(session)]).toEqual([
    [STEP, 5n * STEP, 6n * STEP, 7n * STEP],
    [chain.at(0), chain.at(3), chain.at(3), chain.at(3)],
  ])
})

test('no chain is made for a response that is signed for before a step is reached, nor for services that meter time', () => {
  const short = withLanes(tickingSession(), 1)
  short.payer.verified(1, STEP - 1n)
  short.payer.laneOver(1, STEP - 1n, 'ended')
  const metered = withLanes(tickingSession({ meteredServices: [0] }), 1)
  for (let step = 1n; step <= 3n; step++) metered.payer.verified(1, step * STEP)
  expect([short.made, short.ticks, metered.made, metered.ticks]).toEqual([[], [], [], []])
  expect([bytesOf(short), bytesOf(metered)]).toEqual([[STEP - 1n], [STEP, 2n * STEP, 3n * STEP]])
})

test('no more elements are made than the cap pays for', () => {
  const session = withLanes(payingSession(1, { capMicroUsd: 3n, ticks: createTicks({ secret: () => seedOf(1) }) }), 1)
  for (let step = 1n; step <= 9n; step++) session.payer.verified(1, step * STEP)
  expect(anchorsOf(session)[0]).toEqual(createTickChain(seedOf(1), 7).at(0)) // 399,999 bytes cost 3 µUSD: six ticks
  expect(indicesOf(session)).toEqual([1, 2, 3, 4, 5]) // one is signed for
})

test('a cap is said and signed up to its last byte, never beyond, and ends the session', () => {
  const session = withLanes(tickingSession({ capMicroUsd: 5n }), 1)
  for (let step = 1n; step <= 20n; step++) {
    session.payer.verified(1, step * STEP)
    expect(session.payer.cost.microUsd).toBeLessThanOrEqual(5n)
  }
  expect(session.payer.cost).toEqual({ bytes: 599_999n, microUsd: 5n })
  expect([bytesOf(session), session.left, session.payer.isCapped]).toEqual([[STEP, 599_999n], [14], true])
})

test('with windows so small that a step is less than a tick, all is signed for', () => {
  const session = withLanes(tickingSession({}, 65_536), 1)
  for (let step = 1n; step <= 20n; step++) session.payer.verified(1, (step * STEP) / 4n)
  expect([session.ticks, bytesOf(session).length]).toEqual([[], 20])
})

test('while the node is stopped all is signed for, ticks or not', () => {
  const session = withLanes(tickingSession(), 1)
  session.payer.verified(1, STEP)
  session.payer.verified(1, 2n * STEP + 5n)
  session.payer.window({ window: 262_144, isStopped: true })
  session.payer.verified(1, 4n * STEP)
  expect([indicesOf(session), bytesOf(session)]).toEqual([[1], [STEP, 2n * STEP + 5n, 4n * STEP]])
})

test('services have chains of their own', () => {
  const session = withLanes(tickingSession(), 1)
  session.payer.lane(2, 1, OPEN, ACCEPT)
  for (let step = 1n; step <= 3n; step++) for (const lane of [1, 2]) session.payer.verified(lane, step * STEP)
  expect(session.made.length).toBe(2)
  expect(session.ticks.map(({ serviceId, index, preimage }) => [serviceId, index, preimage])).toEqual([
    [0, 1, session.made[0]!.at(1)],
    [1, 1, session.made[1]!.at(1)],
    [0, 2, session.made[0]!.at(2)],
    [1, 2, session.made[1]!.at(2)],
  ])
})

test('at a change of epoch what ticks said is signed for in the old one, and the new one has a chain of its own', () => {
  const session = withLanes(tickingSession(), 1)
  session.payer.verified(1, STEP)
  session.payer.verified(1, 3n * STEP + 7n)
  const lanes = [{ lane: 1, offset: 2n * STEP }] // below what ticks said: both ends move it up
  session.payer.epoch({ epoch: EPOCH + 1n, rand: seedOf(78).slice(0, 16), priceVersion: PRICE.priceVersion, lanes })
  for (let step = 4n; step <= 6n; step++) session.payer.verified(1, step * STEP + 7n)
  session.payer.finish()
  const seen = session.acks.map(({ acknowledgement: { epoch, cumBytes, isFinal } }) => [epoch, cumBytes, isFinal])
  expect(seen).toEqual([
    [EPOCH, STEP, false],
    [EPOCH, 3n * STEP + 7n, false],
    [EPOCH, 3n * STEP + 7n, true],
    [EPOCH + 1n, STEP, false],
    [EPOCH + 1n, 3n * STEP, false],
    [EPOCH + 1n, 3n * STEP, true],
  ])
  expect(session.ticks.map(({ epoch, index }) => [epoch, index])).toEqual([
    [EPOCH, 2],
    [EPOCH + 1n, 1],
    [EPOCH + 1n, 2],
  ])
  expect(session.made.length).toBe(2)
  expect(session.payer.cost.bytes).toBe(6n * STEP + 7n)
})

test('a session that goes on over another connection says its newest tick again, behind the acknowledgement that was lost', () => {
  const session = withLanes(tickingSession(), 1)
  for (let step = 1n; step <= 4n; step++) session.payer.verified(1, step * STEP)
  const said = [...session.ticks]
  session.payer.resume!({ epoch: EPOCH, chains: [{ epoch: EPOCH, serviceId: 0, seq: 0 }] })
  expect(session.acks.map(({ acknowledgement }) => acknowledgement.seq)).toEqual([1, 1])
  expect(session.ticks).toEqual([...said, said.at(-1)])
  session.payer.flush()
  session.payer.resume!({ epoch: EPOCH, chains: [{ epoch: EPOCH, serviceId: 0, seq: 2 }] })
  expect(session.ticks.length).toBe(said.length + 1) // it is signed for: nothing is left to say
})

test('with more lanes than one acknowledgement names there are no ticks, and what they said before is signed for by one', () => {
  const session = withLanes(tickingSession(), ...Array.from({ length: 255 }, (_, i) => i + 1))
  for (let step = 1n; step <= 3n; step++) session.payer.verified(255, step * STEP)
  expect([indicesOf(session), session.acks.length]).toEqual([[1, 2], 1])
  for (let lane = 1; lane <= 50; lane++) session.payer.verified(lane, 10n)
  withLanes(session, 256, 257)
  expect(bytesOf(session)).toEqual([STEP, 3n * STEP + 500n])
  session.payer.verified(257, 2n * STEP)
  expect([indicesOf(session), bytesOf(session)]).toEqual([
    [1, 2],
    [STEP, 3n * STEP + 500n, 5n * STEP + 500n],
  ])
})
