/**
 * Defects that were found in the sessions of other networks, each as the test that would have found it: sessions taken over by counting, keys
 * that nobody proves, lengths that allocate, handshakes without a deadline, codes that are not read as they were sent, one session an address.
 */
import { createKeyPair, type KeyPair } from '@selvedge/crypto/ed25519'
import { connect } from 'node:tls'
import { once } from 'node:events'
import { afterEach, describe, expect, test } from 'vitest'
import { CODES, nameOfCode } from '../src/codes.ts'
import type { Effect } from '../src/effects.ts'
import * as frames from '../src/frames.ts'
import { encodeFrame, encodeHeader, FRAME } from '../src/frames.ts'
import { encodeHello, type HelloKind, helloTranscript } from '../src/greeting.ts'
import { connectSession } from '../src/index.ts'
import type { SessionCore } from '../src/session-core.ts'
import { createSessionServer } from '../src/tls.ts'
import { BINDING, CHAIN, CLIENT, createNodeCore, drain, feed, NODE } from './cores.ts'
import { createSharedNode, endingsOf, join, READ, shared, tokenOf } from './joined.ts'
import { framesOf } from './paying.ts'
import { createDoor, lose, resumable } from './resume.ts'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup()
})
const until = async (isTrue: () => boolean): Promise<void> => {
  while (!isTrue()) await new Promise((resolve) => setImmediate(resolve))
}
const endings = (effects: Effect[]): Effect[] => effects.filter((effect) => effect.type === 'over')

/** HELLO with whatever bracket, signed as it should be. */
function hello(
  kind: HelloKind,
  bracket: Uint8Array,
  binding = BINDING,
  signer: KeyPair = CLIENT,
  clientKey = signer.publicKey,
): Uint8Array {
  const body = encodeHello({ chainId: CHAIN, nodeKey: NODE.publicKey, clientKey, rand: new Uint8Array(16), kind, bracket })
  return encodeFrame(FRAME.hello, 0, 0, Uint8Array.from([...body, ...signer.sign(helloTranscript(binding, body))]))
}

describe('a session cannot be taken over', () => {
  /** `bracket` with a number that is counted up in place of what stands at `at`. */
  const counted = (bracket: Uint8Array, at: number): Uint8Array[] =>
    Array.from({ length: 200 }, (_, guess) => {
      const out = bracket.slice()
      new DataView(out.buffer).setBigUint64(at, BigInt(guess), true)
      return out
    })
  const answerOf = (node: SessionCore, kind: HelloKind, bracket: Uint8Array): unknown => {
    const codes = endings(feed(node, hello(kind, bracket))).map((effect) => (effect as { code?: number }).code)
    return [codes, framesOf(drain(node)).map(({ type }) => type)]
  }

  test.each(['live', 'suspended'] as const)(
    'by counting: nor its id nor its token is found, while it is %s, even by who has its key',
    (state) => {
      const world = resumable()
      if (state === 'suspended') lose(world)
      const { sessionId, resumeToken } = world.welcome
      const named = Uint8Array.of(...sessionId, ...resumeToken)
      for (const bracket of [...counted(named, 0), ...counted(named, sessionId.length)])
        expect(answerOf(createDoor(world, BINDING), 'resume', bracket)).toEqual([[CODES.unknownSession], [FRAME.goaway]])
      expect([world.node.phase, answerOf(createDoor(world, BINDING), 'resume', named)]).toEqual([
        state === 'live' ? 'open' : 'suspended',
        [[], []],
      ])
    },
  )

  test('nor joined by counting: no token is found by its number or by its MAC', () => {
    const world = shared()
    const token = tokenOf(world)
    const serials = Array.from({ length: 200 }, (_, serial) => token.with(25, serial)).filter((each) => each[25] !== token[25])
    for (const bracket of [...serials, ...counted(token, 40)])
      expect(answerOf(createSharedNode(world.joinable, world.meter, {}, BINDING), 'join', bracket)).toEqual([
        [CODES.notAuthorised],
        [FRAME.goaway],
      ])
    expect(join(world, token).client.phase).toBe('open')
  })

  test('nor with its own id and token, by its own key: they are no key to it, and it goes on', async () => {
    const server = createSessionServer({ identity: NODE, onLane: (request) => void request.accept(Uint8Array.of(1)) }, { chainId: CHAIN })
    cleanups.push(() => server.stop())
    const target = await server.start()
    const session = await connectSession({ ...target, nodeKey: NODE.publicKey, chainId: CHAIN, identity: CLIENT })
    const { sessionId, resumeToken } = session.welcome
    const socket = connect({ ...target, rejectUnauthorized: false, ALPNProtocols: ['selvedge/1'] })
    cleanups.push(() => socket.destroy())
    await once(socket, 'secureConnect')
    const binding = Uint8Array.from([1, ...socket.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0))])
    const answer: Buffer[] = []
    socket.on('data', (bytes: Buffer) => answer.push(bytes))
    socket.write(hello('resume', Uint8Array.from([...sessionId, ...resumeToken]), binding))
    await once(socket, 'end')
    const [frame] = framesOf(new Uint8Array(Buffer.concat(answer)))
    expect([frame!.type, frames.decodeGoaway(frame!.body).code]).toEqual([FRAME.goaway, CODES.unknownSession])
    expect((await session.openLane({ serviceId: 0, metadata: new Uint8Array() })).metadata).toEqual(Uint8Array.of(1))
    await session.close()
  })
})

