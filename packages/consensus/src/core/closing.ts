/**
 * How much of an epoch's final sub-DAG was executed (2.12): all up to what closed the epoch, by the word of the executor. Order counts no
 * closing words itself: the executor may refuse one, and then whoever counted it would take for executed what nobody has seen.
 */
import { compareBytes } from '../wire/bytes.ts'
import type { ClosedBy, OrderedItem } from './contract.ts'

/** @param items - what was handed over of the final sub-DAG. A sender's word of one kind stands there once (system-once.ts). */
export function executedCountOf(items: readonly OrderedItem[], closedBy: ClosedBy | undefined): number {
  if (closedBy === undefined) return items.length
  if (closedBy === 'unknown') return 0
  const { author, bytes } = closedBy
  const place = items.findIndex((item) => item.type === 'system' && item.author === author && compareBytes(item.bytes, bytes) === 0)
  return place === -1 ? items.length : place + 1 // not there: this member's records end before the final one
}
