/**
 * In which order nodes are asked: as they were given, but who sent the client away comes last until his time is over, and whom he named first.
 * A name is a hint: it moves a node that the client has in its list already, and adds none.
 */
import type { NodeLink } from './node-link.ts'
import type { Goaway } from './ports.ts'

/** What a node said when it sent the client away, while that holds. */
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

/** `left`, the best first. @param links - all that the client has: the farewells of each count, asked or not. */
export function inOrder(left: readonly NodeLink[], links: readonly NodeLink[]): readonly NodeLink[] {
  const away = new Map(links.flatMap((link) => (link.farewell === undefined ? [] : [[link, link.farewell] as const])))
  if (away.size === 0) return left
  const named = new Set([...away.values()].flatMap(({ nodes }) => nodes))
  const placeOf = (link: NodeLink): number => (away.has(link) ? 2 : link.nodeIndex !== undefined && named.has(link.nodeIndex) ? 0 : 1)
  return left.toSorted((a, b) => placeOf(a) - placeOf(b))
}
