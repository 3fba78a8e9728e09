import { describe, expect, test } from 'vitest'
import type { Effect } from '../src/effects.ts'
import * as frames from '../src/frames.ts'
import { encodeFrame, FRAME } from '../src/frames.ts'
import type { SessionCore } from '../src/session-core.ts'
import { BINDING, CHAIN, createClientCore, createNodeCore, drain, feed, greeted, NODE } from './cores.ts'
import { createKeyPair } from '@selvedge/crypto/ed25519'

const MIB = 2 ** 20
const NONE = new Uint8Array()
const header = (type: number, flags: number, lane: number, length: number): Uint8Array => frames.encodeHeader({ type, flags, lane, length })
const open = (lane: number, initialCredit = 1_000, metadata = NONE): Uint8Array =>
  encodeFrame(FRAME.open, 0, lane, frames.encodeOpen({ serviceId: 0, initialCredit, metadata }))
const accept = (lane: number, initialCredit = 1_000): Uint8Array =>
  encodeFrame(FRAME.accept, 0, lane, frames.encodeAccept({ initialCredit, metadata: NONE }))
const data = (lane: number, bytes: number, flags = 0): Uint8Array => encodeFrame(FRAME.data, flags, lane, new Uint8Array(bytes))
const credit = (lane: number, bytes: number): Uint8Array => encodeFrame(FRAME.credit, 0, lane, frames.encodeCredit(bytes))
const reset = (lane: number, offset: bigint, code = 25): Uint8Array =>
  encodeFrame(FRAME.reset, 0, lane, frames.encodeReset({ code, offset, reason: '' }))
const raw = (type: number, flags: number, lane: number, ...body: number[]): Uint8Array =>
  encodeFrame(type, flags, lane, Uint8Array.from(body))
const endings = (effects: Effect[]): Effect[] => effects.filter((effect) => effect.type === 'over')

/** The frames that a core sends, as [type, lane, body]. */
function framesOf(bytes: Uint8Array): { type: number; lane: number; body: Uint8Array }[] {
  const out = []
  for (let at = 0; at < bytes.length; ) {
    const { type, lane, length } = frames.decodeHeader(bytes.subarray(at))
    out.push({ type, lane, body: bytes.slice(at + 8, at + 8 + length) })
    at += 8 + length
  }
  return out
}
const goawayCodesOf = (core: SessionCore): number[] =>
  framesOf(drain(core)).flatMap(({ type, body }) => (type === FRAME.goaway ? [frames.decodeGoaway(body).code] : []))

