/**
 * The genesis file: UTF-8 JSON of at most 16 MiB, hashed as its bytes stand. An unknown or missing key refuses it; integers are decimal
 * strings, bytes lower-case hex behind `0x`. Source: ledger rules, "Genesis file".
 */
import { sha256 } from '@selvedge/crypto/sha256'
import { ACCOUNT_BYTES } from '../accounts.ts'
import { fromHex } from '../bytes.ts'
import type { Payee } from '../calls/abi.ts'
import { LedgerError } from '../errors.ts'
import type { KeySet } from '../governance/actions.ts'
import { PARAMETER_NAMES, type Parameters, parametersOf } from '../governance/parameters.ts'
import { NOISE_RECORD_BYTES } from '../nodes/noise-record.ts'
import { genesisFaultOf } from './rules.ts'
import { parseStrictJson, type StrictJson } from './strict-json.ts'
import type { Genesis, GenesisAccount, GenesisNode, GenesisService, GenesisToken, Prices } from './types.ts'

export const GENESIS_FORMAT = 1
export const GENESIS_BYTES_MAX: number = 16 * 2 ** 20

const ADDRESSES_BYTES_MAX = 101

/**
 * Reads and checks a genesis file, all but the operators' signatures (`verifyGenesis`).
 * @throws {LedgerError} `LEDGER_BAD_GENESIS`
 */
export function parseGenesis(bytes: Uint8Array): Genesis {
  if (bytes.length > GENESIS_BYTES_MAX) throw refuse(`the file has ${bytes.length} bytes where ${GENESIS_BYTES_MAX} are the limit`)
  const top = fieldsOf(parseStrictJson(textOf(bytes)), 'the file', [
    'format',
    'chainId',
    'timeMs',
    'params',
    'governors',
    'threshold',
    'tokens',
    'prices',
    'accounts',
    'nodes',
    'committee',
    'services',
  ])
  if (numberOf(top.format!, 'format') !== GENESIS_FORMAT) throw refuse(`format must be ${GENESIS_FORMAT}`)
  const genesis: Genesis = {
    hash: sha256(bytes),
    chainId: numberOf(top.chainId!, 'chainId', 2 ** 32 - 1),
    timeMs: numberOf(top.timeMs!, 'timeMs'),
    parameters: parametersIn(top.params!),
    governors: keySetIn(top.governors!, top.threshold!, 'governors'),
    tokens: listOf(top.tokens!, 'tokens').map(tokenIn),
    prices: pricesIn(top.prices!),
    accounts: listOf(top.accounts!, 'accounts').map(accountIn),
    nodes: listOf(top.nodes!, 'nodes').map(nodeIn),
    committee: listOf(top.committee!, 'committee').map((each, i) => numberOf(each, `committee[${i}]`, 2 ** 32 - 1)),
    services: listOf(top.services!, 'services').map(serviceIn),
  }
  const fault = genesisFaultOf(genesis)
  if (fault !== undefined) throw refuse(fault)
  return genesis
}

function parametersIn(json: StrictJson): Parameters {
  const fields = fieldsOf(json, 'params', PARAMETER_NAMES)
  return parametersOf((name) => integerOf(fields[name]!, `params.${name}`))
}

function pricesIn(json: StrictJson): Prices {
  const { bytePrice, cpuPrice, nativePrice } = fieldsOf(json, 'prices', ['bytePrice', 'cpuPrice', 'nativePrice'])
  return {
    bytePrice: integerOf(bytePrice!, 'bytePrice'),
    cpuPrice: integerOf(cpuPrice!, 'cpuPrice'),
    nativePrice: integerOf(nativePrice!, 'nativePrice'),
  }
}

function tokenIn(json: StrictJson, i: number): GenesisToken {
  const { symbol, name, keys, threshold, cap } = fieldsOf(json, `tokens[${i}]`, ['symbol', 'name', 'keys', 'threshold', 'cap'])
  return {
    symbol: stringOf(symbol!, `tokens[${i}].symbol`),
    name: stringOf(name!, `tokens[${i}].name`),
    keys: keySetIn(keys!, threshold!, `tokens[${i}].keys`),
    cap: integerOf(cap!, `tokens[${i}].cap`),
  }
}

function accountIn(json: StrictJson, i: number): GenesisAccount {
  const where = `accounts[${i}]`
  const [address, native, balances] = listOf(json, where, 3)
  return {
    address: bytesOf(address!, where, ACCOUNT_BYTES),
    native: integerOf(native!, where),
    balances: listOf(balances!, where).map((balance) => {
      const [token, amount] = listOf(balance, where, 2)
      return { token: numberOf(token!, where, 2 ** 32 - 1), amount: integerOf(amount!, where) }
    }),
  }
}

