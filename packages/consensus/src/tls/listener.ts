/**
 * Who comes in. A stranger costs one TLS handshake at most, and few of them at a time: connections that have not shown a known key and
 * greeted yet are bounded, in all and for each address, and what is beyond is closed before TLS begins.
 */
import { createServer, type Server, type Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { PeerKey } from '../core/epochs-contract.ts'
import { ConsensusError } from '../errors.ts'
import { HANDSHAKE_TIMEOUT_MS } from './connection.ts'
import { provenKeyOf, type TlsIdentity } from './identity.ts'

/** Connections that have not shown a member's key and greeted yet. */
export const PENDING_MAX = 128
/** Of them from one address. */
export const PENDING_PER_ADDRESS_MAX = 16

export interface ListenerOptions {
  readonly identity: TlsIdentity
  readonly host: string
  readonly port: number
  /** Takes the socket of a peer, or says no. It calls `onGreeted` when the peer is one. */
  readonly accept: (peer: PeerKey, socket: TLSSocket, onGreeted: () => void) => boolean
  readonly onRefused: () => void
}

export class Listener {
  readonly #options: ListenerOptions
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  /** Sockets that have not greeted, and their address. */
  readonly #pending = new Map<Socket, string>()

  constructor(options: ListenerOptions) {
    this.#options = options
    this.#server = createServer((socket) => this.#connection(socket))
  }

  /** @returns the port, which the system chose if 0 was given. @throws {ConsensusError} `CONSENSUS_NETWORK_FAILED` */
  start(): Promise<number> {
    const { host, port } = this.#options
    return new Promise((resolve, reject) => {
      const fail = (cause: Error): void => {
        const message = `cannot listen on ${host}:${port}: ${cause.message}`
        reject(new ConsensusError('CONSENSUS_NETWORK_FAILED', message, { host, port }, { cause }))
      }
      this.#server.once('error', fail)
      this.#server.listen({ host, port }, () => {
        this.#server.off('error', fail)
        const address = this.#server.address()
        resolve(typeof address === 'object' && address !== null ? address.port : port)
      })
    })
  }

  stop(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve()) // calls back when no connection is left, at once when it never listened
      for (const socket of this.#sockets) socket.destroy()
    })
  }

  #connection(socket: Socket): void {
    socket.on('error', () => {}) // a broken connection is its peer's affair; 'close' follows
    const address = socket.remoteAddress ?? ''
    const sameAddress = [...this.#pending.values()].filter((other) => other === address).length
    if (this.#pending.size >= PENDING_MAX || sameAddress >= PENDING_PER_ADDRESS_MAX) return this.#refuse(socket)
    this.#sockets.add(socket)
    this.#pending.set(socket, address)
    const timer = setTimeout(() => this.#refuse(socket), HANDSHAKE_TIMEOUT_MS)
    socket.on('close', () => {
      clearTimeout(timer)
      this.#sockets.delete(socket)
      this.#pending.delete(socket)
    })
    const secured = this.#options.identity.answer(socket)
    secured.on('error', () => socket.destroy())
    secured.on('close', () => socket.destroy())
    secured.once('secure', () => {
      clearTimeout(timer) // the greeting has its own
      const peer = provenKeyOf(secured)
      if (peer === undefined || !this.#options.accept(peer, secured, () => this.#pending.delete(socket))) this.#refuse(socket)
    })
  }

  #refuse(socket: Socket): void {
    socket.destroy()
    this.#options.onRefused()
  }
}
