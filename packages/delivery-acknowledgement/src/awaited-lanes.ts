/**
 * Lanes of connections that joined, of which an epoch that closes has something and nobody has told the owner yet: he hears of an EPOCH over his own connection, and of
 * their lanes from their holders, in no order. The epoch is kept open for them, for half of the second that a node waits at least: what is signed for
 * later would come when the node takes nothing of it any more, and end the session.
 */
import { OWN_LANES_END } from './constants.ts'

const AWAITED_MS = 500

export class AwaitedLanes {
  readonly #ids = new Set<number>()
  #sinceMs = 0

  get isEmpty(): boolean {
    return this.#ids.size === 0
  }

  isWaiting(nowMs: number): boolean {
    return !this.isEmpty && nowMs - this.#sinceMs < AWAITED_MS
  }

  /** An EPOCH came. @param boundaries - where the old epoch ends in each lane. */
  begin(boundaries: ReadonlyMap<number, bigint>, known: ReadonlyMap<number, unknown>, nowMs: number): void {
    this.#sinceMs = nowMs
    for (const [id, end] of boundaries) if (id > OWN_LANES_END && end > 0n && !known.has(id)) this.#ids.add(id)
  }

  /** Somebody tells of a lane. @returns whether what it has of the closing epoch may still be signed for. */
  take(id: number, nowMs: number): boolean {
    return this.isWaiting(nowMs) && this.#ids.delete(id)
  }

  clear(): void {
    this.#ids.clear()
  }
}
