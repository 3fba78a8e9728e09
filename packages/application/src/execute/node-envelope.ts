/**
 * A node's transaction in a block. Nonces are a window, so that the parts of one claim may arrive in any order; duties are free up to an
 * allowance that grows with stake, and beyond it the node's owner pays.
 */
import {
  CODES,
  feeOf,
  isSignedByNode,
  NODE_KINDS,
  nodeBodyOf,
  nodeGas,
  nodeKindOf,
  transactionId,
  type Code,
  type LedgerEvent,
  type NodeBody,
  type NodeTransaction,
} from '@selvedge/ledger-types'
import { accounts } from '../state/account-tables.ts'
import { accountOf } from '../state/accounts.ts'
import { duties } from '../state/meta-tables.ts'
import { nodes, NODE_STATES, type NodeRow } from '../state/node-tables.ts'
import { isServing, nodeOf, nonceVerdictOf, withNonceUsed } from '../state/nodes.ts'
import { parameterOf } from '../state/parameters.ts'
import type { State } from '../state/state.ts'
import type { Verdict } from './block-contract.ts'
import type { BlockRun } from './block-run.ts'
import { nodeHandlerOf } from './dispatch.ts'
import type { BlockContext, NodeCall } from './handler.ts'
import { isSignedBy } from './verdict.ts'

interface Admitted {
  readonly code: Code
  readonly node: NodeRow
  readonly body: NodeBody
  readonly gas: number
  /** 0 for a free duty. */
  readonly fee: bigint
}

/** Checks 1 to 10 in order, the body's shape included. */
export function checkNodeTransaction(
  state: State,
  block: Pick<BlockContext, 'chainId' | 'baseFee' | 'epoch'>,
  bytes: Uint8Array,
  transaction: NodeTransaction,
  verdict: Verdict | undefined,
): Admitted | { readonly code: Code } {
  if (nodeKindOf(transaction.kind) === undefined) return { code: CODES.type }
  const body = nodeBodyOf(transaction)
  if (body === undefined) return { code: CODES.malformed }
  if (transaction.chainId !== block.chainId) return { code: CODES.chainId }
  const node = nodeOf(state, transaction.nodeIndex)
  if (node === undefined) return { code: CODES.senderUnknown }
  if (!(isSignedBy(node.nodeKey, verdict) ?? isSignedByNode(transaction, node.nodeKey))) return { code: CODES.signature }
  const place = nonceVerdictOf(node, transaction.nonce)
  if (place !== 0) return { code: place < 0 ? CODES.nonceTooLow : CODES.nonceTooHigh }
  const gas = nodeGas(transaction, bytes.length)
  const isFree =
    NODE_KINDS[body.kind].isDuty && isServing(node) && dutyGasLeft(state, block.epoch, transaction.nodeIndex, node) >= BigInt(gas)
  const fee = isFree ? 0n : feeOf(gas, block.baseFee)
  if (fee > accountOf(state, node.owner).native) return { code: CODES.insufficientFunds }
  return { code: CODES.ok, node, body, gas, fee }
}

export function runNodeTransaction(
  run: BlockRun,
  author: number,
  bytes: Uint8Array,
  transaction: NodeTransaction,
  verdict: Verdict | undefined,
): void {
  const { state, block } = run
  const admitted = checkNodeTransaction(state, block, bytes, transaction, verdict)
  if (!('node' in admitted)) {
    run.refuse(author)
    return
  }
  const { body, gas, fee } = admitted
  const { nodeIndex } = transaction
  const node = withNonceUsed(admitted.node, transaction.nonce)
  state.put(nodes, nodeIndex, node)
  payFor(run, nodeIndex, node, gas, fee)
  const mark = state.mark()
  const events: LedgerEvent[] = []
  const call = { state, block, nodeIndex, node, emit: (event: LedgerEvent) => void events.push(event) }
  const code = runBody(call, body)
  if (code !== CODES.ok) {
    state.rollback(mark)
    events.length = 0
  }
  run.record({ id: verdict?.id ?? transactionId(bytes), leaf: verdict?.leaf, bytes, code, gasUsed: gas, fee, events })
}

/** Gas of free duties that the node has left in this epoch. */
export function dutyGasLeft(state: State, epoch: number, nodeIndex: number, { stake }: NodeRow): bigint {
  const used = state.get(duties, nodeIndex)
  const allowance = parameterOf(state, 'dutyGasBase') + parameterOf(state, 'dutyGasPerStake') * (stake / parameterOf(state, 'minStake'))
  return allowance - (used?.epoch === epoch ? used.gas : 0n)
}

function payFor(run: BlockRun, nodeIndex: number, node: NodeRow, gas: number, fee: bigint): void {
  const { state, block } = run
  if (fee > 0n) {
    const owner = accountOf(state, node.owner)
    state.put(accounts, node.owner, { ...owner, native: owner.native - fee })
    run.burn(fee)
    return
  }
  const used = state.get(duties, nodeIndex)
  state.put(duties, nodeIndex, { epoch: block.epoch, gas: (used?.epoch === block.epoch ? used.gas : 0n) + BigInt(gas) })
}

function runBody(call: NodeCall, body: NodeBody): Code {
  const handler = nodeHandlerOf(body.kind)
  if (handler === undefined) return CODES.notSupported
  const isAllowed = handler.who === 'serving' ? isServing(call.node) : call.node.state !== NODE_STATES.jailed
  return isAllowed ? handler.run(call, body) : CODES.state
}
