/** A session that goes on has the whole time of a greeting on each channel, however long its first one took to come: at the client, and at the node. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { Carrier } from '../src/carrier.ts'
import { connectSession, type Session } from '../src/index.ts'
import { createSessionServer, type SessionServer } from '../src/tls.ts'
import { CHAIN, CLIENT, NODE } from './cores.ts'
import { createMemoryPair, type MemoryCarrier } from './memory-carrier.ts'
import { createPayments, delegationOf, TestMeter, TestPayer } from './paying.ts'

const TIMEOUT_MS = 5_000
const SLOW_MS = 4_900
const ADDRESS = '192.0.2.1'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
})
afterEach(() => {
  vi.useRealTimers()
})

/** What is under way arrives. */
async function settle(passMs = 0): Promise<void> {
  vi.advanceTimersByTime(passMs)
  for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve))
}

function serve(): SessionServer {
  return createSessionServer({ identity: NODE, onLane: () => {}, payments: createPayments(new TestMeter()) }, { chainId: CHAIN })
}

function connect(carrier: { readonly carrier: Carrier }, redial: () => Promise<Carrier>, timeoutMs: number): Promise<Session> {
  const paying = { identity: CLIENT, delegation: delegationOf(CLIENT.publicKey), payer: new TestPayer() }
  return connectSession(Object.assign(carrier, { nodeKey: NODE.publicKey, chainId: CHAIN, ...paying, redial, timeoutMs }))
}

/** The first channel breaks; the second one is open for as long as a greeting may take, and no longer. */
async function expectWholeTime(first: MemoryCarrier, second: MemoryCarrier): Promise<void> {
  first.destroy()
  await settle()
  await settle(1)
  await settle(TIMEOUT_MS - 100)
  expect(second.isClosed).toBe(false)
  await settle(200)
  expect(second.isClosed).toBe(true)
}

test('a client whose first channel took nearly all of it waits for WELCOME on the next one', async () => {
  const server = serve()
  const [first, atNode] = createMemoryPair()
  const [silent] = createMemoryPair()
  let reads = 0
  const slow = {
    get carrier() {
      if (reads++ > 0) return first
      vi.advanceTimersByTime(SLOW_MS)
      server.accept(ADDRESS, () => Promise.resolve(atNode))
      return first
    },
  }
  const session = await connect(slow, () => Promise.resolve(silent), TIMEOUT_MS)
  await expectWholeTime(first, silent)
  await Promise.all([session.close(), server.stop()])
})

test('a node for which the first one did waits for RESUME', async () => {
  const server = serve()
  const [first, atNode] = createMemoryPair()
  const [next, nextAtNode] = createMemoryPair()
  server.accept(ADDRESS, async () => {
    await Promise.resolve()
    vi.advanceTimersByTime(SLOW_MS)
    return atNode
  })
  await settle()
  let sends = 0
  const saysHelloOnly: Carrier = {
    channelBinding: next.channelBinding,
    start: (events) => next.start(events),
    send(parts, onFlushed) {
      if (sends++ === 0) next.send(parts, onFlushed)
    },
    pause: () => next.pause(),
    resume: () => next.resume(),
    end: () => next.end(),
    destroy: () => next.destroy(),
  }
  const redial = (): Promise<Carrier> => {
    server.accept(ADDRESS, () => Promise.resolve(nextAtNode))
    return Promise.resolve(saysHelloOnly)
  }
  const session = await connect({ carrier: first }, redial, 100 * TIMEOUT_MS)
  await expectWholeTime(first, next)
  await Promise.all([session.close(), server.stop()])
})
