/**
 * Where the pairs of an outboard lie: in pre-order (Bao, iroh's `.obao4`) or in post-order (children first, so that it can be written
 * while data arrives). Places of nodes follow from the counts of groups alone.
 */
import { leftCountOf } from './tree.ts'

export type OutboardOrder = 'pre' | 'post'

/** Where the pair of a node's left and right child lies, given its own place and the groups under it. */
export function leftPlaceOf(order: OutboardOrder, place: number, groups: number): number {
  return order === 'pre' ? place + 1 : place - groups + leftCountOf(groups)
}

export function rightPlaceOf(order: OutboardOrder, place: number, groups: number): number {
  return order === 'pre' ? place + leftCountOf(groups) : place - 1
}

/** Place of the root's pair. */
export function rootPlaceOf(order: OutboardOrder, groups: number): number {
  return order === 'pre' ? 0 : groups - 2
}
