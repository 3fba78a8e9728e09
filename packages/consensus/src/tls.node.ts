/**
 * Validators' transport: mutual TLS 1.3 with the node keys themselves. One connection for each pair, in both directions: the side with
 * the smaller key dials, and dials again; of two connections of one peer the newer stays. So no two sides can race for one.
 *
 * A connection speaks for the key that its certificate proved and for no other: what a frame says about its author is compared with it
 * above. Whoever is no peer is closed right after the handshake, before a byte of him is looked at.
 *
 * @module
 */
import type { TLSSocket } from 'node:tls'
import type { KeyPair } from '@selvedge/crypto/ed25519'
import type { PeerKey } from './core/epochs-contract.ts'
import { ConsensusError } from './errors.ts'
import type { Network, NetworkEvents } from './ports.ts'
import { type ClosedReason, Connection } from './tls/connection.ts'
import { Dialer } from './tls/dialer.ts'
import { createTlsIdentity, provenKeyOf, type TlsIdentity } from './tls/identity.ts'
import { Listener } from './tls/listener.ts'

export { createNetworkSwitch, type NetworkSwitch } from './tls/switch.ts'

export interface TlsAddress {
  readonly host: string
  readonly port: number
}

export interface TlsNetworkComponents {
  /** The node key, whose seed makes the certificate. */
  readonly keyPair: KeyPair
  /** Where the peer with this node key (hex) listens; asked before each attempt. `undefined`: not known yet. */
  readonly addressOf: (peer: PeerKey) => TlsAddress | undefined
}

export interface TlsNetworkOptions {
  readonly chainId: number
  /** 32 bytes. */
  readonly genesisHash: Uint8Array
  /** @default 127.0.0.1 */
  readonly host?: string
  /** @default 0: the system chooses; `address` says which */
  readonly port?: number
  /** What happened to connections, for logs and metrics. */
  readonly onEvent?: (event: TlsEvent) => void
}

export type TlsEvent =
  | { readonly type: 'connected'; readonly peer: PeerKey }
  | { readonly type: 'closed'; readonly peer: PeerKey; readonly reason: ClosedReason }
  | { readonly type: 'refused' } // no peer, no certificate of ours, or too many at a time

export interface TlsNetwork extends Network {
  /** Where this one listens, once it is started; may be called before the validator's own start. */
  listen(): Promise<TlsAddress>
}

/**
 * Makes the `Network` of one validator over TLS.
 * @example const network = createTlsNetwork({ keyPair, addressOf: (key) => addresses.get(key) }, { chainId, genesisHash, port: 7_000 })
 */
export function createTlsNetwork(components: TlsNetworkComponents, options: TlsNetworkOptions): TlsNetwork {
  return new Peers(components, options)
}

class Peers implements TlsNetwork {
  readonly #components: TlsNetworkComponents
  readonly #options: TlsNetworkOptions
  readonly #identity: TlsIdentity
  readonly #self: PeerKey
  readonly #listener: Listener
  readonly #dialers = new Map<PeerKey, Dialer>()
  /** Connections that have greeted; of each peer one. */
  readonly #connections = new Map<PeerKey, Connection>()
  /** Those that have not, which may be several. */
  readonly #greeting = new Map<Connection, PeerKey>()
  /** A pause holds for the peer, whatever becomes of its connection. */
  readonly #paused = new Set<PeerKey>()
  #peers: ReadonlySet<PeerKey> = new Set()
  #events: NetworkEvents | undefined
  #listening: Promise<TlsAddress> | undefined
  #isStopped = false

