/**
 * Taking money for a fault: from the node's stake, then from what it is unbonding (newest first), then from its delegators in proportion,
 * those who are leaving included, or leaving would be an escape. Half goes to who reported it, half ends; without a reporter, or when the
 * owner reports himself, all of it ends.
 */
import type { StepContext } from './contract.ts'
import { addNative, burnNative } from '../state/accounts.ts'
import { queue, type QueueKey, type QueueRow } from '../state/account-tables.ts'
import { lesserOf, sharesOf } from '../state/amounts.ts'
import { encodeField, u32be } from '../state/fields.ts'
import { leavingPools, unstaking } from '../state/meta-tables.ts'
import { nodes, type NodeRow } from '../state/node-tables.ts'
import { nodeOf } from '../state/nodes.ts'
import { keyTextOf } from '../state/key-text.ts'

/** Causes as they stand in events and in table 22. */
export const SLASH_CAUSES = {
  equivocation: 1,
  falseClaim: 2,
  silence: 3,
  pointerEquivocation: 4,
  beaconWithheld: 5,
} as const

export interface Slash {
  readonly nodeIndex: number
  /** One of `SLASH_CAUSES`. */
  readonly cause: (typeof SLASH_CAUSES)[keyof typeof SLASH_CAUSES]
  /** Native µ; what is not there is not taken. */
  readonly amount: bigint
  /** `stake`: the node's own stake alone can be taken. @default all that can be reached */
  readonly reach?: 'stake' | 'all'
  /** Account that gets half. */
  readonly reporter?: Uint8Array
}

/** @returns what was taken, and what of it the reporter got. */
export function slash(
  { state, block, emit }: StepContext,
  { nodeIndex, cause, amount, reach, reporter }: Slash,
): { taken: bigint; rewarded: bigint } {
  const node = nodeOf(state, nodeIndex)
  if (node === undefined) return { taken: 0n, rewarded: 0n }
  const fromStake = lesserOf(amount, node.stake)
  let left = amount - fromStake
  let rest: NodeRow = { ...node, stake: node.stake - fromStake, slashedIn: block.epoch }
  if (left > 0n && reach !== 'stake') {
    for (const key of (state.get(unstaking, nodeIndex) ?? []).toReversed()) {
      const entry = state.get(queue, key) as QueueRow
      left -= shrink(state, key, entry, lesserOf(left, entry.amount))
    }
    const leaving = state.rows(leavingPools, encodeField(u32be, nodeIndex))
    const weights = [rest.delegated, ...leaving.flatMap(([, pools]) => pools.map((pool) => pool.left))]
    const reachable = lesserOf(
      left,
      weights.reduce((sum, weight) => sum + weight, 0n),
    )
    const parts = sharesOf(reachable, weights).values()
    const next = (): bigint => parts.next().value ?? 0n
    rest = { ...rest, delegated: rest.delegated - next() }
    for (const [key, pools] of leaving) {
      state.put(
        leavingPools,
        key,
        pools.map((pool) => ({ ...pool, left: pool.left - next() })),
      )
    }
    left -= reachable
  }
  state.put(nodes, nodeIndex, rest)
  const taken = amount - left
  const isReported = reporter !== undefined && keyTextOf(reporter) !== keyTextOf(node.owner)
  const rewarded = isReported ? taken / 2n : 0n
  if (isReported) addNative(state, reporter, rewarded)
  burnNative(state, taken - rewarded)
  emit({ kind: 'slash', nodeIndex, cause, amount: taken })
  return { taken, rewarded }
}

/** An entry that is emptied stays until it is due: the counts of its owner then need no search. */
function shrink(state: StepContext['state'], key: QueueKey, entry: QueueRow, amount: bigint): bigint {
  if (amount > 0n) state.put(queue, key, { ...entry, amount: entry.amount - amount })
  return amount
}
