/**
 * Tokens that come from elsewhere and go back: bridgeMint, bridgeOut.
 *
 * A deposit over there is minted once for ever, by keys that the token names, up to a cap an epoch: a bridge whose keys are stolen loses
 * one cap an epoch until governors act.
 */
import {
  bridgeMintDigest,
  bridgeSignersOf,
  BRIDGE_SIGNATURE_BYTES,
  CODES,
  compareBytes,
  isReservedAddress,
  PAYMENT_TOKEN,
} from '@selvedge/ledger-types'
import type { AccountHandlers } from '../execute/handler.ts'
import { addBalance, balanceOf, burnToken, hasTokenRoom, takeBalance } from '../state/accounts.ts'
import { keyTextOf } from '../state/key-text.ts'
import { counterRow, type CounterRow } from '../state/meta-tables.ts'
import { bridge, tokens, type TokenRow } from '../state/registry-tables.ts'
import { creditPrepaid } from './deposits.ts'

/** Longest address of the other side, in bytes. */
export const REMOTE_BYTES_MAX = 64
const DIRECTIONS = { in: 0, out: 1 } as const

export const bridgeCalls: AccountHandlers = {
  bridgeOut({ state, sender, emit }, { token, to, amount }) {
    if (state.get(tokens, token) === undefined) return CODES.notFound
    if (to.length > REMOTE_BYTES_MAX) return CODES.outOfBounds
    if (amount === 0n || amount > balanceOf(state, sender, token)) return CODES.amount
    takeBalance(state, sender, token, amount)
    burnToken(state, token, amount)
    const counters = state.get(counterRow, null) as CounterRow
    state.put(counterRow, null, { ...counters, outgoing: counters.outgoing + 1 })
    emit({ kind: 'bridge', direction: DIRECTIONS.out, token, id: counters.outgoing, account: sender, amount, remote: to })
    return CODES.ok
  },
  bridgeMint({ state, block, emit }, { token, sourceId, to, prepaid, amount, signatures }) {
    const row = state.get(tokens, token)
    if (row === undefined) return CODES.notFound
    if (amount === 0n) return CODES.amount
    if ((prepaid && token !== PAYMENT_TOKEN) || isReservedAddress(to)) return CODES.outOfBounds
    if (state.get(bridge, { token, sourceId }) !== undefined) return CODES.state
    if (row.minted + amount > row.cap) return CODES.cap
    if (!hasTokenRoom(state, token, amount)) return CODES.overflow
    const digest = bridgeMintDigest(block.chainId, { token, sourceId, to, prepaid, amount })
    if (!areSignedBy(row, digest, signatures)) return CODES.proof
    state.put(tokens, token, { ...row, minted: row.minted + amount, supply: row.supply + amount })
    state.put(bridge, { token, sourceId }, block.epoch)
    if (prepaid) creditPrepaid(state, to, amount)
    else addBalance(state, to, token, amount)
    emit({ kind: 'bridge', direction: DIRECTIONS.in, token, id: 0, account: to, amount, remote: sourceId })
    return CODES.ok
  },
}

/** Whether enough of the token's keys signed, each once, in ascending order, and nobody else. */
function areSignedBy({ keys, threshold }: TokenRow, digest: Uint8Array, signatures: Uint8Array): boolean {
  if (signatures.length > keys.length * BRIDGE_SIGNATURE_BYTES) return false // before any key is recovered
  const signers = bridgeSignersOf(digest, signatures)
  if (signers === undefined || signers.length < threshold) return false
  const known = new Set(keys.map(keyTextOf))
  return signers.every((signer, i) => known.has(keyTextOf(signer)) && (i === 0 || compareBytes(signers[i - 1] as Uint8Array, signer) < 0))
}
