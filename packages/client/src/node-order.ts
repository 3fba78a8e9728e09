/**
 * In which order nodes are asked: as they were given, but who sent the client away comes last until his time is over, and whom he named first.
 * A name is a hint: it moves a node that the client has in its list already, and adds none. Behind them all are those that lied: they are asked
 * where no other is left, and whom they name is nothing to go by.
 */
import type { NodeLink } from './node-link.ts'

/** `left`, the best first. @param links - all that the client has: what each said counts, asked or not. */
export function inOrder(left: readonly NodeLink[], links: readonly NodeLink[]): readonly NodeLink[] {
  const named = new Set(links.flatMap(({ farewell, isDistrusted }) => (isDistrusted ? [] : (farewell?.nodes ?? []))))
  const placeOf = ({ farewell, isDistrusted, nodeIndex = -1 }: NodeLink): number => {
    if (isDistrusted) return 3
    return farewell !== undefined ? 2 : named.has(nodeIndex) ? 0 : 1
  }
  const places = new Map(left.map((link) => [link, placeOf(link)]))
  return left.toSorted((a, b) => places.get(a)! - places.get(b)!)
}
