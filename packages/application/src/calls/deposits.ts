/**
 * What clients prepay, and the bounds they set: deposit, requestWithdraw, setEpochCap, raiseMinNonce, setCollateral, reserve.
 *
 * What makes an acknowledgement payable only grows within an epoch: more money, a higher cap and a new reserve count at once; less of
 * either counts later, so that no client can void what a node has served.
 */
import { CODES, PAYMENT_TOKEN, type Code } from '@selvedge/ledger-types'
import type { AccountHandlers, BlockContext } from '../execute/handler.ts'
import { enqueue, hasQueueRoom, WITHDRAW_EPOCHS } from '../epoch/unbonding.ts'
import {
  CLIENT_TERMS_MAX,
  clients,
  QUEUE_KINDS,
  reserves,
  type ClientRow,
  type ClientTerms,
  type ReserveKey,
  type ReserveRow,
  type ReserveVersion,
} from '../state/account-tables.ts'
import { accountOf, balanceOf, clientIndexOf, clientOf, takeBalance } from '../state/accounts.ts'
import { U64_MAX } from '../state/amounts.ts'
import { encodeField, u32be } from '../state/fields.ts'
import { nodeOf } from '../state/nodes.ts'
import type { State } from '../state/state.ts'
import { SETTLED_AFTER } from './services.ts'

export const RESERVES_MAX = 64
const NO_TERMS: ClientTerms = { epoch: 0, epochCap: U64_MAX, minNonce: 0n }

/** What a client allowed in `epoch`: no cap and every delegation, until it says otherwise. */
export function termsIn({ terms }: Pick<ClientRow, 'terms'>, epoch: number): ClientTerms {
  return terms.findLast((each) => each.epoch <= epoch) ?? NO_TERMS
}

/** The reserve that stands in `epoch`, µUSD. */
export function reserveIn(row: ReserveRow, epoch: number): bigint {
  const version = row.findLast(({ from }) => from <= epoch)
  return version === undefined || epoch > version.lastEpoch ? 0n : version.amount
}

export const depositCalls: AccountHandlers = {
  deposit({ state, sender }, { account, amount }) {
    if (amount === 0n || amount > balanceOf(state, sender, PAYMENT_TOKEN)) return CODES.amount
    takeBalance(state, sender, PAYMENT_TOKEN, amount)
    creditPrepaid(state, account, amount)
    return CODES.ok
  },
  requestWithdraw({ state, block, sender }, { amount }) {
    const found = clientBy(state, sender)
    if (found === undefined) return CODES.notFound
    const [clientIndex, client] = found
    if (amount === 0n || amount > client.prepaid - client.pending) return CODES.amount
    if (!hasQueueRoom(state, sender, QUEUE_KINDS.prepaid)) return CODES.tooMany
    state.put(clients, clientIndex, { ...client, pending: client.pending + amount })
    enqueue(state, block.epoch + WITHDRAW_EPOCHS, { kind: QUEUE_KINDS.prepaid, address: sender, place: clientIndex, amount })
    return CODES.ok
  },
  setEpochCap({ state, block, sender }, { amount }) {
    const found = clientBy(state, sender)
    if (found === undefined) return CODES.notFound
    if (amount > U64_MAX) return CODES.amount
    const [clientIndex, client] = found
    const now = termsIn(client, block.epoch)
    const raised = amount > now.epochCap ? withTerms(client, block, { ...now, epoch: block.epoch, epochCap: amount }) : client
    const later = { ...termsIn(raised, block.epoch + 1), epoch: block.epoch + 1, epochCap: amount }
    state.put(clients, clientIndex, withTerms(raised, block, later))
    return CODES.ok
  },
  raiseMinNonce({ state, block, sender }, { minNonce }) {
    const found = clientBy(state, sender)
    if (found === undefined) return CODES.notFound
    const [clientIndex, client] = found
    const next = termsIn(client, block.epoch + 1)
    if (minNonce <= next.minNonce) return CODES.outOfBounds
    state.put(clients, clientIndex, withTerms(client, block, { ...next, epoch: block.epoch + 1, minNonce }))
    return CODES.ok
  },
  setCollateral({ state, block, sender }, { amount }) {
    const found = clientBy(state, sender)
    if (found === undefined) return CODES.notFound
    const [clientIndex, client] = found
    const staying = client.collateral - client.leaving
    if (amount >= staying) {
      const more = amount - staying
      if (more > balanceOf(state, sender, PAYMENT_TOKEN)) return CODES.amount
      takeBalance(state, sender, PAYMENT_TOKEN, more)
      state.put(clients, clientIndex, { ...client, collateral: client.collateral + more })
      return CODES.ok
    }
    if (!hasQueueRoom(state, sender, QUEUE_KINDS.collateral)) return CODES.tooMany
    const less = staying - amount
    state.put(clients, clientIndex, { ...client, leaving: client.leaving + less })
    enqueue(state, block.epoch + WITHDRAW_EPOCHS, { kind: QUEUE_KINDS.collateral, address: sender, place: clientIndex, amount: less })
    return CODES.ok
  },
  reserve({ state, block, sender }, { nodeIndex, perEpoch, lastEpoch }) {
    const found = clientBy(state, sender)
    if (found === undefined || nodeOf(state, nodeIndex) === undefined) return CODES.notFound
    if (lastEpoch < BigInt(block.epoch) || lastEpoch >= 2n ** 32n) return CODES.outOfBounds
    return setReserve(state, block, found, nodeIndex, perEpoch, Number(lastEpoch))
  },
}

