/** A node of the registry as its operator knows it: by its data folder or its nodeIndex, and where it stands. */
import { claims, committees, epochRow, nodeKeys, nodes, NODE_STATES, owners, parameters, type NodeRow } from '@selvedge/application'
import { createBlsKeyPair } from '@selvedge/crypto/bls'
import { createKeyPair } from '@selvedge/crypto/ed25519'
import { sha256 } from '@selvedge/crypto/sha256'
import {
  createGenesisNode,
  PARAMETERS,
  registrationSigningBytes,
  type NetworkAddress,
  type ParameterName,
  type SystemArguments,
} from '@selvedge/ledger-types'
import { existsSync } from 'node:fs'
import { readSeed } from '../compose/key-file.ts'
import { keyPathOf } from '../compose/node.ts'
import { passphraseFrom } from '../compose/passphrase.ts'
import { NodeError } from '../errors.ts'
import { x25519KeyOf, type LedgerSeeds } from './ledger-seeds.ts'
import { isOnThisMachine, type RpcDoor } from './rpc-door.ts'
import { integerIn } from './texts.ts'

const CLAIM_WORDS = ['Committed', 'Complete', 'Challenged', 'Passed', 'Settled', 'Void'] as const
/** Epochs behind the running one whose claims stand in the state. */
const CLAIMED_EPOCHS = 3
const STATE_WORDS = ['Idle', 'OptingIn', 'Active', 'OptingOut', 'Jailed'] as const

/** Which node is meant: by its folder, or by its number. */
export interface NodeChoice {
  readonly data?: string
  readonly node?: string
}

/** @throws {NodeError} `NODE_USAGE`, `NODE_KEY_FILE`, `NODE_UNPROVEN`; `NODE_REFUSED` when its key is in no registry */
export async function nodeIndexOf(door: RpcDoor, { data, node }: NodeChoice): Promise<number> {
  if (node !== undefined) return Number(integerIn('--node', node, 2n ** 32n - 1n))
  if (data === undefined) throw new NodeError('NODE_USAGE', 'which node? --data names its folder, or --node its nodeIndex')
  const path = keyPathOf(data)
  if (!existsSync(path)) throw new NodeError('NODE_KEY_FILE', `${path} is not there: --data names the folder of a node that has run`)
  const { publicKey } = createKeyPair(await readSeed(path, await passphraseFrom(undefined))) // of a copy too: nothing is made in the folder
  const nodeIndex = await door.row(nodeKeys, sha256(publicKey))
  if (nodeIndex !== undefined) return nodeIndex
  throw new NodeError('NODE_REFUSED', `the node of ${data}, key ${Buffer.from(publicKey).toString('hex')}, is not registered`)
}

/**
 * Of a folder only the registry knows which number its node has, and whoever answers could name another's: another machine must prove it.
 * @throws {NodeError} `NODE_USAGE`
 */
export function assertKnowable({ url, isProven }: RpcDoor, { data, node }: NodeChoice): void {
  if (data === undefined || node !== undefined || isProven || isOnThisMachine(url)) return
  const what = `${url} is another machine, which could name another node than that of ${data}`
  throw new NodeError('NODE_USAGE', `${what}: --genesis has it proven, --node names it`)
}

export interface RegistrationDetails {
  readonly chainId: number
  readonly owner: Uint8Array
  readonly address: NetworkAddress
  /** Last epoch for which its session key is good. */
  readonly notAfterEpoch: number
}

/** What a node proves when it is registered, signed by its own keys. */
export function registrationOf(seeds: LedgerSeeds, details: RegistrationDetails): SystemArguments<'registerNode'> {
  const { chainId, owner, address, notAfterEpoch } = details
  const keys = createKeyPair(seeds.node)
  const secrets = { keys, bls: createBlsKeyPair(seeds.bls), x25519: x25519KeyOf(seeds) }
  const entry = createGenesisNode({ chainId, timeMs: 0, owner, ...secrets, notAfterEpoch, addresses: [address], stake: 0n })
  const { nodeKey, bls, pop, noiseRecord, addresses } = entry
  const nodeSig = keys.sign(registrationSigningBytes({ chainId, owner, bls, noiseRecord, addresses })) // a genesis entry's is bound to the file's time
  return { nodeKey, bls, pop, nodeSig, noiseRecord, addresses }
}

export interface NodeStanding {
  readonly nodeIndex: number
  readonly row: NodeRow
  readonly state: (typeof STATE_WORDS)[number]
  readonly epoch: number
  /** Version of the rules in force. */
  readonly version: number
  /** Place in the running committee. */
  readonly seat: number | undefined
  readonly seats: number
  /** Unbonded, which `withdraw` draws; all that the owner has, µ. */
  readonly claimable: bigint
  /** Entries that still unbond. */
  readonly unbonding: number
}

/** @throws {NodeError} `NODE_REFUSED` when there is no such node */
export async function standingOf(door: RpcDoor, nodeIndex: number): Promise<NodeStanding> {
  const row = await door.row(nodes, nodeIndex)
  if (row === undefined) throw new NodeError('NODE_REFUSED', `no node has index ${nodeIndex}`)
  const { epoch, version } = await epochOf(door)
  const committee = (await door.row(committees, epoch)) ?? []
  const place = committee.findIndex((member) => member.nodeIndex === nodeIndex)
  const { claimable, unbonding } = (await door.row(owners, row.owner)) ?? { claimable: 0n, unbonding: 0 }
  const seat = place === -1 ? undefined : place
  return { nodeIndex, row, state: stateWordOf(row.state), epoch, version, seat, seats: committee.length, claimable, unbonding }
}

/** What a node has claimed for delivered content. */
export interface StandingClaim {
  readonly epoch: number
  /** µUSD, as claimed: owner, services and the ledger share it. */
  readonly total: bigint
  /** `Settled`: paid. `Void`: refused, and never paid. Else it is under way. */
  readonly state: (typeof CLAIM_WORDS)[number]
}

/** Of the epochs before `epoch` that the state still tells of, the oldest first. */
export async function claimsOf(door: Pick<RpcDoor, 'url' | 'row'>, nodeIndex: number, epoch: number): Promise<readonly StandingClaim[]> {
  const found: StandingClaim[] = []
  for (let claimed = Math.max(0, epoch - CLAIMED_EPOCHS); claimed < epoch; claimed++) {
    const row = await door.row(claims, { epoch: claimed, nodeIndex })
    if (row === undefined) continue
    const state = CLAIM_WORDS[row.state]
    if (state === undefined)
      throw new NodeError('NODE_RPC', `${door.url} has a claim in state ${row.state}: is it newer than this software?`)
    found.push({ epoch: claimed, total: row.total, state })
  }
  return found
}

export function stateWordOf(state: number): NodeStanding['state'] {
  return STATE_WORDS[state] ?? STATE_WORDS[NODE_STATES.idle]
}

export async function epochOf(door: RpcDoor): Promise<{ readonly epoch: number; readonly version: number }> {
  const row = await door.row(epochRow, null)
  if (row === undefined) throw new NodeError('NODE_RPC', `${door.url} has no epoch: is it a node of a ledger?`)
  return row
}

export async function parameterOf(door: RpcDoor, name: ParameterName): Promise<bigint> {
  const row = await door.row(parameters, PARAMETERS[name].id)
  if (row === undefined) throw new NodeError('NODE_RPC', `${door.url} has no parameter ${name}: is it a node of this version?`)
  return row.value
}
