/**
 * What a customer signs for, and what two nodes claim for it: one claims what was signed, the other twice as much. Everything that reaches
 * the ledger is a transaction through a node's door; the sums that are expected come from bytes and prices by plain arithmetic.
 */
import { createKeyPair, type KeyPair } from '@selvedge/crypto/ed25519'
import { signSecp256k1 } from '@selvedge/crypto/secp256k1'
import { sha256 } from '@selvedge/crypto/sha256'
import { sessionIdOf } from '@selvedge/crypto/transcript'
import {
  buildClaim,
  type BuiltClaim,
  claimLeafOf,
  delegationDigestOf,
  type Evidence,
  NO_TICK,
  priceOf,
  signAcknowledgement,
} from '@selvedge/delivery-acknowledgement'
import { encodeNodeBody, NODE_KINDS, type NodeKindName, signNodeTransaction } from '@selvedge/ledger-types'
import { randomBytes } from 'node:crypto'
import { CHAIN_ID, type DevnetNode, type Wallet } from './setup.ts'

export interface Terms {
  readonly epoch: number
  readonly priceVersion: number
  readonly bytePrice: bigint
  readonly cpuPrice: bigint
}

export interface Delivered {
  readonly evidence: Evidence
  readonly bytes: bigint
  readonly amount: bigint
}

/** A customer's session with one node, in which it received `bytes` and signed for them. */
export function deliver(customer: Wallet, node: DevnetNode, { epoch, priceVersion, ...prices }: Terms, bytes: bigint): Delivered {
  const keys = createKeyPair()
  const fields = {
    account: customer.address,
    sessionKey: keys.publicKey,
    spendCap: 10n ** 12n,
    notAfterEpoch: BigInt(epoch + 100),
    nonce: 0n,
    services: [],
  }
  const { signature, v } = signSecp256k1(delegationDigestOf(CHAIN_ID, fields), customer.secretKey)
  const delegation = { ...fields, signature: Uint8Array.of(...signature, v) }
  const session = { laneNonce: 0n, clientRand: new Uint8Array(randomBytes(16)), nodeRand: new Uint8Array(randomBytes(16)) }
  const { publicKey: nodeKey } = createKeyPair(node.seeds.node)
  const sessionId = sessionIdOf({
    chainId: CHAIN_ID,
    account: customer.address,
    sessionKey: keys.publicKey,
    nodeKey,
    ...session,
    epoch: BigInt(epoch),
  })
  const amount = priceOf(bytes, 0n, { priceVersion, ...prices }, 1_000_000)
  if (amount === undefined) throw new Error(`${bytes} bytes cost more than an acknowledgement can say`)
  const acknowledgement = signAcknowledgement(
    {
      chainId: CHAIN_ID,
      account: customer.address,
      sessionId,
      nodeIndex: node.index,
      serviceId: 0,
      isFinal: true,
      epoch: BigInt(epoch),
      seq: 1,
      cumBytes: bytes,
      cumCpuMicros: 0n,
      cumPrice: amount,
      priceVersion,
      contentRoot: sha256(nodeKey),
      ttfbMs: 5,
      goodputKbps: 100_000,
      payAnchor: new Uint8Array(32),
      expiryEpoch: epoch + 1,
    },
    keys.sign,
  )
  return { evidence: { acknowledgement, tick: NO_TICK, session, delegation }, bytes, amount }
}

export class NodeClaim {
  readonly #node: DevnetNode
  readonly #keys: KeyPair
  readonly #claim: BuiltClaim
  #nonce: bigint

  /**
   * @param factor - what the claim says that each acknowledgement is worth, times what was signed.
   * @param nonce - the first of the node's that no other claim has used.
   */
  constructor(node: DevnetNode, clientIndex: number, delivered: readonly Delivered[], factor: bigint, nonce: bigint) {
    this.#node = node
    this.#nonce = nonce
    this.#keys = createKeyPair(node.seeds.node)
    this.#claim = buildClaim(
      delivered.map(({ evidence, amount }) => ({ evidence, leaf: claimLeafOf(evidence, clientIndex, amount * factor) })),
    )
  }

  get nextNonce(): bigint {
    return this.#nonce
  }

  get total(): bigint {
    return this.#claim.tree.total
  }

  /** What fixes the claim before anybody knows the beacon. */
  commitTransactions(): readonly Uint8Array[] {
    const { commit, parts } = this.#claim
    return [this.#sign('claimCommit', commit), ...parts.map((part) => this.#sign('claimDebits', part))]
  }

  /** What opens the points that the beacon drew. */
  answerTransactions(beacon: Uint8Array, withheld: number): readonly Uint8Array[] {
    return this.#claim.answers(beacon, withheld).map((answer) => this.#sign('claimAnswer', answer))
  }

  #sign(kind: Extract<NodeKindName, 'claimCommit' | 'claimDebits' | 'claimAnswer'>, bytes: Uint8Array): Uint8Array {
    const body = encodeNodeBody({ kind, bytes })
    const unsigned = { chainId: CHAIN_ID, nodeIndex: this.#node.index, nonce: this.#nonce++, kind: NODE_KINDS[kind].id, body }
    return signNodeTransaction(unsigned, (message) => this.#keys.sign(message))
  }
}
