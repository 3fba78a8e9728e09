/**
 * Bodies of the frames of a paying session (sessions.md §3): ACK and its tick, EPOCH, PRICE, WINDOW, METER. One canonical form each: lists are
 * as long as they say and strictly ascending, epochs stay below 2^32 − 1, lane 0 is no lane. What deviates is refused with code 1.
 */
import { CODES } from './codes.ts'
import { EPOCH_END } from './constants.ts'
import { protocolError, viewOf } from './frames.ts'
import type { AckFrame, EpochFrame, MeterFrame, PriceFrame, TickFrame, WindowFrame } from './paying.ts'

/** ACK: this is a tick. */
export const FLAG_TICK = 1
/** WINDOW: the node is stopped by it. */
export const FLAG_STOPPED = 1

const ACKNOWLEDGEMENT_BYTES = 236
const RAND_BYTES = 16
const PREIMAGE_BYTES = 32
/** `lane u16 · offset u64`. */
const LANE_OFFSET_BYTES = 10
const SERVICE_BYTES = 8

const ACK_FIXED_BYTES: number = ACKNOWLEDGEMENT_BYTES + 1
const TICK_FRAME_BYTES: number = 14 + PREIMAGE_BYTES
const EPOCH_FIXED_BYTES = 30
const PRICE_FIXED_BYTES = 29
const WINDOW_BYTES = 4
const METER_BYTES = 20

export function encodeAck({ acknowledgement, lanes }: AckFrame): Uint8Array {
  const out = new Uint8Array(ACK_FIXED_BYTES + lanes.length * LANE_OFFSET_BYTES)
  out.set(acknowledgement)
  out[ACKNOWLEDGEMENT_BYTES] = lanes.length
  writeLanes(out, ACK_FIXED_BYTES, lanes.length, (i) => [lanes[i]!.lane, lanes[i]!.verifiedOffset])
  return out
}

export function decodeAck(body: Uint8Array): AckFrame {
  const lanes = readLanes('ACK', body, ACK_FIXED_BYTES, body[ACKNOWLEDGEMENT_BYTES]!)
  return {
    acknowledgement: body.slice(0, ACKNOWLEDGEMENT_BYTES),
    lanes: lanes.map(([lane, verifiedOffset]) => ({ lane, verifiedOffset })),
  }
}

export function encodeTick({ epoch, serviceId, index, preimage }: TickFrame): Uint8Array {
  const out = new Uint8Array(TICK_FRAME_BYTES)
  const view = viewOf(out)
  view.setBigUint64(0, epoch, true)
  view.setUint32(8, serviceId, true)
  view.setUint16(12, index, true)
  out.set(preimage, 14)
  return out
}

export function decodeTick(body: Uint8Array): TickFrame {
  const view = viewOf(body)
  return { epoch: readEpoch('ACK', view, 0), serviceId: view.getUint32(8, true), index: view.getUint16(12, true), preimage: body.slice(14) }
}

export function encodeEpoch({ epoch, rand, priceVersion, lanes }: EpochFrame): Uint8Array {
  const out = new Uint8Array(EPOCH_FIXED_BYTES + lanes.length * LANE_OFFSET_BYTES)
  const view = viewOf(out)
  view.setBigUint64(0, epoch, true)
  out.set(rand, 8)
  view.setUint32(24, priceVersion, true)
  view.setUint16(28, lanes.length, true)
  writeLanes(out, EPOCH_FIXED_BYTES, lanes.length, (i) => [lanes[i]!.lane, lanes[i]!.offset])
  return out
}

export function decodeEpoch(body: Uint8Array): EpochFrame {
  const view = viewOf(body)
  const lanes = readLanes('EPOCH', body, EPOCH_FIXED_BYTES, view.getUint16(28, true))
  return {
    epoch: readEpoch('EPOCH', view, 0),
    rand: body.slice(8, 8 + RAND_BYTES),
    priceVersion: view.getUint32(24, true),
    lanes: lanes.map(([lane, offset]) => ({ lane, offset })),
  }
}

