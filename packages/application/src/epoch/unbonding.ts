/** The queue of what leaves later: stake and delegations after `unbondEpochs`, clients' money after 3, bonds of services. */
import type { ChangeContext } from './contract.ts'
import { addBalance, putQueued, queuedOf } from '../state/accounts.ts'
import { clients, QUEUE_KINDS, queue, type QueueRow } from '../state/account-tables.ts'
import { lesserOf } from '../state/amounts.ts'
import { counterRow, type CounterRow } from '../state/meta-tables.ts'
import type { State } from '../state/state.ts'

/** Entries that an account may have in either queue. */
export const QUEUE_ENTRIES_MAX = 32
/** Epochs that a withdrawal of a client waits, so that what it was spent on is settled first. */
export const WITHDRAW_EPOCHS = 3
const PAYMENT_TOKEN = 1

const isWithdrawal = (kind: number): boolean => kind === QUEUE_KINDS.prepaid || kind === QUEUE_KINDS.collateral

/** Whether `address` may queue one more of `kind`. */
export function hasQueueRoom(state: State, address: Uint8Array, kind: number): boolean {
  const { unbonding, withdrawals } = queuedOf(state, address)
  return (isWithdrawal(kind) ? withdrawals : unbonding) < QUEUE_ENTRIES_MAX
}

/** Puts an entry into the queue, released at the end of epoch `due`. Its money was taken from where it was, or is marked there. */
export function enqueue(state: State, due: number, row: QueueRow): void {
  const counters = state.get(counterRow, null) as CounterRow
  state.put(counterRow, null, { ...counters, queue: counters.queue + 1 })
  state.put(queue, { due, seq: counters.queue }, row)
  if (row.kind === QUEUE_KINDS.serviceBond) return // has no limit: a service has one bond
  const owner = queuedOf(state, row.address)
  const more = isWithdrawal(row.kind) ? { withdrawals: owner.withdrawals + 1 } : { unbonding: owner.unbonding + 1 }
  putQueued(state, row.address, { ...owner, ...more })
}

/** Releases all that is due at the end of the running epoch. */
export function releaseDue({ state, block }: ChangeContext): void {
  for (const [key, row] of state.between(queue, { due: 0, seq: 0 }, { due: block.epoch + 1, seq: 0 })) {
    state.delete(queue, key)
    release(state, row)
  }
}

function release(state: State, { kind, address, place, amount }: QueueRow): void {
  const owner = queuedOf(state, address)
  if (!isWithdrawal(kind)) {
    const unbonding = kind === QUEUE_KINDS.serviceBond ? owner.unbonding : owner.unbonding - 1
    putQueued(state, address, { ...owner, unbonding, claimable: owner.claimable + amount })
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
