/** Functions around a node's place in the registry: registerNode, setNode, optIn, optOut. */
import { sha256 } from '@selvedge/crypto/sha256'
import { CODES, isSameBytes, type Code, type LedgerEvent } from '@selvedge/ledger-types'
import type { AccountHandlers, BlockContext } from '../execute/handler.ts'
import { takeNative } from '../state/accounts.ts'
import { counterRow, pendingNodes, type CounterRow, type PendingNodeRow } from '../state/meta-tables.ts'
import { nodeKeys, nodes, NODE_STATES, type NodeRow } from '../state/node-tables.ts'
import { nodeOf } from '../state/nodes.ts'
import { parameterOf } from '../state/parameters.ts'
import type { State } from '../state/state.ts'
import { hostAddressesOf, isRegistrationProven, noiseRecordOf } from './registration.ts'

/** `commission` of a pending row that leaves it as it is. */
export const COMMISSION_KEPT: number = 2 ** 32 - 1
const NONE = new Uint8Array(0)

export const NOTHING_PENDING: PendingNodeRow = { noiseRecord: NONE, addresses: NONE, commission: COMMISSION_KEPT, byNode: false }

export function pendingOf(state: State, nodeIndex: number): PendingNodeRow {
  return state.get(pendingNodes, nodeIndex) ?? NOTHING_PENDING
}

export const nodeCalls: AccountHandlers = {
  registerNode({ state, block, sender, value, emit }, { nodeKey, bls, pop, nodeSig, noiseRecord, addresses }) {
    if (value < parameterOf(state, 'minStake')) return CODES.amount
    const keyHashes = [sha256(nodeKey), sha256(bls)] as const
    if (keyHashes.some((hash) => state.get(nodeKeys, hash) !== undefined)) return CODES.keyInUse
    if (!isRegistrationProven({ chainId: block.chainId, owner: sender, bls, noiseRecord, addresses }, { nodeKey, pop, nodeSig })) {
      return CODES.proof
    }
    const where = hostAddressesOf(addresses)
    if (where === undefined) return CODES.address
    takeNative(state, sender, value)
    addNode(state, block.epoch, { owner: sender, nodeKey, bls, noiseRecord, stake: value, addresses: where, state: NODE_STATES.idle }, emit)
    return CODES.ok
  },
  setNode({ state, block, sender }, { nodeIndex, noiseRecord, addresses }) {
    const node = nodeOf(state, nodeIndex)
    if (node === undefined || !isSameBytes(node.owner, sender)) return CODES.notOwner
    if (noiseRecordOf(block.chainId, node.nodeKey, noiseRecord) === undefined) return CODES.proof
    if (hostAddressesOf(addresses) === undefined) return CODES.address
    state.put(pendingNodes, nodeIndex, { ...pendingOf(state, nodeIndex), noiseRecord, addresses })
    return CODES.ok
  },
  optIn({ state, block, sender, emit }, { nodeIndex }) {
    const node = nodeOf(state, nodeIndex)
    return node === undefined || !isSameBytes(node.owner, sender) ? CODES.notOwner : optIn(state, block, nodeIndex, node, emit)
  },
  optOut({ state, block, sender, emit }, { nodeIndex }) {
    const node = nodeOf(state, nodeIndex)
    return node === undefined || !isSameBytes(node.owner, sender) ? CODES.notOwner : optOut(state, block, nodeIndex, node, emit)
  },
}

type Emit = (event: LedgerEvent) => void

/** Idle → OptingIn; who had asked to leave in this epoch stays. */
export function optIn(state: State, block: BlockContext, nodeIndex: number, node: NodeRow, emit: Emit): Code {
  if (node.state !== NODE_STATES.idle && node.state !== NODE_STATES.optingOut) return CODES.state
  if (node.stake < parameterOf(state, 'minStake')) return CODES.amount
  setState(state, block, nodeIndex, node, node.state === NODE_STATES.idle ? NODE_STATES.optingIn : NODE_STATES.active, emit)
  return CODES.ok
}

/** Active → OptingOut, from the epoch's end; who had asked to come in this epoch does not. */
export function optOut(state: State, block: BlockContext, nodeIndex: number, node: NodeRow, emit: Emit): Code {
  if (node.state !== NODE_STATES.active && node.state !== NODE_STATES.optingIn) return CODES.state
  setState(state, block, nodeIndex, node, node.state === NODE_STATES.active ? NODE_STATES.optingOut : NODE_STATES.idle, emit)
  return CODES.ok
}

export function setState(
  state: State,
  { epoch }: Pick<BlockContext, 'epoch'>,
  nodeIndex: number,
  node: NodeRow,
  next: number,
  emit: Emit,
): void {
  state.put(nodes, nodeIndex, { ...node, state: next, since: epoch })
  emit({ kind: 'node', nodeIndex, state: next, stake: node.stake })
}

/** What is given for a new node; all else begins at nothing. */
export type NewNode = Pick<NodeRow, 'owner' | 'nodeKey' | 'bls' | 'noiseRecord' | 'stake' | 'addresses' | 'state'>

/** Enters a node whose proofs were checked, and both its keys for ever. */
export function addNode(state: State, epoch: number, node: NewNode, emit: Emit): number {
  const counters = state.get(counterRow, null) as CounterRow
  const nodeIndex = counters.node
  state.put(counterRow, null, { ...counters, node: nodeIndex + 1 })
  const empty = { lockedUntil: 0, delegated: 0n, shares: 0n, rewardPerShare: 0n, commission: 0, slashedIn: 0, nonceBase: 0n, nonceBits: 0n }
  state.put(nodes, nodeIndex, { ...node, ...empty, since: epoch, newestVersion: 1 })
  state.put(nodeKeys, sha256(node.nodeKey), nodeIndex)
  state.put(nodeKeys, sha256(node.bls), nodeIndex)
  emit({ kind: 'node', nodeIndex, state: node.state, stake: node.stake })
  return nodeIndex
}
