/**
 * Ethereum transactions of two forms: EIP-1559 with an empty access list (`0x02 ‖ RLP`) and legacy under EIP-155 (`RLP`, v = 35 or 36 +
 * 2·chainId). Read canonically: two byte strings are never one transaction. Source: ledger rules, "Envelope".
 */
import { keccak256, recoverAddress, signSecp256k1 } from '@selvedge/crypto/secp256k1'
import { ACCOUNT_BYTES } from '../accounts.ts'
import { concatBytes } from '../bytes.ts'
import { CODES, type Code } from '../codes.ts'
import { LedgerError } from '../errors.ts'
import { decodeRlp, encodeRlp, encodeRlpInteger, rlpBytes, rlpInteger, rlpIntegerBytes, type RlpItem, rlpList } from './rlp.ts'
import type { AccountTransaction } from './types.ts'

export const EIP_1559_TYPE = 0x02
export const LEGACY_FROM = 0xc0
const V_FROM = 35n
const NONE: Uint8Array = new Uint8Array()

/** The fields of a transaction that are signed. */
export type UnsignedAccountTransaction = Omit<AccountTransaction, 'signature' | 'v'>
export type DecodedAccountTransaction =
  | { readonly ok: true; readonly transaction: AccountTransaction }
  | { readonly ok: false; readonly code: Code }

/** @throws {LedgerError} `LEDGER_MALFORMED` for what no wallet writes; what one may write and the ledger does not take is a code. */
export function decodeAccountTransaction(bytes: Uint8Array): DecodedAccountTransaction {
  return bytes[0] === EIP_1559_TYPE ? decodeEip1559(bytes) : decodeLegacy(bytes)
}

/** The only encoding of `transaction`. */
export function encodeAccountTransaction(transaction: AccountTransaction): Uint8Array {
  const { form, chainId, signature, v } = transaction
  if (signature.length !== 64) throw new LedgerError('LEDGER_OUT_OF_RANGE', `signature must be 64 bytes, got ${signature.length}`)
  const rs = [trimmed(signature.subarray(0, 32)), trimmed(signature.subarray(32))]
  if (form === 'eip1559') {
    return concatBytes(Uint8Array.of(EIP_1559_TYPE), encodeRlp([...eip1559Fields(transaction), encodeRlpInteger(BigInt(v)), ...rs]))
  }
  return encodeRlp([...legacyFields(transaction), encodeRlpInteger(V_FROM + 2n * BigInt(chainId) + BigInt(v)), ...rs])
}

/** The 32 bytes that the account signs. */
export function accountSigningDigest(transaction: UnsignedAccountTransaction): Uint8Array {
  if (transaction.form === 'eip1559') {
    return keccak256(concatBytes(Uint8Array.of(EIP_1559_TYPE), encodeRlp(eip1559Fields(transaction))))
  }
  return keccak256(encodeRlp([...legacyFields(transaction), encodeRlpInteger(BigInt(transaction.chainId)), NONE, NONE]))
}

/** The account that signed, 20 bytes; `undefined` where the signature is none (`s` high, out of range, of no point). 86 µs native. */
export function senderOf(transaction: AccountTransaction): Uint8Array | undefined {
  return recoverAddress(accountSigningDigest(transaction), transaction.signature, transaction.v)
}

/** Signs and encodes. @param secretKey - 32 bytes. */
export function signAccountTransaction(transaction: UnsignedAccountTransaction, secretKey: Uint8Array): Uint8Array {
  return encodeAccountTransaction({ ...transaction, ...signSecp256k1(accountSigningDigest(transaction), secretKey) })
}

function eip1559Fields(transaction: UnsignedAccountTransaction): RlpItem[] {
  const { chainId, nonce, maxPriorityFeePerGas, maxFeePerGas, gasLimit, to, value, data } = transaction
  const fees = [maxPriorityFeePerGas, maxFeePerGas].map((fee) => integer(fee, 32))
  return [integer(BigInt(chainId), 4), integer(nonce, 8), ...fees, integer(gasLimit, 8), address(to), integer(value, 32), data, []]
}

function legacyFields({ nonce, maxFeePerGas, maxPriorityFeePerGas, gasLimit, to, value, data }: UnsignedAccountTransaction): RlpItem[] {
  if (maxPriorityFeePerGas !== 0n) throw new LedgerError('LEDGER_OUT_OF_RANGE', 'a legacy transaction has no maxPriorityFeePerGas')
  return [integer(nonce, 8), integer(maxFeePerGas, 32), integer(gasLimit, 8), address(to), integer(value, 32), data]
}

