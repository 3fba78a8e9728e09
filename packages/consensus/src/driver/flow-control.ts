/**
 * How much may wait for one peer, in both directions (2.14).
 *
 * In: frames that were taken from the network and not stepped yet. At 64 frames or 16 MiB of one peer, or while too much waits for the
 * disk, that peer is not read any more, and TCP slows it down. Out: a peer that does not read loses what is sent to it beyond 16 MiB; it
 * asks again for what it misses when it comes back. Small frames (headers, votes) have 4 MiB more, so that batches do not crowd them out.
 */
import type { PeerKey } from '../core/epochs-contract.ts'
import type { Network } from '../ports.ts'

const MIB = 2 ** 20
/** Frames of one peer that were read and wait for their turn. */
export const FRAMES_IN_FLIGHT_MAX = 64
/** Bytes that wait for one peer, in either direction. */
export const QUEUED_BYTES_MAX: number = 16 * MIB

const SMALL_FRAME_BYTES = 16 * 2 ** 10
const RESERVED_BYTES = 4 * MIB

interface Inbound {
  frames: number
  bytes: number
  isPaused: boolean
}

export class FlowControl {
  readonly #network: Network
  readonly #inbound = new Map<PeerKey, Inbound>()
  #isCongested = false
  /** Frames that were not sent because too much waits for that peer. */
  dropped = 0

  constructor(network: Network) {
    this.#network = network
  }

  /** A frame was read. */
  take(from: PeerKey, bytes: number): void {
    let inbound = this.#inbound.get(from)
    if (inbound === undefined) this.#inbound.set(from, (inbound = { frames: 0, bytes: 0, isPaused: false }))
    inbound.frames += 1
    inbound.bytes += bytes
    if (inbound.isPaused || !this.#isFull(inbound)) return
    inbound.isPaused = true
    this.#network.pause(from)
  }

  /** It was stepped. */
  release(from: PeerKey, bytes: number): void {
    const inbound = this.#inbound.get(from)
    if (inbound === undefined) return
    inbound.frames -= 1
    inbound.bytes -= bytes
    this.#resume(from, inbound)
  }

  /** While it is, no peer is read. */
  setCongested(isCongested: boolean): void {
    if (this.#isCongested === isCongested) return
    this.#isCongested = isCongested
    for (const [peer, inbound] of this.#inbound) this.#resume(peer, inbound)
  }

  send(to: PeerKey, frame: Uint8Array): void {
    const reserved = frame.length <= SMALL_FRAME_BYTES ? RESERVED_BYTES : 0
    if (this.#network.queuedBytes(to) <= QUEUED_BYTES_MAX + reserved) this.#network.send(to, frame)
    else this.dropped += 1
  }

  /** Whether `to` reads what it is sent. */
  isReady(to: PeerKey): boolean {
    return this.#network.queuedBytes(to) <= QUEUED_BYTES_MAX
  }

  /** What it sent before its connection ended is still to be stepped, and a pause, which outlives the connection, still to be ended. */
  forget(peer: PeerKey): void {
    const inbound = this.#inbound.get(peer)
    if (inbound?.frames === 0 && !inbound.isPaused) this.#inbound.delete(peer)
  }

  #isFull({ frames, bytes }: Inbound): boolean {
    return this.#isCongested || frames >= FRAMES_IN_FLIGHT_MAX || bytes > QUEUED_BYTES_MAX
  }

  #resume(peer: PeerKey, inbound: Inbound): void {
    if (!inbound.isPaused || this.#isCongested) return
    if (inbound.frames * 2 > FRAMES_IN_FLIGHT_MAX || inbound.bytes * 2 > QUEUED_BYTES_MAX) return
    inbound.isPaused = false
    this.#network.resume(peer)
  }
}
