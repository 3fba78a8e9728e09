/** The functions of a token's address: what an ERC-20 token has, so that wallets show and send it. There are no allowances. */
import type { Checks } from '../codes.ts'

interface Fn<A extends readonly unknown[], K extends 'call' | 'view' | 'unsupported', R extends string> {
  readonly args: A
  readonly payable: false
  readonly gas: 'default'
  readonly checks: Checks
  readonly does: string
  readonly kind: K
  readonly returns: R
}

interface Address<N extends string> {
  readonly name: N
  readonly type: 'address'
  readonly means: string
}

interface Amount {
  readonly name: 'amount'
  readonly type: 'uint256'
  readonly means: string
  readonly unit: 'micro'
}

export interface TokenFunctions {
  readonly transfer: Fn<readonly [Address<'to'>, Amount], 'call', 'bool'>
  readonly name: Fn<readonly [], 'view', 'string'>
  readonly symbol: Fn<readonly [], 'view', 'string'>
  readonly decimals: Fn<readonly [], 'view', 'uint8'>
  readonly totalSupply: Fn<readonly [], 'view', 'uint256'>
  readonly balanceOf: Fn<readonly [Address<'account'>], 'view', 'uint256'>
  readonly allowance: Fn<readonly [Address<'owner'>, Address<'spender'>], 'view', 'uint256'>
  readonly approve: Fn<readonly [Address<'spender'>, Amount], 'unsupported', 'bool'>
  readonly transferFrom: Fn<readonly [Address<'from'>, Address<'to'>, Amount], 'unsupported', 'bool'>
}

const amount: Amount = { name: 'amount', type: 'uint256', means: 'of the token', unit: 'micro' }
const base = { payable: false, gas: 'default' } as const
const view = { ...base, checks: [[34, 'it is asked, not sent, of a token that exists']], kind: 'view' } as const
const unsupported = { ...base, checks: [[34, 'no allowances exist']], kind: 'unsupported' } as const

export const TOKEN_FUNCTIONS: TokenFunctions = {
  transfer: {
    ...base,
    args: [{ name: 'to', type: 'address', means: 'who gets it' }, amount],
    checks: [
      [33, 'the token exists, and the receiver is no reserved address'],
      [40, 'amount ≤ balance'],
    ],
    does: 'moves tokens',
    kind: 'call',
    returns: 'bool',
  },
  name: { ...view, args: [], does: 'says the name', returns: 'string' },
  symbol: { ...view, args: [], does: 'says the symbol', returns: 'string' },
  decimals: { ...view, args: [], does: 'says 6', returns: 'uint8' },
  totalSupply: { ...view, args: [], does: 'says how much there is', returns: 'uint256' },
  balanceOf: { ...view, args: [{ name: 'account', type: 'address', means: 'whose' }], does: 'says a balance', returns: 'uint256' },
  allowance: {
    ...view,
    args: [
      { name: 'owner', type: 'address', means: 'whose' },
      { name: 'spender', type: 'address', means: 'by whom' },
    ],
    does: 'says 0',
    returns: 'uint256',
  },
  approve: {
    ...unsupported,
    args: [{ name: 'spender', type: 'address', means: 'by whom' }, amount],
    does: 'fails: there are no allowances',
    returns: 'bool',
  },
  transferFrom: {
    ...unsupported,
    args: [{ name: 'from', type: 'address', means: 'from whom' }, { name: 'to', type: 'address', means: 'who gets it' }, amount],
    does: 'fails: there are no allowances',
    returns: 'bool',
  },
}
