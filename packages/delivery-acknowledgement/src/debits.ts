/**
 * Debits: who owes what to which service, in the order of the claim's tree. Their running sums cut [0, total) into the same intervals as the
 * tree, so a drawn point names one entry here and one leaf there, and the two must agree.
 *
 * Layout: sections by ascending serviceId, `serviceId u32 · count u32 · count × (clientIndex u32 · amount u48)`, clients ascending, amounts at
 * least 1. Parts are cut behind a pair; a part is read with the cursor at which the one before ended, and can be read by itself from then on.
 */
import type { ClaimLeaf } from './claim-tree.ts'
import { DEBIT_MAX, DEBITS_PART_BYTES_MAX } from './constants.ts'
import { DeliveryAcknowledgementError, malformed } from './errors.ts'

const HEAD_BYTES = 8
const PAIR_BYTES = 10
const U16_END = 2 ** 16

/** What one client owes for one service. */
export interface Debit {
  readonly serviceId: number
  readonly clientIndex: number
  /** µUSD, a u48 above 0. */
  readonly amount: bigint
}

/** A debit and the sum of all before it: it holds the points `start` … `start + amount − 1`. */
export interface PlacedDebit extends Debit {
  readonly start: bigint
}

/** Where a part begins. */
export interface DebitsCursor {
  /** µUSD of all pairs before. */
  readonly sum: bigint
  /** Pairs before. */
  readonly pairs: number
  /** Of the last pair; without a meaning while there is none. */
  readonly serviceId: number
  readonly clientIndex: number
  /** Pairs that the section still owes. */
  readonly left: number
}

export const DEBITS_START: DebitsCursor = { sum: 0n, pairs: 0, serviceId: 0, clientIndex: 0, left: 0 }

/**
 * The debits of a claim: leaves of one service and client together.
 * @throws {DeliveryAcknowledgementError} `DELIVERY_ACKNOWLEDGEMENT_TOO_LARGE` for one above a u48.
 */
export function debitsOf(leaves: readonly ClaimLeaf[]): Debit[] {
  const debits: { serviceId: number; clientIndex: number; amount: bigint }[] = []
  for (const { key, amount } of leaves) {
    const view = new DataView(key.buffer, key.byteOffset)
    const serviceId = view.getUint32(0)
    const clientIndex = view.getUint32(4)
    const last = debits.at(-1)
    if (last?.serviceId === serviceId && last.clientIndex === clientIndex) last.amount += amount
    else debits.push({ serviceId, clientIndex, amount })
  }
  for (const debit of debits) checkAmount(debit.amount)
  return debits
}

/** @throws {DeliveryAcknowledgementError} `DELIVERY_ACKNOWLEDGEMENT_MALFORMED` for what does not ascend, `…_TOO_LARGE` above a u48. */
export function encodeDebits(debits: readonly Debit[]): Uint8Array {
  const sections = sectionsOf(debits)
  const out = new Uint8Array(sections.length * HEAD_BYTES + debits.length * PAIR_BYTES)
  const view = new DataView(out.buffer)
  let offset = 0
  for (const section of sections) {
    view.setUint32(offset, section[0]!.serviceId, true)
    view.setUint32(offset + 4, section.length, true)
    offset += HEAD_BYTES
    for (const { clientIndex, amount } of section) {
      view.setUint32(offset, clientIndex, true)
      view.setUint32(offset + 4, Number(checkAmount(amount) & 0xffff_ffffn), true)
      view.setUint16(offset + 8, Number(amount >> 32n), true)
      offset += PAIR_BYTES
    }
  }
  foldDebits(DEBITS_START, out) // what is written is what is read, or nothing
  return out
}

/** Cuts encoded debits into parts of at most `partBytesMax`, each behind a pair. Views into `bytes`. */
export function cutDebits(bytes: Uint8Array, partBytesMax: number = DEBITS_PART_BYTES_MAX): Uint8Array[] {
  const cuts = [0]
  let end = 0
  walk(DEBITS_START, bytes, (_, next) => {
    if (next - cuts.at(-1)! > partBytesMax) cuts.push(end)
    end = next
    return true
  })
  return cuts.map((cut, index) => bytes.subarray(cut, cuts[index + 1] ?? bytes.length))
}

/**
 * Reads a part and returns where the next begins. The whole is complete when `left` is 0, `sum` the claim's total.
 * @throws {DeliveryAcknowledgementError} `DELIVERY_ACKNOWLEDGEMENT_MALFORMED` for another layout, or an order that does not ascend.
 */
export function foldDebits(cursor: DebitsCursor, part: Uint8Array): DebitsCursor {
  return walk(cursor, part, () => true)
}

/** Every debit of a part, each with its start. Throws as `foldDebits`. */
export function readDebits(cursor: DebitsCursor, part: Uint8Array): PlacedDebit[] {
  const debits: PlacedDebit[] = []
  walk(cursor, part, (debit) => {
    debits.push(debit)
    return true
  })
  return debits
}

/** The debit of a part that holds `point`; `undefined`: it lies in another part. Throws as `foldDebits`. */
export function debitAt(cursor: DebitsCursor, part: Uint8Array, point: bigint): PlacedDebit | undefined {
  let found: PlacedDebit | undefined
  if (point < cursor.sum) return undefined
  walk(cursor, part, (debit) => {
    if (point < debit.start + debit.amount) found = debit
    return found === undefined
  })
  return found
}

/** Calls `visit` for each pair with where it ends, until it answers false; returns the cursor behind the last pair that was read. */
function walk(from: DebitsCursor, part: Uint8Array, visit: (debit: PlacedDebit, end: number) => boolean): DebitsCursor {
  const view = new DataView(part.buffer, part.byteOffset, part.length)
  let { sum, pairs, serviceId, clientIndex, left } = from
  let isFirstOfSection = false
  let offset = 0
  while (offset < part.length) {
    if (left === 0) {
      if (part.length - offset < HEAD_BYTES) throw malformed(`a section is cut at ${offset}`)
      const next = view.getUint32(offset, true)
      left = view.getUint32(offset + 4, true)
      if (left === 0 || (pairs > 0 && next <= serviceId)) throw malformed(`section ${next} at ${offset} is empty or does not ascend`)
      serviceId = next
      isFirstOfSection = true
      offset += HEAD_BYTES
    }
    if (part.length - offset < PAIR_BYTES) throw malformed(`a pair is cut at ${offset}`)
    const client = view.getUint32(offset, true)
    const amount = BigInt(view.getUint16(offset + 8, true) * U16_END * U16_END + view.getUint32(offset + 4, true))
    if (amount === 0n || (!isFirstOfSection && client <= clientIndex))
      throw malformed(`the pair at ${offset} is nothing or does not ascend`)
    offset += PAIR_BYTES
    const start = sum
    clientIndex = client
    sum += amount
    pairs += 1
    left -= 1
    isFirstOfSection = false
    if (!visit({ serviceId, clientIndex, amount, start }, offset)) break
  }
  return { sum, pairs, serviceId, clientIndex, left }
}

function sectionsOf(debits: readonly Debit[]): Debit[][] {
  const sections: Debit[][] = []
  for (const debit of debits) {
    const last = sections.at(-1)
    if (last?.[0]?.serviceId === debit.serviceId) last.push(debit)
    else sections.push([debit])
  }
  return sections
}

function checkAmount(amount: bigint): bigint {
  if (amount > DEBIT_MAX)
    throw new DeliveryAcknowledgementError('DELIVERY_ACKNOWLEDGEMENT_TOO_LARGE', `a debit of ${amount} is above a u48`)
  return amount
}
