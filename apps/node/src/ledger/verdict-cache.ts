/**
 * Signatures are checked in worker threads when transactions arrive; execution finds here what they found, so that the thread which
 * executes recovers no key twice. A transaction that nobody looked at is looked at when it is executed: nothing here decides anything.
 *
 * Bounded: the oldest go first. Keyed by the last bytes of a signature, and compared whole, so that a made-up twin finds nothing.
 */
import type { Verdict } from '@selvedge/application'

const ENTRIES_MAX = 200_000
const KEY_BYTES = 16

interface Entry {
  readonly bytes: Uint8Array
  readonly verdict: Verdict
}

export class VerdictCache {
  readonly #entries = new Map<string, Entry>()

  put(bytes: Uint8Array, verdict: Verdict): void {
    if (this.#entries.size >= ENTRIES_MAX) {
      const [oldest] = this.#entries.keys()
      if (oldest !== undefined) this.#entries.delete(oldest)
    }
    this.#entries.set(keyOf(bytes), { bytes, verdict })
  }

  /** The verdict on exactly these bytes, and forgets it. */
  take(bytes: Uint8Array): Verdict | undefined {
    const key = keyOf(bytes)
    const entry = this.#entries.get(key)
    if (entry === undefined || Buffer.compare(entry.bytes, bytes) !== 0) return undefined
    this.#entries.delete(key)
    return entry.verdict
  }
}

function keyOf(bytes: Uint8Array): string {
  const tail = bytes.subarray(Math.max(0, bytes.length - KEY_BYTES))
  return Buffer.from(tail.buffer, tail.byteOffset, tail.length).toString('latin1')
}
