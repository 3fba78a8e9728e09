/**
 * Lending stake to a node: delegate, undelegate. A node's pool is divided into shares; a slash takes from the pool, so each share is worth
 * less and nobody need be found. Rewards do not enter the pool: they are counted a share (`rewardPerShare`, times 2^64) and paid out
 * whenever shares change, so a slash never touches what was earned before it.
 *
 * Roundings favour the pool: shares and amounts down. When a slash has emptied the pool its shares are worth nothing; the first to come
 * after that would pay for others' shares, so he gets none: the pool is closed (code 50) until all worthless shares are given back.
 */
import { CODES } from '@selvedge/ledger-types'
import type { AccountHandlers } from '../execute/handler.ts'
import { enqueue, hasQueueRoom } from '../epoch/unbonding.ts'
import { QUEUE_KINDS } from '../state/account-tables.ts'
import { addNative, supplyOf, takeNative } from '../state/accounts.ts'
import { lesserOf } from '../state/amounts.ts'
import { supplyRow } from '../state/meta-tables.ts'
import { delegations, nodes, NODE_STATES, type DelegationRow, type NodeRow } from '../state/node-tables.ts'
import { nodeOf } from '../state/nodes.ts'
import { smallParameterOf } from '../state/parameters.ts'
import type { State } from '../state/state.ts'

/** A pool holds at most so many times the node's own stake. */
const POOL_STAKES_MAX = 4n
const SHARE_UNIT = 64n
const U128_MAX = 2n ** 128n - 1n
/** From here on a debt can grow by what its shares earn, which is native money and so a u64, and still is a u128. */
const DEBT_MAX = U128_MAX / 2n
const NO_SHARES: DelegationRow = { shares: 0n, rewardDebt: 0n }

export const delegationCalls: AccountHandlers = {
  delegate({ state, sender, value }, { nodeIndex }) {
    const node = nodeOf(state, nodeIndex)
    if (node === undefined || node.state !== NODE_STATES.active) return CODES.notFound
    if (value === 0n) return CODES.amount
    const delegated = node.delegated + value
    const isWorthless = node.delegated === 0n && node.shares > 0n
    if (isWorthless || delegated > POOL_STAKES_MAX * node.stake) return CODES.delegationFull
    const shares = node.shares === 0n ? value : (value * node.shares) / node.delegated
    if (shares === 0n) return CODES.amount
    const held = state.get(delegations, { nodeIndex, address: sender }) ?? NO_SHARES
    if (node.shares + shares > U128_MAX || debtOf(held.shares + shares, node.rewardPerShare) > DEBT_MAX) return CODES.overflow
    takeNative(state, sender, value)
    changeShares(state, nodeIndex, { ...node, delegated, shares: node.shares + shares }, sender, shares)
    return CODES.ok
  },
  undelegate({ state, block, sender }, { nodeIndex, shares }) {
    const node = nodeOf(state, nodeIndex)
    if (node === undefined) return CODES.notFound
    const held = state.get(delegations, { nodeIndex, address: sender }) ?? NO_SHARES
    if (shares === 0n || shares > held.shares) return CODES.amount
    if (!hasQueueRoom(state, sender, QUEUE_KINDS.delegation)) return CODES.tooMany
    const amount = (shares * node.delegated) / node.shares
    const rest = { ...node, delegated: node.delegated - amount, shares: node.shares - shares }
    changeShares(state, nodeIndex, rest, sender, -shares)
    enqueue(state, block.epoch + smallParameterOf(state, 'unbondEpochs'), {
      kind: QUEUE_KINDS.delegation,
      address: sender,
      place: nodeIndex,
      amount,
    })
    return CODES.ok
  },
}

/** What a delegator has earned and not drawn, native µ. */
export function rewardOf({ rewardPerShare }: Pick<NodeRow, 'rewardPerShare'>, { shares, rewardDebt }: DelegationRow): bigint {
  const earned = (shares * rewardPerShare) >> SHARE_UNIT
  return earned > rewardDebt ? earned - rewardDebt : 0n
}

/** What shares would have earned since the beginning, rounded up, so that drawing often never pays more than drawing once. */
function debtOf(shares: bigint, rewardPerShare: bigint): bigint {
  return (shares * rewardPerShare + (1n << SHARE_UNIT) - 1n) >> SHARE_UNIT
}

/** Pays out what was earned and changes the sender's shares by `change`. */
function changeShares(state: State, nodeIndex: number, node: NodeRow, address: Uint8Array, change: bigint): void {
  const key = { nodeIndex, address }
  const before = state.get(delegations, key) ?? NO_SHARES
  const supply = supplyOf(state)
  const reward = lesserOf(rewardOf(node, before), supply.rewards)
  if (reward > 0n) {
    state.put(supplyRow, null, { ...supply, rewards: supply.rewards - reward })
    addNative(state, address, reward)
  }
  const shares = before.shares + change
  state.put(nodes, nodeIndex, node)
  const rewardDebt = debtOf(shares, node.rewardPerShare)
  if (shares === 0n) state.delete(delegations, key)
  else state.put(delegations, key, { shares, rewardDebt })
}
