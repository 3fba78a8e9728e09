/**
 * Frames of the next epoch that came before this node closed its own: held for known members of the next committee, up to 1 MiB each,
 * and dropped for everybody else (2.12.5).
 */
import type { PeerKey } from './epochs-contract.ts'

const PEER_BYTES_MAX = 2 ** 20

export interface EarlyFrame {
  readonly from: PeerKey
  readonly frame: Uint8Array
}

export class EarlyFrames {
  #frames: EarlyFrame[] = []
  #bytes = new Map<PeerKey, number>()
  #members: ReadonlySet<PeerKey> = new Set()

  /** Who will sit in the next committee, as far as the application knows by now. */
  expect(members: readonly PeerKey[]): void {
    this.#members = new Set(members)
    this.#frames = this.#frames.filter(({ from }) => this.#members.has(from))
  }

  /** @returns whether it is held. */
  hold(from: PeerKey, frame: Uint8Array): boolean {
    const bytes = (this.#bytes.get(from) ?? 0) + frame.length
    if (!this.#members.has(from) || bytes > PEER_BYTES_MAX) return false
    this.#bytes.set(from, bytes)
    this.#frames.push({ from, frame })
    return true
  }

  /** All that is held, in the order of arrival. Nothing is held afterwards, and nobody is expected. */
  take(): readonly EarlyFrame[] {
    const frames = this.#frames
    this.#frames = []
    this.#bytes = new Map()
    this.#members = new Set()
    return frames
  }
}
