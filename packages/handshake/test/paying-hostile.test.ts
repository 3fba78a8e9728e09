/** Clients that do not pay as they should, against real cores and the real books: what each costs the node, and how it ends. */
import { describe, expect, test } from 'vitest'
import type { Effect } from '../src/effects.ts'
import { encodeFrame, FRAME } from '../src/frames.ts'
import { encodeAck } from '../src/payment-frames.ts'
import { type SessionRun, World } from './paying-world.ts'
import { createRandom } from './random.ts'

const KIB = 1024
const WINDOW = 256 * KIB
const UNIT = 16 * KIB
const units = (count: number): number[] => new Array<number>(count).fill(UNIT)
const codesOf = (session: SessionRun): number[] =>
  session.endings.flatMap((ending: Effect) => (ending.type === 'over' && ending.why === 'payment' ? [ending.code] : []))

/** Serves and carries until nothing moves, in all sessions; `pay` is what the client does in between. */
function serveAll(world: World, pay: (session: SessionRun) => void = () => {}): void {
  let before = -1
  for (let rounds = 0; rounds < 10; rounds++) {
    let moved = 0
    for (const session of world.sessions) {
      session.carry()
      for (const lane of session.lanes.values()) {
        session.serve(lane)
        session.read(lane, 2 ** 24)
        moved += lane.written
      }
      session.carry()
      pay(session)
      session.carry()
      moved += Number(session.sentBytes)
    }
    if (moved !== before) rounds = 0
    before = moved
  }
}

/** The node's clocks run out. */
function waitOut(world: World): void {
  for (let i = 0; i < 10; i++) {
    world.nowMs += 1_000
    for (const session of world.sessions) {
      session.tick()
      session.carry()
    }
  }
}

describe('a client that signs nothing', () => {
  test('gets one window, is told to acknowledge, and is sent away with 11', () => {
    const world = new World(createRandom(1))
    world.open(0)
    const [session] = world.sessions
    session!.openLane(units(1_000))
    serveAll(world)
    expect(session!.sentBytes).toBeLessThanOrEqual(BigInt(WINDOW + UNIT))
    expect(session!.sentBytes).toBeGreaterThan(BigInt(WINDOW - UNIT))
    expect(session!.endings).toEqual([])
    waitOut(world)
    expect(codesOf(session!)).toEqual([11])
    expect(world.books.losses).toEqual({ defaults: 1, writtenOffBytes: session!.sentBytes })
  })

  test('gets no more of it by many sessions and many lanes, and each default the smallest window', () => {
    const world = new World(createRandom(2))
    for (let i = 0; i < 6; i++) world.open(0)
    for (const session of world.sessions) for (let i = 0; i < 8; i++) session.openLane(units(100))
    serveAll(world)
    const sentInAll = (): bigint => world.sessions.reduce((sum, { sentBytes }) => sum + sentBytes, 0n)
    expect(sentInAll()).toBeLessThanOrEqual(BigInt(WINDOW + UNIT))
    for (let i = 0; i < 10; i++) waitOut(world)
    expect(world.sessions.filter((session) => !codesOf(session).includes(11))).toEqual([])
    expect(world.books.losses.writtenOffBytes).toBe(sentInAll())
    expect(sentInAll()).toBeLessThanOrEqual(BigInt(WINDOW + 6 * (64 * KIB + UNIT))) // one default each, of the smallest window
  })

  test('gets one window and one unit where a unit is larger than the window', () => {
    const world = new World(createRandom(3))
    world.open(0)
    const unit = 2 ** 21 + 44
    for (let i = 0; i < 3; i++) world.sessions[0]!.openLane([unit, unit])
    serveAll(world)
    expect(world.sessions[0]!.sentBytes).toBe(BigInt(unit))
  })

  test('does not hold up the account beside it', () => {
    const world = new World(createRandom(4))
    world.open(0)
    world.open(1)
    for (const session of world.sessions) session.openLane(units(400))
    const [silent, honest] = world.sessions
    serveAll(world, (session) => {
      if (session === honest) for (const lane of session.lanes.values()) session.verify(lane)
    })
    expect(honest!.sentBytes).toBe(BigInt(400 * UNIT))
    expect(silent!.sentBytes).toBeLessThanOrEqual(BigInt(WINDOW + UNIT))
  })
})

test('an account has 64 sessions at a node; the 65th is refused with 7, and others are served', () => {
  const world = new World(createRandom(7))
  for (let i = 0; i < 65; i++) world.open(0)
  world.open(1)
  const phases = world.sessions.map(({ client }) => client.phase)
  expect([phases.filter((phase) => phase === 'open').length, phases[64], phases[65]]).toEqual([65, 'closed', 'open'])
  expect(world.sessions[64]!.endings).toContainEqual(expect.objectContaining({ why: 'goaway', code: 7 }))
})

test('an acknowledgement that was taken once is refused with 12 the second time', () => {
  const world = new World(createRandom(5))
  world.open(0)
  const [session] = world.sessions
  session!.openLane(units(8))
  const sent: Uint8Array[] = []
  session!.onSent = (bytes) => sent.push(bytes)
  serveAll(world, (each) => {
    for (const lane of each.lanes.values()) each.verify(lane)
  })
  const ack = sent.find((bytes) => bytes[0] === FRAME.ack)!
  const effects: Effect[] = []
  session!.node.receive(ack, world.nowMs, effects)
  expect(effects).toContainEqual(expect.objectContaining({ type: 'over', why: 'payment', code: 12 }))
})

test('acknowledgements that are none end the session with the first, and nothing behind it is looked at', () => {
  const world = new World(createRandom(6))
  world.open(0)
  const [session] = world.sessions
  const frame = encodeFrame(FRAME.ack, 0, 0, encodeAck({ acknowledgement: new Uint8Array(236), lanes: [] }))
  const effects: Effect[] = []
  session!.node.receive(Uint8Array.from([...frame, ...frame, ...frame]), world.nowMs, effects)
  expect(effects).toEqual([expect.objectContaining({ type: 'over', why: 'payment', code: 12 })])
})
