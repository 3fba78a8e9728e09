/**
 * The body of RESUME (sessions.md §3, §6): what a side has of the other's lanes, and for the node how far each open chain is acknowledged. One canonical
 * form: lists are as long as they say and strictly ascending.
 */
import { CODES } from './codes.ts'
import { EPOCH_END } from './constants.ts'
import { protocolError, viewOf } from './frames.ts'
import type { ChainSeq } from './paying.ts'

/** What the sender has of one lane. */
export interface LaneMark {
  readonly lane: number
  /** Its OPEN (at the node) or its ACCEPT (at the client) arrived. */
  readonly isTaken: boolean
  /** The other side's END arrived. */
  readonly isEnded: boolean
  /** DATA that arrived. */
  readonly received: number
  /** Up to where the other side may send. */
  readonly limit: number
}
export interface ResumeBody {
  /** The newest that the sender knows of. */
  readonly epoch: bigint
  /** At most 256, ascending. */
  readonly lanes: readonly LaneMark[]
  /** Of the node: at most 255, ascending by epoch and service. */
  readonly chains: readonly ChainSeq[]
}

const LANES_MAX = 256
const LANE_BYTES = 19
const CHAIN_BYTES = 16
const LANES_OFFSET = 10
const FLAG_TAKEN = 1
const FLAG_ENDED = 2
const FIXED_BYTES = 11

export function encodeResume({ epoch, lanes, chains }: ResumeBody): Uint8Array {
  const out = new Uint8Array(FIXED_BYTES + lanes.length * LANE_BYTES + chains.length * CHAIN_BYTES)
  const view = viewOf(out)
  view.setBigUint64(0, epoch, true)
  view.setUint16(8, lanes.length, true)
  for (const [i, { lane, isTaken, isEnded, received, limit }] of lanes.entries()) {
    const at = LANES_OFFSET + i * LANE_BYTES
    view.setUint16(at, lane, true)
    out[at + 2] = (isTaken ? FLAG_TAKEN : 0) | (isEnded ? FLAG_ENDED : 0)
    view.setBigUint64(at + 3, BigInt(received), true)
    view.setBigUint64(at + 11, BigInt(limit), true)
  }
  const chainsOffset = LANES_OFFSET + lanes.length * LANE_BYTES
  out[chainsOffset] = chains.length
  for (const [i, { epoch: of, serviceId, seq }] of chains.entries()) {
    const at = chainsOffset + 1 + i * CHAIN_BYTES
    view.setBigUint64(at, of, true)
    view.setUint32(at + 8, serviceId, true)
    view.setUint32(at + 12, seq, true)
  }
  return out
}

export function decodeResume(body: Uint8Array): ResumeBody {
  const view = viewOf(body)
  const count = view.getUint16(8, true)
  const chainsOffset = LANES_OFFSET + count * LANE_BYTES
  const chainCount = body[chainsOffset]
  if (count > LANES_MAX || chainCount === undefined || body.length !== chainsOffset + 1 + chainCount * CHAIN_BYTES)
    throw protocolError(CODES.badFrame, 'RESUME: not as many lanes or chains as it says')
  const lanes = Array.from({ length: count }, (_, i) => readLane(view, LANES_OFFSET + i * LANE_BYTES))
  const chains = Array.from({ length: chainCount }, (_, i) => readChain(view, chainsOffset + 1 + i * CHAIN_BYTES))
  const areLanesAscending = lanes.every(({ lane }, i) => lane > (lanes[i - 1]?.lane ?? 0))
  if (!areLanesAscending || !chains.every((chain, i) => i === 0 || isBefore(chains[i - 1]!, chain)))
    throw protocolError(CODES.badFrame, 'RESUME: a list is not ascending')
  return { epoch: readEpoch(view, 0), lanes, chains }
}

function readLane(view: DataView, at: number): LaneMark {
  const flags = view.getUint8(at + 2)
  const received = view.getBigUint64(at + 3, true)
  const limit = view.getBigUint64(at + 11, true)
  if (flags > (FLAG_TAKEN | FLAG_ENDED) || limit > BigInt(Number.MAX_SAFE_INTEGER) || received > limit)
    throw protocolError(CODES.badFrame, 'RESUME: a lane that cannot be')
  return {
    lane: view.getUint16(at, true),
    isTaken: (flags & FLAG_TAKEN) !== 0,
    isEnded: (flags & FLAG_ENDED) !== 0,
    received: Number(received),
    limit: Number(limit),
  }
}

function readChain(view: DataView, at: number): ChainSeq {
  return { epoch: readEpoch(view, at), serviceId: view.getUint32(at + 8, true), seq: view.getUint32(at + 12, true) }
}

function readEpoch(view: DataView, at: number): bigint {
  const epoch = view.getBigUint64(at, true)
  if (epoch >= EPOCH_END) throw protocolError(CODES.badFrame, `RESUME names epoch ${epoch}`)
  return epoch
}

const isBefore = (a: ChainSeq, b: ChainSeq): boolean => a.epoch < b.epoch || (a.epoch === b.epoch && a.serviceId < b.serviceId)
