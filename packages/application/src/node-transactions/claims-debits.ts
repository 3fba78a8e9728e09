/**
 * The debits of claims: parts come in any order, and each is read once, as soon as all before it are here. From then on it stands with the sum and
 * the section at its beginning, so that a point or a client is found in one part.
 *
 * A part that cannot be right by itself fails and may come again in another form. What two parts that are here say together cannot be mended, since
 * none is ever replaced: then the claim is void at once.
 */
import { createSha256 } from '@selvedge/crypto/sha256'
import {
  type ClaimDebits,
  debitAt,
  DEBITS_START,
  type DebitsCursor,
  DeliveryAcknowledgementError,
  foldDebits,
  type PlacedDebit,
  readDebits,
} from '@selvedge/delivery-acknowledgement'
import { isSameBytes } from '@selvedge/ledger-types'
import { type ClaimRow, CLAIM_STATES, debits, type DebitRow } from '../state/claim-tables.ts'
import { counterRow, type CounterRow } from '../state/meta-tables.ts'
import type { EpochNodeKey } from '../state/node-tables.ts'
import type { State } from '../state/state.ts'
import { bitmapOf, hasBit, withBits } from './claims-bitmap.ts'

/**
 * How far a part may be ahead of the first that is missing: as far as the window of nonces lets a node's transactions overtake each other. All
 * that waited is read, and stays in memory, in the one block in which the missing part comes.
 */
const PARTS_AHEAD_MAX = 64

/** What became of the claim; `undefined`: the part is wrong, nothing was written. */
export function addDebits(state: State, key: EpochNodeKey, claim: ClaimRow, { part, parts, bytes }: ClaimDebits): ClaimRow | undefined {
  const before = claim.parts === 0 ? { ...claim, parts, partsHere: bitmapOf(parts) } : claim
  const here = { ...before, partsHere: withBits(before.partsHere, part, 1) }
  if (part >= claim.read + PARTS_AHEAD_MAX) return undefined
  if (part !== claim.read) {
    state.put(debits, { ...key, part }, { place: DEBITS_START, bytes })
    return here
  }
  const place = placeAfter(state, claim, claim.place, bytes)
  const isLast = part + 1 === parts
  if (place === undefined || (isLast && (place.left > 0 || place.sum !== claim.total))) return undefined
  state.put(debits, { ...key, part }, { place: claim.place, bytes })
  return readOn(state, key, { ...here, read: part + 1, place })
}

/** Reads the parts that are here already, and judges the whole when none is missing. */
function readOn(state: State, key: EpochNodeKey, claim: ClaimRow): ClaimRow {
  let { read, place } = claim
  while (read < claim.parts && hasBit(claim.partsHere, read)) {
    const row = partOf(state, key, read)
    const next = placeAfter(state, claim, place, row.bytes)
    if (next === undefined) return { ...claim, state: CLAIM_STATES.void }
    state.put(debits, { ...key, part: read }, { ...row, place })
    place = next
    read += 1
  }
  if (read < claim.parts) return { ...claim, read, place }
  const isWhole = place.left === 0 && place.sum === claim.total && isDigestOf(state, key, claim)
  return { ...claim, read, place, state: isWhole ? CLAIM_STATES.complete : CLAIM_STATES.void }
}

/** `undefined` for a part that does not follow, says more than the claim, or names a client or service that is none. */
function placeAfter(state: State, { total, count }: ClaimRow, place: DebitsCursor, bytes: Uint8Array): DebitsCursor | undefined {
  const { client: clientEnd, service: serviceEnd } = state.get(counterRow, null) as CounterRow
  try {
    const next = foldDebits(place, bytes, { clientEnd, serviceEnd })
    return next.sum <= total && next.pairs <= count ? next : undefined
  } catch (error) {
    if (error instanceof DeliveryAcknowledgementError) return undefined
    throw error
  }
}

function isDigestOf(state: State, key: EpochNodeKey, { parts, debitsDigest }: ClaimRow): boolean {
  const hash = createSha256()
  for (const { bytes } of partsOf(state, key, parts)) hash.update(bytes)
  return isSameBytes(hash.digest(), debitsDigest)
}

/** A part that is here, by a range of one: what is read so does not stay in memory, and all debits of an epoch would be too much to keep. */
function partOf(state: State, key: EpochNodeKey, part: number): DebitRow {
  const [row] = state.between(debits, { ...key, part }, { ...key, part: part + 1 }, 1)
  if (row === undefined) throw new RangeError(`part ${part} of a claim is not here`)
  return row[1]
}

function* partsOf(state: State, key: EpochNodeKey, parts: number): Generator<DebitRow> {
  for (let part = 0; part < parts; part++) yield partOf(state, key, part)
}

/** The debit of a complete claim that holds `point`. */
export function debitAtPoint(state: State, key: EpochNodeKey, { parts }: ClaimRow, point: bigint): PlacedDebit | undefined {
  const row = lastPart(state, key, parts, ({ sum }) => sum <= point)
  return row === undefined ? undefined : debitAt(row.place, row.bytes, point)
}

/** What a complete claim debits a client for a service. */
export function debitOfClient(
  state: State,
  key: EpochNodeKey,
  { parts }: ClaimRow,
  serviceId: number,
  clientIndex: number,
): PlacedDebit | undefined {
  const isBefore = (place: DebitsCursor): boolean =>
    place.pairs === 0 || place.serviceId < serviceId || (place.serviceId === serviceId && place.clientIndex < clientIndex)
  const row = lastPart(state, key, parts, isBefore)
  if (row === undefined) return undefined
  return readDebits(row.place, row.bytes).find((debit) => debit.serviceId === serviceId && debit.clientIndex === clientIndex)
}

/** The last part whose beginning satisfies `isBefore`, which none does after one that does not. */
function lastPart(state: State, key: EpochNodeKey, parts: number, isBefore: (place: DebitsCursor) => boolean): DebitRow | undefined {
  let low = 0
  let high = parts
  while (low < high) {
    const middle = (low + high) >> 1
    if (isBefore(partOf(state, key, middle).place)) low = middle + 1
    else high = middle
  }
  return low === 0 ? undefined : partOf(state, key, low - 1)
}

/** Every debit of a complete claim, in order. */
export function* debitsOfClaim(state: State, key: EpochNodeKey, { parts }: ClaimRow): Generator<PlacedDebit> {
  for (const { place, bytes } of partsOf(state, key, parts)) yield* readDebits(place, bytes)
}
