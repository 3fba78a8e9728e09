// What ten thousand clients that pay and do nothing cost a node in memory, beside bare idle TLS sockets. Each end in a process of its own.
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect, type TLSSocket } from 'node:tls'
import type { Session } from '@selvedge/handshake'
import type { Bench, Prepared } from '../../../tools/bench/bench.ts'
import { TLS_1_3 } from './certificate.ts'
import { inParallel } from './in-parallel.ts'
import { encodeOrder } from './order.ts'
import { type OtherProcess, startProcess } from './other-process.ts'
import { accountOf, openPaidSession } from './paid-client.ts'
import type { PaidNodeFacts } from './paid-node.ts'
import type { PlainNodeFacts } from './plain-node.ts'
import { forgetTickets } from './without-tickets.ts'

const WANTED = 10_000
/** Opened and closed before anything is measured, so that what a process grows to once is not counted. */
const WARM_UP = 500
const AT_ONCE = 32
const USED_BYTES = 1_024
const WAIT_MS_MAX = 30_000
/** 10^-12 USD a byte: what was used costs a µUSD, and nothing less is kept. */
const BYTE_PRICE = 1_000
/** Files that a process has open beside its connections. */
const OTHER_FILES = 500

/** A process may have no more open files, connections among them; Node.js takes all that the hard limit allows. */
function openFilesMax(): number {
  const said = execFileSync('sh', ['-c', 'ulimit -Hn'], { encoding: 'utf8' }).trim()
  return said === 'unlimited' ? Number.POSITIVE_INFINITY : Number(said)
}
const COUNT = Math.min(WANTED, openFilesMax() - WARM_UP - OTHER_FILES)

interface Connections {
  /** Opens one and uses it; the same number is not used twice. */
  open(index: number): Promise<void>
  closeAll(): Promise<void>
}

async function bytesEach(node: OtherProcess<unknown>, { open, closeAll }: Connections): Promise<number> {
  const until = async (sessions: number): Promise<void> => {
    const deadlineMs = performance.now() + WAIT_MS_MAX
    while ((await node.ask<number>('sessions')) !== sessions) {
      if (performance.now() > deadlineMs) throw new Error(`the node has not come to ${sessions} connections`)
      await sleep(50)
    }
  }
  await inParallel(WARM_UP, AT_ONCE, open)
  await until(WARM_UP)
  await closeAll()
  await until(0)
  const before = await node.ask<number>('residentBytes')
  await inParallel(COUNT, AT_ONCE, (index) => open(WARM_UP + index))
  await until(COUNT)
  return ((await node.ask<number>('residentBytes')) - before) / COUNT
}

const order = encodeOrder({ totalBytes: USED_BYTES, writeBytes: USED_BYTES })

async function payingSessions(): Promise<Prepared> {
  forgetTickets() // ten thousand clients were not here before
  const node = await startProcess<PaidNodeFacts>(join(import.meta.dirname, 'paid-node.ts'), String(BYTE_PRICE))
  const target = { port: node.facts.port, nodeKey: Uint8Array.from(node.facts.nodeKey) }
  const opened = new Set<Session>()
  let used = 0
  const open = async (index: number): Promise<void> => {
    const { session, payer } = await openPaidSession(target, accountOf(index), { resumeTimeoutMs: 0 })
    opened.add(session)
    const lane = await session.openLane({ serviceId: 0, metadata: order })
    await lane.end()
    let received = 0
    for await (const bytes of lane.source) received += bytes.length
    payer.verified(lane.laneId, BigInt(received))
    used += received
  }
  const closeAll = async (): Promise<void> => {
    await Promise.all([...opened].map((session) => session.close()))
    opened.clear()
  }
  const figure = async (): Promise<number> => {
    const bytes = await bytesEach(node, { open, closeAll })
    const acknowledged = await node.ask<number>('acknowledgedBytes')
    if (acknowledged !== used) throw new Error(`${used} bytes came, and ${acknowledged} are acknowledged`)
    return bytes
  }
  return { figure, close: node.stop }
}

async function plainSockets(): Promise<Prepared> {
  const node = await startProcess<PlainNodeFacts>(join(import.meta.dirname, 'plain-node.ts'))
  const opened = new Set<TLSSocket>()
  const open = async (): Promise<void> => {
    const socket = connect({ host: '127.0.0.1', port: node.facts.port, ...TLS_1_3, rejectUnauthorized: false })
    opened.add(socket)
    await once(socket, 'secureConnect')
    socket.write(order)
    let received = 0
    while (received < USED_BYTES) received += ((await once(socket, 'data')) as [Uint8Array])[0].length
    socket.on('error', () => {}) // what comes when the other process ends
  }
  const closeAll = async (): Promise<void> => {
    await Promise.all([...opened].map((socket) => once(socket.end(), 'close')))
    opened.clear()
  }
  return { figure: () => bytesEach(node, { open, closeAll }), close: node.stop }
}

const fewer = COUNT < WANTED ? ` The limit of open files lets a process have no more than ${COUNT} connections here, not ${WANTED}.` : ''

export const benches: readonly Bench[] = [
  {
    name: `memory of a node for each of ${COUNT.toLocaleString('en-US')} idle paying sessions`,
    unit: 'B',
    samples: 3,
    subjects: { ours: payingSessions, 'node:tls': plainSockets },
    goals: { 'node:tls': 0.714 },
    note: `Resident memory after a collection, each with an account of its own, and one lane used and paid for; the acknowledgements are held and on disk. The sockets have carried as much. The goal is at most 1.4 times theirs.${fewer}`,
  },
]
