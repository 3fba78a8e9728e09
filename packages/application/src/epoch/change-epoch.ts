/**
 * From one epoch to the next, in the order that the ledger prescribes: 1 settlement and emission of e − 2 · 2 what is due · 3 beacon ·
 * 4 scores · 5 who is Active · 6 governed actions · 7 caps and old rows · 8 committee · 9 the epoch itself · 10 events and view.
 * Total, and part of the one write of the epoch's final block.
 */
import { committeeRoot, type CommitteeMember, type LedgerEvent } from '@selvedge/ledger-types'
import type { BlockContext } from '../execute/handler.ts'
import { epochRow, readyRow, type EpochRow } from '../state/meta-tables.ts'
import { committees, NODE_STATES, type MemberRow } from '../state/node-tables.ts'
import { allNodes, putSeats } from '../state/nodes.ts'
import { smallParameterOf } from '../state/parameters.ts'
import type { State } from '../state/state.ts'
import { beaconIn } from './beacon.ts'
import { nextCommitteeOf } from './committee.ts'
import type { ChangeContext } from './contract.ts'
import { activateVersions } from './governed.ts'
import { CHANGE_STEPS } from './steps.ts'

/** Ends the running epoch at `block`. Events are of no transaction. */
export function changeEpoch(state: State, block: BlockContext, subDagDigest: Uint8Array, emit: (event: LedgerEvent) => void): void {
  const context: ChangeContext = { state, block, emit, unseated: new Set() }
  for (const { run } of CHANGE_STEPS) run(context)
  chooseCommittee(context)
  activateVersions(context)
  beginEpoch(context, subDagDigest)
}

function chooseCommittee({ state, block, unseated }: ChangeContext): void {
  const beacon = beaconIn(state, block, block.epoch) ?? block.genesisHash
  const next = nextCommitteeOf(state, { chainId: block.chainId, epoch: block.epoch, beacon }, unseated)
  state.put(committees, block.epoch + 1, next ?? block.committee)
  const row = state.get(epochRow, null) as EpochRow
  state.put(epochRow, null, { ...row, stayed: next === undefined })
}

function beginEpoch({ state, block, emit }: ChangeContext, startSubDag: Uint8Array): void {
  const row = state.get(epochRow, null) as EpochRow
  const epoch = block.epoch + 1
  const startMs = block.timestampMs
  const endMs = startMs + smallParameterOf(state, 'epochMs') // from this block on: a network that stood still does not replay epochs
  const heights = { startHeight: block.height, previousHeight: row.startHeight }
  const next: EpochRow = { ...row, epoch, startMs, endMs, ...heights, startSubDag, clock: 0 }
  state.put(epochRow, null, next)
  state.put(readyRow, null, [])
  const active = allNodes(state).filter(([, node]) => node.state === NODE_STATES.active)
  putSeats(state, epoch, active)
  const root = committeeRoot((state.get(committees, epoch) as readonly MemberRow[]).map(committeeMemberOf))
  emit({ kind: 'epoch', epoch, startMs, endMs, version: next.version, nodeCount: active.length, committeeRoot: root })
}

/** A seat as checkpoints and light clients have it. */
export function committeeMemberOf({ nodeKey, bls, stake, nodeIndex }: MemberRow): CommitteeMember {
  return { key: nodeKey, blsKey: bls, stake: Number(stake), nodeIndex }
}
