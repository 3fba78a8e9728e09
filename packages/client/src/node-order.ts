/**
 * In which order nodes are asked: as they were given, but who sent the client away comes last until his time is over, and whom he named first.
 * A name is a hint: it moves a node that the client has in its list already, and adds none.
 */
import type { NodeLink } from './node-link.ts'

/** `left`, the best first. @param links - all that the client has: the farewells of each count, asked or not. */
export function inOrder(left: readonly NodeLink[], links: readonly NodeLink[]): readonly NodeLink[] {
  const away = new Map(links.flatMap((link) => (link.farewell === undefined ? [] : [[link, link.farewell] as const])))
  if (away.size === 0) return left
  const named = new Set([...away.values()].flatMap(({ nodes }) => nodes))
  const placeOf = (link: NodeLink): number => (away.has(link) ? 2 : link.nodeIndex !== undefined && named.has(link.nodeIndex) ? 0 : 1)
  return left.toSorted((a, b) => placeOf(a) - placeOf(b))
}
