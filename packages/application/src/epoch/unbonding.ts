/**
 * The queue of what leaves later: stake and delegations after `unbondEpochs`, clients' money after 3, bonds of services.
 *
 * Anybody can fill it at the price of a transaction an entry, so nothing walks all of it. What a slash can reach is found by its node: own
 * stake by a list of places, delegations as pools, one a due epoch, from which is taken without a look at the entries. What is due is
 * released a bounded number of entries a block: at the epoch's end, and what is left in the blocks after it.
 */
import type { StepContext } from './contract.ts'
import { addBalance, putQueued, queuedOf } from '../state/accounts.ts'
import { clients, QUEUE_KINDS, queue, type QueueKey, type QueueRow } from '../state/account-tables.ts'
import { lesserOf } from '../state/amounts.ts'
import { decodeField, encodeField } from '../state/fields.ts'
import { counterRow, cursors, type CounterRow, leavingPools, unstaking } from '../state/meta-tables.ts'
import type { State } from '../state/state.ts'

/** Entries that an account may have in either queue. */
export const QUEUE_ENTRIES_MAX = 32
/** Entries that are released in one block. */
export const RELEASED_MAX = 2_000
/** Epochs that a withdrawal of a client waits, so that what it was spent on is settled first. */
export const WITHDRAW_EPOCHS = 3
const PAYMENT_TOKEN = 1
/** Stands in `cursors` while something is due that is not released. */
const RELEASING = new TextEncoder().encode('queue')

const isWithdrawal = (kind: number): boolean => kind === QUEUE_KINDS.prepaid || kind === QUEUE_KINDS.collateral

/** Whether `address` may queue one more of `kind`. */
export function hasQueueRoom(state: State, address: Uint8Array, kind: number): boolean {
  const { unbonding, withdrawals } = queuedOf(state, address)
  return (isWithdrawal(kind) ? withdrawals : unbonding) < QUEUE_ENTRIES_MAX
}

/** Puts an entry into the queue, released at the end of epoch `due`. Its money was taken from where it was, or is marked there. */
export function enqueue(state: State, due: number, row: QueueRow): void {
  const counters = state.get(counterRow, null) as CounterRow
  const seq = counters.queue
  state.put(counterRow, null, { ...counters, queue: seq + 1 })
  state.put(queue, { due, seq }, row)
  if (row.kind === QUEUE_KINDS.serviceBond) return // has no limit: a service has one bond
  const owner = queuedOf(state, row.address)
  const more = isWithdrawal(row.kind) ? { withdrawals: owner.withdrawals + 1 } : { unbonding: owner.unbonding + 1 }
  putQueued(state, row.address, { ...owner, ...more })
  if (row.kind === QUEUE_KINDS.stake) state.put(unstaking, row.place, [...(state.get(unstaking, row.place) ?? []), { due, seq }])
  if (row.kind === QUEUE_KINDS.delegation) joinPool(state, due, seq, row)
}

/** Step 2 of the change of epochs: what is due at the end of the running one. */
export function releaseDue({ state, block }: StepContext): void {
  releaseUntil(state, { due: 0, seq: 0 }, block.epoch)
}

/** At the start of a block: what an epoch's end has left. */
export function releaseLeft({ state, block }: StepContext): void {
  const cursor = state.get(cursors, RELEASING)
  if (cursor !== undefined) releaseUntil(state, decodeField(queue.key, cursor), block.epoch - 1)
}

function releaseUntil(state: State, from: QueueKey, lastDue: number): void {
  const due = state.between(queue, from, { due: lastDue + 1, seq: 0 }, RELEASED_MAX + 1)
  for (const [key, row] of due.slice(0, RELEASED_MAX)) {
    state.delete(queue, key)
    release(state, key, row)
  }
  const next = due[RELEASED_MAX]?.[0]
  if (next !== undefined) state.put(cursors, RELEASING, encodeField(queue.key, next))
  else if (state.get(cursors, RELEASING) !== undefined) state.delete(cursors, RELEASING)
}

function release(state: State, key: QueueKey, row: QueueRow): void {
  const { kind, address, place, amount } = row
  const owner = queuedOf(state, address)
  if (!isWithdrawal(kind)) {
    const unbonding = kind === QUEUE_KINDS.serviceBond ? owner.unbonding : owner.unbonding - 1
    if (kind === QUEUE_KINDS.stake) forgetUnstaking(state, place, key)
    const worth = kind === QUEUE_KINDS.delegation ? leavePool(state, key, row) : amount
    putQueued(state, address, { ...owner, unbonding, claimable: owner.claimable + worth })
    return
  }
  putQueued(state, address, { ...owner, withdrawals: owner.withdrawals - 1 })
  const client = state.get(clients, place)
  if (client === undefined) return
  if (kind === QUEUE_KINDS.prepaid) {
    const paid = lesserOf(amount, client.prepaid) // settlement may have taken the rest
    state.put(clients, place, { ...client, prepaid: client.prepaid - paid, pending: client.pending - amount })
    addBalance(state, address, PAYMENT_TOKEN, paid)
  } else {
    const paid = lesserOf(amount, client.collateral) // some may have been burnt
    state.put(clients, place, { ...client, collateral: client.collateral - paid, leaving: client.leaving - amount })
    addBalance(state, address, PAYMENT_TOKEN, paid)
  }
}

function forgetUnstaking(state: State, nodeIndex: number, { seq }: QueueKey): void {
  const left = (state.get(unstaking, nodeIndex) ?? []).filter((place) => place.seq !== seq)
  if (left.length === 0) state.delete(unstaking, nodeIndex)
  else state.put(unstaking, nodeIndex, left)
}

/** The last pool takes more while nothing was taken from it, or who leaves now would pay for what was before. */
function joinPool(state: State, due: number, seq: number, { place: nodeIndex, amount }: QueueRow): void {
  if (amount === 0n) return // of a pool that a slash emptied
  const pools = state.get(leavingPools, { nodeIndex, due }) ?? []
  const last = pools.at(-1)
  const isOpen = last !== undefined && last.left === last.total
  const pool = isOpen
    ? { from: last.from, total: last.total + amount, left: last.left + amount }
    : { from: seq, total: amount, left: amount }
  state.put(leavingPools, { nodeIndex, due }, [...(isOpen ? pools.slice(0, -1) : pools), pool])
}

/** Takes an entry's part out of its pool, rounded down. The last one to leave gets what is left, so nothing stays behind. */
function leavePool(state: State, { due, seq }: QueueKey, { place: nodeIndex, amount }: QueueRow): bigint {
  if (amount === 0n) return 0n
  const pools = state.get(leavingPools, { nodeIndex, due }) ?? []
  const at = pools.findLastIndex(({ from }) => from <= seq)
  const pool = pools[at]
  if (pool === undefined) throw new RangeError(`delegation ${seq} of the queue is in no pool`)
  const worth = (amount * pool.left) / pool.total
  const rest = { ...pool, total: pool.total - amount, left: pool.left - worth }
  const next = pools.map((each, i) => (i === at ? rest : each)).filter(({ total }) => total > 0n)
  if (next.length === 0) state.delete(leavingPools, { nodeIndex, due })
  else state.put(leavingPools, { nodeIndex, due }, next)
  return worth
}
