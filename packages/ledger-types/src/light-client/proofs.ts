/** What a verified checkpoint proves: entries of the state, their absence, transactions and receipts. */
import { keyHash, StateTreeError, valueHash, verifyProof } from '@selvedge/state-tree'
import type { Checkpoint } from '../blocks/checkpoint.ts'
import { decodeReceipt, type Receipt } from '../blocks/receipt.ts'
import { decodeTreeProof, isLeafProven, leafHash } from '../blocks/tree.ts'
import { LedgerError } from '../errors.ts'
import type { Digest } from '../hash.ts'

/** An entry of the state, or that there is none. */
export interface StateClaim {
  readonly table: number
  readonly key: Uint8Array
  /** `undefined`: the key is not there. */
  readonly value: Uint8Array | undefined
}

/**
 * Throws unless the state after the checkpoint's block has this entry (or has none).
 * @param proof - as it came over the wire, trusted in nothing.
 * @throws {LedgerError} `LEDGER_BAD_PROOF`
 */
export function verifyState({ stateRoot }: Pick<Checkpoint, 'stateRoot'>, { table, key, value }: StateClaim, proof: Uint8Array): void {
  try {
    verifyProof(stateRoot, keyHash(table, key), value === undefined ? undefined : valueHash(value), proof)
  } catch (error) {
    if (!(error instanceof StateTreeError)) throw error
    throw new LedgerError('LEDGER_BAD_PROOF', `state of table ${table}: ${error.message}`, { table }, { cause: error })
  }
}

/**
 * Throws unless the encoded transaction is in the block.
 * @param proof - encoded `TreeProof`.
 * @throws {LedgerError} `LEDGER_BAD_PROOF`, `LEDGER_MALFORMED`
 */
export function verifyTransaction({ txRoot }: Pick<Checkpoint, 'txRoot'>, transaction: Uint8Array, proof: Uint8Array): void {
  assertLeaf(txRoot, transaction, proof, 'transaction')
}

/**
 * The receipt, when it is one of the block.
 * @throws {LedgerError} `LEDGER_BAD_PROOF`, `LEDGER_MALFORMED`
 */
export function verifyReceipt({ receiptsRoot }: Pick<Checkpoint, 'receiptsRoot'>, receipt: Uint8Array, proof: Uint8Array): Receipt {
  assertLeaf(receiptsRoot, receipt, proof, 'receipt')
  return decodeReceipt(receipt)
}

function assertLeaf(root: Digest, bytes: Uint8Array, proof: Uint8Array, what: string): void {
  if (!isLeafProven(root, leafHash(bytes), decodeTreeProof(proof))) {
    throw new LedgerError('LEDGER_BAD_PROOF', `the proof does not lead from the ${what} to the root`)
  }
}
