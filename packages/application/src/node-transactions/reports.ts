/**
 * What nodes measured about one another: reportCommit, reportReveal, coordinates. A report is bound by a hash in the last fifth of its epoch
 * and shown in the first fifth of the next, so that nobody sees others' before he has given his; only of targets that were assigned.
 */
import { CODES, encodeNodeBody, isSameBytes, reportCommitment, type Code, type Measurement, type NodeBodyOf } from '@selvedge/ledger-types'
import { beaconIn } from '../epoch/beacon.ts'
import { momentOf } from '../epoch/contract.ts'
import type { NodeCall, NodeHandlers } from '../execute/handler.ts'
import { reportersOf, type Candidate, type Draw } from './report-assignment.ts'
import { coordinates, nodes, reports, type NodeRow } from '../state/node-tables.ts'
import { seatsOf } from '../state/nodes.ts'
import { Sink, u16, u32 } from '../state/fields.ts'
import type { State } from '../state/state.ts'

/** When a report may be bound, and until when it may be shown in the epoch after. */
export const REPORT_PERCENT = 80
export const REVEAL_PERCENT = 20

export const reportKinds: NodeHandlers = {
  reportCommit: {
    who: 'serving',
    run({ state, block, nodeIndex }, { epoch, commitment }) {
      if (epoch !== block.epoch || block.timestampMs < momentOf(block, REPORT_PERCENT)) return CODES.phase
      if (state.get(reports, { epoch, nodeIndex }) !== undefined) return CODES.state
      state.put(reports, { epoch, nodeIndex }, { commit: commitment, opened: false, rows: new Uint8Array(0) })
      return CODES.ok
    },
  },
  reportReveal: { who: 'registered', run: revealReport },
  coordinates: {
    who: 'serving',
    run({ state, block, nodeIndex }, { epoch, coordinates: values, receiptRoot }) {
      if (epoch !== block.epoch) return CODES.phase
      if (state.get(coordinates, nodeIndex)?.epoch === epoch) return CODES.state
      const out = new Sink()
      for (const value of values) u16.write(out, value)
      state.put(coordinates, nodeIndex, { epoch, values: out.finish(), receiptRoot })
      return CODES.ok
    },
  },
}

function revealReport({ state, block, nodeIndex }: NodeCall, body: NodeBodyOf<'reportReveal'>): Code {
  const { epoch, measurements } = body
  if (epoch + 1 !== block.epoch || block.timestampMs >= momentOf(block, REVEAL_PERCENT)) return CODES.phase
  const row = state.get(reports, { epoch, nodeIndex })
  if (row === undefined) return CODES.notFound
  if (row.opened) return CODES.state
  if (!isSameBytes(row.commit, reportCommitment(block.chainId, nodeIndex, encodeNodeBody(body)))) return CODES.proof
  const draw = drawOf(state, epoch, beaconIn(state, block, epoch - 1) ?? block.genesisHash)
  const isAssigned = ({ target }: Measurement): boolean => reportersFor(draw, target)?.has(nodeIndex) === true
  if (!measurements.every(isAssigned) || measurements.some(({ answered, asked }) => answered > asked)) return CODES.outOfBounds
  state.put(reports, { epoch, nodeIndex }, { ...row, opened: true, rows: rowsOf(measurements) })
  return CODES.ok
}

/** 16 bytes each: target u32 · rttMicros u32 · jitterMicros u32 · answered u16 · asked u16. */
function rowsOf(measurements: readonly Measurement[]): Uint8Array {
  const out = new Sink()
  for (const { target, rttMicros, jitterMicros, answered, asked } of measurements) {
    for (const value of [target, rttMicros, jitterMicros]) u32.write(out, value)
    for (const value of [answered, asked]) u16.write(out, value)
  }
  return out.finish()
}

interface KnownDraw extends Draw {
  readonly byIndex: ReadonlyMap<number, Candidate>
  readonly reporters: Map<number, ReadonlySet<number>>
}

/** The draw of one epoch is asked for by every node that reveals; it is a function of rows that no longer change. */
const known = new WeakMap<State, KnownDraw>()

function drawOf(state: State, epoch: number, beacon: Uint8Array): KnownDraw {
  const before = known.get(state)
  if (before?.epoch === epoch && isSameBytes(before.beacon, beacon)) return before
  const candidates = seatsOf(state, epoch).map(({ nodeIndex, addressKind, address }): Candidate => {
    const { owner } = state.get(nodes, nodeIndex) as NodeRow
    return { nodeIndex, owner, address: address.slice(0, addressKind === 6 ? 16 : addressKind) }
  })
  const byIndex = new Map(candidates.map((candidate) => [candidate.nodeIndex, candidate]))
  const draw = { epoch, beacon, candidates, byIndex, reporters: new Map<number, ReadonlySet<number>>() }
  known.set(state, draw)
  return draw
}

function reportersFor(draw: KnownDraw, target: number): ReadonlySet<number> | undefined {
  const before = draw.reporters.get(target)
  if (before !== undefined) return before
  const candidate = draw.byIndex.get(target)
  if (candidate === undefined) return undefined
  const found = reportersOf(draw, candidate)
  draw.reporters.set(target, found)
  return found
}