function integer(value: bigint, bytesMax: number): Uint8Array {
  const bytes = encodeRlpInteger(value)
  if (bytes.length > bytesMax) throw new LedgerError('LEDGER_OUT_OF_RANGE', `${value} has more than ${bytesMax} bytes`)
  return bytes
}

function address(to: Uint8Array): Uint8Array {
  if (to.length !== ACCOUNT_BYTES) throw new LedgerError('LEDGER_OUT_OF_RANGE', `to must be ${ACCOUNT_BYTES} bytes, got ${to.length}`)
  return to
}

function decodeEip1559(bytes: Uint8Array): DecodedAccountTransaction {
  const fields = rlpList(decodeRlp(bytes.subarray(1)))
  if (fields.length !== 12) throw new LedgerError('LEDGER_MALFORMED', `an EIP-1559 transaction has 12 fields, not ${fields.length}`)
  const [chain, nonce, priority, fee, gas, to, value, data, accessList, parity, r, s] = fields
  const v = rlpInteger(parity, 1)
  if (v > 1n) throw new LedgerError('LEDGER_MALFORMED', `yParity is 0 or 1, not ${v}`)
  const isSupported = rlpList(accessList).length === 0
  const common = commonFields({ nonce, fee, gas, to, value, data, r, s })
  const maxPriorityFeePerGas = rlpInteger(priority, 32)
  return finish({ ...common, form: 'eip1559', maxPriorityFeePerGas, v: Number(v) as 0 | 1 }, rlpInteger(chain, 32), isSupported)
}

function decodeLegacy(bytes: Uint8Array): DecodedAccountTransaction {
  const fields = rlpList(decodeRlp(bytes))
  if (fields.length !== 9) throw new LedgerError('LEDGER_MALFORMED', `a legacy transaction has 9 fields, not ${fields.length}`)
  const [nonce, fee, gas, to, value, data, vField, r, s] = fields
  const v = rlpInteger(vField, 32)
  if (v < V_FROM && v !== 27n && v !== 28n) throw new LedgerError('LEDGER_MALFORMED', `v of a legacy transaction is not ${v}`)
  const common = commonFields({ nonce, fee, gas, to, value, data, r, s })
  const parity = Number((v - (v < V_FROM ? 27n : V_FROM)) % 2n) as 0 | 1
  return finish({ ...common, form: 'legacy', maxPriorityFeePerGas: 0n, v: parity }, v < V_FROM ? 0n : (v - V_FROM) / 2n, v >= V_FROM)
}

type Field = RlpItem | undefined

function commonFields(fields: Readonly<Record<'nonce' | 'fee' | 'gas' | 'to' | 'value' | 'data' | 'r' | 's', Field>>) {
  const signature = new Uint8Array(64)
  for (const [end, field] of [
    [32, fields.r],
    [64, fields.s],
  ] as const) {
    const bytes = rlpIntegerBytes(field, 32) // canonical; its range is a question of the signature
    signature.set(bytes, end - bytes.length)
  }
  return {
    nonce: rlpInteger(fields.nonce, 8),
    maxFeePerGas: rlpInteger(fields.fee, 32),
    gasLimit: rlpInteger(fields.gas, 8),
    to: rlpBytes(fields.to),
    value: rlpInteger(fields.value, 32),
    data: rlpBytes(fields.data),
    signature,
  }
}

/** Shape is settled; what is well written but not taken is a type (2), a chain that no u32 names is none of ours (3). */
function finish(fields: Omit<AccountTransaction, 'chainId'>, chainId: bigint, isSupported: boolean): DecodedAccountTransaction {
  if (fields.to.length !== ACCOUNT_BYTES && fields.to.length !== 0) {
    throw new LedgerError('LEDGER_MALFORMED', `to has ${fields.to.length} bytes`)
  }
  if (!isSupported || fields.to.length === 0) return { ok: false, code: CODES.type }
  if (chainId >= 2n ** 32n) return { ok: false, code: CODES.chainId }
  return { ok: true, transaction: { ...fields, chainId: Number(chainId) } }
}

function trimmed(bytes: Uint8Array): Uint8Array {
  let start = 0
  while (bytes[start] === 0) start++
  return bytes.subarray(start)
}
