/**
 * Money of accounts, in µ. Whoever takes has checked that there is enough; whoever gives native money gives what exists, so that no sum
 * leaves a u64 (supply(0) is one). Only `mintNative` and `burnNative` change the supply.
 */
import { accounts, balances, clients, type AccountRow, type ClientRow } from './account-tables.ts'
import { NATIVE_SUPPLY_MAX, U64_MAX } from './amounts.ts'
import { counterRow, owners, supplyRow, type OwnerRow, type SupplyRow } from './meta-tables.ts'
import { tokens } from './registry-tables.ts'
import type { Rows, State } from './state.ts'

const EMPTY: AccountRow = { nonce: 0n, native: 0n, clientIndex: 0 }
const NOTHING_QUEUED: OwnerRow = { unbonding: 0, withdrawals: 0, claimable: 0n }

export function accountOf(state: Rows, address: Uint8Array): AccountRow {
  return state.get(accounts, address) ?? EMPTY
}

export function nativeOf(state: Rows, address: Uint8Array): bigint {
  return accountOf(state, address).native
}

export function addNative(state: State, address: Uint8Array, amount: bigint): void {
  if (amount === 0n) return
  const { nonce, native, clientIndex } = accountOf(state, address)
  state.put(accounts, address, { nonce, native: native + amount, clientIndex })
}

/** The caller has checked that it is there. */
export function takeNative(state: State, address: Uint8Array, amount: bigint): void {
  if (amount === 0n) return
  const row = accountOf(state, address)
  if (row.native < amount) throw new RangeError(`an account has ${row.native} µ, ${amount} are taken`)
  state.put(accounts, address, { ...row, native: row.native - amount })
}

/** Balance of a bridged token, from 1 on; of token 0 the native one. */
export function balanceOf(state: Rows, address: Uint8Array, token: number): bigint {
  return token === 0 ? nativeOf(state, address) : (state.get(balances, { address, token }) ?? 0n)
}

/** Sums of a token stay within its supply, which is a u64. */
export function addBalance(state: State, address: Uint8Array, token: number, amount: bigint): void {
  if (amount === 0n) return
  state.put(balances, { address, token }, balanceOf(state, address, token) + amount)
}

/** The caller has checked that it is there. */
export function takeBalance(state: State, address: Uint8Array, token: number, amount: bigint): void {
  if (amount === 0n) return
  const left = balanceOf(state, address, token) - amount
  if (left < 0n) throw new RangeError(`${amount} µ of token ${token} are taken where less is`)
  if (left === 0n) state.delete(balances, { address, token })
  else state.put(balances, { address, token }, left)
}

export function supplyOf(state: State): SupplyRow {
  const row = state.get(supplyRow, null)
  if (row === undefined) throw new RangeError('a state without a supply is not from genesis')
  return row
}

/** Native money that was taken from somebody ends. */
export function burnNative(state: State, amount: bigint): void {
  if (amount === 0n) return
  const row = supplyOf(state)
  state.put(supplyRow, null, { ...row, native: row.native - amount, burnt: row.burnt + amount })
}

/** As much of `amount` as the supply has room for, counted as minted: the caller gives it to somebody. */
export function mintNative(state: State, amount: bigint): bigint {
  const row = supplyOf(state)
  const room = NATIVE_SUPPLY_MAX - row.native
  const minted = amount < room ? amount : room
  if (minted > 0n) state.put(supplyRow, null, { ...row, native: row.native + minted, minted: row.minted + minted })
  return minted
}

/** µ of a bridged token that was taken from somebody ends. */
export function burnToken(state: State, token: number, amount: bigint): void {
  const row = state.get(tokens, token)
  if (row !== undefined && amount > 0n) state.put(tokens, token, { ...row, supply: row.supply - amount })
}

/** Whether `amount` more of a token still is a u64. */
export function hasTokenRoom(state: State, token: number, amount: bigint): boolean {
  const row = state.get(tokens, token)
  return row !== undefined && row.supply + amount <= U64_MAX
}

/** The client that `address` is; made with the next clientIndex when it is none. */
export function clientIndexOf(state: State, address: Uint8Array): number {
  const account = accountOf(state, address)
  if (account.clientIndex !== 0) return account.clientIndex
  const counters = state.get(counterRow, null)
  if (counters === undefined) throw new RangeError('a state without counters is not from genesis')
  const clientIndex = counters.client
  state.put(counterRow, null, { ...counters, client: clientIndex + 1 })
  state.put(accounts, address, { ...account, clientIndex })
  state.put(clients, clientIndex, { address, prepaid: 0n, pending: 0n, collateral: 0n, leaving: 0n, terms: [] })
  return clientIndex
}

export function clientOf(state: State, clientIndex: number): ClientRow | undefined {
  return clientIndex === 0 ? undefined : state.get(clients, clientIndex)
}

export function queuedOf(state: State, address: Uint8Array): OwnerRow {
  return state.get(owners, address) ?? NOTHING_QUEUED
}

/** Writes what is queued for an account; the row goes when nothing is. */
export function putQueued(state: State, address: Uint8Array, row: OwnerRow): void {
  if (row.unbonding === 0 && row.withdrawals === 0 && row.claimable === 0n) state.delete(owners, address)
  else state.put(owners, address, row)
}
