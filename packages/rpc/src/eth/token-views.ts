/** What can be read of a bridged token as of any ERC-20, answered from the state; nothing is executed. */
import { CODES, type Code, encodeAbi, TOKEN_FUNCTIONS, type TokenCall } from '@selvedge/ledger-types'
import type { StateView } from '../ports.ts'

export type ViewOutcome = { readonly ok: true; readonly data: Uint8Array } | { readonly ok: false; readonly code: Code }

/** ABI output of a view; `notFound` for a token that is none, `notSupported` for what is no view. */
export function callView(state: StateView, call: TokenCall): ViewOutcome {
  const { returns } = TOKEN_FUNCTIONS[call.name]
  const token = state.token(call.token)
  if (token === undefined) return { ok: false, code: CODES.notFound }
  const answer = (value: unknown): ViewOutcome => ({ ok: true, data: encodeAbi([returns], [value]) })
  switch (call.name) {
    case 'name':
    case 'symbol':
      return answer(token[call.name])
    case 'decimals':
      return answer(token.decimals)
    case 'totalSupply':
      return answer(token.supply)
    case 'balanceOf':
      return answer(state.balance(call.args.account, call.token))
    case 'allowance':
      return answer(0n) // nobody can spend for another here
    default:
      return { ok: false, code: CODES.notSupported }
  }
}