/** Each row ends the session: the node answers GOAWAY with exactly this code, and takes nothing that follows. */
const AGAINST_NODE: [string, number, Uint8Array[]][] = [
  ['an unknown frame type', 1, [raw(0x11, 0, 0)]],
  ['frame type 0', 1, [raw(0x00, 0, 0)]],
  ['a second HELLO', 1, [raw(FRAME.hello, 0, 0, ...new Uint8Array(151))]],
  ['WELCOME at the node', 1, [raw(FRAME.welcome, 0, 0, ...new Uint8Array(169))]],
  ['ACCEPT at the node', 1, [open(1), accept(1)]],
  ['ACK of a guest', 6, [raw(FRAME.ack, 0, 0, 1)]],
  ['TOKEN of a guest', 6, [raw(FRAME.token, 0, 0, 1)]],
  ['RESUME of a new session', 6, [raw(FRAME.resume, 0, 0, 1)]],
  ['EPOCH at the node', 1, [raw(FRAME.epoch, 0, 0, 1)]],
  ['OPEN on lane 0', 1, [open(0)]],
  ['OPEN on the reserved lane 8192', 1, [open(8_192)]],
  ['OPEN on the reserved lane 57344', 1, [open(57_344)]],
  ['OPEN on another connection’s lane', 1, [open(8_193)]],
  ['OPEN of an open lane', 1, [open(1), open(1)]],
  ['OPEN whose metadata is shorter than it says', 1, [raw(FRAME.open, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0)]],
  ['OPEN whose metadata is longer than it says', 1, [raw(FRAME.open, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9)]],
  ['OPEN with more than 16 MiB of credit', 15, [open(1, 16 * MIB + 1)]],
  ['OPEN longer than a frame may be', 1, [header(FRAME.open, 0, 1, 65_537)]],
  ['DATA on a lane that never was', 1, [data(1, 1)]],
  ['DATA on lane 0', 1, [data(0, 1)]],
  ['DATA before ACCEPT granted anything', 15, [open(1), data(1, 1)]],
  ['DATA after END', 1, [open(1), data(1, 0, 1), data(1, 0, 1)]],
  ['DATA that says nothing', 1, [open(1), data(1, 0)]],
  ['DATA with an unknown flag', 1, [open(1), data(1, 1, 2)]],
  ['DATA longer than a frame may be', 1, [open(1), header(FRAME.data, 0, 1, 65_537)]],
  ['DATA of 4 GiB', 1, [open(1), header(FRAME.data, 0, 1, 2 ** 32 - 1)]],
  ['CREDIT of nothing', 1, [open(1), raw(FRAME.credit, 0, 1, 0, 0, 0, 0)]],
  ['CREDIT above 16 MiB on a lane', 15, [open(1, 1_000), credit(1, 16 * MIB - 999)]],
  ['CREDIT above 16 MiB on the connection', 15, [credit(0, 1)]],
  ['CREDIT on a lane that never was', 1, [credit(7, 1)]],
  ['CREDIT of 5 bytes', 1, [raw(FRAME.credit, 0, 0, 1, 0, 0, 0, 0)]],
  ['RESET on a lane that never was', 1, [reset(7, 0n)]],
  ['RESET on lane 0', 1, [reset(0, 0n)]],
  ['RESET with an offset that is not what came', 1, [open(1), reset(1, 1n)]],
  ['RESET with an offset of 2^64-1', 1, [open(1), reset(1, 2n ** 64n - 1n)]],
  ['RESET whose reason is no UTF-8', 1, [open(1), raw(FRAME.reset, 0, 1, ...new Uint8Array(10), 0xff)]],
  ['RESET with a reason of 257 bytes', 1, [open(1), header(FRAME.reset, 0, 1, 10 + 257)]],
  ['PING of 7 bytes', 1, [raw(FRAME.ping, 0, 0, ...new Uint8Array(7))]],
  ['PING on a lane', 1, [raw(FRAME.ping, 0, 1, ...new Uint8Array(8))]],
  ['GOAWAY that names fewer nodes than it says', 1, [raw(FRAME.goaway, 0, 0, 17, 0, 0, 0, 0, 0, 2, 1, 0, 0, 0)]],
]

test.each(AGAINST_NODE)('%s ends the session with code %i', (_, code, sent) => {
  const { node } = greeted()
  const effects = feed(node, new Uint8Array(Buffer.concat(sent)))
  expect(endings(effects)).toEqual([expect.objectContaining({ why: 'protocol', code })])
  expect(goawayCodesOf(node)).toEqual([code])
  expect(feed(node, open(4))).toEqual([])
  expect(node.hasOutput).toBe(false)
})

test.each(AGAINST_NODE)('%s: the same when it comes byte by byte', (_, code, sent) => {
  const { node } = greeted()
  const effects = Array.from(Buffer.concat(sent)).flatMap((byte) => feed(node, Uint8Array.of(byte)))
  expect(endings(effects)).toEqual([expect.objectContaining({ why: 'protocol', code })])
})

