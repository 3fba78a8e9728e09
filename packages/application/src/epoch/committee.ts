/**
 * Who orders the blocks of the next epoch. Weights are those with which the running epoch began, lowered by what left since: whoever has
 * seen the beacon cannot still stake into a seat. Each draw has its own seed, so one more candidate does not move all others.
 */
import { committeeSeed, compareBytes } from '@selvedge/ledger-types'
import { MICRO } from '../state/amounts.ts'
import { NODE_STATES, type MemberRow, type NodeRow } from '../state/node-tables.ts'
import { nodeOf, seatsOf, weightOf } from '../state/nodes.ts'
import { smallParameterOf } from '../state/parameters.ts'
import type { State } from '../state/state.ts'
import { createDraw } from './draw.ts'

/** Fewer candidates than this, and the committee that is stays. */
export const COMMITTEE_MIN = 4

export interface Candidate {
  readonly nodeIndex: number
  readonly weight: bigint
}

export interface CommitteeSeed {
  readonly chainId: number
  /** The running epoch, whose beacon this is. */
  readonly epoch: number
  readonly beacon: Uint8Array
}

/** Nodes that were Active when `epoch` began and still are, with what they weigh: the heaviest `candidateCount`, ascending by index. */
export function candidatesOf(state: State, epoch: number, unseated: ReadonlySet<number>): readonly Candidate[] {
  const all: Candidate[] = []
  for (const { nodeIndex, weight } of seatsOf(state, epoch)) {
    const node = nodeOf(state, nodeIndex)
    if (node === undefined || node.state !== NODE_STATES.active || unseated.has(nodeIndex)) continue
    const now = weightOf(node)
    const least = weight < now ? weight : now
    if (least > 0n) all.push({ nodeIndex, weight: least })
  }
  const heaviest = all.toSorted((a, b) => (a.weight === b.weight ? a.nodeIndex - b.nodeIndex : a.weight > b.weight ? -1 : 1))
  return heaviest.slice(0, smallParameterOf(state, 'candidateCount')).toSorted((a, b) => a.nodeIndex - b.nodeIndex)
}

/** `size` of the candidates (ascending by index), drawn by weight; all of them when there are no more. */
export function drawCommittee(
  candidates: readonly Candidate[],
  size: number,
  { chainId, epoch, beacon }: CommitteeSeed,
): readonly Candidate[] {
  if (candidates.length <= size) return candidates
  const left = [...candidates]
  const drawn: Candidate[] = []
  let sum = left.reduce((total, { weight }) => total + weight, 0n)
  for (let i = 0; i < size; i++) {
    let place = createDraw(committeeSeed(chainId, epoch, beacon, i)).below(sum)
    let at = 0
    for (; at < left.length - 1 && place >= (left[at] as Candidate).weight; at++) place -= (left[at] as Candidate).weight
    const [chosen] = left.splice(at, 1) as [Candidate]
    drawn.push(chosen)
    sum -= chosen.weight
  }
  return drawn
}

/** A seat: whole tokens, at least 1. */
export function memberOf(nodeIndex: number, { nodeKey, bls }: NodeRow, weight: bigint): MemberRow {
  const tokens = weight / MICRO
  return { nodeKey, bls, stake: tokens < 1n ? 1n : tokens, nodeIndex }
}

/** Authority order: ascending by node key. */
export function inAuthorityOrder(members: readonly MemberRow[]): readonly MemberRow[] {
  return members.toSorted((a, b) => compareBytes(a.nodeKey, b.nodeKey))
}

/** The committee of the epoch after `seed.epoch`; `undefined` when there are too few candidates and the old one stays. */
export function nextCommitteeOf(state: State, seed: CommitteeSeed, unseated: ReadonlySet<number>): readonly MemberRow[] | undefined {
  const candidates = candidatesOf(state, seed.epoch, unseated)
  if (candidates.length < COMMITTEE_MIN) return undefined
  const drawn = drawCommittee(candidates, smallParameterOf(state, 'committeeSize'), seed)
  return inAuthorityOrder(drawn.map(({ nodeIndex, weight }) => memberOf(nodeIndex, nodeOf(state, nodeIndex) as NodeRow, weight)))
}

/** Sum of stakes. */
export function stakeOf(committee: readonly MemberRow[]): bigint {
  return committee.reduce((sum, { stake }) => sum + stake, 0n)
}

/** floor(2N/3) + 1. */
export function quorumOf(committee: readonly MemberRow[]): bigint {
  return (2n * stakeOf(committee)) / 3n + 1n
}
