/** Who may come back to a session that has lost its channel, and what a side that says what cannot be gets for it (sessions.md §6, §8). */
import { createKeyPair } from '@selvedge/crypto/ed25519'
import { describe, expect, test } from 'vitest'
import type { Effect } from '../src/effects.ts'
import { encodeFrame, FRAME } from '../src/frames.ts'
import { encodeResume } from '../src/resume-frame.ts'
import { CHAIN, CLIENT, drain, feed, NODE, settle } from './cores.ts'
import { framesOf, openLane } from './paying.ts'
import { knock, lose, nextBinding, reattach, type Resumable, resumable } from './resume.ts'

const CREDIT = 2 ** 21 + 2 ** 18
const HELLO = { chainId: CHAIN, nodeKey: NODE.publicKey, clientKey: CLIENT.publicKey, rand: new Uint8Array(16), kind: 'resume' } as const
const namesOf = (bytes: Uint8Array): string[] =>
  framesOf(bytes).map(({ type }) => Object.entries(FRAME).find(([, value]) => value === type)![0])
const told = (effects: readonly Effect[], type: Effect['type']): Effect[] => effects.filter((effect) => effect.type === type)

describe('who may come back', () => {
  const strange = createKeyPair(new Uint8Array(32).fill(77))
  const refusal = (world: Resumable, hello: Parameters<typeof knock>[1]): unknown => {
    const { door, effects } = knock(world, hello)
    expect([told(effects, 'moved'), world.node.phase]).toEqual([[], 'suspended'])
    const over = told(effects, 'over') as Extract<Effect, { type: 'over' }>[]
    expect(namesOf(drain(door))).toEqual(['goaway'])
    return over[0]?.code
  }

  test('not one with a token that was made up', () => {
    const world = resumable()
    lose(world)
    expect(refusal(world, { resumeToken: new Uint8Array(32) })).toBe(4)
  })

  test('not one who stole the token and has not got the key', () => {
    const world = resumable()
    lose(world)
    expect(refusal(world, { identity: strange })).toBe(4)
  })

  test('not to a session that is not known', () => {
    const world = resumable()
    lose(world)
    expect(refusal(world, { welcome: { ...world.welcome, sessionId: new Uint8Array(16) } })).toBe(4)
    const ended = resumable()
    lose(ended)
    ended.sessions.remove(ended.session)
    expect(refusal(ended, {})).toBe(4)
  })

  test('not one who repeats the first flight of another channel', () => {
    const world = resumable()
    lose(world)
    expect(refusal(world, { bindingAtNode: nextBinding() })).toBe(3)
  })

  test('the client of a node that does not know the session learns it, and its session is over', () => {
    const world = resumable()
    lose(world)
    world.sessions.remove(world.session)
    const { door } = knock(world)
    expect(told(feed(world.client, drain(door)), 'over')).toEqual([expect.objectContaining({ why: 'goaway', code: 4 })])
  })

  test('a token is good until something came with the next one: WELCOME may be lost', () => {
    const world = resumable()
    lose(world)
    reattach(world)
    lose(world) // WELCOME never came: the client knows the first token only
    const moved = reattach(world)
    expect(moved.to.welcome.sessionId).toEqual(world.welcome.sessionId)
    settle(world.client, world.node)
    world.session.settle() // as the server does with the first frame of the new channel
    lose(world)
    expect(refusal(world, {})).toBe(4)
  })

  test('a HELLO that comes late takes no token from a client that heard the WELCOME before it', () => {
    const world = resumable()
    lose(world)
    reattach(world)
    const [greeted] = feed(world.client, drain(world.node)) as [Extract<Effect, { type: 'welcome' }>]
    lose(world)
    world.sessions.find({ ...HELLO, bracket: Uint8Array.of(...world.welcome.sessionId, ...world.welcome.resumeToken) }, new Uint8Array(32))
    reattach(world, { resumeToken: greeted.welcome.resumeToken })
    settle(world.client, world.node)
    expect(world.client.phase).toBe('open')
  })

  test('a channel that breaks before both know where they are gives no more time than the first loss', () => {
    const world = resumable()
    lose(world, 1_000)
    reattach(world)
    lose(world, 50_000)
    expect([world.client.deadlineMs, world.node.deadlineMs]).toEqual([61_000, 61_000])
  })
})

describe('a side that says what cannot be', () => {
  /** The node is told so after WELCOME. */
  const sayToNode = (lanes: Parameters<typeof encodeResume>[0]['lanes'], epoch = 5n): { code: unknown; world: Resumable } => {
    const world = resumable()
    const { atNode } = openLane(world)
    world.node.write(atNode, [new Uint8Array(1_000)], 'first')
    settle(world.client, world.node)
    lose(world)
    reattach(world)
    drain(world.node)
    const effects = feed(world.node, encodeFrame(FRAME.resume, 0, 0, encodeResume({ epoch, lanes, chains: [] })))
    return { code: (told(effects, 'over')[0] as { code?: number } | undefined)?.code, world }
  }
  const lane = { lane: 1, isTaken: true, isEnded: false, received: 1_000, limit: CREDIT }

  test.each([
    ['more than was sent', [{ ...lane, received: 1_001 }], 1],
    ['END where none was sent', [{ ...lane, isEnded: true }], 1],
    ['a lower limit than before', [{ ...lane, limit: CREDIT - 1 }], 15],
    ['more credit than 16 MiB', [{ ...lane, limit: 1_001 + 2 ** 24 }], 15],
  ])('%s', (_, lanes, code) => {
    expect(sayToNode(lanes).code).toBe(code)
  })

  test.each([
    [6n, 1],
    [4n, 18],
  ])('epoch %i, which the session was never in', (epoch, code) => {
    expect(sayToNode([lane], epoch).code).toBe(code)
  })

  test('a client that has forgotten a lane ends it, and owes for it', () => {
    const { code, world } = sayToNode([])
    expect(code).toBeUndefined()
    expect(world.meter.toldOf('laneOver')).toEqual([[1, 1_000n, 'reset-by-client']])
  })

  test('anything before RESUME is code 1', () => {
    const world = resumable()
    lose(world)
    reattach(world)
    feed(world.client, drain(world.node).subarray(0, 8 + 169))
    const effects = feed(world.client, encodeFrame(FRAME.ping, 0, 0, new Uint8Array(8)))
    expect(told(effects, 'over')).toEqual([expect.objectContaining({ why: 'protocol', code: 1 })])
  })

  test('a node that names a lane that never was is left with 1', () => {
    const world = resumable()
    lose(world)
    reattach(world)
    feed(world.client, drain(world.node).subarray(0, 8 + 169))
    const body = encodeResume({ epoch: 5n, lanes: [lane], chains: [] })
    expect(told(feed(world.client, encodeFrame(FRAME.resume, 0, 0, body)), 'over')).toEqual([expect.objectContaining({ code: 1 })])
  })

  test('RESUME in a session that goes on is refused', () => {
    const world = resumable()
    const body = encodeResume({ epoch: 5n, lanes: [], chains: [] })
    expect(told(feed(world.node, encodeFrame(FRAME.resume, 0, 0, body)), 'over')).toEqual([expect.objectContaining({ code: 6 })])
  })
})
