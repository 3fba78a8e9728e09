/** A paying account as text, on its way into a page: what goes there is JSON. */
import type { PayingAccount } from '@selvedge/client'
import { createKeyPair } from '@selvedge/crypto'
import { decodeDelegation, encodeDelegation } from '@selvedge/delivery-acknowledgement'

/** Hex digits. The seed is the secret of the session key, not of the account. */
export interface AccountText {
  readonly delegation: string
  readonly seed: string
}

export function formatAccount({ delegation, sessionKey }: PayingAccount): AccountText {
  return { delegation: hexOf(encodeDelegation(delegation)), seed: hexOf(sessionKey.seed) }
}

export function parseAccount({ delegation, seed }: AccountText): PayingAccount {
  return { delegation: decodeDelegation(bytesOf(delegation)), sessionKey: createKeyPair(bytesOf(seed)) }
}

const bytesOf = (hex: string): Uint8Array => Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))
export const hexOf = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
