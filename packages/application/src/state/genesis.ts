/** The state before the first block, from a genesis file that `parseGenesis` has read. */
import {
  committeeOfGenesis,
  decodeAddresses,
  nativeSupplyOf,
  PARAMETER_NAMES,
  PARAMETERS,
  verifyGenesis,
  type Genesis,
} from '@selvedge/ledger-types'
import { addNode } from '../calls/nodes.ts'
import { ApplicationError } from '../errors.ts'
import { addBalance, addNative } from './accounts.ts'
import { NATIVE_SUPPLY_MAX, U64_MAX } from './amounts.ts'
import { blockRow, chainRow, counterRow, epochRow, nativePrices, readyRow, roundRow, supplyRow } from './meta-tables.ts'
import { committees, NODE_STATES } from './node-tables.ts'
import { allNodes, putSeats } from './nodes.ts'
import { governorsRow, parameters, prices, serviceVersions, services, SERVICE_STATES, tokens } from './registry-tables.ts'
import type { State } from './state.ts'

/** The version of the rules that genesis begins with. */
export const FIRST_VERSION = 1

/**
 * Writes the rows of genesis into an empty state.
 * @throws {LedgerError} `LEDGER_BAD_GENESIS` when an operator's signature is not good.
 * @throws {ApplicationError} `APPLICATION_MALFORMED` when money does not fit.
 */
export function loadGenesis(state: State, genesis: Genesis): void {
  verifyGenesis(genesis)
  const { chainId, hash, timeMs, parameters: values } = genesis
  const native = nativeSupplyOf(genesis)
  if (native > NATIVE_SUPPLY_MAX) throw new ApplicationError('APPLICATION_MALFORMED', `genesis holds ${native} µ, which is no u64`)
  state.put(chainRow, null, { chainId, genesisHash: hash })
  for (const name of PARAMETER_NAMES) {
    const value = BigInt(values[name])
    state.put(parameters, PARAMETERS[name].id, { value, next: value, from: 0 })
  }
  const baseFee = BigInt(values.baseFeeMin)
  const none = { subDagDigest: hash, blockDigest: hash, gasUsed: 0, excess: 0n, nextEvent: 0 } // block 1 names the genesis hash as the one before
  state.put(blockRow, null, { height: 0, index: 0, timestampMs: timeMs, baseFee, ...none })
  const times = { startMs: timeMs, endMs: timeMs + values.epochMs, startHeight: 0, previousHeight: 0, startSubDag: hash }
  state.put(epochRow, null, { epoch: 0, ...times, version: FIRST_VERSION, clock: 0, stayed: false })
  state.put(supplyRow, null, { native, minted: 0n, burnt: 0n, year: native, fund: 0n, fundUsd: 0n, rewards: 0n })
  state.put(counterRow, null, { node: 0, client: 1, service: 0, priceVersion: 0, queue: 0, outgoing: 0 })
  state.put(roundRow, null, { commits: [], reveals: [] })
  state.put(readyRow, null, [])
  state.put(governorsRow, null, { addresses: genesis.governors.accounts, threshold: genesis.governors.threshold })
  loadPrices(state, genesis)
  loadTokens(state, genesis)
  for (const { address, native: amount, balances } of genesis.accounts) {
    addNative(state, address, amount)
    for (const balance of balances) addBalance(state, address, balance.token, balance.amount)
  }
  loadNodes(state, genesis)
  loadServices(state, genesis)
}

function loadPrices(state: State, { prices: { bytePrice, cpuPrice, nativePrice } }: Genesis): void {
  state.put(prices, 0, { bytePrice, cpuPrice, from: 0 })
  state.put(nativePrices, null, [{ from: 0, price: nativePrice }])
  const counters = state.get(counterRow, null)
  if (counters !== undefined) state.put(counterRow, null, { ...counters, priceVersion: 1 })
}

function loadTokens(state: State, genesis: Genesis): void {
  for (const [i, { symbol, name, keys, cap }] of genesis.tokens.entries()) {
    const token = i + 1
    const supply = genesis.accounts
      .flatMap(({ balances }) => balances)
      .reduce((sum, each) => sum + (each.token === token ? each.amount : 0n), 0n)
    if (supply > U64_MAX)
      throw new ApplicationError('APPLICATION_MALFORMED', `genesis holds ${supply} µ of token ${token}, which is no u64`)
    state.put(tokens, token, { symbol, name, keys: keys.accounts, threshold: keys.threshold, cap, minted: 0n, supply })
  }
}

function loadNodes(state: State, genesis: Genesis): void {
  for (const { owner, nodeKey, bls, noiseRecord, addresses, stake } of genesis.nodes) {
    const row = { owner, nodeKey, bls, noiseRecord, stake, addresses: decodeAddresses(addresses), state: NODE_STATES.active }
    addNode(state, 0, row, () => undefined)
  }
  putSeats(state, 0, allNodes(state))
  const members = committeeOfGenesis(genesis)
  state.put(
    committees,
    0,
    members.map(({ key, blsKey, stake, nodeIndex }) => ({ nodeKey: key, bls: blsKey, stake: BigInt(stake), nodeIndex })),
  )
}

function loadServices(state: State, genesis: Genesis): void {
  for (const [serviceId, { owner, manifest, multiplePpm, payees }] of genesis.services.entries()) {
    state.put(services, serviceId, { owner, bond: 0n, state: SERVICE_STATES.active, version: 1, since: 0 })
    const shares = payees.map(({ account, ppm }) => ({ address: account, ppm }))
    state.put(serviceVersions, { serviceId, version: 1 }, { manifest, multiplePpm, payees: shares, from: 0 })
  }
  const counters = state.get(counterRow, null)
  if (counters !== undefined) state.put(counterRow, null, { ...counters, service: genesis.services.length })
}
