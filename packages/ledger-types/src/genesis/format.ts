/** Writing genesis files: the contents as JSON, presets, and the entry that an operator signs for its node. */
import type { BlsKeyPair } from '@selvedge/crypto/bls'
import type { KeyPair } from '@selvedge/crypto/ed25519'
import { toHex } from '../bytes.ts'
import { LedgerError } from '../errors.ts'
import { defaultParameters, PARAMETER_NAMES, type Parameters } from '../governance/parameters.ts'
import { encodeAddresses, type NetworkAddress } from '../nodes/network-address.ts'
import { encodeNoiseRecord, noiseRecordSigningBytes } from '../nodes/noise-record.ts'
import { registrationSigningBytes } from '../nodes/registration.ts'
import { GENESIS_FORMAT } from './parse.ts'
import { genesisFaultOf } from './rules.ts'
import type { GenesisContents, GenesisNode, Prices } from './types.ts'

/** What a preset does not know. */
export type GenesisDetails = Omit<GenesisContents, 'parameters' | 'prices'> & {
  readonly parameters?: Partial<Parameters>
  readonly prices?: Partial<Prices>
}

/** $0.01 a GB, $0.18 a core-hour, $1 a native token. */
const PRICES: Prices = { bytePrice: 10n, cpuPrice: 50n, nativePrice: 1_000_000n }
const TEST_EPOCH_MS = 3_600_000

/** A development network: epochs of 12 seconds, four seats. */
export function devGenesis(details: GenesisDetails): GenesisContents {
  return preset(defaultParameters('dev'), details)
}

/** A public test network: the main network's rules, epochs of an hour. */
export function testGenesis(details: GenesisDetails): GenesisContents {
  return preset({ ...defaultParameters('main'), epochMs: TEST_EPOCH_MS }, details)
}

/** The main network: epochs of a day, twenty seats. */
export function mainGenesis(details: GenesisDetails): GenesisContents {
  return preset(defaultParameters('main'), details)
}

/**
 * The file, which `parseGenesis` reads back to the same contents.
 * @throws {LedgerError} `LEDGER_BAD_GENESIS`
 */
export function formatGenesis(genesis: GenesisContents): Uint8Array {
  const fault = genesisFaultOf(genesis)
  if (fault !== undefined) throw new LedgerError('LEDGER_BAD_GENESIS', `genesis: ${fault}`)
  const { chainId, timeMs, parameters, governors, tokens, prices, accounts, nodes, committee, services } = genesis
  const file = {
    format: String(GENESIS_FORMAT),
    chainId: String(chainId),
    timeMs: String(timeMs),
    params: Object.fromEntries(PARAMETER_NAMES.map((name) => [name, String(parameters[name])])),
    governors: governors.accounts.map(hex),
    threshold: String(governors.threshold),
    tokens: tokens.map(({ symbol, name, keys, cap }) => {
      return { symbol, name, keys: keys.accounts.map(hex), threshold: String(keys.threshold), cap: String(cap) }
    }),
    prices: { bytePrice: String(prices.bytePrice), cpuPrice: String(prices.cpuPrice), nativePrice: String(prices.nativePrice) },
    accounts: accounts.map(({ address, native, balances }) => {
      return [hex(address), String(native), balances.map(({ token, amount }) => [String(token), String(amount)])]
    }),
    nodes: nodes.map(nodeEntry),
    committee: committee.map(String),
    services: services.map(({ owner, manifest, multiplePpm, payees }) => {
      const shares = payees.map(({ account, ppm }) => [hex(account), String(ppm)])
      return { owner: hex(owner), manifest: hex(manifest), multiplePpm: String(multiplePpm), payees: shares }
    }),
  }
  return new TextEncoder().encode(`${JSON.stringify(file, undefined, 2)}\n`)
}

/** What an operator hands in: keys that sign, and what the registry is to say. */
export interface GenesisOperator {
  readonly chainId: number
  /** Of the file. */
  readonly timeMs: number
  readonly owner: Uint8Array
  readonly keys: KeyPair
  readonly bls: BlsKeyPair
  readonly x25519: Uint8Array
  readonly notAfterEpoch: number
  readonly addresses: readonly NetworkAddress[]
  readonly stake: bigint
}

/** The entry of a node, signed by its own keys. */
export function createGenesisNode(operator: GenesisOperator): GenesisNode {
  const { chainId, timeMs, owner, keys, bls, x25519, notAfterEpoch, stake } = operator
  const record = { nodeKey: keys.publicKey, x25519, notAfterEpoch }
  const noiseRecord = encodeNoiseRecord({ ...record, signature: keys.sign(noiseRecordSigningBytes(chainId, record)) })
  const addresses = encodeAddresses(operator.addresses)
  const signed = registrationSigningBytes({ chainId, owner, bls: bls.publicKey, noiseRecord, addresses, genesisTimeMs: timeMs })
  const proofs = { pop: bls.provePossession(), nodeSig: keys.sign(signed) }
  return { owner, nodeKey: keys.publicKey, bls: bls.publicKey, ...proofs, noiseRecord, addresses, stake }
}

function preset(parameters: Parameters, details: GenesisDetails): GenesisContents {
  return { ...details, parameters: { ...parameters, ...details.parameters }, prices: { ...PRICES, ...details.prices } }
}

function nodeEntry({ owner, nodeKey, bls, pop, nodeSig, noiseRecord, addresses, stake }: GenesisNode): object {
  const keys = { owner: hex(owner), nodeKey: hex(nodeKey), bls: hex(bls), pop: hex(pop), nodeSig: hex(nodeSig) }
  return { ...keys, noiseRecord: hex(noiseRecord), addresses: hex(addresses), stake: String(stake) }
}

function hex(bytes: Uint8Array): string {
  return `0x${toHex(bytes)}`
}
