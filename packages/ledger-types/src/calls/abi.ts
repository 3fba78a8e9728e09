/**
 * The part of Ethereum's contract ABI that the ledger's functions need, read strictly: padding is zero, tails stand in order without gaps,
 * nothing follows. So input equals its own re-encoding, or it is refused.
 */
import { word } from '@selvedge/crypto/secp256k1'
import { concatBytes } from '../bytes.ts'
import { LedgerError } from '../errors.ts'

export type AbiType = 'uint8' | 'uint32' | 'uint64' | 'uint256' | 'bool' | 'address' | 'bytes32' | 'bytes' | 'string' | '(address,uint32)[]'

/** One who is paid, and the share in ppm. */
export interface Payee {
  /** 20 bytes. */
  readonly account: Uint8Array
  readonly ppm: number
}

/** What a value of an ABI type is here. */
export type AbiValue<T extends AbiType> = T extends 'uint8' | 'uint32'
  ? number
  : T extends 'uint64' | 'uint256'
    ? bigint
    : T extends 'bool'
      ? boolean
      : T extends 'string'
        ? string
        : T extends '(address,uint32)[]'
          ? readonly Payee[]
          : Uint8Array

type AnyValue = number | bigint | boolean | string | Uint8Array | readonly Payee[]

const WORD = 32
const BITS: Readonly<Partial<Record<AbiType, number>>> = { uint8: 8, uint32: 32, uint64: 64, uint256: 256 }
const DYNAMIC: ReadonlySet<AbiType> = new Set<AbiType>(['bytes', 'string', '(address,uint32)[]'])
const encoder = new TextEncoder()

/** @throws {LedgerError} `LEDGER_OUT_OF_RANGE` when a value does not fit its type. */
export function encodeAbi(types: readonly AbiType[], values: readonly unknown[]): Uint8Array {
  if (types.length !== values.length) throw new LedgerError('LEDGER_OUT_OF_RANGE', `${values.length} values for ${types.length} types`)
  const heads: Uint8Array[] = []
  const tails: Uint8Array[] = []
  let offset = types.length * WORD
  for (const [i, type] of types.entries()) {
    const value = values[i] as AnyValue
    if (!DYNAMIC.has(type)) {
      heads.push(encodeStatic(type, value))
      continue
    }
    const tail = encodeDynamic(type, value)
    heads.push(word(offset))
    tails.push(tail)
    offset += tail.length
  }
  return concatBytes(...heads, ...tails)
}

/** @throws {LedgerError} `LEDGER_MALFORMED` unless `bytes` are what `encodeAbi` writes. Allocates no more than they hold. */
export function decodeAbi(types: readonly AbiType[], bytes: Uint8Array): AnyValue[] {
  const values: AnyValue[] = []
  let tail = types.length * WORD
  for (const [i, type] of types.entries()) {
    if (!DYNAMIC.has(type)) {
      values.push(decodeStatic(type, wordAt(bytes, i * WORD)))
      continue
    }
    if (integerOf(wordAt(bytes, i * WORD), 256) !== BigInt(tail)) throw malformed('a tail does not stand where it must')
    const { value, end } = decodeDynamic(type, bytes, tail)
    values.push(value)
    tail = end
  }
  if (tail !== bytes.length) throw malformed(`${bytes.length - tail} bytes follow the arguments`)
  return values
}

function encodeStatic(type: AbiType, value: AnyValue): Uint8Array {
  const bits = BITS[type]
  if (bits !== undefined) {
    const integer = typeof value === 'number' && Number.isSafeInteger(value) ? BigInt(value) : value
    if (typeof integer !== 'bigint' || integer < 0n || integer >= 1n << BigInt(bits)) throw unfit(type)
    return word(integer)
  }
  if (type === 'bool') {
    if (typeof value !== 'boolean') throw unfit(type)
    return word(value)
  }
  const size = type === 'address' ? 20 : WORD
  if (!(value instanceof Uint8Array) || value.length !== size) throw unfit(type)
  return word(value)
}

function encodeDynamic(type: AbiType, value: AnyValue): Uint8Array {
  if (type === '(address,uint32)[]') {
    if (!Array.isArray(value)) throw unfit(type)
    const payees = value as readonly Payee[]
    return concatBytes(
      word(payees.length),
      ...payees.flatMap(({ account, ppm }) => [encodeStatic('address', account), encodeStatic('uint32', ppm)]),
    )
  }
  const bytes = typeof value === 'string' ? encoder.encode(value) : value
  if (!(bytes instanceof Uint8Array)) throw unfit(type)
  return concatBytes(word(bytes.length), bytes, new Uint8Array(-bytes.length & (WORD - 1)))
}

function decodeStatic(type: AbiType, bytes: Uint8Array): AnyValue {
  const bits = BITS[type]
  if (bits !== undefined) {
    const integer = integerOf(bytes, bits)
    return bits <= 32 ? Number(integer) : integer
  }
  if (type === 'bool') return integerOf(bytes, 1) === 1n
  const start = type === 'address' ? WORD - 20 : 0
  assertZero(bytes, 0, start)
  return new Uint8Array(bytes.subarray(start))
}

function decodeDynamic(type: AbiType, bytes: Uint8Array, offset: number): { value: AnyValue; end: number } {
  const length = integerOf(wordAt(bytes, offset), 256)
  const start = offset + WORD
  if (length > BigInt(bytes.length - start)) throw malformed('a length is above what is left')
  const count = Number(length)
  if (type === '(address,uint32)[]') {
    const payees: Payee[] = []
    let at = start
    for (; payees.length < count; at += 2 * WORD) {
      const account = decodeStatic('address', wordAt(bytes, at)) as Uint8Array
      payees.push({ account, ppm: decodeStatic('uint32', wordAt(bytes, at + WORD)) as number })
    }
    return { value: payees, end: at }
  }
  const end = start + count + (-count & (WORD - 1))
  if (end > bytes.length) throw malformed('padding is missing')
  assertZero(bytes, start + count, end)
  const content = new Uint8Array(bytes.subarray(start, start + count))
  return { value: type === 'string' ? textOf(content) : content, end }
}

function textOf(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    throw malformed('a string is not UTF-8') // the decoder throws TypeError for nothing else
  }
}

function wordAt(bytes: Uint8Array, offset: number): Uint8Array {
  if (offset + WORD > bytes.length) throw malformed('it ends too early')
  return bytes.subarray(offset, offset + WORD)
}

function integerOf(bytes: Uint8Array, bits: number): bigint {
  const view = new DataView(bytes.buffer, bytes.byteOffset, WORD)
  let value = view.getBigUint64(24)
  for (let offset = 16, shift = 64n; offset >= 0; offset -= 8, shift += 64n) {
    const part = view.getBigUint64(offset)
    if (part !== 0n) value |= part << shift
  }
  if (value >> BigInt(bits) !== 0n) throw malformed(`an integer does not fit ${bits} bits`)
  return value
}

function assertZero(bytes: Uint8Array, start: number, end: number): void {
  for (let i = start; i < end; i++) if (bytes[i] !== 0) throw malformed('padding is not zero')
}

function malformed(why: string): LedgerError {
  return new LedgerError('LEDGER_MALFORMED', `not canonical ABI: ${why}`)
}

function unfit(type: AbiType): LedgerError {
  return new LedgerError('LEDGER_OUT_OF_RANGE', `a value is no ${type}`)
}
