/**
 * What a service answers with in place of bytes: which content, how much of it, at which price. The node streams that from its own store.
 *
 *     kind u8 (0 root, 1 CID) · scope u8 (0 entity, 1 all) · priceClass u8 (0 table, 1 pin) · zero u8
 *     addressLen u16 · address · count u16 · count × (start u64 · end u64)
 *
 * Little endian; one encoding. 2^64-1 stands for `Infinity`. Layout: docs/protocol/services.md.
 */
import { type Address, checkAddress, isSameAddress } from './address.ts'
import { ADDRESS_BYTES_MAX, SPANS_MAX } from './constants.ts'
import { malformed } from './errors.ts'
import { checkSpans, type ChunkSpan, isSameSpans } from './spans.ts'

/** How much of a DAG: one file, or a directory's own nodes; or everything below, which has no ranges. */
export type Scope = 'entity' | 'all'

/**
 * `table`: the epoch's byte price times what the ledger multiplies it with for the service. There is no other that a ledger settles. `pin`: the same
 * price for the same bytes, and when the client has acknowledged all of them, the node keeps the content for its account to the end of the next epoch.
 */
export type PriceClass = 'table' | 'pin'

export interface Handle {
  readonly address: Address
  readonly ranges: readonly ChunkSpan[]
  readonly scope: Scope
  readonly priceClass: PriceClass
}

const KINDS: readonly Address['kind'][] = ['root', 'cid']
const SCOPES: readonly Scope[] = ['entity', 'all']
const PRICE_CLASSES: readonly PriceClass[] = ['table', 'pin']
const FIXED_BYTES = 8
const SPAN_BYTES = 16
const U64_MAX = 2n ** 64n - 1n

/** @throws {SdkError} `SDK_MALFORMED` */
export function checkHandle({ address, ranges, scope, priceClass }: Handle): void {
  checkAddress(address)
  checkSpans(ranges)
  if (!SCOPES.includes(scope)) throw malformed(`a scope is entity or all, not ${String(scope)}`)
  if (!PRICE_CLASSES.includes(priceClass)) throw malformed(`a price class is table or pin, not ${String(priceClass)}`)
  if (scope === 'entity') return
  if (priceClass === 'pin') throw malformed('what is pinned is one file')
  const [first, more] = ranges
  const isAll = first?.start === 0 && first.end === Number.POSITIVE_INFINITY && more === undefined
  if (address.kind !== 'cid' || !isAll) throw malformed('everything below is that of a CID, and has no ranges')
}

export function isSameHandle(a: Handle, b: Handle): boolean {
  return isSameAddress(a.address, b.address) && isSameSpans(a.ranges, b.ranges) && a.scope === b.scope && a.priceClass === b.priceClass
}

/** `handle`, checked, with bytes of its own. @throws {SdkError} `SDK_MALFORMED` */
export function ownHandle(handle: Handle): Handle {
  checkHandle(handle)
  const { address, ranges, scope, priceClass } = handle
  const own = { kind: address.kind, bytes: address.bytes.slice() }
  return { address: own, ranges: ranges.map(({ start, end }) => ({ start, end })), scope, priceClass }
}

/** The only encoding of `handle`. @throws {SdkError} `SDK_MALFORMED` */
export function encodeHandle(handle: Handle): Uint8Array {
  checkHandle(handle)
  const { address, ranges, scope, priceClass } = handle
  const spans = 6 + address.bytes.length
  const out = new Uint8Array(FIXED_BYTES + address.bytes.length + ranges.length * SPAN_BYTES)
  const view = new DataView(out.buffer)
  out[0] = KINDS.indexOf(address.kind)
  out[1] = SCOPES.indexOf(scope)
  out[2] = PRICE_CLASSES.indexOf(priceClass)
  view.setUint16(4, address.bytes.length, true)
  out.set(address.bytes, 6)
  view.setUint16(spans, ranges.length, true)
  ranges.forEach(({ start, end }, i) => {
    view.setBigUint64(spans + 2 + i * SPAN_BYTES, u64Of(start), true)
    view.setBigUint64(spans + 10 + i * SPAN_BYTES, u64Of(end), true)
  })
  return out
}

/** Accepts nothing but what `encodeHandle` writes; the result owns its bytes. @throws {SdkError} `SDK_MALFORMED` */
export function decodeHandle(bytes: Uint8Array): Handle {
  if (bytes.length < FIXED_BYTES) throw malformed(`a handle ends after ${bytes.length} bytes`)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const [kind, scope, priceClass] = [KINDS[bytes[0]!], SCOPES[bytes[1]!], PRICE_CLASSES[bytes[2]!]]
  if (kind === undefined || scope === undefined || priceClass === undefined || bytes[3] !== 0)
    throw malformed('a handle of an unknown kind')
  const spans = 6 + view.getUint16(4, true)
  if (spans - 6 > ADDRESS_BYTES_MAX || spans + 2 > bytes.length) throw malformed(`an address of ${spans - 6} bytes`)
  const count = view.getUint16(spans, true)
  const length = spans + 2 + count * SPAN_BYTES
  if (count > SPANS_MAX || bytes.length !== length) throw malformed(`a handle of ${bytes.length} bytes says that it has ${length}`)
  const boundary = (at: number): number => numberOf(view.getBigUint64(at, true))
  const ranges = Array.from({ length: count }, (_, i): ChunkSpan => {
    const at = spans + 2 + i * SPAN_BYTES
    return { start: boundary(at), end: boundary(at + 8) }
  })
  const handle: Handle = { address: { kind, bytes: bytes.slice(6, spans) }, ranges, scope, priceClass }
  checkHandle(handle)
  return handle
}

const u64Of = (value: number): bigint => (value === Number.POSITIVE_INFINITY ? U64_MAX : BigInt(value))

function numberOf(value: bigint): number {
  if (value === U64_MAX) return Number.POSITIVE_INFINITY
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw malformed(`chunk ${value} is above 2^53-1`)
  return Number(value)
}
