/**
 * Frames (sessions.md §3): an 8-byte header and a body, little endian, one canonical form. What deviates is refused with the code that
 * the specification names, and a body is never waited for before its header is known to be one that can be right.
 */
import { CODES } from './codes.ts'
import { FRAME_BYTES_MAX, HEADER_BYTES, HELLO_BYTES_MAX, REASON_BYTES_MAX } from './constants.ts'
import { type Goaway, HandshakeError } from './errors.ts'

export const FRAME = {
  hello: 0x01,
  welcome: 0x02,
  open: 0x03,
  accept: 0x04,
  data: 0x05,
  credit: 0x06,
  reset: 0x07,
  ack: 0x08,
  epoch: 0x09,
  ping: 0x0a,
  token: 0x0b,
  goaway: 0x0c,
  price: 0x0d,
  resume: 0x0e,
  window: 0x0f,
  meter: 0x10,
} as const

/** DATA: the sender's half of the lane ends with this frame. */
export const FLAG_END = 1
/** PING and TOKEN: this is the answer. */
export const FLAG_PONG = 1
export const FLAG_TOKEN = 1
export const WELCOME_BODY_BYTES = 169

export interface FrameHeader {
  readonly type: number
  readonly flags: number
  readonly lane: number
  readonly length: number
}

/** What a header may say, for the frames that this package takes part in. Lengths are of the body. */
interface FrameShape {
  readonly flagsMax: number
  readonly isOnLane: boolean | 'either'
  readonly bytesMin: number
  readonly bytesMax: number
}
const SHAPES: ReadonlyMap<number, FrameShape> = new Map<number, FrameShape>([
  [FRAME.hello, { flagsMax: 0, isOnLane: false, bytesMin: 2, bytesMax: HELLO_BYTES_MAX }], // 2: the version, which is judged first
  [FRAME.welcome, { flagsMax: 0, isOnLane: false, bytesMin: WELCOME_BODY_BYTES, bytesMax: WELCOME_BODY_BYTES }],
  [FRAME.open, { flagsMax: 0, isOnLane: true, bytesMin: 10, bytesMax: FRAME_BYTES_MAX }],
  [FRAME.accept, { flagsMax: 0, isOnLane: true, bytesMin: 6, bytesMax: FRAME_BYTES_MAX }],
  [FRAME.data, { flagsMax: FLAG_END, isOnLane: true, bytesMin: 0, bytesMax: FRAME_BYTES_MAX }],
  [FRAME.credit, { flagsMax: 0, isOnLane: 'either', bytesMin: 4, bytesMax: 4 }],
  [FRAME.reset, { flagsMax: 0, isOnLane: true, bytesMin: 10, bytesMax: 10 + REASON_BYTES_MAX }],
  [FRAME.ping, { flagsMax: FLAG_PONG, isOnLane: false, bytesMin: 8, bytesMax: 8 }],
  [FRAME.goaway, { flagsMax: 0, isOnLane: false, bytesMin: 7, bytesMax: 7 + 4 * 255 }],
  [FRAME.ack, { flagsMax: 1, isOnLane: false, bytesMin: 237, bytesMax: 237 + 10 * 255 }],
  [FRAME.epoch, { flagsMax: 0, isOnLane: false, bytesMin: 30, bytesMax: 30 + 10 * 6_550 }], // what fits
  [FRAME.resume, { flagsMax: 0, isOnLane: false, bytesMin: 11, bytesMax: 11 + 19 * 256 + 16 * 255 }], // resume-frame.ts
  [FRAME.token, { flagsMax: 1, isOnLane: false, bytesMin: 9, bytesMax: 9 }], // access-token.ts
  [FRAME.price, { flagsMax: 0, isOnLane: false, bytesMin: 29, bytesMax: 29 + 8 * 255 }],
  [FRAME.window, { flagsMax: 1, isOnLane: false, bytesMin: 4, bytesMax: 4 }],
  [FRAME.meter, { flagsMax: 0, isOnLane: false, bytesMin: 20, bytesMax: 20 }],
])
/** Of ACK and TOKEN with their flag: a tick, and the answer. */
const FLAGGED_SHAPES: ReadonlyMap<number, FrameShape> = new Map<number, FrameShape>([
  [FRAME.ack, { flagsMax: 1, isOnLane: false, bytesMin: 46, bytesMax: 46 }],
  [FRAME.token, { flagsMax: 1, isOnLane: false, bytesMin: 48, bytesMax: 48 }],
])

/** A peer's mistake, with the code that it is told. */
export function protocolError(laneCode: number, message: string): HandshakeError {
  return new HandshakeError('HANDSHAKE_PROTOCOL', message, { laneCode })
}

/** Throws unless `header` can be the beginning of a frame of its type. */
export function verifyHeader({ type, flags, lane, length }: FrameHeader): void {
  const shape = (flags === 1 ? FLAGGED_SHAPES.get(type) : undefined) ?? SHAPES.get(type)
  if (shape === undefined) throw protocolError(CODES.badFrame, `frame type ${type} has no place in this session`)
  if (flags > shape.flagsMax) throw protocolError(CODES.badFrame, `frame type ${type} with flags ${flags}`)
  if (shape.isOnLane !== 'either' && shape.isOnLane !== (lane !== 0))
    throw protocolError(CODES.badFrame, `frame type ${type} on lane ${lane}`)
  if (length < shape.bytesMin || length > shape.bytesMax)
    throw protocolError(CODES.badFrame, `frame type ${type} with a body of ${length} bytes`)
  if (type === FRAME.data && length === 0 && flags === 0)
    throw protocolError(CODES.badFrame, 'DATA without bytes and without END says nothing')
}