/** Adds to a prepaid balance what was taken elsewhere; makes the account a client. */
export function creditPrepaid(state: State, account: Uint8Array, amount: bigint): void {
  const clientIndex = clientIndexOf(state, account)
  const client = clientOf(state, clientIndex) as ClientRow
  state.put(clients, clientIndex, { ...client, prepaid: client.prepaid + amount })
}

function clientBy(state: State, address: Uint8Array): readonly [number, ClientRow] | undefined {
  const { clientIndex } = accountOf(state, address)
  const client = clientOf(state, clientIndex)
  return client === undefined ? undefined : [clientIndex, client]
}

/** Puts terms in their place and drops what no unsettled epoch asks for: those of e − 2 are the oldest. */
function withTerms(client: ClientRow, { epoch }: BlockContext, added: ClientTerms): ClientRow {
  const all = [...client.terms.filter((each) => each.epoch !== added.epoch), added].toSorted((a, b) => a.epoch - b.epoch)
  const first = all.findLastIndex((each) => each.epoch <= epoch - 2)
  return { ...client, terms: all.slice(Math.max(first, 0)).slice(-CLIENT_TERMS_MAX) }
}

function setReserve(
  state: State,
  { epoch }: BlockContext,
  [clientIndex, client]: readonly [number, ClientRow],
  nodeIndex: number,
  perEpoch: bigint,
  lastEpoch: number,
): Code {
  const over: ReserveKey[] = []
  let sum = perEpoch
  let others = 0
  for (const [key, row] of state.rows(reserves, encodeField(u32be, clientIndex))) {
    if (key.nodeIndex === nodeIndex) continue
    if (row.every((version) => version.lastEpoch + WITHDRAW_EPOCHS < epoch)) {
      over.push(key)
      continue
    }
    others++
    sum += row.reduce((most, { amount }) => (amount > most ? amount : most), 0n)
  }
  if (sum > client.prepaid) return CODES.amount
  if (others + 1 > RESERVES_MAX) return CODES.tooMany
  const key = { clientIndex, nodeIndex }
  const row = withReserve(state.get(reserves, key) ?? [], epoch, perEpoch, lastEpoch)
  if (row.length === 0) state.delete(reserves, key)
  else state.put(reserves, key, row)
  for (const each of over) state.delete(reserves, each)
  return CODES.ok
}

/**
 * More holds from the running epoch on, less from the third after it: until then no epoch has less than what was said of it before, in a version
 * that has begun or in one to come. Never for an epoch that has ended, or a client could put one creditor before all others after they have served.
 */
function withReserve(row: ReserveRow, epoch: number, amount: bigint, lastEpoch: number): ReserveRow {
  const begun = row.filter(({ from }) => from < epoch)
  const first = begun.findLastIndex(({ from }) => from <= epoch - SETTLED_AFTER)
  const out = begun.slice(Math.max(first, 0))
  const end = epoch + WITHDRAW_EPOCHS
  for (let at = epoch; at < end; at++) {
    const promised = reserveIn(row, at)
    sayNext(out, { from: at, amount: at <= lastEpoch && amount > promised ? amount : promised, lastEpoch: at })
  }
  sayNext(out, { from: end, amount: lastEpoch < end ? 0n : amount, lastEpoch: Math.max(lastEpoch, end) })
  return out
}

/** Says what holds from `next.from` on: the last version goes on with it, or ends before it. */
function sayNext(versions: ReserveVersion[], next: ReserveVersion): void {
  const last = versions.at(-1)
  const reaches = last !== undefined && last.lastEpoch >= next.from - 1
  if (reaches) versions[versions.length - 1] = { ...last, lastEpoch: last.amount === next.amount ? next.lastEpoch : next.from - 1 }
  if (next.amount > 0n && !(reaches && last.amount === next.amount)) versions.push(next)
}
