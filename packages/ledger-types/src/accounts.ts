/** Account addresses: 20 bytes, those of Ethereum. Some are reserved: the system's and one for each bridged token. */
import { ACCOUNT_BYTES } from '@selvedge/crypto/secp256k1'
import { compareBytes } from './bytes.ts'
import { LedgerError } from './errors.ts'

export { ACCOUNT_BYTES }

const encoder = new TextEncoder()
const TOKEN_PREFIX: Uint8Array = encoder.encode('selvedge/token\0\0')
const TOKEN_PREFIX_BYTES = 16

/** Where all functions of the ledger are called: the text `selvedge/system` and five zeros. */
export const SYSTEM_ADDRESS: Uint8Array = encoder.encode('selvedge/system\0\0\0\0\0')
export const ZERO_ADDRESS: Uint8Array = new Uint8Array(ACCOUNT_BYTES)
/** Native token, and the stablecoin that clients pay with. */
export const NATIVE_TOKEN = 0
export const PAYMENT_TOKEN = 1
/** One micro-unit of the native token in wei, as which wallets see it. */
export const WEI_PER_MICRO: bigint = 10n ** 12n

/** The address of token `token` ≥ 1: the text `selvedge/token`, two zeros, the number big endian. */
export function tokenAddress(token: number): Uint8Array {
  if (token >>> 0 !== token || token === NATIVE_TOKEN) throw new LedgerError('LEDGER_OUT_OF_RANGE', `token ${token} has no address`)
  const out = new Uint8Array(ACCOUNT_BYTES)
  out.set(TOKEN_PREFIX)
  new DataView(out.buffer).setUint32(TOKEN_PREFIX_BYTES, token)
  return out
}

/** The token that lives at `address`; `undefined` for any other address. Whether there is such a token the state says. */
export function tokenOf(address: Uint8Array): number | undefined {
  if (!hasTokenPrefix(address)) return undefined
  const token = new DataView(address.buffer, address.byteOffset, address.length).getUint32(TOKEN_PREFIX_BYTES)
  return token === NATIVE_TOKEN ? undefined : token
}

export function isSystemAddress(address: Uint8Array): boolean {
  return address.length === ACCOUNT_BYTES && compareBytes(address, SYSTEM_ADDRESS) === 0
}

/** Whether no key can own `address`: value is not sent there. */
export function isReservedAddress(address: Uint8Array): boolean {
  return isSystemAddress(address) || hasTokenPrefix(address)
}

/** Micro-units of `wei`; `undefined` when it is no multiple of 10^12. */
export function microOfWei(wei: bigint): bigint | undefined {
  return wei % WEI_PER_MICRO === 0n ? wei / WEI_PER_MICRO : undefined
}

function hasTokenPrefix(address: Uint8Array): boolean {
  if (address.length !== ACCOUNT_BYTES) return false
  for (let i = 0; i < TOKEN_PREFIX_BYTES; i++) if (address[i] !== TOKEN_PREFIX[i]) return false
  return true
}
