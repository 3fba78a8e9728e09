/**
 * Node transactions: `0x00 · version u8 (1) · chainId u32 · nodeIndex u32 · nonce u64 · kind u8 · body · signature 64`, the body without
 * a length: it is what is left. Signed by the node's Ed25519 key over `0x15 ‖ all before the signature`.
 */
import { isEd25519Signature } from '@selvedge/crypto/ed25519'
import { LEDGER_TAGS } from '@selvedge/crypto/transcript'
import { ByteReader, ByteWriter } from '../bytes.ts'
import { LedgerError } from '../errors.ts'
import type { NodeTransaction } from './types.ts'

export const NODE_TRANSACTION_TYPE = 0x00
export const NODE_TRANSACTION_VERSION = 1
const SIGNATURE_BYTES = 64
const FIXED_BYTES = 19 + SIGNATURE_BYTES

export type UnsignedNodeTransaction = Omit<NodeTransaction, 'form' | 'signature'>

export function encodeNodeTransaction(transaction: NodeTransaction): Uint8Array {
  return new ByteWriter(FIXED_BYTES + transaction.body.length)
    .raw(encodeUnsigned(transaction))
    .raw(transaction.signature, SIGNATURE_BYTES)
    .finish()
}

/** @throws {LedgerError} `LEDGER_MALFORMED`. Whether the kind exists and the body is good is not asked here. */
export function decodeNodeTransaction(bytes: Uint8Array): NodeTransaction {
  const reader = new ByteReader(bytes)
  if (reader.u8() !== NODE_TRANSACTION_TYPE || reader.u8() !== NODE_TRANSACTION_VERSION) {
    throw new LedgerError('LEDGER_MALFORMED', 'a node transaction begins with 0x00 and version 1')
  }
  const fields = { chainId: reader.u32(), nodeIndex: reader.u32(), nonce: reader.bigU64(), kind: reader.u8() }
  if (reader.remaining < SIGNATURE_BYTES) throw new LedgerError('LEDGER_MALFORMED', 'a node transaction ends before its signature')
  return { form: 'node', ...fields, body: reader.raw(reader.remaining - SIGNATURE_BYTES), signature: reader.raw(SIGNATURE_BYTES) }
}

/** `0x15 ‖ all before the signature`. */
export function nodeSigningBytes(transaction: UnsignedNodeTransaction): Uint8Array {
  const unsigned = encodeUnsigned(transaction)
  return new ByteWriter(1 + unsigned.length).u8(LEDGER_TAGS.nodeTransaction).raw(unsigned).finish()
}

/** Signs and encodes. @param sign - of the node's key pair: 64 bytes for a message. */
export function signNodeTransaction(transaction: UnsignedNodeTransaction, sign: (message: Uint8Array) => Uint8Array): Uint8Array {
  return encodeNodeTransaction({ ...transaction, form: 'node', signature: sign(nodeSigningBytes(transaction)) })
}

/** Whether the owner of `nodeKey` (Ed25519, 32 bytes) signed. */
export function isSignedByNode(transaction: NodeTransaction, nodeKey: Uint8Array): boolean {
  return isEd25519Signature(transaction.signature, nodeSigningBytes(transaction), nodeKey)
}

function encodeUnsigned({ chainId, nodeIndex, nonce, kind, body }: UnsignedNodeTransaction): Uint8Array {
  const out = new ByteWriter(FIXED_BYTES - SIGNATURE_BYTES + body.length).u8(NODE_TRANSACTION_TYPE).u8(NODE_TRANSACTION_VERSION)
  return out.u32(chainId).u32(nodeIndex).bigU64(nonce).u8(kind).raw(body).finish()
}
