/**
 * RLP, the one encoding of Ethereum's transactions, read strictly: shortest lengths, no trailing byte. A list in a list deeper than
 * `DEPTH_MAX` is refused, so that nothing recurses as deep as a stranger likes.
 */
import { concatBytes, toHex } from '../bytes.ts'
import { LedgerError } from '../errors.ts'

export type RlpItem = Uint8Array | readonly RlpItem[]

const DEPTH_MAX = 4
const LONG_FROM = 56
const STRING = 0x80
const LIST = 0xc0
/** Below 2^53: counted in a `number`, which is faster. */
const NUMBER_BYTES = 6

/** @throws {LedgerError} `LEDGER_MALFORMED` unless `bytes` are the canonical encoding of one item. */
export function decodeRlp(bytes: Uint8Array): RlpItem {
  const { item, end } = readItem(bytes, 0, bytes.length, 0)
  if (end !== bytes.length) throw malformed(`${bytes.length - end} bytes follow the item`)
  return item
}

export function encodeRlp(item: RlpItem): Uint8Array {
  if (item instanceof Uint8Array) {
    return item.length === 1 && item[0]! < STRING ? item : concatBytes(encodeHead(STRING, item.length), item)
  }
  const content = concatBytes(...item.map(encodeRlp))
  return concatBytes(encodeHead(LIST, content.length), content)
}

/** Shortest big endian bytes of an unsigned integer; none for 0. */
export function encodeRlpInteger(value: bigint): Uint8Array {
  if (value < 0n) throw new LedgerError('LEDGER_OUT_OF_RANGE', `${value} is negative`)
  const hex = value === 0n ? '' : value.toString(16)
  const even = hex.length % 2 === 0 ? hex : `0${hex}`
  return Uint8Array.from({ length: even.length / 2 }, (_, i) => Number.parseInt(even.slice(2 * i, 2 * i + 2), 16))
}

/** The integer of an item: no list, no leading zero, at most `bytesMax` bytes. */
export function rlpInteger(item: RlpItem | undefined, bytesMax: number): bigint {
  const bytes = rlpIntegerBytes(item, bytesMax)
  if (bytes.length > NUMBER_BYTES) return BigInt(`0x${toHex(bytes)}`)
  let value = 0
  for (const byte of bytes) value = value * 256 + byte
  return BigInt(value)
}

/** The same, as the bytes that stand there. */
export function rlpIntegerBytes(item: RlpItem | undefined, bytesMax: number): Uint8Array {
  const bytes = rlpBytes(item)
  if (bytes.length > bytesMax) throw malformed(`an integer of ${bytes.length} bytes where ${bytesMax} are the limit`)
  if (bytes[0] === 0) throw malformed('an integer begins with a zero')
  return bytes
}

export function rlpBytes(item: RlpItem | undefined): Uint8Array {
  if (!(item instanceof Uint8Array)) throw malformed('a list, or nothing, stands where bytes must')
  return item
}

export function rlpList(item: RlpItem | undefined): readonly RlpItem[] {
  if (item === undefined || item instanceof Uint8Array) throw malformed('bytes, or nothing, stand where a list must')
  return item
}

function readItem(bytes: Uint8Array, offset: number, limit: number, depth: number): { item: RlpItem; end: number } {
  if (offset >= limit) throw malformed('an item is missing')
  const head = bytes[offset]!
  if (head < STRING) return { item: Uint8Array.of(head), end: offset + 1 }
  const base = head < LIST ? STRING : LIST
  const { start, length } = readLength(bytes, offset, limit, head - base)
  const end = start + length
  if (end > limit) throw malformed(`an item of ${length} bytes stands in ${limit - start}`)
  if (base === STRING) {
    if (length === 1 && bytes[start]! < STRING) throw malformed('a single small byte has a length before it')
    return { item: new Uint8Array(bytes.subarray(start, end)), end }
  }
  if (depth >= DEPTH_MAX) throw malformed('lists are nested too deep')
  const items: RlpItem[] = []
  for (let at = start; at < end; ) {
    const next = readItem(bytes, at, end, depth + 1)
    items.push(next.item)
    at = next.end
  }
  return { item: items, end }
}

/** @param code - what the first byte is above its base. */
function readLength(bytes: Uint8Array, offset: number, limit: number, code: number): { start: number; length: number } {
  if (code < LONG_FROM) return { start: offset + 1, length: code }
  const width = code - LONG_FROM + 1
  if (width > 4 || offset + 1 + width > limit) throw malformed('a length is too long')
  let length = 0
  for (let i = 0; i < width; i++) length = length * 256 + bytes[offset + 1 + i]!
  if (bytes[offset + 1] === 0 || length < LONG_FROM) throw malformed('a length is not the shortest')
  return { start: offset + 1 + width, length }
}

function encodeHead(base: number, length: number): Uint8Array {
  if (length < LONG_FROM) return Uint8Array.of(base + length)
  const bytes = encodeRlpInteger(BigInt(length))
  return concatBytes(Uint8Array.of(base + LONG_FROM - 1 + bytes.length), bytes)
}

function malformed(why: string): LedgerError {
  return new LedgerError('LEDGER_MALFORMED', `not canonical RLP: ${why}`)
}
