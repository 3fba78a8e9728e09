/** An opened leaf: all that proves one point of a claim, as it stands in answers. 1,547 bytes in a tree of 17 levels. */
import { type Acknowledgement, decodeAcknowledgement, encodeAcknowledgement } from './acknowledgement.ts'
import type { Evidence } from './check.ts'
import type { ClaimStep } from './claim-tree.ts'
import { ACKNOWLEDGEMENT_BYTES, CLAIM_DEPTH_MAX, CLAIM_KEY_BYTES, DIGEST_BYTES, RAND_BYTES, TICKS_MAX } from './constants.ts'
import { decodeDelegation, encodeDelegation } from './delegation.ts'
import { malformed } from './errors.ts'
import { NO_TICK, type Tick } from './tick.ts'
import { isEqualBytes, type WireReader, WireWriter } from './wire.ts'

/** Without delegation and path. */
export const OPENING_FIXED_BYTES: number = ACKNOWLEDGEMENT_BYTES + 2 + DIGEST_BYTES + 8 + 2 * RAND_BYTES + 2 + 1 + 4
const STEP_BYTES = DIGEST_BYTES + 8 + CLAIM_KEY_BYTES

export interface Opening extends Evidence {
  /** From the leaf upward, at most 32 steps. */
  readonly path: readonly ClaimStep[]
}

/** The only encoding. */
export function encodeOpening({ acknowledgement, tick, session, delegation, path }: Opening): Uint8Array {
  if (path.length > CLAIM_DEPTH_MAX) throw malformed(`a path has ${CLAIM_DEPTH_MAX} steps at most, got ${path.length}`)
  const delegationBytes = encodeDelegation(delegation)
  const writer = new WireWriter(OPENING_FIXED_BYTES + delegationBytes.length + path.length * STEP_BYTES)
    .bytes(encodeAcknowledgement(acknowledgement), ACKNOWLEDGEMENT_BYTES, 'acknowledgement')
    .u16(checkedTick(tick).index, 'tickIndex')
    .bytes(tick.x, DIGEST_BYTES, 'x')
    .u64(session.laneNonce, 'laneNonce')
    .bytes(session.clientRand, RAND_BYTES, 'clientRand')
    .bytes(session.nodeRand, RAND_BYTES, 'nodeRand')
    .u16(delegationBytes.length, 'delegationLen')
    .bytes(delegationBytes, delegationBytes.length, 'delegation')
    .u8(path.length, 'depth')
    .u32(sidesOf(path), 'sides')
  for (const { sibling, sum, split } of path) {
    writer.bytes(sibling, DIGEST_BYTES, 'sibling').u64(sum, 'sum').bytes(split, CLAIM_KEY_BYTES, 'split')
  }
  return writer.out
}

/**
 * Reads one opening; what follows it is the caller's.
 * @throws {DeliveryAcknowledgementError} `DELIVERY_ACKNOWLEDGEMENT_MALFORMED`
 */
export function readOpening(reader: WireReader): Opening {
  const acknowledgement: Acknowledgement = decodeAcknowledgement(reader.bytes(ACKNOWLEDGEMENT_BYTES, 'acknowledgement'))
  const tick = checkedTick({ index: reader.u16('tickIndex'), x: reader.bytes(DIGEST_BYTES, 'x') })
  const laneNonce = reader.u64('laneNonce')
  const session = { laneNonce, clientRand: reader.bytes(RAND_BYTES, 'clientRand'), nodeRand: reader.bytes(RAND_BYTES, 'nodeRand') }
  const delegation = decodeDelegation(reader.bytes(reader.u16('delegationLen'), 'delegation'))
  const depth = reader.u8('depth')
  if (depth > CLAIM_DEPTH_MAX) throw malformed(`a path has ${CLAIM_DEPTH_MAX} steps at most, got ${depth}`)
  const sides = reader.u32('sides')
  if (sides >= 2 ** depth) throw malformed('sides has bits above the path')
  const path: ClaimStep[] = []
  for (let index = 0; index < depth; index++) {
    const sibling = reader.bytes(DIGEST_BYTES, 'sibling')
    path.push({ sibling, sum: reader.u64('sum'), split: reader.bytes(CLAIM_KEY_BYTES, 'split'), isRight: ((sides >>> index) & 1) === 1 })
  }
  return { acknowledgement, tick, session, delegation, path }
}

/** Bit i: the way comes from the right at step i. */
const sidesOf = (path: readonly ClaimStep[]): number => path.reduce((bits, { isRight }, index) => bits + (isRight ? 2 ** index : 0), 0)

function checkedTick(tick: Tick): Tick {
  if (tick.index > TICKS_MAX) throw malformed(`a tick is at most ${TICKS_MAX} behind its anchor, got ${tick.index}`)
  if (tick.index === 0 && !isEqualBytes(tick.x, NO_TICK.x)) throw malformed('x without a tick must be zero')
  return tick
}
