/**
 * Events of no transaction that one receipt cannot hold: they wait in the state, in order, and are told by the receipts of the blocks after
 * it. More than 65,535 come with the end of an epoch that pays tens of thousands of nodes and services; none is lost, whoever follows a cursor
 * hears them a block later.
 *
 * Invariant: chunks `first` to `end - 1` are there, all but the last one full. So a block writes one chunk at most that it did not make.
 */
import { decodeReceipt, encodeReceipt, type LedgerEvent, ZERO_DIGEST } from '@selvedge/ledger-types'
import { untoldChunks, untoldRow } from '../state/meta-tables.ts'
import type { State } from '../state/state.ts'

/** A receipt counts its events with 16 bits. */
export const RECEIPT_EVENTS_MAX = 65_535

/** What the block's own receipt tells, of what has waited and of `own`, which come after it. */
export function eventsToTell(state: State, own: readonly LedgerEvent[]): readonly LedgerEvent[] {
  const { first, end } = state.get(untoldRow, null) ?? { first: 0, end: 0 }
  if (first === end && own.length <= RECEIPT_EVENTS_MAX) return own
  const last = first === end ? end : end - 1
  const waiting = [...(first === end ? [] : chunkOf(state, last)), ...own]
  const isOldTold = first < last
  const told = isOldTold ? chunkOf(state, first) : waiting.splice(0, RECEIPT_EVENTS_MAX)
  if (isOldTold) state.delete(untoldChunks, first)
  let chunk = last
  for (let at = 0; at < waiting.length; at += RECEIPT_EVENTS_MAX, chunk++) {
    state.put(untoldChunks, chunk, encodeReceipt({ ...NO_RECEIPT, events: waiting.slice(at, at + RECEIPT_EVENTS_MAX) }))
  }
  if (chunk === last && first !== end) state.delete(untoldChunks, last)
  const next = { first: isOldTold ? first + 1 : last, end: chunk }
  if (next.first === next.end) state.delete(untoldRow, null)
  else state.put(untoldRow, null, next)
  return told
}

const NO_RECEIPT = { id: ZERO_DIGEST, index: 0, code: 0, gasUsed: 0, fee: 0n, firstEvent: 0 } as const

function chunkOf(state: State, chunk: number): readonly LedgerEvent[] {
  const bytes = state.get(untoldChunks, chunk)
  if (bytes === undefined) throw new RangeError(`chunk ${chunk} of events that wait is not here`)
  return decodeReceipt(bytes).events
}
