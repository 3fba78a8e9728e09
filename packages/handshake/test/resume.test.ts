/** A session that pays and loses its channel: what each side says on the next one, and what becomes of everything that was under way (sessions.md §6). */
import { describe, expect, test } from 'vitest'
import type { Effect } from '../src/effects.ts'
import { FRAME } from '../src/frames.ts'
import type { CoreLane, Resend } from '../src/lane-core.ts'
import { decodeResume } from '../src/resume-frame.ts'
import { drain, feed, settle } from './cores.ts'
import { framesOf, openLane } from './paying.ts'
import { lose, reattach, type Resumable, resumable } from './resume.ts'

const NONE = new Uint8Array()
const CREDIT = 2 ** 21 + 2 ** 18
const RESEND: Resend = () => {
  throw new Error('the test gives it')
}
const namesOf = (bytes: Uint8Array): string[] =>
  framesOf(bytes).map(({ type }) => Object.entries(FRAME).find(([, value]) => value === type)![0])
const told = (effects: readonly Effect[], type: Effect['type']): Effect[] => effects.filter((effect) => effect.type === type)
/** Each byte that differs from the one before it. */
function dataOf(effects: readonly Effect[]): number[] {
  const bytes = Buffer.concat(effects.flatMap((effect) => (effect.type === 'data' ? [effect.bytes] : [])))
  return [...bytes].filter((byte, i) => byte !== bytes[i - 1])
}

/** Both are back and know where they are. */
function resume(world: Resumable): { readonly client: Effect[]; readonly node: Effect[] } {
  reattach(world)
  return settle(world.client, world.node)
}

/** What the client's next RESUME names. */
function resumeLanesOf(world: Resumable): number[] {
  reattach(world, { resumeToken: world.token() })
  feed(world.client, drain(world.node))
  return decodeResume(framesOf(drain(world.client))[0]!.body).lanes.map(({ lane }) => lane)
}

/** A lane that both have taken; its DATA can be made again. */
function laneOf(world: Resumable): { readonly atClient: CoreLane; readonly atNode: CoreLane } {
  const lane = openLane(world)
  lane.atNode.resend = RESEND
  return lane
}

test('a session that pays is suspended by the loss of its channel; a guest is over', () => {
  const world = resumable()
  const effects = lose(world, 1_000)
  expect([world.client.phase, world.node.phase]).toEqual(['suspended', 'suspended'])
  expect([...told(effects.client, 'suspended'), ...told(effects.node, 'suspended')]).toHaveLength(2)
  expect([world.node.deadlineMs, world.client.deadlineMs]).toEqual([61_000, 61_000])
  expect(world.meter.toldOf('suspend')).toHaveLength(1)
})

test('one that nobody comes back to in time is over, and its books are told', () => {
  const world = resumable()
  lose(world, 1_000)
  const effects: Effect[] = []
  world.node.tick(60_999, effects)
  expect(effects).toEqual([])
  world.node.tick(61_000, effects)
  expect(effects).toEqual([expect.objectContaining({ type: 'over', why: 'lost' })])
  expect(world.meter.told.at(-1)?.name).toBe('over')
})

test('books that will not wait end the session with its channel', () => {
  const world = resumable()
  world.meter.isResumable = false
  expect(told(lose(world).node, 'over')).toHaveLength(1)
})

test('WELCOME names the session again, with a fresh token; RESUME is the first frame of each, and PRICE follows', () => {
  const world = resumable()
  laneOf(world)
  lose(world)
  world.meter.chains = [{ epoch: 5n, serviceId: 0, seq: 3 }]
  reattach(world)
  const answer = drain(world.node)
  expect(namesOf(answer)).toEqual(['welcome', 'resume'])
  const [greeted] = feed(world.client, answer) as [Extract<Effect, { type: 'welcome' }>]
  expect(greeted.welcome).toMatchObject({
    sessionId: world.welcome.sessionId,
    laneNonce: world.welcome.laneNonce,
    epoch: 5n,
    connection: 0,
  })
  expect(greeted.welcome.resumeToken).not.toEqual(world.welcome.resumeToken)
  const reply = drain(world.client)
  expect(namesOf(reply)).toEqual(['resume'])
  expect(decodeResume(framesOf(reply)[0]!.body)).toEqual({
    epoch: 5n,
    lanes: [{ lane: 1, isTaken: true, isEnded: false, received: 0, limit: CREDIT }],
    chains: [],
  })
  feed(world.node, reply)
  expect(namesOf(drain(world.node))).toEqual(['price'])
  expect(world.payer.toldOf('resume')).toEqual([[{ epoch: 5n, chains: [{ epoch: 5n, serviceId: 0, seq: 3 }] }]])
  expect(world.meter.toldOf('resume')).toEqual([[[{ lane: 1, received: 0, sent: 0 }], 0]])
})