const AGAINST_CLIENT: [string, number, (lane: number) => Uint8Array[]][] = [
  ['OPEN from a node', 1, () => [open(2)]],
  ['HELLO from a node', 1, () => [raw(FRAME.hello, 0, 0, ...new Uint8Array(151))]],
  ['a second WELCOME', 1, () => [raw(FRAME.welcome, 0, 0, ...new Uint8Array(169))]],
  ['ACCEPT of a lane that never was', 1, () => [accept(9)]],
  ['a second ACCEPT', 1, (lane) => [accept(lane), accept(lane)]],
  ['ACCEPT with more than 16 MiB of credit', 15, (lane) => [accept(lane, 16 * MIB + 1)]],
  ['DATA before ACCEPT', 1, (lane) => [data(lane, 1)]],
  ['DATA above the lane’s credit', 15, (lane) => [accept(lane), data(lane, 1_000), data(lane, 1)]],
  ['CREDIT before ACCEPT', 1, (lane) => [credit(lane, 1)]],
  ['EPOCH to a guest', 1, () => [raw(FRAME.epoch, 0, 0, 1)]],
  ['ACK from a node', 1, () => [raw(FRAME.ack, 0, 0, 1)]],
  ['WINDOW to a guest', 1, () => [raw(FRAME.window, 0, 0, 0, 0, 0, 0)]],
]

test.each(AGAINST_CLIENT)('at the client, %s ends the session with code %i', (_, code, make) => {
  const { client } = greeted()
  const lane = client.open(0, NONE, 1_000)!
  const effects = feed(client, new Uint8Array(Buffer.concat(make(lane.id))))
  expect(endings(effects)).toEqual([expect.objectContaining({ why: 'protocol', code })])
  expect(goawayCodesOf(client)).toEqual([code])
})

test('credit of the connection binds over all lanes', () => {
  const { client } = greeted()
  const lanes = [1, 2].map(() => client.open(0, NONE, 16 * MIB)!)
  const effects = feed(client, Buffer.concat(lanes.map(({ id }) => accept(id))))
  for (let sent = 0; sent < 16 * MIB; sent += 65_536) effects.push(...feed(client, data(lanes[(sent >> 16) & 1]!.id, 65_536)))
  expect(endings(effects)).toEqual([])
  expect(endings(feed(client, data(lanes[0]!.id, 1)))).toEqual([expect.objectContaining({ why: 'protocol', code: 15 })])
})

