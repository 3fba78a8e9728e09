/**
 * A network inside one process, for examples and tests: frames arrive one turn of the event loop later, copied, in order. It keeps to
 * what `Network` promises, back-pressure included: frames to a paused peer count as queued.
 */
import type { PeerKey } from '../core/epochs-contract.ts'
import type { Network, NetworkEvents } from '../ports.ts'
import { toHex } from '../wire/bytes.ts'

export interface MemoryNetwork {
  /** The `Network` of the validator with this node key. */
  join(publicKey: Uint8Array): Network
}

class Endpoint implements Network {
  readonly key: PeerKey
  readonly #endpoints: Map<PeerKey, Endpoint>
  readonly #peers = new Set<PeerKey>()
  readonly #paused = new Set<PeerKey>()
  /** Frames to this endpoint that have not been taken, by sender. */
  readonly #inbound = new Map<PeerKey, Uint8Array[]>()
  #events: NetworkEvents | undefined
  #isScheduled = false

  constructor(key: PeerKey, endpoints: Map<PeerKey, Endpoint>) {
    this.key = key
    this.#endpoints = endpoints
  }

  start(events: NetworkEvents): Promise<void> {
    this.#events = events
    this.#endpoints.set(this.key, this)
    return Promise.resolve()
  }

  setPeers(peers: readonly PeerKey[]): void {
    const before = new Set(this.#peers)
    this.#peers.clear()
    for (const peer of peers) if (peer !== this.key) this.#peers.add(peer)
    for (const peer of new Set([...before, ...this.#peers])) this.#tell(peer, before.has(peer))
  }

  send(to: PeerKey, frame: Uint8Array): void {
    this.#reach(to)?.take(this.key, frame.slice())
  }

  queuedBytes(to: PeerKey): number {
    return this.#reach(to)?.waiting(this.key) ?? 0
  }

  pause(peer: PeerKey): void {
    this.#paused.add(peer)
  }

  resume(peer: PeerKey): void {
    this.#paused.delete(peer)
    this.#schedule()
  }

  stop(): Promise<void> {
    const events = this.#events
    this.#events = undefined
    if (events !== undefined) this.#endpoints.delete(this.key)
    this.#inbound.clear()
    if (events !== undefined) for (const endpoint of this.#endpoints.values()) endpoint.left(this.key)
    return Promise.resolve()
  }

  take(from: PeerKey, frame: Uint8Array): void {
    let frames = this.#inbound.get(from)
    if (frames === undefined) this.#inbound.set(from, (frames = []))
    frames.push(frame)
    this.#schedule()
  }

  waiting(from: PeerKey): number {
    return (this.#inbound.get(from) ?? []).reduce((sum, { length }) => sum + length, 0)
  }

  /** Whether frames of `peer` are let in. */
  admits(peer: PeerKey): boolean {
    return this.#events !== undefined && this.#peers.has(peer)
  }

  joined(peer: PeerKey): void {
    if (this.admits(peer)) this.#events?.onPeer(peer, true)
  }

  left(peer: PeerKey): void {
    this.#inbound.delete(peer)
    if (this.#peers.has(peer)) this.#events?.onPeer(peer, false)
  }

  #tell(peer: PeerKey, was: boolean): void {
    const is = this.#peers.has(peer)
    const other = this.#endpoints.get(peer)
    if (is === was || other?.admits(this.key) !== true) return
    this.#events?.onPeer(peer, is)
    if (is) other.joined(this.key)
    else other.left(this.key)
  }

  #reach(to: PeerKey): Endpoint | undefined {
    const endpoint = this.#endpoints.get(to)
    return this.admits(to) && endpoint?.admits(this.key) === true ? endpoint : undefined
  }

  #schedule(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    setImmediate(() => {
      this.#isScheduled = false
      for (const [from, frames] of this.#inbound) this.#deliver(from, frames)
    })
  }

  #deliver(from: PeerKey, frames: Uint8Array[]): void {
    let count = 0
    while (count < frames.length && !this.#paused.has(from) && this.#events !== undefined)
      this.#events.onFrame(from, frames[count++] as Uint8Array)
    frames.splice(0, count)
  }
}

/**
 * Makes a network that lives in this process.
 * @example const network = createMemoryNetwork(); createValidator({ network: network.join(nodeKey.publicKey), ... })
 */
export function createMemoryNetwork(): MemoryNetwork {
  const endpoints = new Map<PeerKey, Endpoint>()
  return { join: (publicKey) => new Endpoint(toHex(publicKey), endpoints) }
}