export function decodeHeader(bytes: Uint8Array): FrameHeader {
  const view = viewOf(bytes)
  return { type: bytes[0]!, flags: bytes[1]!, lane: view.getUint16(2, true), length: view.getUint32(4, true) }
}

export function encodeHeader({ type, flags, lane, length }: FrameHeader): Uint8Array {
  const out = new Uint8Array(HEADER_BYTES)
  writeHeader(out, { type, flags, lane, length })
  return out
}

function writeHeader(out: Uint8Array, { type, flags, lane, length }: FrameHeader): void {
  out[0] = type
  out[1] = flags
  const view = viewOf(out)
  view.setUint16(2, lane, true)
  view.setUint32(4, length, true)
}

/** A whole frame: header and a copy of `body`. For control frames; DATA goes out as views. */
export function encodeFrame(type: number, flags: number, lane: number, body: Uint8Array): Uint8Array {
  const out = new Uint8Array(HEADER_BYTES + body.length)
  writeHeader(out, { type, flags, lane, length: body.length })
  out.set(body, HEADER_BYTES)
  return out
}

export interface OpenBody {
  readonly serviceId: number
  readonly initialCredit: number
  readonly metadata: Uint8Array
}

export function encodeOpen({ serviceId, initialCredit, metadata }: OpenBody): Uint8Array {
  const out = new Uint8Array(10 + metadata.length)
  const view = viewOf(out)
  view.setUint32(0, serviceId, true)
  view.setUint32(4, initialCredit, true)
  view.setUint16(8, metadata.length, true)
  out.set(metadata, 10)
  return out
}

export function decodeOpen(body: Uint8Array): OpenBody {
  const view = viewOf(body)
  if (view.getUint16(8, true) !== body.length - 10) throw protocolError(CODES.badFrame, 'OPEN: the metadata is not as long as it says')
  return { serviceId: view.getUint32(0, true), initialCredit: view.getUint32(4, true), metadata: body.slice(10) }
}

export type AcceptBody = Omit<OpenBody, 'serviceId'>

export function encodeAccept({ initialCredit, metadata }: AcceptBody): Uint8Array {
  const out = new Uint8Array(6 + metadata.length)
  const view = viewOf(out)
  view.setUint32(0, initialCredit, true)
  view.setUint16(4, metadata.length, true)
  out.set(metadata, 6)
  return out
}

export function decodeAccept(body: Uint8Array): AcceptBody {
  const view = viewOf(body)
  if (view.getUint16(4, true) !== body.length - 6) throw protocolError(CODES.badFrame, 'ACCEPT: the metadata is not as long as it says')
  return { initialCredit: view.getUint32(0, true), metadata: body.slice(6) }
}

export function encodeCredit(bytes: number): Uint8Array {
  const out = new Uint8Array(4)
  viewOf(out).setUint32(0, bytes, true)
  return out
}

export function decodeCredit(body: Uint8Array): number {
  const bytes = viewOf(body).getUint32(0, true)
  if (bytes === 0) throw protocolError(CODES.badFrame, 'CREDIT of nothing')
  return bytes
}

export interface ResetBody {
  readonly code: number
  /** DATA bytes that the sender of the RESET has sent on the lane. */
  readonly offset: bigint
  readonly reason: string
}

const encoder = new TextEncoder()
const strictDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** `reason` is cut at a character so that it takes at most 256 bytes. */
export function encodeReset({ code, offset, reason }: ResetBody): Uint8Array {
  const text = new Uint8Array(REASON_BYTES_MAX)
  const { written } = encoder.encodeInto(reason, text) // writes whole characters only
  const out = new Uint8Array(10 + written)
  const view = viewOf(out)
  view.setUint16(0, code, true)
  view.setBigUint64(2, offset, true)
  out.set(text.subarray(0, written), 10)
  return out
}

export function decodeReset(body: Uint8Array): ResetBody {
  const view = viewOf(body)
  return { code: view.getUint16(0, true), offset: view.getBigUint64(2, true), reason: decodeText(body.subarray(10)) }
}

function decodeText(bytes: Uint8Array): string {
  try {
    return strictDecoder.decode(bytes)
  } catch (cause) {
    throw new HandshakeError('HANDSHAKE_PROTOCOL', 'RESET: the reason is not UTF-8', { laneCode: CODES.badFrame }, { cause })
  }
}

export function encodeGoaway({ code, retryAfterMs, nodes }: Goaway): Uint8Array {
  const out = new Uint8Array(7 + 4 * nodes.length)
  const view = viewOf(out)
  view.setUint16(0, code, true)
  view.setUint32(2, retryAfterMs, true)
  out[6] = nodes.length
  for (const [i, node] of nodes.entries()) view.setUint32(7 + 4 * i, node, true)
  return out
}

export function decodeGoaway(body: Uint8Array): Goaway {
  const view = viewOf(body)
  if (body.length !== 7 + 4 * body[6]!) throw protocolError(CODES.badFrame, 'GOAWAY: not as many nodes as it says')
  const nodes = Array.from({ length: body[6]! }, (_, i) => view.getUint32(7 + 4 * i, true))
  return { code: view.getUint16(0, true), retryAfterMs: view.getUint32(2, true), nodes }
}

/** A view at the right place: the input may be part of a larger buffer. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
