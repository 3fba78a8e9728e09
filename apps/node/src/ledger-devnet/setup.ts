/** Who is who in a ledger devnet: seeds, wallets, addresses and the genesis file that all of them pin. */
import { createBlsKeyPair } from '@selvedge/crypto/bls'
import { createKeyPair } from '@selvedge/crypto/ed25519'
import { addressOf, secp256k1PublicKeyOf } from '@selvedge/crypto/secp256k1'
import { createGenesisNode, devGenesis, formatGenesis } from '@selvedge/ledger-types'
import { createHash, randomBytes } from 'node:crypto'
import { x25519KeyOf } from '../ledger-tools/ledger-seeds.ts'

export const CHAIN_ID = 1337
export const MICRO = 1_000_000n
const STAKE: bigint = 2_000n * MICRO
/** Long enough that a tenth of it is many blocks on a busy machine. */
const EPOCH_MS = 20_000
/** Several schedules in such an epoch. */
const SCHEDULE_COMMITS = 30
/** Epoch until which the session keys of registered nodes are good. */
const KEYS_UNTIL_EPOCH = 10_000

export interface Wallet {
  readonly secretKey: Uint8Array
  /** 20 bytes. */
  readonly address: Uint8Array
}

export interface NodeSeeds {
  readonly node: Uint8Array
  readonly bls: Uint8Array
}

/** One node of the devnet, with everything about it that is secret. */
export interface DevnetNode {
  readonly index: number
  readonly seeds: NodeSeeds
  readonly owner: Wallet
  /** 127.i.0.1: a network of its own for each, so that rules about subnets are in force here too. */
  readonly ip: Uint8Array
  readonly ports: { readonly order: number; readonly rpc: number; readonly sync: number }
}

export interface DevnetSetup {
  readonly genesisFile: Uint8Array
  readonly nodes: readonly DevnetNode[]
  /** Money for the load. */
  readonly senders: readonly Wallet[]
  /** The one that moves money with viem. */
  readonly user: Wallet
  /** The one that pays for delivered content. */
  readonly customer: Wallet
  /** Whoever is paid for the service. */
  readonly serviceOwner: Wallet
}

export function createWallet(): Wallet {
  const secretKey = new Uint8Array(randomBytes(32))
  return { secretKey, address: addressOf(secp256k1PublicKeyOf(secretKey)) }
}

/** @param members - nodes of the first committee; one node more is made, which is in no list yet. */
export function createSetup(
  members: number,
  senders: number,
  ports: readonly (readonly [order: number, rpc: number, sync: number])[],
): DevnetSetup {
  const nodes = Array.from({ length: members + 1 }, (_, index): DevnetNode => {
    const [order, rpc, sync] = ports[index] ?? [0, 0, 0]
    const seeds = { node: new Uint8Array(randomBytes(32)), bls: new Uint8Array(randomBytes(32)) }
    return { index, seeds, owner: createWallet(), ip: Uint8Array.of(127, index + 1, 0, 1), ports: { order, rpc, sync } }
  })
  const setup = {
    nodes,
    senders: Array.from({ length: senders }, createWallet),
    user: createWallet(),
    customer: createWallet(),
    serviceOwner: createWallet(),
  }
  return { ...setup, genesisFile: genesisOf(setup, members) }
}

function genesisOf({ nodes, senders, user, customer, serviceOwner }: Omit<DevnetSetup, 'genesisFile'>, members: number): Uint8Array {
  const timeMs = Date.now()
  const rich = [...senders, user, customer, ...nodes.map(({ owner }) => owner)].toSorted((a, b) => Buffer.compare(a.address, b.address))
  const bridgeKey = user.address // nobody crosses a bridge here
  return formatGenesis(
    devGenesis({
      chainId: CHAIN_ID,
      timeMs,
      parameters: { epochMs: EPOCH_MS, scheduleCommits: SCHEDULE_COMMITS },
      governors: { threshold: 1, accounts: [user.address] },
      tokens: [{ symbol: 'USD', name: 'US dollar', keys: { threshold: 1, accounts: [bridgeKey] }, cap: 1_000n * MICRO }],
      accounts: rich.map(({ address }) => ({ address, native: 100_000n * MICRO, balances: [{ token: 1, amount: 10_000n * MICRO }] })),
      nodes: nodes.slice(0, members).map((node) =>
        createGenesisNode({
          chainId: CHAIN_ID,
          timeMs,
          owner: node.owner.address,
          keys: createKeyPair(node.seeds.node),
          bls: createBlsKeyPair(node.seeds.bls),
          x25519: x25519KeyOf(node.seeds),
          notAfterEpoch: KEYS_UNTIL_EPOCH,
          addresses: [addressOfNode(node)],
          stake: STAKE,
        }),
      ),
      committee: Array.from({ length: members }, (_, i) => i),
      services: [
        {
          owner: serviceOwner.address,
          manifest: createHash('sha256').update('cdn').digest(),
          multiplePpm: 1_000_000,
          payees: [{ account: serviceOwner.address, ppm: 1_000_000 }],
        },
      ],
    }),
  )
}

export function addressOfNode({ ip, ports }: DevnetNode): {
  ip: Uint8Array
  pool: number
  sessions: number
  websocket: number
  pinger: number
} {
  return { ip, pool: ports.order, sessions: 0, websocket: 0, pinger: 0 }
}
