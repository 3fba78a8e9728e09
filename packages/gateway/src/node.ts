/**
 * The gateway on Node's own HTTP server. Written here because one property decides: a body that fails after the headers must
 * reset the connection and never end cleanly, and the adapters that were tried put the error's text into the body, or the console.
 */
import { once } from 'node:events'
import type * as http from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo, Socket } from 'node:net'
import type { Gateway } from './gateway.ts'
import type { GatewayQuestion } from './reply.ts'

// Not `import`, which reads all that a module of Node exports: here a WebSocket too, whose loading is 60 ms of CPU at each start.
const { createServer } = createRequire(import.meta.url)('node:http') as typeof http

export interface ServeGatewayOptions {
  /** @default '127.0.0.1' */
  readonly host?: string
  /** @default 0, which takes any free port */
  readonly port?: number
  /** A connection on which nothing moves for so long is closed. @default 60,000 */
  readonly idleTimeoutMs?: number
  /** Connections at any moment; more are refused. @default 1,000 */
  readonly connectionsMax?: number
}

export interface GatewayServer {
  readonly host: string
  readonly port: number
  readonly url: string
  /** Ends every connection and waits for it; may be called twice. */
  stop(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/** Listens when it resolves. @throws what `listen` says, a port in use for one. */
export async function serveGateway(gateway: Pick<Gateway, 'answer'>, options: ServeGatewayOptions = {}): Promise<GatewayServer> {
  const { host = '127.0.0.1', port = 0, idleTimeoutMs = 60_000, connectionsMax = 1_000 } = options
  // A client may send many requests before it reads one answer: they are begun one after the other, so that only one is held.
  const turns = new WeakMap<Socket, Promise<void>>()
  const server = createServer((incoming, outgoing) => {
    const before = turns.get(incoming.socket) ?? Promise.resolve()
    turns.set(
      incoming.socket,
      before.then(() => answer(gateway, incoming, outgoing)),
    )
  })
  server.maxConnections = connectionsMax
  server.setTimeout(idleTimeoutMs)
  server.listen(port, host)
  await once(server, 'listening')
  const bound = (server.address() as AddressInfo).port
  let stopped: Promise<void> | undefined
  const stop = (): Promise<void> => {
    stopped ??= new Promise((resolve) => {
      server.close(() => resolve())
      server.closeAllConnections()
    })
    return stopped
  }
  const name = host.includes(':') ? `[${host}]` : host
  return { host, port: bound, url: `http://${name}:${bound}`, stop, [Symbol.asyncDispose]: stop }
}

/** Resolves when the answer has left, or its connection is gone. */
async function answer(gateway: Pick<Gateway, 'answer'>, incoming: http.IncomingMessage, outgoing: http.ServerResponse): Promise<void> {
  if (incoming.socket.destroyed) return // it waited for its turn, and its client left
  const controller = new AbortController()
  const over = once(outgoing, 'close').then(() => {
    if (!outgoing.writableFinished) controller.abort() // the client went away
  })
  try {
    const question = questionOf(incoming, controller.signal)
    if (question === undefined) outgoing.writeHead(400).end()
    else {
      const { status, headers, body } = await gateway.answer(question)
      outgoing.writeHead(status, headers)
      if (body instanceof ReadableStream) await pump(body, outgoing)
      else outgoing.end(body ?? undefined)
    }
  } catch {
    // The store failed in the middle, or the client went away. Either way the connection ends without a last chunk.
    outgoing.destroy()
  }
  await over // an answer has its connection, and hears of its end, only when the one before is gone
}

/**
 * A body at the pace of its connection, cancelled when that ends before it. By hand: the stream adapters cost more than the rest of a small
 * answer. @throws what the body fails with; the answer is then not ended.
 */
async function pump(body: ReadableStream<Uint8Array>, outgoing: http.ServerResponse): Promise<void> {
  const reader = body.getReader()
  let resume: (() => void) | undefined
  const onDrain = (): void => resume?.()
  const onClose = (): void => {
    resume?.()
    reader.cancel().catch(() => undefined) // it has failed by itself, then
  }
  outgoing.on('drain', onDrain).once('close', onClose)
  try {
    if (outgoing.destroyed) return onClose()
    for (;;) {
      const { done, value } = await reader.read()
      if (outgoing.destroyed) return
      if (done) return void outgoing.end()
      if (outgoing.write(value)) continue
      await new Promise<void>((resolve) => {
        resume = resolve
      })
      if (outgoing.destroyed) return
    }
  } finally {
    outgoing.off('drain', onDrain).off('close', onClose)
  }
}

/** Undefined where the request line is nothing that a URL can hold, or names a password. */
function questionOf(incoming: http.IncomingMessage, signal: AbortSignal): GatewayQuestion | undefined {
  const { method = 'GET', url: target = '/', headers } = incoming
  const { host = 'localhost' } = headers
  if (/[/\\?#@]/.test(host)) return undefined // it would be read as a part of the path, and caches go by the path
  const text = target.startsWith('/') ? `http://${host}${target}` : target
  if (!URL.canParse(text)) return undefined
  const { href: url, username, password } = new URL(text)
  if (username !== '' || password !== '') return undefined
  const get = (name: string): string | null => {
    const value = headers[name]
    return value === undefined ? null : typeof value === 'string' ? value : value.join(', ')
  }
  return { method, url, headers: { get }, signal }
}