describe('HELLO', () => {
  const hello = drain(createClientCore())
  const BODY = 8
  const codeFor = (offset: number): number => {
    if (offset < 2) return 2 // version
    if (offset < 38) return 6 // chain, node key
    if (offset === 86) return 1 // flags
    return 3
  }

  test('every flipped bit is refused with the code of its field, and nothing is done for the OPEN behind it', () => {
    const lane = open(1, 0, new Uint8Array(9))
    expect(feed(createNodeCore(), Uint8Array.of(...hello, ...lane)).map(({ type }) => type)).toEqual(['welcome', 'request'])
    for (let bit = 0; bit < 151 * 8; bit++) {
      const bytes = Uint8Array.of(...hello, ...lane)
      bytes[BODY + (bit >> 3)]! ^= 1 << (bit & 7)
      const node = createNodeCore()
      expect([bit, feed(node, bytes)]).toEqual([bit, [expect.objectContaining({ type: 'over', why: 'protocol', code: codeFor(bit >> 3) })]])
      expect(goawayCodesOf(node)).toEqual([codeFor(bit >> 3)])
    }
  })

  test('every cut, with a length to match, is refused', () => {
    for (let length = 0; length < 151; length++) {
      const effects = feed(createNodeCore(), raw(FRAME.hello, 0, 0, ...hello.subarray(BODY, BODY + length)))
      expect(endings(effects)).toEqual([expect.objectContaining({ why: 'protocol', code: 1 })])
    }
    expect(endings(feed(createNodeCore(), raw(FRAME.hello, 0, 0, ...hello.subarray(BODY), 0)))).toEqual([
      expect.objectContaining({ code: 1 }),
    ])
  })

  test('of another version gets code 2, however long it is', () => {
    for (const length of [2, 100, 151, 512]) {
      const node = createNodeCore()
      expect(endings(feed(node, raw(FRAME.hello, 0, 0, 2, 0, ...new Uint8Array(length - 2))))).toEqual([
        expect.objectContaining({ code: 2 }),
      ])
      expect(goawayCodesOf(node)).toEqual([2])
    }
  })

  test('replayed on another channel gets 3, at another node or on another chain 6', () => {
    const other = BINDING.map((byte) => byte ^ 1)
    expect(endings(feed(createNodeCore({ channelBinding: other }), hello))).toEqual([expect.objectContaining({ code: 3 })])
    expect(endings(feed(createNodeCore({ identity: createKeyPair(new Uint8Array(32).fill(9)) }), hello))).toEqual([
      expect.objectContaining({ code: 6 }),
    ])
    expect(endings(feed(createNodeCore({ chainId: CHAIN + 1 }), hello))).toEqual([expect.objectContaining({ code: 6 })])
  })

  test.each([513, 65_536, 2 ** 32 - 1])('of %i bytes is refused by its header', (length) => {
    expect(endings(feed(createNodeCore(), header(FRAME.hello, 0, 0, length)))).toEqual([expect.objectContaining({ code: 1 })])
  })

  test.each([FRAME.open, FRAME.data, FRAME.ping, FRAME.goaway, FRAME.ack])('is the first frame: type %i before it is refused', (type) => {
    expect(
      endings(feed(createNodeCore(), raw(type, 0, type === FRAME.open || type === FRAME.data ? 1 : 0, ...new Uint8Array(10)))),
    ).toHaveLength(1)
  })

  test('may bring one OPEN in its flight, not two', () => {
    const one = feed(createNodeCore(), new Uint8Array(Buffer.concat([hello, open(1)])))
    expect(one.map(({ type }) => type)).toEqual(['welcome', 'request'])
    const two = feed(createNodeCore(), new Uint8Array(Buffer.concat([hello, open(1), open(2)])))
    expect(endings(two)).toEqual([expect.objectContaining({ code: 1 })])
  })

  test('and what comes with it hold 4 KiB at most', () => {
    const fits = 4_096 - hello.length - 18
    expect(endings(feed(createNodeCore(), new Uint8Array(Buffer.concat([hello, open(1, 0, new Uint8Array(fits))]))))).toEqual([])
    const effects = feed(createNodeCore(), new Uint8Array(Buffer.concat([hello, open(1, 0, new Uint8Array(fits + 1))])))
    expect(endings(effects)).toEqual([expect.objectContaining({ code: 1 })])
    expect(effects).toHaveLength(1)
  })
})

describe('WELCOME', () => {
  test('every flipped bit is refused, and nothing is believed', () => {
    const node = createNodeCore()
    feed(node, drain(createClientCore()))
    const welcome = drain(node)
    for (let bit = 64; bit < welcome.length * 8; bit++) {
      const bytes = welcome.slice()
      bytes[bit >> 3]! ^= 1 << (bit & 7)
      const client = createClientCore()
      drain(client)
      const effects = feed(client, bytes)
      expect(effects).toEqual([expect.objectContaining({ type: 'over', why: 'protocol' })])
    }
  })

  test('of a node with another key is refused with 3, also when it answers this very HELLO', () => {
    const impostor = createKeyPair(new Uint8Array(32).fill(9))
    const node = createNodeCore({ identity: { ...impostor, publicKey: NODE.publicKey } })
    const client = createClientCore()
    feed(node, drain(client))
    expect(endings(feed(client, drain(node)))).toEqual([expect.objectContaining({ why: 'protocol', code: 3 })])
  })

  test('made for another channel or another HELLO is refused with 3', () => {
    const node = createNodeCore()
    feed(node, drain(createClientCore()))
    const welcome = drain(node)
    const elsewhere = createClientCore(BINDING.map((byte) => byte ^ 1))
    drain(elsewhere)
    expect(endings(feed(elsewhere, welcome))).toEqual([expect.objectContaining({ code: 3 })])
  })

  test.each([FRAME.data, FRAME.accept, FRAME.ping, FRAME.credit])('is the first frame: type %i before it is refused', (type) => {
    const client = createClientCore()
    const lane = client.open(0, NONE, 1_000)!
    drain(client)
    const body = new Uint8Array(
      new Map<number, number>([
        [FRAME.accept, 6],
        [FRAME.ping, 8],
      ]).get(type) ?? 4,
    ).fill(1)
    const effects = feed(client, encodeFrame(type, 0, type === FRAME.ping ? 0 : lane.id, body))
    expect(effects).toEqual([expect.objectContaining({ type: 'over', why: 'protocol', code: 1 })])
  })

  test('comes before anything more is sent than HELLO and one OPEN', () => {
    const client = createClientCore()
    const lane = client.open(0, NONE, 1_000)!
    expect(client.open(0, NONE, 1_000)).toBeUndefined()
    expect(framesOf(drain(client)).map(({ type }) => type)).toEqual([FRAME.hello, FRAME.open])
    client.reset(lane, 25, '', [])
    expect(client.open(0, NONE, 1_000)).toBeUndefined()
    expect(client.hasOutput).toBe(false)
  })
})

