/**
 * The gateway on Node's own HTTP server. Written here because one property decides: a body that fails after the headers must
 * reset the connection and never end cleanly, and the adapters that were tried put the error's text into the body, or the console.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo, Socket } from 'node:net'
import { wholeBodyOf } from './body.ts'
import type { Gateway } from './gateway.ts'

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
export async function serveGateway(gateway: Gateway, options: ServeGatewayOptions = {}): Promise<GatewayServer> {
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
async function answer(gateway: Gateway, incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  if (incoming.socket.destroyed) return // it waited for its turn, and its client left
  const controller = new AbortController()
  const over = once(outgoing, 'close').then(() => {
    if (!outgoing.writableFinished) controller.abort() // the client went away
  })
  try {
    const request = requestOf(incoming, controller.signal)
    const response = request === undefined ? new Response(null, { status: 400 }) : await gateway.handle(request)
    outgoing.writeHead(response.status, Object.fromEntries(response.headers))
    const whole = wholeBodyOf(response)
    if (whole !== undefined || response.body === null) outgoing.end(whole)
    else await pump(response.body, outgoing)
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
async function pump(body: ReadableStream<Uint8Array>, outgoing: ServerResponse): Promise<void> {
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

/** Undefined where the request line or a header is nothing that a URL or a `Request` can hold. */
function requestOf(incoming: IncomingMessage, signal: AbortSignal): Request | undefined {
  try {
    const headers = new Headers()
    for (let index = 0; index + 1 < incoming.rawHeaders.length; index += 2)
      headers.append(incoming.rawHeaders[index]!, incoming.rawHeaders[index + 1]!)
    const target = incoming.url ?? '/'
    const host = incoming.headers.host ?? 'localhost'
    if (/[/\\?#@]/.test(host)) return undefined // it would be read as a part of the path, and caches go by the path
    const url = target.startsWith('/') ? `http://${host}${target}` : target
    return new Request(url, { method: incoming.method ?? 'GET', headers, signal })
  } catch {
    return undefined
  }
}
