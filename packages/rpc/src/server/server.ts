/**
 * The doors: one port for HTTP and WebSocket, with what bounds strangers (connections, sizes, times, rates) in one place.
 */
import { createServer, type IncomingMessage, type Server } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import type { JsonRpc } from '../json-rpc.ts'
import type { NodePages } from '../node-pages.ts'
import { prefixOf, RateLimit, type RateLimitOptions } from '../rate-limit.ts'
import { AddressCount } from './address-count.ts'
import { AnswerBudget } from './answer-budget.ts'
import { createHttpApplication } from './http.ts'
import { acceptSockets, type Sockets } from './sockets.ts'

export interface ServerOptions extends RateLimitOptions {
  /** @default '127.0.0.1' */
  readonly host?: string
  /** @default 0, which takes any free port */
  readonly port?: number
  /** Web origins whose pages may ask; `*` is all. @default ['*'] */
  readonly corsOrigins?: readonly string[]
  /** A header whose last entry is the client's address, as a proxy in front of this writes it. Only behind one: clients write it too. */
  readonly addressHeader?: string
  /** Bytes of a request body or WebSocket message. @default 1,048,576 */
  readonly requestBytesMax?: number
  /** Connections at any moment, both kinds. @default 1,024 */
  readonly connectionsMax?: number
  /** Connections of one address, an IPv6 /64 for one. Behind a proxy (`addressHeader`): WebSockets of one client. @default 64 */
  readonly connectionsPerAddressMax?: number
  /** Subscriptions of one connection. @default 32 */
  readonly subscriptionsMax?: number
  /** Bytes that wait in a WebSocket for its reader before its feeds pause. @default 1,048,576 */
  readonly bufferBytesMax?: number
  /** Bytes of answers, of all connections together, that wait for their readers. @default 134,217,728 */
  readonly answersBytesMax?: number
  /** A request must have come whole within it. @default 30,000 */
  readonly requestTimeoutMs?: number
  /** A WebSocket that answers no ping for so long is ended. @default 30,000 */
  readonly aliveTimeoutMs?: number
}

export interface ServerParts {
  readonly rpc: JsonRpc
  readonly pages: NodePages
  readonly onBlock: (listener: () => void) => () => void
  readonly nowMs: () => number
}

export interface Doors {
  readonly host: string
  readonly port: number
  readonly webSockets: () => number
  readonly subscriptions: () => number
  readonly stop: () => Promise<void>
}

/** An HTTP connection on which nothing moves for so long is closed, an answer that is not read with it. */
const IDLE_MS = 60_000
const HEADERS_MS = 10_000

/** Listens when it resolves. @throws what `listen` says, a port in use for one. */
export async function openDoors({ rpc, pages, onBlock, nowMs }: ServerParts, options: ServerOptions): Promise<Doors> {
  const { host = '127.0.0.1', port = 0, corsOrigins = ['*'], addressHeader, requestBytesMax = 2 ** 20 } = options
  const { connectionsMax = 1_024, connectionsPerAddressMax = 64, requestTimeoutMs = 30_000, aliveTimeoutMs = 30_000 } = options
  const { subscriptionsMax = 32, bufferBytesMax = 2 ** 20, answersBytesMax = 2 ** 27 } = options
  const limit = new RateLimit(options)
  const budget = new AnswerBudget(answersBytesMax)
  const take = (address: string, cost: number): boolean => limit.take(address, cost, nowMs())
  const owe = (address: string, cost: number): void => limit.owe(address, cost, nowMs())
  const addressOf = (incoming: IncomingMessage): string => {
    const header = addressHeader === undefined ? undefined : incoming.headers[addressHeader.toLowerCase()]
    const entries = (Array.isArray(header) ? header.join(',') : header)?.split(',')
    return entries?.at(-1)?.trim() || (incoming.socket.remoteAddress ?? '')
  }
  const application = createHttpApplication({ rpc, pages, take, owe }, { corsOrigins, requestBytesMax })
  const listener = getRequestListener((request, { incoming, outgoing }) => {
    const hold = (bytes: number): boolean => {
      const giveBack = budget.hold(bytes)
      if (giveBack !== undefined) outgoing.once('close', giveBack)
      return giveBack !== undefined
    }
    return application.fetch(request, { address: addressOf(incoming as IncomingMessage), hold })
  })
  const times = {
    requestTimeout: requestTimeoutMs,
    headersTimeout: Math.min(HEADERS_MS, requestTimeoutMs),
    connectionsCheckingInterval: 1_000,
  }
  const server = createServer(times, (incoming, outgoing) => void listener(incoming, outgoing))
  server.maxConnections = connectionsMax
  server.setTimeout(IDLE_MS)
  if (addressHeader === undefined) limitConnections(server, connectionsPerAddressMax) // behind a proxy all have its address
  const socketOptions = { corsOrigins, requestBytesMax, connectionsPerAddressMax, subscriptionsMax, bufferBytesMax, aliveTimeoutMs }
  const sockets = acceptSockets(server, { rpc, budget, onBlock, take, owe, addressOf }, socketOptions)
  server.listen(port, host)
  try {
    await once(server, 'listening')
  } catch (error) {
    await sockets.stop()
    throw error
  }
  let stopped: Promise<void> | undefined
  return {
    host,
    port: (server.address() as AddressInfo).port,
    webSockets: () => sockets.connections.size,
    subscriptions: () => [...sockets.connections].reduce((sum, { subscriptionCount }) => sum + subscriptionCount, 0),
    stop() {
      stopped ??= close(server, sockets)
      return stopped
    },
  }
}

async function close(server: Server, sockets: Sockets): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  server.closeAllConnections()
  await sockets.stop()
  await closed
}

function limitConnections(server: Server, perAddressMax: number): void {
  const addresses = new AddressCount(perAddressMax)
  server.on('connection', (socket) => {
    const leave = addresses.enter(prefixOf(socket.remoteAddress ?? ''))
    if (leave === undefined) socket.destroy()
    else socket.once('close', leave)
  })
}
