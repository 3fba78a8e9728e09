/** What a call would give if it were executed now, for `eth_call` and `eth_estimateGas`: run, looked at, and taken back. */
import {
  callGas,
  callOf,
  CODES,
  CODE_WORDS,
  encodeAbi,
  feeOf,
  microOfWei,
  TOKEN_FUNCTIONS,
  type AccountTransaction,
  type Code,
} from '@selvedge/ledger-types'
import { accounts } from '../state/account-tables.ts'
import { accountOf } from '../state/accounts.ts'
import type { State } from '../state/state.ts'
import { viewToken } from '../calls/token.ts'
import { runCall } from './dispatch.ts'
import type { BlockContext } from './handler.ts'

export interface Simulated {
  readonly code: Code
  readonly words: string
  readonly gas: number
  /** What a view of a token answers, ABI encoded; empty for anything else. */
  readonly output: Uint8Array
}

export type SimulatedCall = Pick<AccountTransaction, 'to' | 'value' | 'data'> & { readonly from: Uint8Array }

/** Nonce and fee are not asked for, the value must be there. */
export function simulateCall(state: State, block: BlockContext, asked: SimulatedCall): Simulated {
  const call = callOf(asked)
  const gas = callGas(call, asked.data.length)
  const answer = (code: Code, output: Uint8Array = new Uint8Array(0)): Simulated => ({ code, words: CODE_WORDS[code], gas, output })
  if (call.target === 'token') {
    const output = viewToken(state, call)
    if (output !== undefined) return answer(CODES.ok, encodeAbi([TOKEN_FUNCTIONS[call.name].returns], [output]))
  }
  const value = microOfWei(asked.value)
  if (value === undefined) return answer(CODES.valueNotMultiple)
  const account = accountOf(state, asked.from)
  if (value > account.native) return answer(CODES.insufficientFunds)
  if (call.target === 'transfer') return answer(CODES.ok)
  const mark = state.mark()
  // As in a block: the fee is gone before the call runs, as far as there is one.
  const fee = feeOf(gas, block.baseFee)
  state.put(accounts, asked.from, { ...account, native: account.native - (fee + value > account.native ? 0n : fee) })
  try {
    return answer(runCall({ state, block, sender: asked.from, value, emit: () => undefined }, call))
  } finally {
    state.rollback(mark) // whatever happened: the next block must not begin from what was only asked
  }
}
