/** The contract of a token, as wallets know it: transfers, and views for `eth_call`. There are no allowances. */
import { CODES, isReservedAddress, type Code, type TokenCall } from '@selvedge/ledger-types'
import type { AccountCall } from '../execute/handler.ts'
import { addBalance, balanceOf, takeBalance } from '../state/accounts.ts'
import { tokens } from '../state/registry-tables.ts'
import type { Rows } from '../state/state.ts'

export const TOKEN_DECIMALS = 6

export function runTokenCall({ state, sender, emit }: AccountCall, call: TokenCall): Code {
  if (call.name !== 'transfer') return CODES.notSupported // a view changes nothing, and approvals do not exist
  const { to, amount } = call.args
  if (state.get(tokens, call.token) === undefined) return CODES.noContract
  if (isReservedAddress(to)) return CODES.noContract
  if (amount > balanceOf(state, sender, call.token)) return CODES.amount
  takeBalance(state, sender, call.token, amount)
  addBalance(state, to, call.token, amount)
  emit({ kind: 'transfer', token: call.token, from: sender, to, amount })
  return CODES.ok
}

/** What a view answers; `undefined` for what is no view, and for a token that is not there. */
export function viewToken(state: Rows, call: TokenCall): string | number | bigint | undefined {
  const row = state.get(tokens, call.token)
  if (row === undefined) return undefined
  switch (call.name) {
    case 'name':
      return row.name
    case 'symbol':
      return row.symbol
    case 'decimals':
      return TOKEN_DECIMALS
    case 'totalSupply':
      return row.supply
    case 'balanceOf':
      return balanceOf(state, call.args.account, call.token)
    case 'allowance':
      return 0n
    default:
      return undefined
  }
}
