// Goal: a node that says other things and never answers the PING behind RESETs is given up, and none that has answered, however long this side stood still before it read that.
// Method: real cores, whose clock is played by hand, and whose timers run before anything is read.
import { describe, expect, test } from 'vitest'
import type { Effect } from '../src/effects.ts'
import { encodeFrame, FRAME } from '../src/frames.ts'
import type { SessionCore } from '../src/session-core.ts'
import { RESETS_NONCE } from '../src/unanswered-resets.ts'
import { drain, feed, greeted } from './cores.ts'
import { paid } from './paying.ts'
import { endings, open, type Pair, pingsIn, reset, withoutResets } from './unanswered.ts'

describe('a node that says other things, and no PONG', () => {
  const say = (client: SessionCore, nowMs: number): Effect[] => feed(client, encodeFrame(FRAME.ping, 0, 0, new Uint8Array(8)), nowMs)
  /** Whose one place is taken by a lane that was reset, and whose PING is lost. */
  function deaf(create: () => Pair): Pair {
    const pair = create()
    pair.client.reset(open(pair), 25, '', [])
    expect(pingsIn(drain(pair.client))).toEqual([RESETS_NONCE + 1n])
    saysUntil(pair, 1_000, 30_000)
    expect(pair.client.deadlineMs).toBe(31_000)
    return pair
  }
  /** It says something each second. */
  function saysUntil({ client }: Pair, fromMs: number, untilMs: number): void {
    for (let nowMs = fromMs; nowMs <= untilMs; nowMs += 1_000) expect(say(client, nowMs)).toEqual([])
  }
  const ticked = ({ client }: Pair, nowMs: number): Effect[] => {
    const told: Effect[] = []
    client.tick(nowMs, told)
    return told
  }

  test('is given up by a guest 30 s after it first said something, and a second in which what had come is read', () => {
    const pair = deaf(() => greeted({ maxLanes: 1 }))
    expect([ticked(pair, 30_999), ticked(pair, 31_000), pair.client.deadlineMs]).toEqual([[], [], 32_000])
    say(pair.client, 31_500) // that puts off nothing
    expect([ticked(pair, 31_999), pair.client.deadlineMs]).toEqual([[], 32_000])
    expect(endings(ticked(pair, 32_000))).toEqual([['silence', 16]])
  })

  test('is left by a client that pays, who goes on over another connection', () => {
    const pair = deaf(() => paid({ maxLanes: 1 }))
    expect(ticked(pair, 31_000)).toEqual([])
    expect(ticked(pair, 32_000).map(({ type }) => type)).toEqual(['dead'])
  })

  test('is given up by a client that looks when it wants to, where the node says little', () => {
    const pair = greeted({ maxLanes: 1 })
    pair.client.reset(open(pair), 25, '', [])
    drain(pair.client)
    say(pair.client, 1_000)
    const looks: number[] = []
    const told: Effect[] = []
    while (told.length === 0 && looks.length < 20) {
      const nowMs = pair.client.deadlineMs
      looks.push(nowMs)
      pair.client.tick(nowMs, told)
    }
    expect([looks, endings(told)]).toEqual([[6_000, 11_000, 16_000, 21_000, 26_000, 31_000, 32_000], [['silence', 16]]])
  })

  test('is given up by one that stood still for a while, too, for what it says after that', () => {
    const pair = greeted({ maxLanes: 1 })
    pair.client.reset(open(pair), 25, '', [])
    drain(pair.client)
    say(pair.client, 1_000)
    expect(ticked(pair, 61_000)).toEqual([])
    saysUntil(pair, 62_000, 86_000)
    expect([ticked(pair, 86_999), endings(ticked(pair, 87_000))]).toEqual([[], [['silence', 16]]])
  })

  test('has answered when all its lanes are over', () => {
    const pair = greeted({ maxLanes: 1 })
    const lane = open(pair)
    pair.client.reset(lane, 25, '', [])
    drain(pair.client)
    say(pair.client, 1_000)
    feed(pair.client, reset(lane.id, 0n), 2_000)
    expect([lane.isOver, pair.client.deadlineMs]).toEqual([true, Number.POSITIVE_INFINITY])
  })
})

/** Shorter and longer than PONG is waited for. */
const STILL_MS = [29_000, 30_000, 44_999, 59_999, 60_000, 3_600_000]

describe.each(STILL_MS)('a client that stands still for %i ms, PONG in its socket,', (stillMs) => {
  test.each([
    ['when the node first says something', 1],
    ['shortly before the time is over', 30],
  ])('%s gives up no node that answered, though its timers run first', (_, seconds) => {
    const pair = greeted({ maxLanes: 1 })
    const lane = open(pair)
    pair.client.reset(lane, 25, '', [])
    feed(pair.node, drain(pair.client))
    const pong = withoutResets(drain(pair.node))
    const ping = encodeFrame(FRAME.ping, 0, 0, new Uint8Array(8))
    for (let second = 1; second <= seconds; second++) feed(pair.client, ping, second * 1_000)
    drain(pair.client)
    const nowMs = seconds * 1_000 + stillMs
    const told: Effect[] = []
    for (const each of [nowMs, nowMs + 1, nowMs + 999]) pair.client.tick(each, told) // timers, before anything is read
    expect([endings(told), lane.isOver]).toEqual([[], false])
    feed(pair.client, pong, nowMs + 999)
    expect([lane.isOver, pair.client.phase, pair.client.openLanes]).toEqual([true, 'open', 0])
    expect(pair.client.deadlineMs).toBe(Number.POSITIVE_INFINITY)
  })
})
