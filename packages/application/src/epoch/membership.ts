/** Who is Active in the next epoch, and with which keys and addresses (step 5). */
import { decodeAddresses } from '@selvedge/ledger-types'
import { COMMISSION_KEPT } from '../calls/nodes.ts'
import { pendingNodes, type PendingNodeRow } from '../state/meta-tables.ts'
import { nodes, NODE_STATES, type NodeRow } from '../state/node-tables.ts'
import { allNodes, nodeOf } from '../state/nodes.ts'
import { parameterOf, smallParameterOf } from '../state/parameters.ts'
import type { ChangeContext } from './contract.ts'
import { scoreOf } from './view.ts'

export function updateMembership({ state, block, emit }: ChangeContext): void {
  for (const [nodeIndex, pending] of state.rows(pendingNodes)) {
    const node = nodeOf(state, nodeIndex)
    if (node !== undefined) state.put(nodes, nodeIndex, withPending(node, pending))
    state.delete(pendingNodes, nodeIndex)
  }
  const minStake = parameterOf(state, 'minStake')
  const least = smallParameterOf(state, 'eligibilityScore')
  for (const [nodeIndex, node] of allNodes(state)) {
    const next = nextStateOf(node, node.stake >= minStake, scoreOf(state, nodeIndex) >= least)
    if (next === node.state) continue
    state.put(nodes, nodeIndex, { ...node, state: next, since: block.epoch + 1 })
    emit({ kind: 'node', nodeIndex, state: next, stake: node.stake })
  }
}

function nextStateOf({ state }: NodeRow, isStaked: boolean, isEligible: boolean): number {
  switch (state) {
    case NODE_STATES.optingIn:
      return isStaked ? NODE_STATES.active : NODE_STATES.idle
    case NODE_STATES.optingOut:
      return NODE_STATES.idle
    case NODE_STATES.active:
      return isStaked && isEligible ? NODE_STATES.active : NODE_STATES.idle
    default:
      return state
  }
}

function withPending(node: NodeRow, { noiseRecord, addresses, commission }: PendingNodeRow): NodeRow {
  const keys = noiseRecord.length === 0 ? {} : { noiseRecord, addresses: decodeAddresses(addresses) }
  return { ...node, ...keys, ...(commission === COMMISSION_KEPT ? {} : { commission }) }
}