describe('GOAWAY instead of WELCOME', () => {
  test('ends the session with its code and nothing is answered', () => {
    const client = createClientCore()
    drain(client)
    const effects = feed(client, encodeFrame(FRAME.goaway, 0, 0, frames.encodeGoaway({ code: 7, retryAfterMs: 1, nodes: [1] })))
    expect(effects).toEqual([expect.objectContaining({ type: 'over', why: 'goaway', code: 7 })])
    expect(client.hasOutput).toBe(false)
  })
})

describe('too many lanes', () => {
  test('are refused one by one with 8, and the session goes on', () => {
    const { node } = greeted({ maxLanes: 2 })
    const effects = feed(node, new Uint8Array(Buffer.concat([open(1), open(2), open(3)])))
    expect(effects.map(({ type }) => type)).toEqual(['request', 'request'])
    const [refusal] = framesOf(drain(node))
    expect(refusal).toMatchObject({ type: FRAME.reset, lane: 3 })
    expect(frames.decodeReset(refusal!.body)).toEqual({ code: 8, offset: 0n, reason: '' })
    expect(node.openLanes).toBe(2)
    expect(endings(feed(node, data(3, 0, 1)))).toEqual([]) // its END crossed the refusal
    feed(node, reset(3, 0n, 8))
    expect(feed(node, open(3))).toEqual([])
    expect(node.openLanes).toBe(2)
  })

  test('a client that opens them without end is sent away with 8', () => {
    const { node } = greeted({ maxLanes: 0 })
    const effects = Array.from({ length: 100 }, (_, i) => feed(node, open(i + 1))).flat()
    expect(endings(effects)).toEqual([expect.objectContaining({ why: 'protocol', code: 8 })])
  })
})

test('a flood of PINGs is answered up to a bound, then the core asks that nothing more be read', () => {
  const { node } = greeted()
  const ping = raw(FRAME.ping, 0, 0, ...new Uint8Array(8))
  let fed = 0
  while (!node.isCongested && fed < 100_000) {
    feed(node, ping)
    fed++
  }
  expect(fed).toBeLessThan(5_000)
  drain(node)
  expect(node.isCongested).toBe(false)
})

test('PING is answered with its own nonce, PONG with nothing', () => {
  const { node } = greeted()
  feed(node, raw(FRAME.ping, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8))
  expect([...drain(node)]).toEqual([...raw(FRAME.ping, 1, 0, 1, 2, 3, 4, 5, 6, 7, 8)])
  feed(node, raw(FRAME.ping, 1, 0, 1, 2, 3, 4, 5, 6, 7, 8))
  expect(node.hasOutput).toBe(false)
})
