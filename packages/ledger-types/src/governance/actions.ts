/**
 * What governors decide: `kind u8 · fields`, as `GOVERNED_ACTIONS` has them. An action is named by the hash of its bytes and its epoch, so
 * approvals add up for one thing.
 *
 * Keys are `threshold u8 · count u8 · account 20 × count`, ascending.
 */
import { sha256 } from '@selvedge/crypto/sha256'
import { ACCOUNT_BYTES } from '../accounts.ts'
import { type ByteReader, ByteWriter, compareBytes, decodeWhole } from '../bytes.ts'
import { LedgerError } from '../errors.ts'
import type { Digest } from '../hash.ts'

/** Accounts of which `threshold` must agree. */
export interface KeySet {
  readonly threshold: number
  /** 20 bytes each, ascending, at most 100. */
  readonly accounts: readonly Uint8Array[]
}

export type GovernedAction =
  | { readonly kind: 'parameter'; readonly id: number; readonly value: bigint }
  | { readonly kind: 'prices'; readonly bytePrice: bigint; readonly cpuPrice: bigint }
  | { readonly kind: 'addToken'; readonly symbol: string; readonly name: string; readonly cap: bigint; readonly keys: KeySet }
  | { readonly kind: 'tokenKeys'; readonly token: number; readonly keys: KeySet }
  | { readonly kind: 'tokenCap'; readonly token: number; readonly cap: bigint }
  | { readonly kind: 'governors'; readonly keys: KeySet }
  | { readonly kind: 'nativePrice'; readonly price: bigint }
  | { readonly kind: 'activateVersion'; readonly version: number }
  | { readonly kind: 'removeService'; readonly serviceId: number }
  | { readonly kind: 'spend'; readonly to: Uint8Array; readonly amount: bigint }

export interface GovernedActionSchema {
  readonly id: number
  /** Layout behind the kind. */
  readonly fields: string
  /** What must be so when it is approved (46), and again when it is applied, else it is dropped. */
  readonly bounds: string
  readonly does: string
}

export const GOVERNED_ACTIONS: Readonly<Record<GovernedAction['kind'], GovernedActionSchema>> = {
  parameter: {
    id: 0,
    fields: 'id u16 · value u64',
    bounds: 'a parameter, within its own bounds; when applied, within those of several together, with all others of that epoch or alone',
    does: 'sets a parameter',
  },
  prices: {
    id: 1,
    fields: 'bytePrice u64 · cpuPrice u64',
    bounds: 'above 0; when applied, each at most a tenth, or one unit, from what holds in the epoch before',
    does: 'sets the prices of commodities, in a version of their own',
  },
  addToken: {
    id: 2,
    fields: 'symbol u8 length · name u8 length · cap u64 · keys',
    bounds: 'printable names of 1 to 16 and 64 bytes; good keys',
    does: "adds a bridged token, with its bridge's keys and its cap an epoch",
  },
  tokenKeys: { id: 3, fields: 'token u32 · keys', bounds: 'the token exists; good keys', does: "replaces the keys of a token's bridge" },
  tokenCap: {
    id: 4,
    fields: 'token u32 · cap u64',
    bounds: 'the token exists',
    does: 'sets how much of a token may be minted in an epoch',
  },
  governors: { id: 5, fields: 'keys', bounds: 'good keys', does: 'replaces the governors; who is none any more has no word left' },
  nativePrice: { id: 6, fields: 'price u64', bounds: 'above 0', does: 'says what one native token is worth, µUSD' },
  activateVersion: {
    id: 7,
    fields: 'version u32',
    bounds:
      "above 0; when applied, above the one in force, and stake ≥ Q of that epoch's committee can run it, else an epoch later, 10 times at most",
    does: 'puts rules of another version in force',
  },
  removeService: { id: 8, fields: 'serviceId u32', bounds: 'the service exists', does: 'ends a service' },
  spend: {
    id: 9,
    fields: 'to 20 · amount u64',
    bounds: 'above 0; when applied, within the fund, and to no reserved address',
    does: "pays native tokens from the protocol's fund",
  },
}

const KINDS = (Object.keys(GOVERNED_ACTIONS) as GovernedAction['kind'][]).toSorted(
  (a, b) => GOVERNED_ACTIONS[a].id - GOVERNED_ACTIONS[b].id,
)
const KEYS_MAX = 100
export const SYMBOL_BYTES_MAX = 16
export const TOKEN_NAME_BYTES_MAX = 64
const encoder = new TextEncoder()