  constructor(components: TlsNetworkComponents, options: TlsNetworkOptions) {
    const { host = '127.0.0.1', port = 0 } = options
    this.#components = components
    this.#options = options
    this.#identity = createTlsIdentity(components.keyPair)
    this.#self = toKey(components.keyPair.publicKey)
    this.#listener = new Listener({
      identity: this.#identity,
      host,
      port,
      accept: (peer, socket, onGreeted) => this.#accept(peer, socket, onGreeted),
      onRefused: () => options.onEvent?.({ type: 'refused' }),
    })
  }

  listen(): Promise<TlsAddress> {
    if (this.#isStopped) return Promise.reject(new ConsensusError('CONSENSUS_STOPPED', 'listen() after stop()'))
    const { host = '127.0.0.1' } = this.#options
    this.#listening ??= this.#listener.start().then((port) => ({ host, port }))
    return this.#listening
  }

  async start(events: NetworkEvents): Promise<void> {
    this.#events = events
    await this.listen()
    this.setPeers([...this.#peers])
  }

  setPeers(peers: readonly PeerKey[]): void {
    this.#peers = new Set(peers.filter((peer) => peer !== this.#self))
    for (const [peer, dialer] of this.#dialers) {
      if (this.#peers.has(peer)) continue
      dialer.stop()
      this.#dialers.delete(peer)
    }
    for (const [connection, peer] of this.#greeting) if (!this.#peers.has(peer)) connection.close('stopped')
    for (const [peer, connection] of this.#connections) if (!this.#peers.has(peer)) connection.close('stopped')
    if (this.#events === undefined || this.#isStopped) return
    for (const peer of this.#peers) {
      if (peer < this.#self || this.#dialers.has(peer)) continue // the smaller key dials
      this.#dialers.set(peer, this.#createDialer(peer))
    }
  }

  send(to: PeerKey, frame: Uint8Array): void {
    this.#connections.get(to)?.send(frame)
  }

  queuedBytes(to: PeerKey): number {
    return this.#connections.get(to)?.queuedBytes ?? 0
  }

  pause(peer: PeerKey): void {
    this.#paused.add(peer)
    this.#connections.get(peer)?.pause()
  }

  resume(peer: PeerKey): void {
    this.#paused.delete(peer)
    this.#connections.get(peer)?.resume()
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    this.setPeers([])
    await this.#listening?.catch(() => {}) // whoever started it was told
    await this.#listener.stop()
    this.#events = undefined
  }

  #createDialer(peer: PeerKey): Dialer {
    const dialer = new Dialer({
      connect: () => {
        const address = this.#components.addressOf(peer)
        return address === undefined ? undefined : this.#identity.connect(address)
      },
      onSecure: (socket) => {
        if (provenKeyOf(socket) === peer) this.#greet(peer, socket, () => dialer.succeeded())
        else socket.destroy() // somebody else lives there: tried again, as after any failure
      },
    })
    return dialer
  }

  #accept(peer: PeerKey, socket: TLSSocket, onGreeted: () => void): boolean {
    if (this.#events === undefined || !this.#peers.has(peer) || peer > this.#self) return false
    this.#greet(peer, socket, onGreeted)
    return true
  }

  #greet(peer: PeerKey, socket: TLSSocket, onGreeted: () => void): void {
    const { chainId, genesisHash } = this.#options
    const greeting = { chainId, genesisHash, sender: this.#components.keyPair.publicKey, receiver: Buffer.from(peer, 'hex') }
    const connection: Connection = new Connection(socket, greeting, {
      onReady: () => {
        onGreeted()
        this.#take(peer, connection)
      },
      onFrame: (frame) => this.#events?.onFrame(peer, frame),
      onClosed: (reason) => this.#leave(peer, connection, reason),
    })
    this.#greeting.set(connection, peer)
  }

  #take(peer: PeerKey, connection: Connection): void {
    this.#greeting.delete(connection)
    const before = this.#connections.get(peer)
    this.#connections.set(peer, connection)
    before?.close('replaced')
    if (this.#paused.has(peer)) connection.pause()
    this.#options.onEvent?.({ type: 'connected', peer })
    this.#events?.onPeer(peer, true)
  }

  #leave(peer: PeerKey, connection: Connection, reason: ClosedReason): void {
    this.#greeting.delete(connection)
    this.#options.onEvent?.({ type: 'closed', peer, reason })
    if (this.#connections.get(peer) !== connection) return
    this.#connections.delete(peer)
    this.#events?.onPeer(peer, false)
  }
}

const toKey = (bytes: Uint8Array): PeerKey => Buffer.from(bytes).toString('hex')
