/**
 * The TLS carrier (sessions.md §2): TLS 1.3 only, ALPN `selvedge/1`, the node's Ed25519 key in a self-signed certificate of which nothing
 * else is looked at. The channel binding is RFC 9266 `tls-exporter`. Tickets are filed under the key that was checked in the full handshake,
 * since Node shows no certificate in a resumed one, and WELCOME proves the key again. Node has no 0-RTT.
 */
import { createPrivateKey } from 'node:crypto'
import { connect as connectSocket, createSecureContext, type SecureContext, type TLSSocket } from 'node:tls'
import type { KeyPair } from '@selvedge/crypto/ed25519'
import type { Carrier, CarrierEvents } from './carrier.ts'
import { encodeCertificate, encodePrivateKey } from '@selvedge/crypto/certificate'
import { ALPN } from './constants.ts'
import type { DialOptions } from './dial.ts'
import { HandshakeError } from './errors.ts'
import { ReadBuffer } from './read-buffer.node.ts'

/** AES-128-GCM first: the fastest where the processor has AES, and strong enough for all that is known. */
const CIPHERS = 'TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256'
const TLS_ONLY_1_3 = { minVersion: 'TLSv1.3', maxVersion: 'TLSv1.3', ciphers: CIPHERS } as const
const TICKETS_MAX = 256
/** The newest ticket of each node, by the node key in hex; the oldest goes when there are too many. */
const tickets = new Map<string, Buffer>()
/** What all clients of this process have in common, made with the first of them: for each anew it would cost more than their signatures. */
let clientContext: SecureContext | undefined

/** What a node needs once to answer handshakes. */
export function createNodeContext(identity: KeyPair): SecureContext {
  const key = createPrivateKey({ key: Buffer.from(encodePrivateKey(identity)), format: 'der', type: 'pkcs8' }).export({
    format: 'pem',
    type: 'pkcs8',
  })
  const cert = `-----BEGIN CERTIFICATE-----\n${Buffer.from(encodeCertificate(identity)).toString('base64')}\n-----END CERTIFICATE-----\n`
  return createSecureContext({ ...TLS_ONLY_1_3, key, cert, honorCipherOrder: true })
}

/**
 * Connects to a node and checks its key before anything is sent.
 * @throws {HandshakeError} `HANDSHAKE_UNREACHABLE`, `HANDSHAKE_TIMEOUT`, `HANDSHAKE_WRONG_KEY`, `HANDSHAKE_PROTOCOL`; the signal's reason.
 */
export function connectTls({ host, port, nodeKey, timeoutMs, signal }: DialOptions): Promise<TlsCarrier> {
  const name = Buffer.from(nodeKey).toString('hex')
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) return reject(signal.reason)
    const session = tickets.get(name)
    const reading = new ReadBuffer(() => socket.destroy())
    const reads = { onread: reading.onread } // the types of `connect` do not know it; its manual does
    const socket = connectSocket({
      host,
      port,
      secureContext: (clientContext ??= createSecureContext(TLS_ONLY_1_3)),
      ALPNProtocols: [ALPN],
      rejectUnauthorized: false,
      checkServerIdentity: () => undefined,
      ...(session === undefined ? {} : { session }),
      ...reads,
    })
    const fail = (error: unknown): void => {
      settle()
      socket.on('error', () => {}) // what comes after the first error says nothing new
      socket.destroy()
      reject(error)
    }
    const onAbort = (): void => fail(signal?.reason)
    const onError = (cause: Error): void => fail(unreachable(host, port, cause))
    const onClose = (): void => fail(unreachable(host, port))
    const timer = setTimeout(
      () => fail(new HandshakeError('HANDSHAKE_TIMEOUT', `no TLS with ${host}:${port} in ${timeoutMs} ms`)),
      timeoutMs,
    )
    const settle = (): void => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', onAbort)
      socket.off('error', onError).off('close', onClose).off('secureConnect', onSecure)
    }
    const onSecure = (): void => {
      const problem = problemOf(socket, nodeKey)
      if (problem !== undefined) {
        tickets.delete(name)
        return fail(problem)
      }
      settle()
      resolve(new TlsCarrier(socket, reading))
    }
    socket.on('session', (ticket: Buffer) => fileTicket(name, ticket))
    socket.on('error', onError).on('close', onClose).on('secureConnect', onSecure)
    signal?.addEventListener('abort', onAbort, { once: true })
  })
}