/** @throws {LedgerError} `LEDGER_OUT_OF_RANGE` */
export function encodeAction(action: GovernedAction): Uint8Array {
  const out = new ByteWriter(64).u8(GOVERNED_ACTIONS[action.kind].id)
  switch (action.kind) {
    case 'parameter':
      return out.u16(action.id).bigU64(action.value).finish()
    case 'prices':
      return out.bigU64(action.bytePrice).bigU64(action.cpuPrice).finish()
    case 'addToken':
      writeText(out, action.symbol, SYMBOL_BYTES_MAX)
      writeText(out, action.name, TOKEN_NAME_BYTES_MAX)
      return writeKeys(out.bigU64(action.cap), action.keys).finish()
    case 'tokenKeys':
      return writeKeys(out.u32(action.token), action.keys).finish()
    case 'tokenCap':
      return out.u32(action.token).bigU64(action.cap).finish()
    case 'governors':
      return writeKeys(out, action.keys).finish()
    case 'nativePrice':
      return out.bigU64(action.price).finish()
    case 'activateVersion':
      return out.u32(action.version).finish()
    case 'removeService':
      return out.u32(action.serviceId).finish()
    case 'spend':
      return out.raw(action.to, ACCOUNT_BYTES).bigU64(action.amount).finish()
  }
}

/** @throws {LedgerError} `LEDGER_MALFORMED` */
export function decodeAction(bytes: Uint8Array): GovernedAction {
  return decodeWhole(bytes, readAction)
}

/** `H(action ‖ epoch u64)`: what approvals are counted for. */
export function actionHash(action: Uint8Array, epoch: bigint): Digest {
  return sha256(new ByteWriter(action.length + 8).raw(action).bigU64(epoch).finish())
}

/** What is wrong with a set of keys; `undefined` for nothing. */
export function keySetFaultOf({ threshold, accounts }: KeySet): string | undefined {
  if (accounts.length < 1 || accounts.length > KEYS_MAX) return `1 to ${KEYS_MAX} keys, not ${accounts.length}`
  if (!Number.isInteger(threshold) || threshold < 1 || threshold > accounts.length) return `a threshold from 1 to ${accounts.length}`
  for (const [i, account] of accounts.entries()) {
    if (account.length !== ACCOUNT_BYTES) return `a key is an account of ${ACCOUNT_BYTES} bytes`
    if (i > 0 && compareBytes(accounts[i - 1]!, account) >= 0) return 'keys ascend'
  }
  return undefined
}

function readAction(reader: ByteReader): GovernedAction {
  const number = reader.u8()
  const kind = KINDS[number]
  switch (kind) {
    case 'parameter':
      return { kind, id: reader.u16(), value: reader.bigU64() }
    case 'prices':
      return { kind, bytePrice: reader.bigU64(), cpuPrice: reader.bigU64() }
    case 'addToken': {
      const symbol = readText(reader, SYMBOL_BYTES_MAX)
      const name = readText(reader, TOKEN_NAME_BYTES_MAX)
      return { kind, symbol, name, cap: reader.bigU64(), keys: readKeys(reader) }
    }
    case 'tokenKeys':
      return { kind, token: reader.u32(), keys: readKeys(reader) }
    case 'tokenCap':
      return { kind, token: reader.u32(), cap: reader.bigU64() }
    case 'governors':
      return { kind, keys: readKeys(reader) }
    case 'nativePrice':
      return { kind, price: reader.bigU64() }
    case 'activateVersion':
      return { kind, version: reader.u32() }
    case 'removeService':
      return { kind, serviceId: reader.u32() }
    case 'spend':
      return { kind, to: reader.raw(ACCOUNT_BYTES), amount: reader.bigU64() }
    default:
      throw new LedgerError('LEDGER_MALFORMED', `no action has kind ${number}`)
  }
}

function writeKeys(out: ByteWriter, keys: KeySet): ByteWriter {
  const fault = keySetFaultOf(keys)
  if (fault !== undefined) throw new LedgerError('LEDGER_OUT_OF_RANGE', fault)
  out.u8(keys.threshold).u8(keys.accounts.length)
  for (const account of keys.accounts) out.raw(account)
  return out
}

function readKeys(reader: ByteReader): KeySet {
  const threshold = reader.u8()
  const count = reader.u8()
  const keys = { threshold, accounts: Array.from({ length: count }, () => reader.raw(ACCOUNT_BYTES)) }
  const fault = keySetFaultOf(keys)
  if (fault !== undefined) throw new LedgerError('LEDGER_MALFORMED', fault)
  return keys
}

function writeText(out: ByteWriter, text: string, bytesMax: number): void {
  const bytes = encoder.encode(text)
  if (!isShownText(text) || bytes.length > bytesMax)
    throw new LedgerError('LEDGER_OUT_OF_RANGE', 'a name is of 1 to as many printable characters')
  out.u8(bytes.length).raw(bytes)
}

function readText(reader: ByteReader, bytesMax: number): string {
  const length = reader.u8()
  if (length > bytesMax) throw new LedgerError('LEDGER_MALFORMED', `a name of ${length} bytes where ${bytesMax} are the limit`)
  const text = String.fromCharCode(...reader.raw(length))
  if (!isShownText(text)) throw new LedgerError('LEDGER_MALFORMED', 'a name is not of printable characters')
  return text
}

/** Printable ASCII, at least one character: two names that look alike are alike. */
export function isShownText(text: string): boolean {
  return /^[ -~]+$/.test(text)
}
