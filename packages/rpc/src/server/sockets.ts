/** The WebSocket side: who may come in, who is still there, and news of blocks for all of them. */
import type { IncomingMessage, Server } from 'node:http'
import type { Duplex } from 'node:stream'
import { WebSocketServer } from 'ws'
import { RpcError } from '../errors.ts'
import type { JsonRpc } from '../json-rpc.ts'
import { prefixOf } from '../rate-limit.ts'
import type { AnswerBudget } from './answer-budget.ts'
import { Connection } from './connection.ts'
import { AddressCount } from './address-count.ts'

export interface SocketParts {
  readonly rpc: JsonRpc
  readonly budget: AnswerBudget
  readonly onBlock: (listener: () => void) => () => void
  readonly take: (address: string, cost: number) => boolean
  readonly owe: (address: string, cost: number) => void
  readonly addressOf: (incoming: IncomingMessage) => string
}

export interface SocketOptions {
  readonly corsOrigins: readonly string[]
  readonly requestBytesMax: number
  readonly connectionsPerAddressMax: number
  readonly subscriptionsMax: number
  readonly bufferBytesMax: number
  readonly aliveTimeoutMs: number
}

export interface Sockets {
  readonly connections: ReadonlySet<Connection>
  readonly stop: () => Promise<void>
}

/** How long a peer may take to answer a close. */
const CLOSE_MS = 1_000
const PATHS = new Set(['/', '/rpc', '/ws'])

export function acceptSockets(server: Server, parts: SocketParts, options: SocketOptions): Sockets {
  const { budget, rpc, onBlock, take, owe, addressOf } = parts
  const { corsOrigins, requestBytesMax, aliveTimeoutMs } = options
  const connections = new Set<Connection>()
  const addresses = new AddressCount(options.connectionsPerAddressMax)
  const sockets = new WebSocketServer({ noServer: true, maxPayload: requestBytesMax, perMessageDeflate: false })

  server.on('upgrade', (incoming: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => socket.destroy())
    const { origin } = incoming.headers
    const address = addressOf(incoming)
    if (!PATHS.has(incoming.url?.split('?', 1)[0] ?? '')) return refuse(socket, '404 Not Found')
    if (origin !== undefined && !corsOrigins.includes('*') && !corsOrigins.includes(origin)) return refuse(socket, '403 Forbidden')
    const leave = take(address, 1) ? addresses.enter(prefixOf(address)) : undefined
    if (leave === undefined) return refuse(socket, '429 Too Many Requests')
    socket.once('close', leave)
    sockets.handleUpgrade(incoming, socket, head, (accepted) => {
      const allowance = { take: (cost: number) => take(address, cost), owe: (cost: number) => owe(address, cost) }
      const connection = new Connection(accepted, { rpc, budget, wire: socket, ...allowance }, options)
      connections.add(connection)
      accepted.once('close', () => connections.delete(connection))
    })
  })
  const ended = onBlock(() => {
    for (const connection of connections) connection.pump()
  })
  const beat = setInterval(() => {
    for (const connection of connections) connection.checkAlive()
  }, aliveTimeoutMs)
  return {
    connections,
    async stop() {
      clearInterval(beat)
      ended()
      sockets.close()
      const closings = [...connections].map((connection) => connection.close(new RpcError('RPC_STOPPED', 'the server ends'), CLOSE_MS))
      await Promise.all(closings) // at most connectionsMax
    },
  }
}

function refuse(socket: Duplex, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`, () => socket.destroy())
}