export function encodePrice({ priceVersion, bytePrice, cpuPrice, fromEpoch, services }: PriceFrame): Uint8Array {
  const out = new Uint8Array(PRICE_FIXED_BYTES + services.length * SERVICE_BYTES)
  const view = viewOf(out)
  view.setUint32(0, priceVersion, true)
  view.setBigUint64(4, bytePrice, true)
  view.setBigUint64(12, cpuPrice, true)
  view.setBigUint64(20, fromEpoch, true)
  out[28] = services.length
  for (const [i, { serviceId, multiplePpm }] of services.entries()) {
    view.setUint32(PRICE_FIXED_BYTES + i * SERVICE_BYTES, serviceId, true)
    view.setUint32(PRICE_FIXED_BYTES + i * SERVICE_BYTES + 4, multiplePpm, true)
  }
  return out
}

export function decodePrice(body: Uint8Array): PriceFrame {
  const view = viewOf(body)
  if (body.length !== PRICE_FIXED_BYTES + body[28]! * SERVICE_BYTES)
    throw protocolError(CODES.badFrame, 'PRICE: not as many services as it says')
  const services = Array.from({ length: body[28]! }, (_, i) => {
    const offset = PRICE_FIXED_BYTES + i * SERVICE_BYTES
    return { serviceId: view.getUint32(offset, true), multiplePpm: view.getUint32(offset + 4, true) }
  })
  verifyAscending(
    'PRICE',
    services.map(({ serviceId }) => serviceId),
  )
  return {
    priceVersion: view.getUint32(0, true),
    bytePrice: view.getBigUint64(4, true),
    cpuPrice: view.getBigUint64(12, true),
    fromEpoch: readEpoch('PRICE', view, 20),
    services,
  }
}

/** `isStopped` is the frame's flag, not a part of its body. */
export function encodeWindow({ window }: Pick<WindowFrame, 'window'>): Uint8Array {
  const out = new Uint8Array(WINDOW_BYTES)
  viewOf(out).setUint32(0, window, true)
  return out
}

export function decodeWindow(body: Uint8Array, flags: number): WindowFrame {
  return { window: viewOf(body).getUint32(0, true), isStopped: flags === FLAG_STOPPED }
}

export function encodeMeter({ serviceId, epoch, cumCpuMicros }: MeterFrame): Uint8Array {
  const out = new Uint8Array(METER_BYTES)
  const view = viewOf(out)
  view.setUint32(0, serviceId, true)
  view.setBigUint64(4, epoch, true)
  view.setBigUint64(12, cumCpuMicros, true)
  return out
}

export function decodeMeter(body: Uint8Array): MeterFrame {
  const view = viewOf(body)
  return { serviceId: view.getUint32(0, true), epoch: readEpoch('METER', view, 4), cumCpuMicros: view.getBigUint64(12, true) }
}

function readEpoch(name: string, view: DataView, offset: number): bigint {
  const epoch = view.getBigUint64(offset, true)
  if (epoch >= EPOCH_END) throw protocolError(CODES.badFrame, `${name} of epoch ${epoch}`)
  return epoch
}

function writeLanes(out: Uint8Array, at: number, count: number, laneAt: (i: number) => readonly [number, bigint]): void {
  const view = viewOf(out)
  for (let i = 0; i < count; i++) {
    const [lane, offset] = laneAt(i)
    view.setUint16(at + i * LANE_OFFSET_BYTES, lane, true)
    view.setBigUint64(at + i * LANE_OFFSET_BYTES + 2, offset, true)
  }
}

function readLanes(name: string, body: Uint8Array, at: number, count: number): (readonly [number, bigint])[] {
  if (body.length !== at + count * LANE_OFFSET_BYTES) throw protocolError(CODES.badFrame, `${name}: not as many lanes as it says`)
  const view = viewOf(body)
  const lanes = Array.from({ length: count }, (_, i) => {
    const offset = at + i * LANE_OFFSET_BYTES
    return [view.getUint16(offset, true), view.getBigUint64(offset + 2, true)] as const
  })
  verifyAscending(name, [0, ...lanes.map(([lane]) => lane)]) // 0: so that lane 0, the session itself, is refused
  return lanes
}

function verifyAscending(name: string, numbers: readonly number[]): void {
  const isAscending = numbers.every((number, i) => i === 0 || number > numbers[i - 1]!)
  if (!isAscending) throw protocolError(CODES.badFrame, `${name}: the list is not ascending`)
}
