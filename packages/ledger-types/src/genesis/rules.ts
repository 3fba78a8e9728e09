/** What the values of a genesis file must be to each other, and the committee that follows from them. */
import { isReservedAddress } from '../accounts.ts'
import { compareBytes, isSameBytes, toHex } from '../bytes.ts'
import type { CommitteeMember } from '../blocks/committee.ts'
import { LedgerError } from '../errors.ts'
import { isShownText, keySetFaultOf, SYMBOL_BYTES_MAX, TOKEN_NAME_BYTES_MAX } from '../governance/actions.ts'
import { parametersFaultOf } from '../governance/parameters.ts'
import { decodeAddresses } from '../nodes/network-address.ts'
import { decodeNoiseRecord } from '../nodes/noise-record.ts'
import type { GenesisContents, GenesisNode, GenesisService } from './types.ts'

const PPM = 1_000_000
const PAYEES_MAX = 16
const COMMITTEE_MAX = 100
const U64 = 2n ** 64n
/** Supply of native below which all stakes together are below 2^53 whole tokens. */
const NATIVE_SUPPLY_MAX = 2n ** 53n * 1_000_000n
const MICRO_PER_TOKEN = 1_000_000n

/** What is wrong; `undefined` for nothing. Signatures are `verifyGenesis`'s. */
export function genesisFaultOf(genesis: GenesisContents): string | undefined {
  if (genesis.chainId === 0) return 'chainId 0 is refused'
  const { bytePrice, cpuPrice, nativePrice } = genesis.prices
  if (bytePrice === 0n || cpuPrice === 0n || nativePrice === 0n) return 'a price is at least 1'
  const keys = keySetFaultOf(genesis.governors)
  if (keys !== undefined) return `governors: ${keys}`
  return (
    parametersFaultOf(genesis.parameters) ??
    tokensFaultOf(genesis) ??
    accountsFaultOf(genesis) ??
    nodesFaultOf(genesis) ??
    committeeFaultOf(genesis) ??
    servicesFaultOf(genesis.services)
  )
}

/** Who signs the blocks of epoch 0, in authority order. */
export function committeeOfGenesis({ committee, nodes }: GenesisContents): CommitteeMember[] {
  const members = committee.map((nodeIndex) => {
    const { nodeKey, bls, stake } = nodes[nodeIndex]!
    return { key: nodeKey, blsKey: bls, stake: consensusStakeOf(stake), nodeIndex }
  })
  return members.sort((a, b) => compareBytes(a.key, b.key))
}

/** Whole tokens of a weight in micro-units, at least 1. */
export function consensusStakeOf(weight: bigint): number {
  return Math.max(1, Number(weight / MICRO_PER_TOKEN))
}

/** Micro-units of native that are there at the beginning: on accounts and staked. */
export function nativeSupplyOf({ accounts, nodes }: Pick<GenesisContents, 'accounts' | 'nodes'>): bigint {
  return sum(accounts.map(({ native }) => native)) + sum(nodes.map(({ stake }) => stake))
}

/** What is wrong with a list of payees; `undefined` for nothing. */
export function payeesFaultOf(payees: GenesisService['payees']): string | undefined {
  if (payees.length < 1 || payees.length > PAYEES_MAX) return `1 to ${PAYEES_MAX} payees`
  return payees.reduce((total, { ppm }) => total + ppm, 0) === PPM ? undefined : 'shares of payees are 10^6 together'
}

function tokensFaultOf({ tokens }: GenesisContents): string | undefined {
  if (tokens.length === 0) return 'there is at least one token, which clients pay with'
  for (const [i, { symbol, name, keys }] of tokens.entries()) {
    const fault = keySetFaultOf(keys)
    if (fault !== undefined) return `tokens[${i}]: ${fault}`
    if (!isShownText(symbol) || symbol.length > SYMBOL_BYTES_MAX || !isShownText(name) || name.length > TOKEN_NAME_BYTES_MAX) {
      return `tokens[${i}]: symbol and name are printable, of at most ${SYMBOL_BYTES_MAX} and ${TOKEN_NAME_BYTES_MAX} characters`
    }
  }
  return undefined
}

function accountsFaultOf({ accounts, tokens, nodes }: GenesisContents): string | undefined {
  const supplies = tokens.map(() => 0n)
  for (const [i, { address, balances }] of accounts.entries()) {
    if (i > 0 && compareBytes(accounts[i - 1]!.address, address) >= 0) return `accounts[${i}] does not ascend`
    if (isReservedAddress(address)) return `accounts[${i}] is a reserved address`
    let previous = 0
    for (const { token, amount } of balances) {
      if (token <= previous || token > tokens.length) return `accounts[${i}]: tokens ascend from 1 and exist`
      supplies[token - 1]! += amount
      previous = token
    }
  }
  if (supplies.some((supply) => supply >= U64)) return 'the supply of a token is no u64'
  return nativeSupplyOf({ accounts, nodes }) < NATIVE_SUPPLY_MAX ? undefined : `the native supply is below ${NATIVE_SUPPLY_MAX}`
}

function nodesFaultOf({ nodes, parameters }: GenesisContents): string | undefined {
  const keys = new Set<string>()
  for (const [i, node] of nodes.entries()) {
    keys.add(toHex(node.nodeKey)).add(toHex(node.bls))
    if (keys.size !== 2 * (i + 1)) return `nodes[${i}] has a key that another has`
    if (node.stake < parameters.minStake) return `nodes[${i}] has less than minStake`
    const fault = recordFaultOf(node)
    if (fault !== undefined) return `nodes[${i}]: ${fault}`
  }
  return undefined
}

function recordFaultOf({ addresses, noiseRecord, nodeKey }: GenesisNode): string | undefined {
  try {
    decodeAddresses(addresses)
    return isSameBytes(decodeNoiseRecord(noiseRecord).nodeKey, nodeKey) ? undefined : "noiseRecord is another node's"
  } catch (error) {
    if (error instanceof LedgerError) return error.message
    throw error
  }
}

function committeeFaultOf({ committee, nodes }: GenesisContents): string | undefined {
  if (committee.length < 1 || committee.length > COMMITTEE_MAX) return `a committee has 1 to ${COMMITTEE_MAX} members`
  for (const [i, nodeIndex] of committee.entries()) {
    if (i > 0 && committee[i - 1]! >= nodeIndex) return 'committee does not ascend'
    if (nodes[nodeIndex] === undefined) return `committee names node ${nodeIndex}, which is none`
  }
  return undefined
}

function servicesFaultOf(services: readonly GenesisService[]): string | undefined {
  if (services.length === 0) return 'there is at least service 0, which is cdn'
  for (const [i, { multiplePpm, payees }] of services.entries()) {
    const fault = payeesFaultOf(payees)
    if (fault !== undefined) return `services[${i}]: ${fault}`
    if (multiplePpm > PPM) return `services[${i}]: multiplePpm is at most 10^6`
  }
  return undefined
}

function sum(amounts: readonly bigint[]): bigint {
  return amounts.reduce((total, amount) => total + amount, 0n)
}
