/** Functions that move a node's own stake: stake, lock, unstake, setCommission, claimUnbonded. */
import { CODES, isReservedAddress, isSameBytes, microOfWei, type LedgerEvent } from '@selvedge/ledger-types'
import type { AccountHandlers } from '../execute/handler.ts'
import { enqueue, hasQueueRoom } from '../epoch/unbonding.ts'
import { QUEUE_KINDS } from '../state/account-tables.ts'
import { addNative, putQueued, queuedOf, takeNative } from '../state/accounts.ts'
import { pendingNodes } from '../state/meta-tables.ts'
import { nodes, NODE_STATES, type NodeRow } from '../state/node-tables.ts'
import { nodeOf } from '../state/nodes.ts'
import { parameterOf, smallParameterOf } from '../state/parameters.ts'
import type { State } from '../state/state.ts'
import { pendingOf } from './nodes.ts'

/** Most that a commission may rise from one epoch to the next, and be. */
const COMMISSION_RISE_MAX = 50_000
const COMMISSION_MAX = 1_000_000

export const stakeCalls: AccountHandlers = {
  stake({ state, sender, value, emit }, { nodeIndex }) {
    const node = nodeOf(state, nodeIndex)
    if (node === undefined || node.state === NODE_STATES.jailed) return CODES.notFound
    takeNative(state, sender, value)
    putStake(state, nodeIndex, { ...node, stake: node.stake + value }, emit)
    return CODES.ok
  },
  lock({ state, block, sender }, { nodeIndex, untilEpoch }) {
    const node = nodeOf(state, nodeIndex)
    if (node === undefined || !isSameBytes(node.owner, sender)) return CODES.notOwner
    const latest = BigInt(block.epoch) + parameterOf(state, 'maxLockEpochs')
    if (untilEpoch <= BigInt(block.epoch) || untilEpoch < BigInt(node.lockedUntil) || untilEpoch > latest) return CODES.outOfBounds
    state.put(nodes, nodeIndex, { ...node, lockedUntil: Number(untilEpoch) })
    return CODES.ok
  },
  unstake({ state, block, sender, emit }, { nodeIndex, amount: wei }) {
    const node = nodeOf(state, nodeIndex)
    if (node === undefined || !isSameBytes(node.owner, sender)) return CODES.notOwner
    const amount = microOfWei(wei)
    if (amount === undefined || amount === 0n || amount > node.stake) return CODES.amount
    if (node.lockedUntil > block.epoch) return CODES.locked
    const rest = node.stake - amount
    const isFree = node.state === NODE_STATES.idle || node.state === NODE_STATES.jailed
    if (!isFree && rest !== 0n && rest < parameterOf(state, 'minStake')) return CODES.amount
    if (!hasQueueRoom(state, sender, QUEUE_KINDS.stake)) return CODES.tooMany
    putStake(state, nodeIndex, { ...node, stake: rest }, emit)
    enqueue(state, block.epoch + smallParameterOf(state, 'unbondEpochs'), {
      kind: QUEUE_KINDS.stake,
      address: sender,
      place: nodeIndex,
      amount,
    })
    return CODES.ok
  },
  setCommission({ state, sender }, { nodeIndex, ppm }) {
    const node = nodeOf(state, nodeIndex)
    if (node === undefined || !isSameBytes(node.owner, sender)) return CODES.notOwner
    if (ppm > COMMISSION_MAX || ppm > node.commission + COMMISSION_RISE_MAX) return CODES.outOfBounds
    state.put(pendingNodes, nodeIndex, { ...pendingOf(state, nodeIndex), commission: ppm })
    return CODES.ok
  },
  claimUnbonded({ state, sender, emit }, { to }) {
    const queued = queuedOf(state, sender)
    if (queued.claimable === 0n || isReservedAddress(to)) return CODES.amount
    putQueued(state, sender, { ...queued, claimable: 0n })
    addNative(state, to, queued.claimable)
    emit({ kind: 'transfer', token: 0, from: sender, to, amount: queued.claimable })
    return CODES.ok
  },
}

function putStake(state: State, nodeIndex: number, node: NodeRow, emit: (event: LedgerEvent) => void): void {
  state.put(nodes, nodeIndex, node)
  emit({ kind: 'node', nodeIndex, state: node.state, stake: node.stake })
}