function fileTicket(name: string, ticket: Buffer): void {
  tickets.delete(name)
  tickets.set(name, ticket)
  for (const oldest of tickets.keys()) {
    if (tickets.size <= TICKETS_MAX) break
    tickets.delete(oldest)
  }
}

function problemOf(socket: TLSSocket, nodeKey: Uint8Array): HandshakeError | undefined {
  if (socket.alpnProtocol !== ALPN) return new HandshakeError('HANDSHAKE_PROTOCOL', `the other side does not speak ${ALPN}`)
  if (socket.isSessionReused()) return undefined // the ticket came from a handshake in which this key was checked
  const key = socket.getPeerX509Certificate()?.publicKey
  const shown = key?.asymmetricKeyType === 'ed25519' ? key.export({ format: 'jwk' }).x : undefined
  if (shown === Buffer.from(nodeKey).toString('base64url')) return undefined
  const details = {
    expected: Buffer.from(nodeKey).toString('hex'),
    shown: shown === undefined ? 'none' : Buffer.from(shown, 'base64url').toString('hex'),
  }
  return new HandshakeError('HANDSHAKE_WRONG_KEY', 'the other side does not hold the key of the node that was asked for', details)
}

function unreachable(host: string, port: number, cause?: Error): HandshakeError {
  const message = `no TLS with ${host}:${port}: ${cause?.message ?? 'the connection ended'}`
  return new HandshakeError('HANDSHAKE_UNREACHABLE', message, { host, port }, { cause })
}

/** A TLS socket whose handshake is over. */
export class TlsCarrier implements Carrier {
  readonly channelBinding: Uint8Array
  /** The handshake was a short one, from a ticket. */
  readonly isResumed: boolean
  readonly #socket: TLSSocket
  readonly #reading: ReadBuffer | undefined
  readonly #pending = new Set<() => void>()
  #error: Error | undefined

  /** @param reading - what the socket was made to read into, at a client. */
  constructor(socket: TLSSocket, reading?: ReadBuffer) {
    this.#socket = socket
    this.#reading = reading
    this.isResumed = socket.isSessionReused()
    socket.setNoDelay(true)
    socket.on('error', (error) => {
      this.#error ??= error
    })
    const exported = socket.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0))
    this.channelBinding = Uint8Array.from([1, ...exported])
  }

  start({ onBytes, onClosed }: CarrierEvents): void {
    const socket = this.#socket
    const reading = this.#reading
    const close = (): void => {
      reading?.flush()
      onClosed(this.#error)
      for (const onFlushed of this.#pending) onFlushed() // each removes itself, which a Set allows
    }
    if (socket.destroyed) return queueMicrotask(close)
    socket.on('close', close)
    socket.on('end', () => {
      reading?.flush() // it came before the end
      socket.end()
    })
    if (reading === undefined) return void socket.on('data', onBytes)
    reading.begin(onBytes)
    socket.resume()
  }

  send(parts: readonly Uint8Array[], onFlushed: () => void): void {
    const flushed = (): void => {
      if (this.#pending.delete(flushed)) onFlushed()
    }
    this.#pending.add(flushed)
    this.#socket.cork()
    for (const [i, part] of parts.entries()) {
      if (i === parts.length - 1) this.#socket.write(part, flushed)
      else this.#socket.write(part)
    }
    this.#socket.uncork()
  }

  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  end(): void {
    this.#socket.resume() // what still comes is dropped, so that the other side can end too
    this.#socket.end()
  }

  destroy(): void {
    this.#socket.destroy()
  }
}
