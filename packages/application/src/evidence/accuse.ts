/** What evidence costs whom it names: all that can be reached and the seat for ever for two words in one slot of order, 5 % for two pointers. */
import { CODES, type Code } from '@selvedge/ledger-types'
import type { StepContext } from '../epoch/contract.ts'
import { slash, SLASH_CAUSES } from '../epoch/slash.ts'
import type { BlockContext } from '../execute/handler.ts'
import { U64_MAX } from '../state/amounts.ts'
import { committees, evidences, nodes, NODE_STATES, type NodeRow } from '../state/node-tables.ts'
import { nodeOf } from '../state/nodes.ts'
import { smallParameterOf } from '../state/parameters.ts'
import { isPointerEvidenceProven, pointerEvidenceOf, POINTER_EVIDENCE_KIND, type PointerEvidence } from './pointer-records.ts'

const POINTER_PERCENT = 5n

/** @param reporter - account that gets half of what is taken. */
export function accuse(context: StepContext, bytes: Uint8Array, reporter: Uint8Array): Code {
  if (bytes[0] === POINTER_EVIDENCE_KIND) {
    const evidence = pointerEvidenceOf(bytes)
    return evidence === undefined ? CODES.outOfBounds : accuseWitness(context, evidence, reporter)
  }
  return accuseMember(context, bytes, reporter)
}

function accuseMember(context: StepContext, bytes: Uint8Array, reporter: Uint8Array): Code {
  const { state, block } = context
  const accused = block.evidenceRules.accusedBy(bytes)
  if (accused === undefined) return CODES.outOfBounds
  const { epoch, authority } = accused
  if (!isRecent(context, epoch)) return CODES.phase
  const committee = state.get(committees, epoch) ?? []
  const member = committee[authority]
  if (member === undefined) return CODES.proof
  const key = { nodeIndex: member.nodeIndex, cause: SLASH_CAUSES.equivocation, epoch }
  if (state.get(evidences, key) !== undefined) return CODES.state
  const members = committee.map(({ nodeKey, bls, stake }) => ({ key: nodeKey, blsKey: bls, stake: Number(stake) }))
  if (!block.evidenceRules.isProven(bytes, block.chainId, epoch, members)) return CODES.proof
  state.put(evidences, key, block.height)
  slash(context, { nodeIndex: member.nodeIndex, cause: SLASH_CAUSES.equivocation, amount: U64_MAX, reporter })
  const node = nodeOf(state, member.nodeIndex) as NodeRow
  state.put(nodes, member.nodeIndex, { ...node, state: NODE_STATES.jailed, since: block.epoch })
  context.emit({ kind: 'node', nodeIndex: member.nodeIndex, state: NODE_STATES.jailed, stake: node.stake })
  return CODES.ok
}

function accuseWitness(context: StepContext, evidence: PointerEvidence, reporter: Uint8Array): Code {
  const { state, block } = context
  const { epoch, witness: nodeIndex } = evidence
  if (!isRecent(context, epoch)) return CODES.phase
  const node = nodeOf(state, nodeIndex)
  if (node === undefined) return CODES.proof
  const key = { nodeIndex, cause: SLASH_CAUSES.pointerEquivocation, epoch }
  if (state.get(evidences, key) !== undefined) return CODES.state
  if (!isPointerEvidenceProven(evidence, block.chainId, node.nodeKey)) return CODES.proof
  state.put(evidences, key, block.height)
  slash(context, { nodeIndex, cause: SLASH_CAUSES.pointerEquivocation, amount: (node.stake * POINTER_PERCENT) / 100n, reporter })
  return CODES.ok
}

/** Later than the stake that it could take is bonded, evidence is worth nothing. */
function isRecent({ state, block }: { readonly state: StepContext['state']; readonly block: BlockContext }, epoch: number): boolean {
  return epoch <= block.epoch && epoch + smallParameterOf(state, 'unbondEpochs') >= block.epoch
}
