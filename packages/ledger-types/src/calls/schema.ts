/** How the functions that accounts call are described: as data, from which dispatch, gas and documentation are made. */
import type { Checks } from '../codes.ts'
import type { GAS } from '../gas.ts'
import type { AbiType, AbiValue } from './abi.ts'

/** In what an argument is counted. `wei` is native at 18 decimals; `micro` 10^-6 of the token in question. */
export type Unit = 'wei' | 'micro' | 'shares' | 'ppm' | 'epoch'

export interface ArgumentSchema {
  readonly name: string
  readonly type: AbiType
  readonly means: string
  readonly unit?: Unit
}

export interface FunctionSchema {
  readonly args: readonly ArgumentSchema[]
  /** Whether native value may come with it. */
  readonly payable: boolean
  /** What it costs beside the call itself; `bridgeSignature` once a signature. */
  readonly gas: keyof typeof GAS
  /** Its own, behind those of every transaction. */
  readonly checks: Checks
  readonly does: string
}

/** Functions of a token's contract may also only look (`view`), or exist for wallets' sake alone (`unsupported`: code 34). */
export interface TokenFunctionSchema extends FunctionSchema {
  readonly kind: 'call' | 'view' | 'unsupported'
  readonly returns: AbiType
}

/** Arguments by name, from a schema. */
export type ArgumentsOf<F extends { readonly args: readonly { readonly name: string; readonly type: AbiType }[] }> = {
  readonly [A in F['args'][number] as A['name']]: AbiValue<A['type']>
}
