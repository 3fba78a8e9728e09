/**
 * An account's transaction in a block: the checks of every one in their order, then nonce and fee, then what it asks for. A refusal has
 * no effect at all; a failure keeps nonce and fee and takes back the rest.
 */
import {
  callGas,
  callOf,
  CODES,
  feeOf,
  microOfWei,
  senderOf,
  SYSTEM_FUNCTIONS,
  transactionId,
  WEI_PER_BASE_FEE,
  type AccountTransaction,
  type Call,
  type Code,
  type LedgerEvent,
} from '@selvedge/ledger-types'
import { accounts, type AccountRow } from '../state/account-tables.ts'
import { accountOf, addNative } from '../state/accounts.ts'
import type { State } from '../state/state.ts'
import type { Verdict } from './block-contract.ts'
import type { BlockRun } from './block-run.ts'
import { runCall } from './dispatch.ts'
import type { BlockContext } from './handler.ts'

/** What the checks before execution found. */
export interface Admitted {
  readonly code: Code
  readonly sender: Uint8Array
  readonly account: AccountRow
  readonly call: Call
  readonly gas: number
  readonly fee: bigint
  /** µ. */
  readonly value: bigint
}

type Refused = { readonly code: Code; readonly sender?: Uint8Array }

/** Checks 3 to 10 in order. @param nonceAhead - how far above the account's a nonce may be: 0 in a block. */
export function checkAccountTransaction(
  state: State,
  block: Pick<BlockContext, 'chainId' | 'baseFee'>,
  transaction: AccountTransaction,
  verdict: Verdict | undefined,
  nonceAhead = 0n,
): Admitted | Refused {
  if (transaction.chainId !== block.chainId) return { code: CODES.chainId }
  const sender = verdict === undefined ? senderOf(transaction) : verdict.isSigned ? verdict.sender : undefined
  if (sender === undefined) return { code: CODES.signature }
  const account = accountOf(state, sender)
  if (transaction.nonce < account.nonce) return { code: CODES.nonceTooLow, sender }
  if (transaction.nonce > account.nonce + nonceAhead) return { code: CODES.nonceTooHigh, sender }
  const call = callOf(transaction)
  const gas = callGas(call, transaction.data.length)
  if (transaction.gasLimit < BigInt(gas)) return { code: CODES.gasTooLow, sender }
  if (transaction.maxFeePerGas < block.baseFee * WEI_PER_BASE_FEE) return { code: CODES.feeTooLow, sender }
  const value = microOfWei(transaction.value)
  if (value === undefined || !isWholeMicro(call)) return { code: CODES.valueNotMultiple, sender }
  const fee = feeOf(gas, block.baseFee)
  if (value + fee > account.native) return { code: CODES.insufficientFunds, sender }
  return { code: CODES.ok, sender, account, call, gas, fee, value }
}

/** Runs one transaction of the batch of `author`. */
export function runAccountTransaction(
  run: BlockRun,
  author: number,
  bytes: Uint8Array,
  transaction: AccountTransaction,
  verdict: Verdict | undefined,
): void {
  const { state } = run
  const admitted = checkAccountTransaction(state, run.block, transaction, verdict)
  if (!('account' in admitted)) {
    run.refuse(author)
    return
  }
  const { sender, account, call, gas, fee, value } = admitted
  run.burn(fee)
  const paid = { nonce: account.nonce + 1n, native: account.native - fee, clientIndex: account.clientIndex }
  const id = verdict?.id ?? transactionId(bytes)
  const leaf = verdict?.leaf
  if (call.target === 'transfer') {
    transferNative(state, sender, paid, transaction.to, value) // cannot fail: the value is there, and nobody owns a reserved address
    const events: LedgerEvent[] = [{ kind: 'transfer', token: 0, from: sender, to: transaction.to, amount: value }]
    run.record({ id, leaf, bytes, code: CODES.ok, gasUsed: gas, fee, events })
    return
  }
  state.put(accounts, sender, paid)
  const mark = state.mark()
  const events: LedgerEvent[] = []
  const code = runCall({ state, block: run.block, sender, value, emit: (event) => void events.push(event) }, call)
  if (code !== CODES.ok) {
    state.rollback(mark)
    events.length = 0
  }
  run.record({ id, leaf, bytes, code, gasUsed: gas, fee, events })
}

/** Native amounts in arguments are wei as well. */
function isWholeMicro(call: Call): boolean {
  if (call.target !== 'system') return true
  const values = call.args as Readonly<Record<string, unknown>>
  const args: readonly { readonly name: string; readonly unit?: string }[] = SYSTEM_FUNCTIONS[call.name].args
  return args.every(({ name, unit }) => unit !== 'wei' || microOfWei(values[name] as bigint) !== undefined)
}

/** @param paid - the sender's row once nonce and fee are used. */
function transferNative(state: State, from: Uint8Array, paid: AccountRow, to: Uint8Array, amount: bigint): void {
  state.put(accounts, from, { nonce: paid.nonce, native: paid.native - amount, clientIndex: paid.clientIndex })
  addNative(state, to, amount) // reads the row again: it may be the sender's own
}
