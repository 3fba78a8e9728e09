/** What a node said when it sent the client away, and how long that holds. */
import type { Goaway } from './ports.ts'

export interface Farewell {
  /** Places in the node registry. */
  readonly nodes: readonly number[]
}

/** Shorter is too soon: the node had a reason. */
const AWAY_MS_MIN = 1_000
/** Longer is not for a node to say. */
const AWAY_MS_MAX = 600_000
const RATE_LIMITED = 7
const DRAINING = 17

/** Of one node. */
export class Farewells {
  #newest: Goaway | undefined
  #untilMs = 0

  /** A session that ended for another reason, idleness say, is no farewell. */
  note(goaway: Goaway | undefined, nowMs: number): void {
    if (goaway === undefined || goaway === this.#newest) return
    const { code, nodes, retryAfterMs } = goaway
    if (code !== RATE_LIMITED && code !== DRAINING && nodes.length === 0) return
    this.#newest = goaway
    this.#untilMs = nowMs + Math.min(AWAY_MS_MAX, Math.max(AWAY_MS_MIN, retryAfterMs))
  }

  at(nowMs: number): Farewell | undefined {
    return nowMs < this.#untilMs ? this.#newest : undefined
  }
}
