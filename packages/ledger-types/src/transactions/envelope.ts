/**
 * From bytes to a transaction: the first byte says what it is. `0x00` node, `0x02` EIP-1559, from `0xc0` on legacy. Anything else, and
 * more than 65,536 bytes, is code 1; `0x01` too, which never comes over the wire.
 */
import { keccak256 } from '@selvedge/crypto/secp256k1'
import { CODES, type Code } from '../codes.ts'
import { LedgerError } from '../errors.ts'
import type { Digest } from '../hash.ts'
import { leafHash } from '../blocks/tree.ts'
import { nodeKindOf } from '../nodes/node-kinds.ts'
import { decodeAccountTransaction, EIP_1559_TYPE, encodeAccountTransaction, LEGACY_FROM } from './ethereum.ts'
import { decodeNodeTransaction, encodeNodeTransaction, NODE_TRANSACTION_TYPE } from './node.ts'
import { encodeSystemTransaction, SYSTEM_TRANSACTION_TYPE } from './system.ts'
import type { RecordedTransaction, Transaction } from './types.ts'

export const TRANSACTION_BYTES_MAX = 65_536

export type DecodedTransaction =
  | { readonly ok: true; readonly transaction: Transaction }
  /** 1 malformed, 2 type, 3 chain id (one that is no u32). */
  | { readonly ok: false; readonly code: Code }

/** Total: no bytes make it throw. It accepts exactly what `encodeTransaction` writes. Chain, signature and state are not looked at. */
export function decodeTransaction(bytes: Uint8Array): DecodedTransaction {
  const type = bytes[0]
  if (type === undefined || bytes.length > TRANSACTION_BYTES_MAX) return { ok: false, code: CODES.malformed }
  try {
    if (type === NODE_TRANSACTION_TYPE) {
      const transaction = decodeNodeTransaction(bytes)
      return nodeKindOf(transaction.kind) === undefined ? { ok: false, code: CODES.type } : { ok: true, transaction }
    }
    if (type === EIP_1559_TYPE || type >= LEGACY_FROM) return decodeAccountTransaction(bytes)
  } catch (error) {
    if (!(error instanceof LedgerError)) throw error
  }
  return { ok: false, code: CODES.malformed }
}

/** @throws {LedgerError} `LEDGER_OUT_OF_RANGE` */
export function encodeTransaction(transaction: RecordedTransaction): Uint8Array {
  switch (transaction.form) {
    case 'node':
      return encodeNodeTransaction(transaction)
    case 'system':
      return encodeSystemTransaction(transaction)
    default:
      return encodeAccountTransaction(transaction)
  }
}

/**
 * What names a transaction: of an account's the Keccak-256 of its bytes, as wallets show it, of others the leaf in `txRoot`.
 * @param bytes - as encoded; a system transaction as it stands in a block.
 */
export function transactionId(bytes: Uint8Array): Digest {
  const type = bytes[0]
  return type === NODE_TRANSACTION_TYPE || type === SYSTEM_TRANSACTION_TYPE ? leafHash(bytes) : keccak256(bytes)
}
