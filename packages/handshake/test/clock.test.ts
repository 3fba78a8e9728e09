import { createKeyPair } from '@selvedge/crypto/ed25519'
import { expect, test } from 'vitest'
import type { Effect } from '../src/effects.ts'
import { FRAME } from '../src/frames.ts'
import { connectSession } from '../src/index.ts'
import type { SessionCore } from '../src/session-core.ts'
import { createSessionServer } from '../src/tls.ts'
import { createClientCore, createNodeCore, drain, feed, greeted, settle } from './cores.ts'

const NONE = new Uint8Array()

/** Calls tick exactly when the core wants it, until it has said how it ends or `untilMs` is reached. */
function runClock(core: SessionCore, untilMs: number): { readonly endMs: number; readonly told: Effect[]; readonly sentTypes: number[] } {
  const told: Effect[] = []
  const sentTypes: number[] = []
  let nowMs = 0
  while (told.length === 0 && core.deadlineMs <= untilMs) {
    nowMs = core.deadlineMs
    core.tick(nowMs - 1, told)
    expect(told).toEqual([]) // never early
    core.tick(nowMs, told)
    sentTypes.push(...drain(core).subarray(0, 1))
  }
  return { endMs: nowMs, told, sentTypes }
}

test.each([
  ['client', createClientCore],
  ['node', createNodeCore],
] as const)('a %s that hears no greeting for 5 s gives up', (_, create) => {
  const core = create()
  drain(core)
  expect(runClock(core, 1e9)).toEqual({
    endMs: 5_000,
    told: [expect.objectContaining({ type: 'over', why: 'silence', code: 16 })],
    sentTypes: [FRAME.goaway],
  })
})

test('a node ends a session without lanes after a minute of silence; its client would wait for ever', () => {
  const { client, node } = greeted()
  expect(runClock(node, 1e9)).toMatchObject({ endMs: 60_000, told: [{ why: 'silence', code: 16 }] })
  expect(client.deadlineMs).toBe(Number.POSITIVE_INFINITY)
})

test.each(['client', 'node'] as const)('a %s with open lanes asks after 15 s of silence, and ends the session 30 s later', (side) => {
  const { client, node } = greeted()
  client.open(0, NONE, 1_000)
  settle(client, node)
  const core = { client, node }[side]
  expect(runClock(core, 1e9)).toMatchObject({ endMs: 45_000, told: [{ why: 'silence', code: 16 }], sentTypes: [FRAME.ping, FRAME.goaway] })
})

test('any byte of the other side puts the end off', () => {
  const { client, node } = greeted()
  client.open(0, NONE, 1_000)
  settle(client, node)
  client.tick(15_000, [])
  const [ping] = [drain(client)]
  feed(node, ping, 15_000)
  feed(client, drain(node), 15_100)
  expect(client.deadlineMs).toBe(30_100)
  expect(client.phase).toBe('open')
})

test('after its last GOAWAY a side waits 2 s for the channel to end', () => {
  const { node } = greeted()
  node.leave(25, [])
  node.tick(100_000, [])
  expect([node.phase, node.deadlineMs]).toEqual(['closing', 102_000])
  node.tick(102_000, [])
  expect([node.phase, node.deadlineMs]).toEqual(['closed', Number.POSITIVE_INFINITY])
})

test('over TLS, an idle session ends with 16 and a busy one goes on', async () => {
  const identity = createKeyPair()
  await using server = createSessionServer(
    { identity, onLane: (request) => void request.accept(NONE) },
    { chainId: 1337, idleTimeoutMs: 50 },
  )
  const at = { ...(await server.start()), nodeKey: identity.publicKey, chainId: 1337 }
  const [idle, busy] = [await connectSession(at), await connectSession(at)]
  const lane = await busy.openLane({ serviceId: 0, metadata: NONE })
  expect(await idle.closed).toMatchObject({ code: 'HANDSHAKE_CLOSED', laneCode: 16 })
  await lane.write(Uint8Array.of(1))
  await busy.close()
  expect(await busy.closed).toBeUndefined()
})
