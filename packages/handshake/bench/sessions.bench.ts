// New sessions of clients that pay, both keys proven, beside bare TLS 1.3 connections in which both ends show a certificate.
import { once } from 'node:events'
import { join } from 'node:path'
import { connect, createSecureContext } from 'node:tls'
import { createKeyPair } from '@selvedge/crypto/ed25519'
import type { Bench, Prepared } from '../../../tools/bench/bench.ts'
import { credentialsOf, holds, keyOf } from './certificate.ts'
import { inParallel } from './in-parallel.ts'
import { startProcess } from './other-process.ts'
import { accountOf, openPaidSession } from './paid-client.ts'
import type { PaidNodeFacts } from './paid-node.ts'
import { CLIENT_SEED, NODE_SEED, type PlainNodeFacts } from './plain-node.ts'
import { forgetTickets } from './without-tickets.ts'

const WARM_UP = 300
const COUNT = 1_000
const AT_ONCE = 16
/** Each has signed one delegation, which the node knows after the first session. */
const ACCOUNTS = 64

async function perSecond(make: (index: number) => Promise<void>): Promise<number> {
  await inParallel(WARM_UP, AT_ONCE, make)
  const started = performance.now()
  await inParallel(COUNT, AT_ONCE, make)
  return COUNT / ((performance.now() - started) / 1_000)
}

const sessions = (isKnown: boolean) => async (): Promise<Prepared> => {
  if (!isKnown) forgetTickets()
  const { facts, stop } = await startProcess<PaidNodeFacts>(join(import.meta.dirname, 'paid-node.ts'))
  const node = { port: facts.port, nodeKey: Uint8Array.from(facts.nodeKey) }
  const accounts = Array.from({ length: ACCOUNTS }, (_, index) => accountOf(index))
  const make = async (index: number): Promise<void> => {
    const { session } = await openPaidSession(node, accounts[index % ACCOUNTS]!)
    await session.close()
  }
  return { figure: () => perSecond(make), close: stop }
}

async function mutualTls(): Promise<Prepared> {
  const { facts, stop } = await startProcess<PlainNodeFacts>(join(import.meta.dirname, 'plain-node.ts'))
  const nodeKey = keyOf(createKeyPair(NODE_SEED))
  const secureContext = createSecureContext(credentialsOf(createKeyPair(CLIENT_SEED)))
  const make = async (): Promise<void> => {
    const socket = connect({ host: '127.0.0.1', port: facts.mutualPort, secureContext, rejectUnauthorized: false })
    socket.setNoDelay(true)
    await once(socket, 'secureConnect')
    if (!holds(socket, nodeKey)) throw new Error('the other end has another key')
    await once(socket, 'data') // it has checked ours
    socket.end()
    await once(socket, 'close')
  }
  return { figure: () => perSecond(make), close: stop }
}

export const benches: readonly Bench[] = [
  {
    name: `new paying sessions, both keys proven, ${AT_ONCE} at once`,
    unit: '/s',
    subjects: { ours: sessions(true), 'mutual node:tls': mutualTls },
    goals: { 'mutual node:tls': 0.8 },
    note: `${COUNT} after ${WARM_UP} of warm-up, each opened and closed; delegations of ${ACCOUNTS} accounts, known to the node. Ours goes on from a TLS ticket, as a client does that was here before, and proves both keys anew in HELLO and WELCOME.`,
  },
  {
    name: `new paying sessions, each its client's first, ${AT_ONCE} at once`,
    unit: '/s',
    subjects: { ours: sessions(false), 'mutual node:tls': mutualTls },
    goals: { 'mutual node:tls': 0.8 },
    note: 'The same without tickets: a full TLS handshake, in which the node signs, and then HELLO and WELCOME, which each side signs.',
  },
]