function nodeIn(json: StrictJson, i: number): GenesisNode {
  const names = ['owner', 'nodeKey', 'bls', 'pop', 'nodeSig', 'noiseRecord', 'addresses', 'stake'] as const
  const fields = fieldsOf(json, `nodes[${i}]`, names)
  const bytes = (name: (typeof names)[number], size: number): Uint8Array => bytesOf(fields[name]!, `nodes[${i}].${name}`, size)
  return {
    owner: bytes('owner', ACCOUNT_BYTES),
    nodeKey: bytes('nodeKey', 32),
    bls: bytes('bls', 48),
    pop: bytes('pop', 96),
    nodeSig: bytes('nodeSig', 64),
    noiseRecord: bytes('noiseRecord', NOISE_RECORD_BYTES),
    addresses: bytesOf(fields.addresses!, `nodes[${i}].addresses`, undefined, ADDRESSES_BYTES_MAX),
    stake: integerOf(fields.stake!, `nodes[${i}].stake`),
  }
}

function serviceIn(json: StrictJson, i: number): GenesisService {
  const where = `services[${i}]`
  const { owner, manifest, multiplePpm, payees } = fieldsOf(json, where, ['owner', 'manifest', 'multiplePpm', 'payees'])
  return {
    owner: bytesOf(owner!, where, ACCOUNT_BYTES),
    manifest: bytesOf(manifest!, where, 32),
    multiplePpm: numberOf(multiplePpm!, where, 2 ** 32 - 1),
    payees: listOf(payees!, where).map((payee): Payee => {
      const [account, ppm] = listOf(payee, where, 2)
      return { account: bytesOf(account!, where, ACCOUNT_BYTES), ppm: numberOf(ppm!, where, 2 ** 32 - 1) }
    }),
  }
}

function keySetIn(accounts: StrictJson, threshold: StrictJson, where: string): KeySet {
  return {
    threshold: numberOf(threshold, `threshold of ${where}`, 255),
    accounts: listOf(accounts, where).map((account) => bytesOf(account, where, ACCOUNT_BYTES)),
  }
}

/** Exactly the fields of these names. */
function fieldsOf<N extends string>(json: StrictJson, where: string, names: readonly N[]): Partial<Record<N, StrictJson>> {
  if (!(json instanceof Map)) throw refuse(`${where} must be an object`)
  const fields: Partial<Record<N, StrictJson>> = {}
  for (const name of names) {
    const value = (json as ReadonlyMap<string, StrictJson>).get(name)
    if (value === undefined) throw refuse(`${where} has no '${name}'`)
    fields[name] = value
  }
  for (const key of (json as ReadonlyMap<string, StrictJson>).keys()) {
    if (!(names as readonly string[]).includes(key)) throw refuse(`${where} has an unknown '${key}'`)
  }
  return fields
}

function listOf(json: StrictJson, where: string, size?: number): readonly StrictJson[] {
  if (!Array.isArray(json)) throw refuse(`${where} must be a list`)
  if (size !== undefined && json.length !== size) throw refuse(`${where} must have ${size} elements, not ${json.length}`)
  return json as readonly StrictJson[]
}

function stringOf(json: StrictJson, where: string): string {
  if (typeof json !== 'string') throw refuse(`${where} must be a string`)
  return json
}

/** A u64 in its shortest decimal form. */
function integerOf(json: StrictJson, where: string): bigint {
  const text = stringOf(json, where)
  if (text.length > 20 || !/^(0|[1-9][0-9]*)$/.test(text)) throw refuse(`${where} must be an integer in decimal`)
  const value = BigInt(text)
  if (value >= 2n ** 64n) throw refuse(`${where} is no u64`)
  return value
}

function numberOf(json: StrictJson, where: string, max: number = Number.MAX_SAFE_INTEGER): number {
  const value = integerOf(json, where)
  if (value > BigInt(max)) throw refuse(`${where} is at most ${max}`)
  return Number(value)
}

function bytesOf(json: StrictJson, where: string, size?: number, sizeMax?: number): Uint8Array {
  const text = stringOf(json, where)
  const bytes = /^0x([0-9a-f]{2})*$/.test(text.slice(0, 2 + 2 * 512)) && text.length <= 2 + 2 * 512 ? fromHex(text.slice(2)) : undefined
  if (bytes === undefined) throw refuse(`${where} must be lower-case hex behind 0x`)
  if (size !== undefined && bytes.length !== size) throw refuse(`${where} must be ${size} bytes, not ${bytes.length}`)
  if (sizeMax !== undefined && bytes.length > sizeMax) throw refuse(`${where} has at most ${sizeMax} bytes`)
  return bytes
}

function textOf(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    throw refuse('the file is not UTF-8') // TypeError is all that a fatal decoder throws
  }
}

function refuse(why: string): LedgerError {
  return new LedgerError('LEDGER_BAD_GENESIS', `genesis file: ${why}`)
}