describe('DATA goes on at the byte that the client has', () => {
  test('what was lost is asked of the lane’s owner and comes first; what was written meanwhile follows, and END last', () => {
    const world = resumable()
    const { atClient, atNode } = laneOf(world)
    world.node.write(atNode, [new Uint8Array(50_000).fill(1), new Uint8Array(50_000).fill(2)], 'first', [50_000, 100_000])
    feed(world.client, drain(world.node).subarray(0, 8 + 50_000))
    lose(world)
    world.node.write(atNode, [new Uint8Array(10_000).fill(3)], 'second', [10_000])
    world.node.end(atNode, [])
    const effects = resume(world)
    const [{ again }] = told(effects.node, 'resend') as [Extract<Effect, { type: 'resend' }>]
    expect([again.queued, again.until, atClient.received]).toEqual([50_000, 100_000, 50_000])
    expect(world.node.sendAgain(atNode, again, new Uint8Array(20_000).fill(2), undefined)).toBe(true)
    expect(dataOf(settle(world.client, world.node).client)).toEqual([2])
    expect(world.node.sendAgain(atNode, again, new Uint8Array(30_000).fill(2), undefined)).toBe(true)
    const rest = settle(world.client, world.node)
    expect(dataOf(rest.client)).toEqual([2, 3])
    expect(told(rest.client, 'end')).toHaveLength(1)
    expect(atClient.received).toBe(110_000)
  })

  test('the books hear of each byte once, and are asked for each unit once', () => {
    const world = resumable()
    const { atNode } = laneOf(world)
    const asked: number[] = []
    world.meter.allows = (_, unitBytes, isBegun) => isBegun || asked.push(unitBytes) > 0
    world.node.write(atNode, [new Uint8Array(100_000)], 'first', [30_000, 100_000])
    world.node.take(40_000, [])
    lose(world)
    const effects = resume(world)
    const [{ again }] = told(effects.node, 'resend') as [Extract<Effect, { type: 'resend' }>]
    world.node.sendAgain(atNode, again, new Uint8Array(again.until), undefined)
    settle(world.client, world.node)
    expect(asked).toEqual([30_000, 70_000])
    const offsets = world.meter.toldOf('sent').map(([, offset, isEnd]) => [offset, isEnd])
    expect(offsets).toEqual([
      [30_000n, true],
      [BigInt(again.until), false],
      [BigInt(again.until), false],
      [100_000n, true],
    ])
  })

  test('a second loss in the middle of it begins anew, and the first owner’s bytes are not wanted any more', () => {
    const world = resumable()
    const { atClient, atNode } = laneOf(world)
    world.node.write(atNode, [new Uint8Array(90_000).fill(1)], 'first')
    drain(world.node)
    lose(world)
    const [{ again: first }] = told(resume(world).node, 'resend') as [Extract<Effect, { type: 'resend' }>]
    let isDropped = false
    first.onDropped = () => (isDropped = true)
    world.node.sendAgain(atNode, first, new Uint8Array(40_000).fill(1), undefined)
    feed(world.client, drain(world.node).subarray(0, 8 + 25_000))
    lose(world)
    const [{ again }] = told(resume(world).node, 'resend') as [Extract<Effect, { type: 'resend' }>]
    expect([isDropped, again.queued, again.until]).toEqual([true, 25_000, 90_000])
    expect(world.node.sendAgain(atNode, first, new Uint8Array(10), undefined)).toBe(false)
    world.node.sendAgain(atNode, again, new Uint8Array(65_000).fill(1), undefined)
    settle(world.client, world.node)
    expect([atClient.received, atNode.sent]).toEqual([90_000, 90_000])
  })

  test('a lane whose owner cannot make it again is reset with 24, at the byte that the client has', () => {
    const world = resumable()
    const { atClient, atNode } = openLane(world)
    world.node.write(atNode, [new Uint8Array(60_000)], 'first')
    feed(world.client, drain(world.node).subarray(0, 8 + 1_000))
    lose(world)
    const effects = resume(world)
    expect(told(effects.client, 'reset')).toEqual([expect.objectContaining({ lane: atClient, code: 24 })])
    expect(told(effects.node, 'reset')).toEqual([expect.objectContaining({ lane: atNode, code: 24 })])
    expect(world.payer.toldOf('laneOver')).toEqual([[1, 1_000n, 'reset-by-node']])
    expect(world.meter.toldOf('laneOver')).toEqual([[1, 1_000n, 'reset-by-node']])
  })

  test('a lane that had ended at the node and lost its last bytes ends once more', () => {
    const world = resumable()
    const { atClient, atNode } = laneOf(world)
    world.client.end(atClient, [])
    feed(world.node, drain(world.client))
    world.node.write(atNode, [new Uint8Array(9_000).fill(7)], 'first')
    world.node.end(atNode, [])
    drain(world.node)
    expect([atNode.isOver, atClient.received]).toEqual([true, 0])
    lose(world)
    const effects = resume(world)
    const [{ again }] = told(effects.node, 'resend') as [Extract<Effect, { type: 'resend' }>]
    world.node.sendAgain(atNode, again, new Uint8Array(9_000).fill(7), undefined)
    const rest = settle(world.client, world.node)
    expect([dataOf(rest.client), told(rest.client, 'end').length, atClient.isOver, atNode.isOver]).toEqual([[7], 1, true, true])
    expect(world.payer.toldOf('laneOver')).toEqual([[1, 9_000n, 'ended']])
  })

  test('END alone is said again where it alone was lost', () => {
    const world = resumable()
    const { atClient, atNode } = laneOf(world)
    world.node.write(atNode, [new Uint8Array(700)], 'first')
    feed(world.client, drain(world.node))
    world.node.end(atNode, [])
    drain(world.node)
    lose(world)
    const effects = resume(world)
    expect([told(effects.node, 'resend'), told(effects.client, 'end')]).toEqual([[], [{ type: 'end', lane: atClient }]])
  })

  test('what is sent again has its place in the credit of the new connection: no unit begins that would take it', () => {
    const world = resumable()
    const lanes = Array.from({ length: 9 }, () => laneOf(world))
    const late = lanes.pop()!
    const unit = new Uint8Array(2 ** 21)
    for (const { atNode } of lanes) world.node.write(atNode, [unit], 'each', [unit.length])
    drain(world.node)
    lose(world)
    world.node.write(late.atNode, [new Uint8Array(1_000)], 'late', [1_000])
    const agains = told(resume(world).node, 'resend') as Extract<Effect, { type: 'resend' }>[]
    settle(world.client, world.node)
    for (const { lane, again } of agains) world.node.sendAgain(lane, again, unit, undefined)
    settle(world.client, world.node)
    expect([lanes.every(({ atClient }) => atClient.received === unit.length), late.atClient.received]).toEqual([true, 0])
  })

  test('what the client had sent is sent again too', () => {
    const world = resumable()
    const { atClient, atNode } = laneOf(world)
    atClient.resend = RESEND
    world.client.write(atClient, [new Uint8Array(900).fill(4)], 'first')
    drain(world.client)
    lose(world)
    const [{ again }] = told(resume(world).client, 'resend') as [Extract<Effect, { type: 'resend' }>]
    world.client.sendAgain(atClient, again, new Uint8Array(900).fill(4), undefined)
    expect(dataOf(settle(world.client, world.node).node)).toEqual([4])
    expect(atNode.received).toBe(900)
  })

  test('credit is where the reader stands: a reader that took all while there was no channel lets the node go on', () => {
    const world = resumable()
    const { atClient, atNode } = laneOf(world)
    world.node.write(atNode, [new Uint8Array(2 * CREDIT)], 'first')
    settle(world.client, world.node)
    const received = atClient.received
    expect(received).toBeGreaterThan(CREDIT - 2 ** 17)
    lose(world)
    world.client.consume(atClient, received)
    resume(world)
    expect(atClient.received).toBeGreaterThan(2 * CREDIT - 2 ** 18)
  })

  test('the credit of the connection is whole again, and what was read before is no part of it', () => {
    const world = resumable()
    const lanes = Array.from({ length: 10 }, () => laneOf(world))
    for (const { atNode } of lanes) world.node.write(atNode, [new Uint8Array(2 ** 21)], 'each')
    settle(world.client, world.node)
    const before = lanes.reduce((sum, { atClient }) => sum + atClient.received, 0)
    expect(before).toBeLessThanOrEqual(2 ** 24)
    lose(world)
    resume(world)
    const after = lanes.reduce((sum, { atClient }) => sum + atClient.received, 0)
    expect(after).toBe(10 * 2 ** 21)
    for (const { atClient } of lanes) world.client.consume(atClient, atClient.received)
    settle(world.client, world.node)
    expect([world.client.phase, world.node.phase]).toEqual(['open', 'open']) // more than 16 MiB of credit would be code 15
  })
})

