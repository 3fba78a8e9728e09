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
const U32_END = 2 ** 32
const U32_MAX = 2n ** 32n - 1n

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

/** The first indices that nobody has yet; client 0 is nobody. */
export interface DebitEnds {
  readonly clientEnd: number
  readonly serviceEnd: number
}

/**
 * Reads a part and returns where the next begins. The whole is complete when `left` is 0, `sum` the claim's total.
 * @param ends - given: debits of clients and services that do not exist are refused. Without it a claim could name millions of them for nothing.
 * @throws {DeliveryAcknowledgementError} `DELIVERY_ACKNOWLEDGEMENT_MALFORMED` for another layout, or an order that does not ascend.
 */
export function foldDebits(cursor: DebitsCursor, part: Uint8Array, ends?: DebitEnds): DebitsCursor {
  return walk(cursor, part, ({ clientIndex, serviceId }) => {
    if (ends !== undefined && (clientIndex === 0 || clientIndex >= ends.clientEnd || serviceId >= ends.serviceEnd))
      throw malformed(`client ${clientIndex} or service ${serviceId} does not exist`)
    return true
  })
}

/** Every debit of a part, each with its start. Throws as `foldDebits`. */
export function readDebits(cursor: DebitsCursor, part: Uint8Array): PlacedDebit[] {
  const debits: PlacedDebit[] = []
  walk(cursor, part, (pair) => {
    debits.push(placed(cursor, pair))
    return true
  })
  return debits
}

/** The debit of a part that holds `point`; `undefined`: it lies in another part. Throws as `foldDebits`. */
export function debitAt(cursor: DebitsCursor, part: Uint8Array, point: bigint): PlacedDebit | undefined {
  if (point < cursor.sum) return undefined
  const high = Number((point - cursor.sum) >> 32n)
  const low = Number((point - cursor.sum) & U32_MAX)
  let found: PlacedDebit | undefined
  walk(cursor, part, (pair, _, sum) => {
    if (sum.high > high || (sum.high === high && sum.low > low)) found = placed(cursor, pair)
    return found === undefined
  })
  return found
}

/** A pair as it was read: `startHigh · 2^32 + startLow` is the sum of those before it in its part. */
interface Pair {
  serviceId: number
  clientIndex: number
  /** Below 2^48. */
  amount: number
  startHigh: number
  startLow: number
}

/** `high · 2^32 + low`: a part is read in numbers, since a `bigint` for each of its pairs would cost ten times as much. */
interface Sum {
  high: number
  low: number
}

const bigOf = (high: number, low: number): bigint => (BigInt(high) << 32n) + BigInt(low)

function placed(cursor: DebitsCursor, { serviceId, clientIndex, amount, startHigh, startLow }: Pair): PlacedDebit {
  return { serviceId, clientIndex, amount: BigInt(amount), start: cursor.sum + bigOf(startHigh, startLow) }
}

/** Calls `visit` for each pair with where it ends and the sum behind it, until it answers false; returns the cursor behind the last one read. */
function walk(from: DebitsCursor, part: Uint8Array, visit: (pair: Pair, end: number, sum: Sum) => boolean): DebitsCursor {
  const view = new DataView(part.buffer, part.byteOffset, part.length)
  const pair: Pair = { serviceId: from.serviceId, clientIndex: from.clientIndex, amount: 0, startHigh: 0, startLow: 0 }
  const sum: Sum = { high: 0, low: 0 }
  let { pairs, left } = from
  let isFirstOfSection = false
  let offset = 0
  while (offset < part.length) {
    if (left === 0) {
      if (part.length - offset < HEAD_BYTES) throw malformed(`a section is cut at ${offset}`)
      const next = view.getUint32(offset, true)
      left = view.getUint32(offset + 4, true)
      if (left === 0 || (pairs > 0 && next <= pair.serviceId)) throw malformed(`section ${next} at ${offset} is empty or does not ascend`)
      pair.serviceId = next
      isFirstOfSection = true
      offset += HEAD_BYTES
    }
    if (part.length - offset < PAIR_BYTES) throw malformed(`a pair is cut at ${offset}`)
    const client = view.getUint32(offset, true)
    const low = view.getUint32(offset + 4, true)
    const high = view.getUint16(offset + 8, true)
    if (low + high === 0 || (!isFirstOfSection && client <= pair.clientIndex)) {
      throw malformed(`the pair at ${offset} is nothing or does not ascend`)
    }
    offset += PAIR_BYTES
    pair.clientIndex = client
    pair.amount = high * U32_END + low
    pair.startHigh = sum.high
    pair.startLow = sum.low
    const lows = sum.low + low
    sum.low = lows % U32_END
    sum.high += high + (lows >= U32_END ? 1 : 0)
    pairs += 1
    left -= 1
    isFirstOfSection = false
    if (!visit(pair, offset, sum)) break
  }
  return { sum: from.sum + bigOf(sum.high, sum.low), pairs, serviceId: pair.serviceId, clientIndex: pair.clientIndex, left }
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
