/** Frames that are not the one encoding of anything, or say what cannot be: each is refused with a code of sessions.md, section 8. */
import { bodyOf, type Hex, type Json, raw, TYPES, u16, u32, u64, u8 } from './layouts.ts'

export interface RefusedFrame {
  readonly name: string
  readonly hex: Hex
  readonly code: 'HANDSHAKE_PROTOCOL'
  readonly laneCode: number
}
/** One that is right. */
export interface Frame {
  readonly name: string
  readonly frame: string
  readonly flags: number
  readonly lane: number
  readonly fields: Json
  readonly hex: Hex
}

const BAD_FRAME = 1
const UNSUPPORTED_VERSION = 2
const HEADER_DIGITS = 16
/** The first number that is no epoch of a session: what is signed in one names the next. */
const EPOCH_END = String(2n ** 32n - 1n)
/** Their bodies go to the end of the frame: longer or shorter they are others of their kind. */
const OPEN_ENDED = ['DATA', 'RESET']

const refuse = (name: string, hex: Hex, laneCode: number = BAD_FRAME): RefusedFrame => {
  return { name, hex, code: 'HANDSHAKE_PROTOCOL', laneCode }
}

/** Makes others of frames that are right. */
interface Changes {
  readonly bodyIn: (name: string) => Hex
  /** The frame with another body. */
  readonly withBody: (name: string, body: Hex) => Hex
  /** The frame with other bytes from `offset` of its body on. */
  readonly changed: (name: string, offset: number, bytes: Hex) => Hex
  /** The frame with other fields. */
  readonly saying: (name: string, about: Json) => Hex
  /** The frame with the items of its list `key` at these places, in this order. */
  readonly listed: (name: string, key: string, places: readonly number[]) => Hex
}

function changesOf(accepted: readonly Frame[]): Changes {
  const named = (name: string): Frame => accepted.find((each) => each.name === name)!
  const bodyIn = (name: string): Hex => named(name).hex.slice(HEADER_DIGITS)
  const withBody = (name: string, body: Hex): Hex => {
    const { frame, flags, lane } = named(name)
    return raw(TYPES[frame]!, flags, lane, body)
  }
  const saying = (name: string, about: Json): Hex => {
    const { frame, flags, fields } = named(name)
    return withBody(name, bodyOf(frame, flags, { ...fields, ...about }))
  }
  return {
    bodyIn,
    withBody,
    changed(name, offset, bytes) {
      const body = bodyIn(name)
      return withBody(name, body.slice(0, 2 * offset) + bytes + body.slice(2 * offset + bytes.length))
    },
    saying,
    listed(name, key, places) {
      const items = named(name).fields[key] as readonly Json[]
      return saying(name, { [key]: places.map((place) => items[place]!) })
    },
  }
}

/** @param accepted - frames that are right, of which these are made. */
export function refusedFrames(accepted: readonly Frame[]): RefusedFrame[] {
  const changes = changesOf(accepted)
  return [
    ...accepted.flatMap((each) => deformed(each)),
    ...greetings(changes),
    ...laneFrames(changes),
    ...payments(changes),
    ...resumptions(changes),
    refuse('a frame of type 0', raw(0, 0, 0, u32(0))),
    refuse('a frame of type 0x11', raw(0x11, 0, 0, u32(0))),
    refuse('a frame of 2^32 − 1 bytes, refused at its header', raw(TYPES['ACK']!, 0, 0, '', 2 ** 32 - 1)),
  ]
}

function greetings({ withBody, changed, saying }: Changes): RefusedFrame[] {
  return [
    refuse('HELLO of version 0', changed('HELLO of a guest', 0, u16(0)), UNSUPPORTED_VERSION),
    refuse('HELLO of version 2', changed('HELLO of a guest', 0, u16(2)), UNSUPPORTED_VERSION),
    refuse('HELLO of version 2 that is nothing else', withBody('HELLO of a guest', u16(2)), UNSUPPORTED_VERSION),
    refuse('HELLO that is half a version', withBody('HELLO of a guest', '01')),
    refuse('HELLO for chain 0', saying('HELLO of a guest', { chainId: 0 })),
    refuse('HELLO with the flags of delegation and resume', changed('HELLO with a delegation', 86, u8(3))),
    refuse('HELLO with an unknown flag', changed('HELLO of a guest', 86, u8(8))),
    refuse('HELLO with a delegation and no flag', changed('HELLO with a delegation', 86, u8(0))),
    refuse('HELLO with a flag and no delegation', changed('HELLO of a guest', 86, u8(1))),
    refuse('HELLO whose delegation says one byte more', changed('HELLO with a delegation', 87, u16(143))),
    refuse('HELLO with a delegation of 141 bytes', saying('HELLO with a delegation', { bracket: `0x${'00'.repeat(141)}` })),
    refuse('HELLO with a delegation of 271 bytes', saying('HELLO with a delegation', { bracket: `0x${'00'.repeat(271)}` })),
    refuse('WELCOME of version 2', changed('WELCOME of a guest', 0, u16(2)), UNSUPPORTED_VERSION),
    refuse('WELCOME of an epoch that has no next', saying('WELCOME of a guest', { epoch: EPOCH_END })),
  ]
}