describe('what was said and lost is said again', () => {
  test('OPEN, with END, also of a lane that was opened while there was no channel', () => {
    const world = resumable()
    const before = world.client.open(0, Uint8Array.of(1), CREDIT)!
    world.client.end(before, [])
    drain(world.client)
    lose(world)
    world.client.open(0, Uint8Array.of(2), CREDIT)
    const requests = told(resume(world).node, 'request') as Extract<Effect, { type: 'request' }>[]
    expect(requests.map(({ lane, metadata }) => [lane.id, ...metadata, lane.isEndReceived])).toEqual([
      [1, 1, true],
      [2, 2, false],
    ])
  })

  test('ACCEPT, and what came behind it', () => {
    const world = resumable()
    const atClient = world.client.open(0, NONE, CREDIT)!
    const [request] = feed(world.node, drain(world.client)) as [Extract<Effect, { type: 'request' }>]
    world.node.accept(request.lane, Uint8Array.of(9), 1_000, RESEND)
    world.node.write(request.lane, [new Uint8Array(500)], 'first')
    drain(world.node)
    lose(world)
    const effects = resume(world)
    expect(told(effects.client, 'accepted')).toEqual([expect.objectContaining({ lane: atClient, metadata: Uint8Array.of(9) })])
    expect(world.payer.toldOf('lane')).toHaveLength(1)
    expect(told(effects.node, 'resend')).toHaveLength(1)
  })

  test.each(['lost', 'answered'] as const)(
    'RESET of the client that was %s: the node stops, and nobody waits for what was lost',
    (which) => {
      const world = resumable()
      const { atClient, atNode } = laneOf(world)
      world.node.write(atNode, [new Uint8Array(800)], 'first')
      drain(world.node)
      world.client.reset(atClient, 25, '', [])
      const frame = drain(world.client)
      if (which === 'answered') {
        feed(world.node, frame)
        drain(world.node)
      }
      lose(world)
      resume(world)
      expect([atClient.isOver, atNode.isOver]).toEqual([true, true])
      expect(world.payer.toldOf('laneOver')).toEqual([[1, 0n, 'reset-by-client']])
      expect(world.meter.toldOf('resume')).toEqual([[[{ lane: 1, received: 0, sent: which === 'lost' ? 800 : undefined }], 0]])
    },
  )

  test('what a client has of a lane that it left, until the node has heard it: its RESUME may be lost like all else', () => {
    const world = resumable()
    const { atClient, atNode } = laneOf(world)
    world.node.write(atNode, [new Uint8Array(800)], 'first')
    feed(world.client, drain(world.node).subarray(0, 8 + 300))
    world.client.reset(atClient, 25, '', [])
    feed(world.node, drain(world.client))
    drain(world.node)
    lose(world)
    reattach(world)
    const { resumeToken } = (feed(world.client, drain(world.node))[0] as Extract<Effect, { type: 'welcome' }>).welcome
    expect(atClient.isOver).toBe(true) // the node's RESUME did not name it
    drain(world.client)
    lose(world)
    reattach(world, { resumeToken })
    settle(world.client, world.node)
    expect(world.meter.toldOf('resume')).toEqual([[[{ lane: 1, received: 300, sent: undefined }], 0]])
    lose(world)
    expect(resumeLanesOf(world)).toEqual([])
  })

  test('RESET of the node, and its answer', () => {
    const world = resumable()
    const lost = laneOf(world)
    const answered = laneOf(world)
    world.node.reset(lost.atNode, 10, 'why', [])
    drain(world.node)
    lose(world)
    world.node.reset(answered.atNode, 10, 'while away', [])
    const effects = resume(world)
    const reasons = told(effects.client, 'reset').map((effect) => (effect as Extract<Effect, { type: 'reset' }>).reason)
    expect(reasons).toEqual(['why', 'while away'])
    expect([lost, answered].flatMap(({ atClient, atNode }) => [atClient.isOver, atNode.isOver])).toEqual([true, true, true, true])
  })

  test('nothing of what the books or the payer say in between: it is part of RESUME, or theirs to say again', () => {
    const world = resumable()
    lose(world)
    world.meter.link.window({ window: 70_000, isStopped: true })
    world.meter.link.ping(3n)
    world.payer.link.ack({ acknowledgement: new Uint8Array(236), lanes: [] })
    world.payer.link.ping(1n)
    resume(world)
    expect([world.meter.toldOf('ack'), world.meter.toldOf('pong'), world.payer.toldOf('window')]).toEqual([[], [], []])
  })
})
