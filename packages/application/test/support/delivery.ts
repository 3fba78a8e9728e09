/** What clients acknowledge and nodes claim, off the ledger: real sessions with real keys over the network of `network.ts`. */
import { beacons, clients, nodes, type BlockItem, type ClientRow } from '@selvedge/application'
import { createKeyPair } from '@selvedge/crypto/ed25519'
import { signSecp256k1 } from '@selvedge/crypto/secp256k1'
import { sha256 } from '@selvedge/crypto/sha256'
import { sessionIdOf } from '@selvedge/crypto/transcript'
import {
  buildClaim,
  type BuiltClaim,
  type ClaimLeaf,
  claimLeafOf,
  type Delegation,
  delegationDigestOf,
  drawPoints,
  encodeClaimAnswer,
  type Evidence,
  NO_TICK,
  type Opening,
  priceOf,
  signAcknowledgement,
} from '@selvedge/delivery-acknowledgement'
import { beaconCommitment } from '@selvedge/ledger-types'
import { CHAIN_ID, EPOCH_MS, type Network, seedOf, type Wallet } from './network.ts'

/** What one client took from one node for one service in one session. */
export interface Delivery {
  readonly client: Wallet
  readonly serviceId?: number
  readonly bytes: bigint
  readonly session?: number
  readonly spendCap?: bigint
  readonly nonce?: bigint
  readonly notAfterEpoch?: bigint
}

/** Two pairs of the first section fit into a part, so that small claims have several. */
const SMALL_PART_BYTES = 28

export function clientIndexOf(network: Network, { address }: Wallet): number {
  return network.app.account(address).clientIndex
}

function delegationOf({ client, spendCap = 10n ** 12n, nonce = 0n, notAfterEpoch = 1_000n }: Delivery): Delegation {
  const sessionKey = createKeyPair(sha256(client.secretKey)).publicKey
  const fields = { account: client.address, sessionKey, spendCap, notAfterEpoch, nonce, services: [] }
  const { signature, v } = signSecp256k1(delegationDigestOf(CHAIN_ID, fields), client.secretKey)
  return { ...fields, signature: Uint8Array.of(...signature, v) }
}

/** Signed under the prices of the running epoch, a service's multiple of 1. */
export function deliver(network: Network, nodeIndex: number, delivery: Delivery, epoch: number = network.app.view().epoch): Evidence {
  const { client, bytes, serviceId = 0, session: number = 0 } = delivery
  const { prices, priceVersion } = network.app.view()
  const delegation = delegationOf(delivery)
  const keys = createKeyPair(sha256(client.secretKey))
  const rand = seedOf(`rand ${number}`).slice(0, 16)
  const session = { laneNonce: BigInt(number), clientRand: rand, nodeRand: rand }
  const { account, sessionKey } = delegation
  const nodeKey = network.nodes[nodeIndex]!.keys.publicKey
  const acknowledgement = signAcknowledgement(
    {
      chainId: CHAIN_ID,
      account,
      sessionId: sessionIdOf({ chainId: CHAIN_ID, account, sessionKey, nodeKey, ...session, epoch: BigInt(epoch) }),
      nodeIndex,
      serviceId,
      isFinal: true,
      epoch: BigInt(epoch),
      seq: 1,
      cumBytes: bytes,
      cumCpuMicros: 0n,
      cumPrice: priceOf(bytes, 0n, { priceVersion, ...prices }, 1_000_000) ?? 0n,
      priceVersion,
      contentRoot: new Uint8Array(32),
      ttfbMs: 1,
      goodputKbps: 1,
      payAnchor: new Uint8Array(32),
      expiryEpoch: epoch + 1,
    },
    keys.sign,
  )
  return { acknowledgement, tick: NO_TICK, session, delegation }
}

/** Bytes for so many µUSD at the price of development networks. */
export const bytesFor = (micro: bigint): bigint => micro * 100_000n

export interface Claim extends Omit<BuiltClaim, 'epoch'> {
  readonly epoch: number
}