function laneFrames({ bodyIn, withBody, changed, saying }: Changes): RefusedFrame[] {
  return [
    refuse('OPEN that claims 65,535 bytes of metadata', changed('OPEN', 8, u16(65_535))),
    refuse('OPEN of 65,537 bytes, refused at its header', raw(TYPES['OPEN']!, 0, 1, '', 65_537)),
    refuse('ACCEPT that claims no metadata and brings some', changed('ACCEPT', 4, u16(0))),
    refuse('DATA of nothing that ends nothing', raw(TYPES['DATA']!, 0, 1, '')),
    refuse('DATA of 65,537 bytes, refused at its header', raw(TYPES['DATA']!, 0, 1, '', 65_537)),
    refuse('CREDIT of nothing', saying('CREDIT of a lane', { bytes: 0 })),
    refuse('RESET without all of its offset', withBody('RESET', u16(25) + u64(0).slice(2))),
    refuse('RESET whose reason has 257 bytes', saying('RESET', { reason: 'a'.repeat(257) })),
    ...['ff', 'c080', 'eda080', 'c3'].map((bytes) =>
      refuse(`RESET whose reason, ${bytes}, is not UTF-8`, withBody('RESET', bodyIn('RESET').slice(0, 20) + bytes)),
    ),
    refuse('GOAWAY that claims 255 nodes', changed('GOAWAY', 6, u8(255))),
  ]
}

function payments({ changed, saying, listed }: Changes): RefusedFrame[] {
  return [
    refuse('ACK whose lanes fall', listed('ACK of two lanes', 'lanes', [1, 0])),
    refuse('ACK that names a lane twice', listed('ACK of two lanes', 'lanes', [0, 0])),
    refuse('ACK of lane 0', saying('ACK of two lanes', { lanes: [{ lane: 0, verifiedOffset: '1' }] })),
    refuse('ACK that claims 255 lanes', changed('ACK of two lanes', 236, u8(255))),
    refuse('a tick of an epoch that has no next', saying('a tick', { epoch: EPOCH_END })),
    refuse('EPOCH that has no next', saying('EPOCH of two lanes', { epoch: EPOCH_END })),
    refuse('EPOCH whose lanes fall', listed('EPOCH of two lanes', 'lanes', [1, 0])),
    refuse('EPOCH of lane 0', saying('EPOCH of two lanes', { lanes: [{ lane: 0, offset: '1' }] })),
    refuse('EPOCH that claims 65,535 lanes', changed('EPOCH of two lanes', 28, u16(65_535))),
    refuse('TOKEN for no time', saying('TOKEN, asked for', { ttlSeconds: 0 })),
    refuse('TOKEN for 601 seconds', saying('TOKEN, asked for', { ttlSeconds: 601 })),
    refuse('TOKEN of an unknown scope', changed('TOKEN, asked for', 8, u8(2))),
    refuse('TOKEN given, of an unknown scope', changed('TOKEN, given, to read', 24, u8(2))),
    refuse('TOKEN given, with something where nothing is', changed('TOKEN, given, to read', 29, '000001')),
    refuse('PRICE whose services fall', listed('PRICE of two services', 'services', [1, 0])),
    refuse('PRICE that names a service twice', listed('PRICE of two services', 'services', [0, 0])),
    refuse('PRICE that claims one service', changed('PRICE of two services', 28, u8(1))),
    refuse('PRICE from an epoch that has no next', saying('PRICE of two services', { fromEpoch: EPOCH_END })),
    refuse('METER of an epoch that has no next', saying('METER', { epoch: EPOCH_END })),
  ]
}

function resumptions({ changed, saying, listed }: Changes): RefusedFrame[] {
  const mark = { isTaken: true, isEnded: false, received: 2, limit: 2 }
  return [
    refuse('RESUME with an unknown flag of a lane', changed('RESUME of a client', 12, u8(4))),
    refuse('RESUME of a lane that received beyond its limit', saying('RESUME of nothing', { lanes: [{ lane: 1, ...mark, received: 3 }] })),
    refuse('RESUME of a limit above 2^53 − 1', saying('RESUME of nothing', { lanes: [{ lane: 1, ...mark, limit: String(2n ** 53n) }] })),
    refuse('RESUME whose lanes fall', listed('RESUME of a client', 'lanes', [1, 0])),
    refuse('RESUME of lane 0', saying('RESUME of nothing', { lanes: [{ lane: 0, ...mark }] })),
    refuse('RESUME whose chains fall', listed('RESUME of a node', 'chains', [0, 2, 1])),
    refuse('RESUME that names a chain twice', listed('RESUME of a node', 'chains', [0, 0])),
    refuse(
      'RESUME of a chain of an epoch that has no next',
      saying('RESUME of nothing', { chains: [{ epoch: EPOCH_END, serviceId: 0, seq: 1 }] }),
    ),
    refuse('RESUME of an epoch that has no next', saying('RESUME of nothing', { epoch: EPOCH_END })),
    refuse('RESUME that claims 65,535 lanes', changed('RESUME of a client', 8, u16(65_535))),
  ]
}

/** The frame with a byte more and one less, with a flag that none has, and on the other kind of lane. */
function deformed({ name, frame, flags, lane, hex }: Frame): RefusedFrame[] {
  const type = TYPES[frame]!
  const body = hex.slice(HEADER_DIGITS)
  const refused = [refuse(`${name}, with an unknown flag`, raw(type, flags + 2, lane, body))]
  if (frame !== 'CREDIT')
    refused.push(refuse(`${name}, on ${lane === 0 ? 'a lane' : 'the session'}`, raw(type, flags, lane === 0 ? 1 : 0, body)))
  if (OPEN_ENDED.includes(frame)) return refused
  refused.push(refuse(`${name}, a byte longer`, raw(type, flags, lane, `${body}00`)))
  refused.push(refuse(`${name}, a byte shorter`, raw(type, flags, lane, body.slice(0, -2))))
  return refused
}
