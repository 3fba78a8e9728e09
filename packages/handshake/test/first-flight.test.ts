/**
 * What a stranger's first flight costs a node, whatever is in it: at most four times its bytes in answer, one signature checked, one made, and
 * the books asked once. Fuzzed at the core, where every flight is tried; and over TCP, where TLS answers before we do.
 */
import { once } from 'node:events'
import { type AddressInfo, connect as connectTcp, createServer, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { KeyPair } from '@selvedge/crypto/ed25519'
import fc from 'fast-check'
import { afterEach, expect, test } from 'vitest'
import type { Greeter } from '../src/greeter.ts'
import { createNodeGreeter } from '../src/greeter.ts'
import { SessionCore } from '../src/session-core.ts'
import { createSessionServer } from '../src/tls.ts'
import { BINDING, CHAIN, CLOCK, createClientCore, drain, feed, NODE } from './cores.ts'
import { createPayingClient, createPayments, TestMeter, TestPayer } from './paying.ts'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup()
})

interface Cost {
  sentBytes: number
  judged: number
  signed: number
  admitted: number
}

/** What a node spends on these bytes, and on nothing else until its greeting is over. */
function costOf(flight: Uint8Array): Cost {
  let signed = 0
  let judged = 0
  const identity: KeyPair = {
    ...NODE,
    sign: (bytes) => {
      signed++
      return NODE.sign(bytes)
    },
  }
  const payments = createPayments(new TestMeter())
  const made = createNodeGreeter({
    identity,
    chainId: CHAIN,
    channelBinding: BINDING,
    maxLanes: 4,
    rand: new Uint8Array(16).fill(4),
    resumeToken: new Uint8Array(32),
    nodeTimeMs: 0n,
    payments,
    laneNonce: 0n,
    nodeIndex: 0,
    epoch: 0n,
    priceVersion: 0,
  })
  const greeter: Greeter = {
    helloBody: undefined,
    answer: (body) => {
      judged++
      return made.answer(body)
    },
  }
  const node = new SessionCore({ role: 'node', greeter, clock: CLOCK, maxLanes: 4 }, 0)
  feed(node, flight)
  node.tick(5_000, [])
  return { sentBytes: drain(node).length, judged, signed, admitted: payments.hellos.length }
}

const HELLOS = [drain(createClientCore()), drain(createPayingClient(new TestPayer()))]

test('a fuzzed first flight gets at most four times its bytes back, and one signature each way', () => {
  const flights = fc.oneof(
    fc.uint8Array({ minLength: 8, maxLength: 600 }),
    fc
      .tuple(fc.constantFrom(...HELLOS), fc.array(fc.tuple(fc.nat(400), fc.integer({ min: 0, max: 255 })), { maxLength: 4 }), fc.nat(400))
      .map(([hello, changes, cut]) => {
        const bytes = hello.slice()
        for (const [at, value] of changes) bytes[at % bytes.length] = value
        return bytes.slice(0, Math.max(8, bytes.length - cut))
      }),
    fc.tuple(fc.constantFrom(...HELLOS), fc.uint8Array({ maxLength: 5_000 })).map(([hello, tail]) => Uint8Array.from([...hello, ...tail])),
    fc.constantFrom(...HELLOS).map((hello) => Uint8Array.from([...hello, ...hello, ...hello])),
  )
  let greeted = 0
  fc.assert(
    fc.property(flights, (flight) => {
      const { sentBytes, judged, signed, admitted } = costOf(flight)
      greeted += signed
      expect(sentBytes).toBeLessThanOrEqual(4 * flight.length)
      expect([judged <= 1, signed <= judged, admitted <= judged]).toEqual([true, true, true])
    }),
    { numRuns: 3_000 },
  )
  expect(greeted).toBeGreaterThan(100) // the fuzz reaches what it is about
})

test('less than a header gets nothing until the deadline, and then one GOAWAY', () => {
  for (let length = 0; length < 8; length++) {
    const node = new SessionCore(
      { role: 'node', greeter: { helloBody: undefined, answer: () => expect.unreachable() }, clock: CLOCK, maxLanes: 4 },
      0,
    )
    feed(node, new Uint8Array(length))
    expect(node.hasOutput).toBe(false)
    node.tick(5_000, [])
    expect(drain(node)).toHaveLength(15)
  }
})

/** The first flight of a client of TLS, as it is on the wire: the usual one, and about the smallest that is answered. */
async function clientHello(options: object): Promise<Buffer> {
  const server = createServer().listen(0, '127.0.0.1')
  cleanups.push(() => server.close())
  await once(server, 'listening')
  const connected = once(server, 'connection')
  const { port } = server.address() as AddressInfo
  const client = connectTls({ port, host: '127.0.0.1', minVersion: 'TLSv1.3', ALPNProtocols: ['selvedge/1'], ...options })
  client.on('error', () => {})
  const [socket] = (await connected) as [Socket]
  const [bytes] = (await once(socket, 'data')) as [Buffer]
  socket.destroy()
  client.destroy()
  return bytes
}

test.each([
  ['usual', {}],
  ['small', { ecdhCurve: 'X25519', ciphers: 'TLS_AES_128_GCM_SHA256', sigalgs: 'ed25519' }],
])('over TCP, a fuzzed ClientHello gets at most four times its bytes back, TLS included: the %s one', async (_, tls) => {
  const flight = await clientHello(tls)
  const options = { chainId: CHAIN, greetingTimeoutMs: 1_000, connectionsBurst: 1_000, maxConnectionsPerAddress: 1_000 }
  const server = createSessionServer({ identity: NODE, onLane: () => {} }, options)
  cleanups.push(() => server.stop())
  const target = await server.start()
  const send = async (bytes: Uint8Array): Promise<number> => {
    const socket = connectTcp(target)
    socket.on('error', () => {})
    let received = 0
    socket.on('data', (part: Buffer) => (received += part.length))
    socket.write(bytes)
    await new Promise((resolve) => socket.once('close', resolve))
    return received
  }
  const whole = connectTcp(target)
  cleanups.push(() => whole.destroy())
  whole.write(flight)
  await once(whole, 'data') // what was taken from a real client is a flight that is answered
  const sample = fc.sample(
    fc.tuple(fc.array(fc.tuple(fc.nat(flight.length - 1), fc.integer({ min: 0, max: 255 })), { maxLength: 3 }), fc.nat(20)),
    { numRuns: 150, seed: 1 },
  )
  const fuzzed = sample.map(([changes, cut]) => {
    const bytes = Buffer.from(flight)
    for (const [at, value] of changes) bytes[at] = value
    return bytes.subarray(0, cut === 20 ? bytes.length / 2 : bytes.length)
  })
  const answered = await Promise.all(fuzzed.map(async (bytes) => ({ sent: bytes.length, received: await send(bytes) })))
  expect(answered.filter(({ sent, received }) => received > 4 * sent)).toEqual([])
})
