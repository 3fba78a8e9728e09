/**
 * What a transaction's bytes alone show: who signed it and what names it. A pure function of bytes and, for a node's, the key that the
 * registry has, so that any thread may say it; in fixed bytes, so that it costs a thread nothing to hand it on. It is a subpath of its own, since
 * a thread that loads it needs nothing else of the state machine.
 */
import { decodeTransaction, isSameBytes, isSignedByNode, leafHash, senderOf, transactionId, type Digest } from '@selvedge/ledger-types'
import type { Verdict } from './block-contract.ts'

/** Kind u8 · sender 20 and zeros, or node key 32 · id 32 · leaf 32. */
export const VERDICT_BYTES = 97
const [WHO_OFFSET, ID_OFFSET, LEAF_OFFSET] = [1, 33, 65]

export const VERDICT_KINDS = {
  /** A node's, and no key was given to check it by. */
  unknown: 0,
  /** No transaction, or one that no account signed: bad whatever the state is. */
  bad: 1,
  account: 2,
  node: 3,
  /** Not signed by the key that was given. */
  notByNode: 4,
} as const

/**
 * Looks at one transaction. Total.
 * @param nodeKey - for a node's transaction the key that the registry has for it, 32 bytes; empty where there is none.
 * @returns `VERDICT_BYTES` bytes, for `verdictOf`.
 */
export function judgeTransaction(bytes: Uint8Array, nodeKey: Uint8Array): Uint8Array {
  const out = new Uint8Array(VERDICT_BYTES)
  out.set(leafHash(bytes), LEAF_OFFSET)
  const decoded = decodeTransaction(bytes)
  if (!decoded.ok) {
    out[0] = VERDICT_KINDS.bad
    return out
  }
  out.set(transactionId(bytes), ID_OFFSET)
  const { transaction } = decoded
  if (transaction.form === 'node') {
    if (nodeKey.length !== 32) return out
    out[0] = isSignedByNode(transaction, nodeKey) ? VERDICT_KINDS.node : VERDICT_KINDS.notByNode
    out.set(nodeKey, WHO_OFFSET)
    return out
  }
  const sender = senderOf(transaction)
  out[0] = sender === undefined ? VERDICT_KINDS.bad : VERDICT_KINDS.account
  if (sender !== undefined) out.set(sender, WHO_OFFSET)
  return out
}

/** What the record says, as views into it; `undefined` for `unknown`, of which nothing is known but the leaf. */
export function verdictOf(record: Uint8Array): Verdict | undefined {
  const [kind, id, leaf] = [record[0], record.subarray(ID_OFFSET, LEAF_OFFSET), record.subarray(LEAF_OFFSET, VERDICT_BYTES)]
  switch (kind) {
    case VERDICT_KINDS.account:
      return { isSigned: true, sender: record.subarray(WHO_OFFSET, WHO_OFFSET + 20), id, leaf }
    case VERDICT_KINDS.node:
    case VERDICT_KINDS.notByNode:
      return { isSigned: kind === VERDICT_KINDS.node, nodeKey: record.subarray(WHO_OFFSET, ID_OFFSET), id, leaf }
    case VERDICT_KINDS.bad:
      return { isSigned: false, leaf }
    default:
      return undefined
  }
}

/** The leaf that the record is of. */
export function leafOfRecord(record: Uint8Array): Digest {
  return record.subarray(LEAF_OFFSET, VERDICT_BYTES) as Digest
}

/** What a verdict says of a node's transaction under the key that the registry has now; `undefined` where it was given under another. */
export function isSignedBy(nodeKey: Uint8Array, verdict: Verdict | undefined): boolean | undefined {
  return verdict?.nodeKey !== undefined && isSameBytes(verdict.nodeKey, nodeKey) ? verdict.isSigned : undefined
}
