/** Parameters by place, each checked as it is taken. Everything here throws {RpcError} `RPC_INVALID_PARAMS` and nothing else. */
import { RpcError } from './errors.ts'
import { parseHex, parseQuantity } from './hex.ts'

/** A block as callers name it; `epochEnd` is the last one before the running epoch. */
export type BlockName = { readonly height: number } | { readonly digest: Uint8Array } | 'latest' | 'pending' | 'earliest' | 'epochEnd'

export class Params {
  readonly #values: readonly unknown[]

  /** At most `max` of them; trailing `null` counts as left out. */
  constructor(values: readonly unknown[], max: number) {
    if (values.length > max) throw new RpcError('RPC_INVALID_PARAMS', `too many parameters: ${values.length}, at most ${max}`)
    this.#values = values
  }

  /** `undefined` when it was left out. */
  value(index: number): unknown {
    return this.#values[index] ?? undefined
  }

  bytes(index: number, size?: number): Uint8Array {
    return parseHex(this.#required(index), `parameter ${index}`, size)
  }

  address(index: number): Uint8Array {
    return this.bytes(index, 20)
  }

  quantity(index: number): bigint {
    return parseQuantity(this.#required(index), `parameter ${index}`)
  }

  boolean(index: number, byDefault: boolean): boolean {
    const value = this.value(index) ?? byDefault
    if (typeof value !== 'boolean') throw new RpcError('RPC_INVALID_PARAMS', `parameter ${index} must be true or false`)
    return value
  }

  string(index: number): string {
    const value = this.#required(index)
    if (typeof value !== 'string') throw new RpcError('RPC_INVALID_PARAMS', `parameter ${index} must be a string`)
    return value
  }

  /** A small integer as a JSON number. */
  integer(index: number, max: number, byDefault?: number): number {
    const value = this.value(index) ?? byDefault
    if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > max)
      throw new RpcError('RPC_INVALID_PARAMS', `parameter ${index} must be an integer from 0 to ${max}`)
    return value
  }

  object(index: number): Readonly<Record<string, unknown>> {
    return asObject(this.#required(index), `parameter ${index}`)
  }

  /** Named by tag, by number, or as EIP-1898 says; `latest` when it was left out. `safe` and `finalized` are `latest` here. */
  block(index: number): BlockName {
    return parseBlockName(this.value(index) ?? 'latest', `parameter ${index}`)
  }

  #required(index: number): unknown {
    const value = this.value(index)
    if (value === undefined) throw new RpcError('RPC_INVALID_PARAMS', `missing value for required argument ${index}`)
    return value
  }
}

export function asObject(value: unknown, what: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new RpcError('RPC_INVALID_PARAMS', `${what} must be an object`)
  return value as Readonly<Record<string, unknown>>
}

export function parseBlockName(value: unknown, what: string): BlockName {
  if (value === 'latest' || value === 'safe' || value === 'finalized') return 'latest'
  if (value === 'pending' || value === 'earliest' || value === 'epochEnd') return value
  if (typeof value === 'object') {
    const { blockHash, blockNumber } = asObject(value, what)
    if (blockHash !== undefined && blockNumber !== undefined) throw new RpcError('RPC_INVALID_PARAMS', `${what} names its block twice`)
    if (blockHash !== undefined) return { digest: parseHex(blockHash, `${what}.blockHash`, 32) }
    if (typeof blockNumber === 'string') return parseBlockName(blockNumber, what)
  }
  const height = parseQuantity(value, what)
  if (height > Number.MAX_SAFE_INTEGER) throw new RpcError('RPC_INVALID_PARAMS', `${what} is no height`)
  return { height: Number(height) }
}
