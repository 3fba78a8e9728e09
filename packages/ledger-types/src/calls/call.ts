/**
 * What an account's transaction does, from its receiver, value and data: a plain transfer, a function of the system or of a token, or
 * nothing that exists (a code). Selectors are the first four bytes of the Keccak-256 of a function's signature, as everywhere.
 */
import { keccak256 } from '@selvedge/crypto/secp256k1'
import { isReservedAddress, isSystemAddress, SYSTEM_ADDRESS, tokenAddress, tokenOf } from '../accounts.ts'
import { concatBytes, toHex } from '../bytes.ts'
import { CODES, type Code } from '../codes.ts'
import { LedgerError } from '../errors.ts'
import { chunkGas, GAS } from '../gas.ts'
import type { AccountTransaction } from '../transactions/types.ts'
import { type AbiType, decodeAbi, encodeAbi } from './abi.ts'
import type { ArgumentsOf, FunctionSchema } from './schema.ts'
import { SYSTEM_FUNCTIONS, type SystemFunctions } from './system-functions.ts'
import { TOKEN_FUNCTIONS, type TokenFunctions } from './token-functions.ts'

export type SystemFunctionName = keyof SystemFunctions
export type TokenFunctionName = keyof TokenFunctions
export type SystemArguments<N extends SystemFunctionName> = ArgumentsOf<SystemFunctions[N]>
export type TokenArguments<N extends TokenFunctionName> = ArgumentsOf<TokenFunctions[N]>

/** A call of one system function, e.g. `SystemCall<'registerNode'>`; without a name any of them, told apart by `name`. */
export type SystemCall<N extends SystemFunctionName = SystemFunctionName> = {
  [K in N]: { readonly target: 'system'; readonly name: K; readonly args: SystemArguments<K> }
}[N]
export type TokenCall<N extends TokenFunctionName = TokenFunctionName> = {
  [K in N]: { readonly target: 'token'; readonly token: number; readonly name: K; readonly args: TokenArguments<K> }
}[N]
export interface TransferCall {
  readonly target: 'transfer'
}
/** Nothing there, or not in a form that anything there understands: 32, 33. */
export interface NoCall {
  readonly target: 'none'
  readonly code: Code
}
export type Call = SystemCall | TokenCall | TransferCall | NoCall

const SELECTOR_BYTES = 4
const BRIDGE_SIGNATURE_BYTES = 65

/** `name(type,…)`, of which the selector is made. */
export function signatureOf(name: string, { args }: Pick<FunctionSchema, 'args'>): string {
  return `${name}(${args.map(({ type }) => type).join(',')})`
}

/** The four bytes that call data begin with. */
export function selectorOf(name: string, schema: Pick<FunctionSchema, 'args'>): Uint8Array {
  return keccak256(new TextEncoder().encode(signatureOf(name, schema))).slice(0, SELECTOR_BYTES)
}

/** Total. Whether a token exists and who may call what is a question of the state. */
export function callOf({ to, value, data }: Pick<AccountTransaction, 'to' | 'value' | 'data'>): Call {
  if (data.length === 0) return isReservedAddress(to) && value > 0n ? none(CODES.noContract) : { target: 'transfer' }
  if (isSystemAddress(to)) {
    const found = decodeCall(systemSelectors(), SYSTEM_FUNCTIONS, data)
    if (found === undefined) return none(CODES.abi)
    if (value > 0n && !SYSTEM_FUNCTIONS[found.name as SystemFunctionName].payable) return none(CODES.noContract)
    return { target: 'system', ...found } as SystemCall
  }
  const token = tokenOf(to)
  if (token === undefined) return none(CODES.noContract)
  const found = decodeCall(tokenSelectors(), TOKEN_FUNCTIONS, data)
  if (found === undefined) return none(CODES.abi)
  return value > 0n ? none(CODES.noContract) : ({ target: 'token', token, ...found } as TokenCall)
}

/** Receiver and data of a call of the system address. @throws {LedgerError} `LEDGER_OUT_OF_RANGE` */
export function encodeSystemCall<N extends SystemFunctionName>(name: N, args: SystemArguments<N>): { to: Uint8Array; data: Uint8Array } {
  return { to: SYSTEM_ADDRESS, data: encodeCall(name, SYSTEM_FUNCTIONS[name], args) }
}

/** Receiver and data of a call of token `token`. @throws {LedgerError} `LEDGER_OUT_OF_RANGE` */
export function encodeTokenCall<N extends TokenFunctionName>(
  token: number,
  name: N,
  args: TokenArguments<N>,
): { to: Uint8Array; data: Uint8Array } {
  return { to: tokenAddress(token), data: encodeCall(name, TOKEN_FUNCTIONS[name], args) }
}

/** Gas of an account's transaction, from its call and the length of its data. */
export function callGas(call: Call, dataBytes: number): number {
  if (dataBytes === 0) return GAS.transfer
  return GAS.call + chunkGas(dataBytes) + ownGas(call)
}

function ownGas(call: Call): number {
  if (call.target !== 'system') return GAS.default
  if (call.name === 'bridgeMint') return GAS.bridgeSignature * Math.ceil(call.args.signatures.length / BRIDGE_SIGNATURE_BYTES)
  return GAS[SYSTEM_FUNCTIONS[call.name].gas]
}

function encodeCall(name: string, schema: FunctionSchema, args: object): Uint8Array {
  const values = args as Readonly<Record<string, unknown>>
  const types = schema.args.map(({ type }) => type)
  return concatBytes(
    selectorOf(name, schema),
    encodeAbi(
      types,
      schema.args.map((each) => values[each.name]),
    ),
  )
}

function decodeCall(
  selectors: ReadonlyMap<string, string>,
  functions: object,
  data: Uint8Array,
): { readonly name: string; readonly args: object } | undefined {
  const name = selectors.get(toHex(data.subarray(0, SELECTOR_BYTES)))
  if (name === undefined) return undefined
  const { args } = (functions as Readonly<Record<string, FunctionSchema>>)[name]!
  const types: AbiType[] = args.map(({ type }) => type)
  try {
    const values = decodeAbi(types, data.subarray(SELECTOR_BYTES))
    return { name, args: Object.fromEntries(args.map((each, i) => [each.name, values[i]])) }
  } catch (error) {
    if (error instanceof LedgerError) return undefined
    throw error
  }
}

function none(code: Code): NoCall {
  return { target: 'none', code }
}

let systemSelectorMap: ReadonlyMap<string, string> | undefined
let tokenSelectorMap: ReadonlyMap<string, string> | undefined

function systemSelectors(): ReadonlyMap<string, string> {
  return (systemSelectorMap ??= selectorsOf(SYSTEM_FUNCTIONS))
}

function tokenSelectors(): ReadonlyMap<string, string> {
  return (tokenSelectorMap ??= selectorsOf(TOKEN_FUNCTIONS))
}

function selectorsOf(functions: object): ReadonlyMap<string, string> {
  const entries = Object.entries(functions as Readonly<Record<string, FunctionSchema>>)
  return new Map(entries.map(([name, schema]) => [toHex(selectorOf(name, schema)), name]))
}
