/** One step of the ledger by itself: a state that is written nowhere, and what the step is given. */
import { nodes, NODE_STATES } from '@selvedge/application'
import { CODES, type LedgerEvent, type NodeBody } from '@selvedge/ledger-types'
import type { ChangeContext } from '../../src/epoch/contract.ts'
import { nodeHandlerOf } from '../../src/execute/dispatch.ts'
import { contextOf } from '../../src/execute/execute-block.ts'
import type { BlockContext } from '../../src/execute/handler.ts'
import { isServing } from '../../src/state/nodes.ts'
import { State } from '../../src/state/state.ts'
import { testEvidenceRules } from './evidence.ts'
import { CHAIN_ID, type Network } from './network.ts'

export interface Step extends ChangeContext {
  /** All that was emitted. */
  readonly events: LedgerEvent[]
}

/** @param block - what is other than in the block that would be the network's next. */
export function stepOf(network: Network, block: Partial<BlockContext> = {}): Step {
  const state = new State(network.store)
  const chain = { chainId: CHAIN_ID, genesisHash: network.genesis.hash, evidenceRules: testEvidenceRules }
  const events: LedgerEvent[] = []
  const next = contextOf(state, chain, network.app.lastApplied().timestampMs + 100)
  return { state, block: { ...next, ...block }, emit: (event) => void events.push(event), unseated: new Set(), events }
}

/** The events of one kind among `events`. */
export function ofKind<K extends LedgerEvent['kind']>(events: readonly LedgerEvent[], kind: K): Extract<LedgerEvent, { kind: K }>[] {
  return events.filter((event): event is Extract<LedgerEvent, { kind: K }> => event.kind === kind)
}

/** For `toSorted`. */
export const ascending = (a: number, b: number): number => a - b

/** The code of a node's transaction, as the executor lets its body run, or does not. */
export function nodeCodeOf({ state, block, emit }: Step, nodeIndex: number, body: NodeBody): number {
  const node = state.get(nodes, nodeIndex)!
  const handler = nodeHandlerOf(body.kind)!
  const isAllowed = handler.who === 'serving' ? isServing(node) : node.state !== NODE_STATES.jailed
  return isAllowed ? handler.run({ state, block, emit, nodeIndex, node }, body) : CODES.state
}