test('a key is not believed because it is named: HELLO with another’s key gets 3', () => {
  const node = createNodeCore()
  const victim = createKeyPair(new Uint8Array(32).fill(9)).publicKey
  expect(endings(feed(node, hello('guest', new Uint8Array(), BINDING, CLIENT, victim)))).toEqual([
    expect.objectContaining({ why: 'protocol', code: CODES.badSignature }),
  ])
})

test('a length alone allocates nothing: every frame that claims more than its type may have is refused by its header', () => {
  for (const phase of ['greeting', 'open'] as const) {
    for (const type of Object.values(FRAME)) {
      for (const length of [65_537, 2 ** 24, 2 ** 31, 2 ** 32 - 1]) {
        const node = createNodeCore()
        if (phase === 'open') feed(node, hello('guest', new Uint8Array()))
        const effects = feed(node, encodeHeader({ type, flags: 0, lane: 0, length }))
        expect([type, length, endings(effects).length]).toEqual([type, length, 1])
      }
    }
  }
})

test('a handshake has a deadline that no byte moves', () => {
  const node = createNodeCore()
  const flight = hello('guest', new Uint8Array())
  for (let at = 0; at < flight.length - 1; at++) {
    const nowMs = at * 30 // a byte each 30 ms: the whole of it is never there in time
    if (nowMs >= 5_000) break
    node.receive(flight.subarray(at, at + 1), nowMs, [])
    expect(node.deadlineMs).toBe(5_000)
  }
  const effects: Effect[] = []
  node.tick(5_000, effects)
  expect(endings(effects)).toEqual([expect.objectContaining({ why: 'silence', code: CODES.idleTimeout })])
})

test('the time of a token is in seconds, and in nothing else: one of 60 is good for 59 and not for 60', () => {
  const world = shared()
  const token = tokenOf(world, { ...READ, ttlSeconds: 60 })
  world.clock.seconds += 59
  expect(endingsOf(join(world, token))).toEqual({ client: [], node: [] })
  world.clock.seconds += 1
  expect(endingsOf(join(world, token))).toEqual({ client: [CODES.expiredToken], node: [CODES.expiredToken] })
})

test('a guest, whom nobody would pay for, gets no token: asking for one gets 6', () => {
  const node = createNodeCore()
  feed(node, hello('guest', new Uint8Array()))
  feed(node, encodeFrame(FRAME.token, 0, 0, Uint8Array.from([0, 0, 0, 0, 60, 0, 0, 0, 1])))
  expect(framesOf(drain(node)).flatMap(({ type, body }) => (type === FRAME.goaway ? [frames.decodeGoaway(body).code] : []))).toEqual([6])
})

test('every code is read as it was sent, in GOAWAY and in RESET, and no two have one name', () => {
  const codes = Object.values(CODES)
  expect(codes).toEqual(Array.from({ length: 25 }, (_, i) => i + 1))
  for (const code of codes) {
    expect(frames.decodeGoaway(frames.encodeGoaway({ code, retryAfterMs: 0, nodes: [] })).code).toBe(code)
    expect(frames.decodeReset(frames.encodeReset({ code, offset: 0n, reason: '' })).code).toBe(code)
    expect(nameOfCode(code)).toMatch(/^[a-z]+(-[a-z]+)*$/)
  }
  expect(new Set(codes.map(nameOfCode)).size).toBe(25)
  expect([nameOfCode(0), nameOfCode(26), nameOfCode(65_535)]).toEqual(['code 0', 'code 26', 'code 65535'])
})

test('one address has as many sessions as it has people: 64, and the next is closed', async () => {
  const server = createSessionServer({ identity: NODE, onLane: () => {} }, { chainId: CHAIN })
  cleanups.push(() => server.stop())
  const target = { ...(await server.start()), nodeKey: NODE.publicKey, chainId: CHAIN, timeoutMs: 60_000 }
  const sessions = []
  for (let i = 0; i < 64; i++) sessions.push(await connectSession(target))
  expect(new Set(sessions.map(({ sessionId }) => Buffer.from(sessionId).toString('hex'))).size).toBe(64)
  await until(() => server.counts.pending === 0)
  expect(server.counts.sessions).toBe(64)
  await expect(connectSession(target)).rejects.toMatchObject({ code: 'HANDSHAKE_UNREACHABLE' })
  await Promise.all(sessions.map((session) => session.close()))
})
