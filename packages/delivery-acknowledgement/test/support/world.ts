/** A small world with real keys: accounts that delegate, sessions that acknowledge, nodes that claim. All of it follows from numbers. */
import {
  type Acknowledgement,
  type AcknowledgementFields,
  type ClaimLeaf,
  type ClaimTree,
  claimKeyOf,
  createClaimTree,
  createTickChain,
  type Debit,
  debitsOf,
  type Delegation,
  type DelegationFields,
  delegationDigestOf,
  encodeAcknowledgement,
  type EpochRules,
  type Evidence,
  NO_TICK,
  type Opening,
  priceOf,
  signAcknowledgement,
} from '@selvedge/delivery-acknowledgement'
import { addressOf, secp256k1PublicKeyOf, signSecp256k1 } from '@selvedge/crypto/secp256k1'
import { createKeyPair, type KeyPair } from '@selvedge/crypto/ed25519'
import { sessionIdOf } from '@selvedge/crypto/transcript'

export const CHAIN_ID = 7
export const EPOCH = 5n
export const PRICES = { priceVersion: 3, bytePrice: 10n, cpuPrice: 50n }
export const NODE: { readonly nodeIndex: number; readonly keys: KeyPair } = { nodeIndex: 2, keys: createKeyPair(seedOf(1_000_000)) }
/** Most clients and services of the world; above them there is nobody and nothing. */
export const CLIENT_COUNT = 50
export const SERVICE_COUNT = 4

/** 32 bytes, never zero. */
export function seedOf(number: number): Uint8Array {
  const seed = new Uint8Array(32).fill(1)
  new DataView(seed.buffer).setUint32(0, number)
  return seed
}

export const accountKeyOf = (client: number): Uint8Array => seedOf(2_000_000 + client)
export const accountOf = (client: number): Uint8Array => addressOf(secp256k1PublicKeyOf(accountKeyOf(client)))

const clients = new Map(Array.from({ length: CLIENT_COUNT }, (_, client) => [String(accountOf(client)), client]))

/** The ledger's word for epoch 5: every client's delegations count from nonce 1, services cost the whole price. */
export const RULES: EpochRules = {
  chainId: CHAIN_ID,
  epoch: EPOCH,
  nodeIndex: NODE.nodeIndex,
  nodeKey: NODE.keys.publicKey,
  prices: PRICES,
  multiplePpmOf: (serviceId) => (serviceId < SERVICE_COUNT ? 1_000_000 : undefined),
  clientOf: (account) => {
    const clientIndex = clients.get(String(account))
    return clientIndex === undefined ? undefined : { clientIndex, minNonce: 1n }
  },
}

export function delegationOf(client: number, change: Partial<DelegationFields> = {}): Delegation {
  const sessionKey = createKeyPair(seedOf(client)).publicKey
  const plain = { account: accountOf(client), sessionKey, spendCap: 10n ** 9n, notAfterEpoch: 9n, nonce: 1n, services: [] as number[] }
  return signDelegation({ ...plain, ...change }, accountKeyOf(client))
}

export function signDelegation(fields: DelegationFields, key: Uint8Array, chainId: number = CHAIN_ID): Delegation {
  const { signature, v } = signSecp256k1(delegationDigestOf(chainId, fields), key)
  return { ...fields, signature: Uint8Array.of(...signature, v) }
}

export interface SessionPlan {
  readonly client: number
  readonly serviceId: number
  /** Which of the client's sessions. */
  readonly session: number
  readonly bytes: bigint
  readonly tickIndex?: number
  readonly delegation?: Delegation
}

/** A session of `client` that has received so many bytes of one service, and acknowledged them. */
export function evidenceOf(plan: SessionPlan, change: Partial<AcknowledgementFields> = {}): Evidence {
  const { client, serviceId, session: number, bytes, tickIndex = 0, delegation = delegationOf(client) } = plan
  const keys = createKeyPair(seedOf(client))
  const session = {
    laneNonce: BigInt(number),
    clientRand: seedOf(number).slice(0, 16),
    nodeRand: seedOf(number + 1).slice(0, 16),
  }
  const ticks = createTickChain(seedOf(3_000_000 + number), 300)
  const inputs = { chainId: CHAIN_ID, account: delegation.account, sessionKey: delegation.sessionKey, nodeKey: NODE.keys.publicKey }
  const fields: AcknowledgementFields = {
    chainId: CHAIN_ID,
    account: delegation.account,
    sessionId: sessionIdOf({ ...inputs, ...session, epoch: EPOCH }),
    nodeIndex: NODE.nodeIndex,
    serviceId,
    isFinal: false,
    epoch: EPOCH,
    seq: 4,
    cumBytes: bytes,
    cumCpuMicros: 0n,
    cumPrice: priceOf(bytes, 0n, PRICES, 1_000_000) ?? 0n,
    priceVersion: PRICES.priceVersion,
    contentRoot: seedOf(9),
    ttfbMs: 40,
    goodputKbps: 100_000,
    payAnchor: ticks.at(10),
    expiryEpoch: Number(EPOCH) + 1,
    ...change,
  }
  const acknowledgement: Acknowledgement = signAcknowledgement(fields, keys.sign)
  return {
    acknowledgement,
    tick: tickIndex === 0 ? NO_TICK : { index: tickIndex, x: ticks.at(10 + tickIndex) },
    session,
    delegation,
  }
}

export interface Claim {
  readonly tree: ClaimTree
  readonly leaves: readonly ClaimLeaf[]
  readonly debits: readonly Debit[]
  readonly evidence: readonly Evidence[]
  open(index: number): Opening
}

/** What an honest node claims: sorted by key. `leafOf` may lie. */
export function claimOf(evidence: readonly Evidence[], leafOf: (evidence: Evidence) => ClaimLeaf = honestLeafOf): Claim {
  const pairs = evidence.map((each) => ({ evidence: each, leaf: leafOf(each) }))
  pairs.sort((a, b) => Buffer.compare(a.leaf.key, b.leaf.key))
  const leaves = pairs.map(({ leaf }) => leaf)
  const tree = createClaimTree(leaves)
  return {
    tree,
    leaves,
    debits: debitsOf(leaves),
    evidence: pairs.map((pair) => pair.evidence),
    open: (index) => ({ ...pairs[index]!.evidence, path: tree.prove(index) }),
  }
}

export function honestLeafOf({ acknowledgement, tick }: Evidence): ClaimLeaf {
  const { serviceId, account, sessionId, cumBytes, cumCpuMicros } = acknowledgement
  const amount = priceOf(cumBytes + 65_536n * BigInt(tick.index), cumCpuMicros, PRICES, 1_000_000) ?? 0n
  const clientIndex = RULES.clientOf(account)?.clientIndex ?? 0
  const key = claimKeyOf(serviceId, clientIndex, sessionId)
  return { key, acknowledgement: encodeAcknowledgement(acknowledgement), tickIndex: tick.index, amount }
}

/** The entry of `debits` that holds `point`, found the plain way. */
export function plainDebitAt(debits: readonly Debit[], point: bigint): Debit | undefined {
  let start = 0n
  for (const debit of debits) {
    if (point >= start && point < start + debit.amount) return debit
    start += debit.amount
  }
  return undefined
}

/** A generator of numbers in [0, 2^32) from a seed. */
export function createRandom(seed: number): () => number {
  let state = (seed + 0x9e37_79b9) >>> 0
  return () => {
    state = (state + 0x6d2b_79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return (mixed ^ (mixed >>> 14)) >>> 0
  }
}
