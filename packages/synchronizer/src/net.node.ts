/** The protocol over TCP: a listener and a dialler on Node's `net`. */
import { createConnection, createServer, isIPv6, type Socket } from 'node:net'
import { serveConnection, createRemoteSource, type RemoteSourceOptions } from './connection.ts'
import { CONNECTIONS_MAX, CONNECTIONS_PER_ADDRESS_MAX } from './constants.ts'
import type { Connection, SyncSource } from './ports.ts'

export interface SyncListener {
  readonly port: number
  /** Ends the listener and every connection, and waits for them. May be called twice. */
  stop(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

export interface ListenOptions {
  /** @default any free one */
  readonly port?: number | undefined
  /** @default 127.0.0.1 */
  readonly host?: string | undefined
  /** Connections above it are closed at once. @default 256 */
  readonly connectionsMax?: number | undefined
  /** Of these, from one address (of IPv6, from one /64). @default 16 */
  readonly connectionsPerAddressMax?: number | undefined
  /** Told of what a source threw while it was asked, and of what the listener ran into: never of what the other end did. */
  readonly onError?: ((error: unknown) => void) | undefined
}

/** Serves `source` to whoever connects. */
export async function listenSync(source: SyncSource, options: ListenOptions = {}): Promise<SyncListener> {
  const { port = 0, host = '127.0.0.1', onError } = options
  const { connectionsMax = CONNECTIONS_MAX, connectionsPerAddressMax = CONNECTIONS_PER_ADDRESS_MAX } = options
  const running = new Map<Connection, Promise<void>>()
  const counts = new Map<string, number>()
  const controller = new AbortController()
  const server = createServer((socket) => {
    const connection = connectionOf(socket)
    const from = strangerAt(socket.remoteAddress ?? '')
    const count = counts.get(from) ?? 0
    if (running.size >= connectionsMax || count >= connectionsPerAddressMax || controller.signal.aborted) return connection.close()
    counts.set(from, count + 1)
    const job = serveConnection(connection, source, { signal: controller.signal })
      .catch((error: unknown) => {
        if (!controller.signal.aborted) onError?.(error)
      })
      .finally(() => {
        running.delete(connection)
        const left = counts.get(from)! - 1
        if (left > 0) counts.set(from, left)
        else counts.delete(from)
      })
    running.set(connection, job)
  })
  const { promise: listening, resolve, reject } = Promise.withResolvers<void>()
  server.once('error', reject)
  server.listen(port, host, resolve)
  await listening
  server.off('error', reject).on('error', (error) => onError?.(error)) // no room for another socket: those that are here go on
  const address = server.address()
  const stop = async (): Promise<void> => {
    controller.abort()
    const { promise: closed, resolve: onClosed } = Promise.withResolvers<void>()
    server.close(() => onClosed())
    for (const connection of running.keys()) connection.close()
    await Promise.allSettled(running.values())
    await closed
  }
  return { port: typeof address === 'object' && address !== null ? address.port : port, stop, [Symbol.asyncDispose]: stop }
}

/** Whom connections are counted for: an address, of IPv6 the network that one stranger has as a whole. */
function strangerAt(address: string): string {
  if (!isIPv6(address) || address.includes('.')) return address
  const [head = [], tail] = address.split('::').map((part) => (part === '' ? [] : part.split(':')))
  const groups = tail === undefined ? head : [...head, ...Array.from({ length: 8 - head.length - tail.length }, () => '0'), ...tail]
  return groups.slice(0, 4).join(':')
}

/** A source at `host` and `port`; connects when it is asked, once a request. */
export function dialSync(
  { host, port }: { readonly host: string; readonly port: number },
  options: Partial<RemoteSourceOptions> = {},
): SyncSource {
  return createRemoteSource(({ signal }) => open(host, port, signal), { ...options, name: options.name ?? `${host}:${port}` })
}

async function open(host: string, port: number, signal: AbortSignal | undefined): Promise<Connection> {
  const socket = createConnection({ host, port, noDelay: true, ...(signal === undefined ? {} : { signal }) })
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  socket.once('connect', resolve)
  socket.once('error', reject)
  try {
    await promise
  } finally {
    socket.off('error', reject)
  }
  return connectionOf(socket)
}

function connectionOf(socket: Socket): Connection {
  socket.on('error', () => socket.destroy()) // seen by whoever reads or writes
  return {
    incoming: bytesOf(socket),
    async write(bytes) {
      const { promise, resolve, reject } = Promise.withResolvers<void>()
      socket.write(bytes, (error) => (error === null || error === undefined ? resolve() : reject(error)))
      await promise
    },
    close: () => socket.destroy(),
  }
}

/** What arrives; a socket that breaks ends it, which a reader of frames sees as the end inside one. */
async function* bytesOf(socket: Socket): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    for await (const bytes of socket as AsyncIterable<Uint8Array>) yield bytes
  } catch {
    // a reset is an end like any other: nothing that came before it is worth less
  }
}