/** @param lie - changes what a leaf says. */
export function claimOf(
  network: Network,
  nodeIndex: number,
  evidence: readonly Evidence[],
  lie: (leaf: ClaimLeaf, index: number) => ClaimLeaf = (leaf) => leaf,
): Claim {
  const sessions = evidence
    .map((each) => ({ evidence: each, leaf: leafOf(network, each) }))
    .toSorted((a, b) => Buffer.compare(a.leaf.key, b.leaf.key))
    .map(({ evidence: each, leaf }, index) => ({ evidence: each, leaf: lie(leaf, index) }))
  const claim = buildClaim(sessions, { partBytesMax: SMALL_PART_BYTES })
  return { ...claim, nodeIndex, epoch: Number(claim.epoch) }
}

function leafOf(network: Network, evidence: Evidence): ClaimLeaf {
  const { account, cumPrice } = evidence.acknowledgement
  return claimLeafOf(evidence, network.app.account(account).clientIndex, cumPrice)
}

/** Openings of the points from `first` on, as the beacon of the running epoch draws them. */
export function openingsOf(network: Network, { epoch, nodeIndex, tree, open }: Claim, first: number, count: number): Opening[] {
  const { beacon, withheld } = network.app.state.get(beacons, epoch + 1)!
  const points = drawPoints(beacon, { epoch: BigInt(epoch), nodeIndex, root: tree.root, total: tree.total }, withheld)
  return points.slice(first, first + count).map((point) => open(tree.indexAt(point)))
}

export function answerOf(claim: Claim, first: number, openings: readonly Opening[]): Uint8Array {
  return encodeClaimAnswer({ epoch: BigInt(claim.epoch), nodeIndex: claim.nodeIndex, first, openings })
}

/** A node's transactions in one batch, nonces in a row. */
export function fromNode(network: Network, nodeIndex: number, ...bodies: readonly Parameters<Network['node']>[2][]): BlockItem {
  const first = network.app.state.get(nodes, nodeIndex)!.nonceBase
  const transactions = bodies.map((body, place) => network.node(nodeIndex, first + BigInt(place), body))
  return { type: 'transactions', author: 0, transactions }
}

/** The commit and all parts of a claim. */
export function claimBodies({ commit, parts }: Claim): readonly Parameters<Network['node']>[2][] {
  return [{ kind: 'claimCommit', bytes: commit }, ...parts.map((bytes) => ({ kind: 'claimDebits' as const, bytes }))]
}

/** Answers to every point of a claim: 32 a transaction. */
export function answerBodies(network: Network, claim: Claim): readonly Parameters<Network['node']>[2][] {
  const { withheld } = network.app.state.get(beacons, claim.epoch + 1)!
  return Array.from({ length: 2 * (1 + withheld) }, (_, part) => {
    return { kind: 'claimAnswer' as const, bytes: answerOf(claim, 32 * part, openingsOf(network, claim, 32 * part, 32)) }
  })
}

/** A block at `percent` of the running epoch. */
export function runAt(network: Network, percent: number, ...items: readonly BlockItem[]): ReturnType<Network['run']> {
  const { timestampMs, start } = network.app.lastApplied()
  return network.run(items, Math.max(0, start.timestampMs + Math.floor((EPOCH_MS * percent) / 100) - timestampMs))
}

/** Members commit to the beacon; those in `silent` will not reveal. */
export function beaconItems(network: Network, kind: 'beaconCommit' | 'beaconReveal', silent: readonly number[] = []): BlockItem[] {
  const { epoch } = network.app.lastApplied()
  return network.app.view().committee.flatMap(({ authority }) => {
    const secret = seedOf(`beacon ${epoch} ${authority}`)
    if (kind === 'beaconCommit')
      return [network.system(authority, { kind, commitment: beaconCommitment(CHAIN_ID, epoch, authority, secret) })]
    return silent.includes(authority) ? [] : [network.system(authority, { kind, secret })]
  })
}

/** What a client has on the ledger. */
export const clientRow = (network: Network, wallet: Wallet): ClientRow => network.app.state.get(clients, clientIndexOf(network, wallet))!
