/**
 * The frames of sessions.md once more, as plainly as can be: hex put together from values as they stand in frames.json, with nothing of the package. Bytes are
 * `0x` and hex, a u64 is decimal text. It checks nothing.
 */
import { createHash, createHmac } from 'node:crypto'

export type Hex = string
export type JsonValue = string | number | boolean | Json | readonly JsonValue[]
export interface Json {
  readonly [field: string]: JsonValue
}

const number = (value: JsonValue | undefined, bytes: number): Hex => {
  const buffer = Buffer.alloc(8)
  buffer.writeBigUInt64LE(BigInt(value as string | number))
  return buffer.toString('hex', 0, bytes)
}
export const u8 = (value: JsonValue | undefined): Hex => number(value, 1)
export const u16 = (value: JsonValue | undefined): Hex => number(value, 2)
export const u32 = (value: JsonValue | undefined): Hex => number(value, 4)
export const u64 = (value: JsonValue | undefined): Hex => number(value, 8)
/** Of `0x…`. */
export const hexOf = (value: JsonValue | undefined): Hex => (value as string).slice(2)
export const ascii = (text: string): Hex => Buffer.from(text, 'latin1').toString('hex')
export const sha256 = (hex: Hex): Hex => createHash('sha256').update(Buffer.from(hex, 'hex')).digest('hex')
const sizeOf = (value: JsonValue | undefined): number => hexOf(value).length / 2
const listOf = (value: JsonValue | undefined): readonly Json[] => value as readonly Json[]
const all = (items: JsonValue | undefined, write: (item: Json) => Hex): Hex => listOf(items).map(write).join('')

export const TYPES: Readonly<Record<string, number>> = {
  HELLO: 0x01,
  WELCOME: 0x02,
  OPEN: 0x03,
  ACCEPT: 0x04,
  DATA: 0x05,
  CREDIT: 0x06,
  RESET: 0x07,
  ACK: 0x08,
  EPOCH: 0x09,
  PING: 0x0a,
  TOKEN: 0x0b,
  GOAWAY: 0x0c,
  PRICE: 0x0d,
  RESUME: 0x0e,
  WINDOW: 0x0f,
  METER: 0x10,
}
const HELLO_FLAGS: Readonly<Record<string, number>> = { guest: 0, delegation: 1, resume: 2, join: 4 }
const SCOPES: Readonly<Record<string, number>> = { read: 0, any: 1 }

/** HELLO's body without its signature. */
export const hello = (f: Json): Hex =>
  u16(1) +
  u32(f['chainId']) +
  hexOf(f['nodeKey']) +
  hexOf(f['clientKey']) +
  hexOf(f['rand']) +
  u8(HELLO_FLAGS[f['kind'] as string]) +
  (f['kind'] === 'delegation' ? u16(sizeOf(f['bracket'])) : '') +
  hexOf(f['bracket'])

/** WELCOME's body without its signature. */
export const welcome = (f: Json): Hex =>
  u16(1) +
  u32(f['nodeIndex']) +
  u64(f['epoch']) +
  u32(f['priceVersion']) +
  u64(f['laneNonce']) +
  hexOf(f['rand']) +
  hexOf(f['sessionId']) +
  u32(f['window']) +
  u16(f['maxLanes']) +
  u8(f['connection']) +
  u64(f['nodeTimeMs']) +
  hexOf(f['resumeToken'])

/** A token's 32 bytes before its MAC. */
export const tokenFields = (f: Json): Hex =>
  hexOf(f['sessionId']) + u32(f['serviceId']) + u32(f['expirySeconds']) + u8(SCOPES[f['scope'] as string]) + u32(f['serial']) + '000000'
/** Of a token's fields, under a node's secret. */
export const macOf = (secret: Hex, fields: Hex): Hex => {
  const mac = createHmac('sha256', Buffer.from(secret, 'hex')).update(Buffer.from(ascii('selvedge/access-token/1\0') + fields, 'hex'))
  return mac.digest('hex').slice(0, 32)
}

const laneMark = (f: Json): Hex =>
  u16(f['lane']) + u8((f['isTaken'] === true ? 1 : 0) + (f['isEnded'] === true ? 2 : 0)) + u64(f['received']) + u64(f['limit'])
const chain = (f: Json): Hex => u64(f['epoch']) + u32(f['serviceId']) + u32(f['seq'])

/** Bodies by frame; with flag 1 ACK is a tick, and TOKEN the answer. */
export const BODIES: Readonly<Record<string, (f: Json) => Hex>> = {
  HELLO: (f) => hello(f) + hexOf(f['signature']),
  WELCOME: (f) => welcome(f) + hexOf(f['signature']),
  OPEN: (f) => u32(f['serviceId']) + u32(f['initialCredit']) + u16(sizeOf(f['metadata'])) + hexOf(f['metadata']),
  ACCEPT: (f) => u32(f['initialCredit']) + u16(sizeOf(f['metadata'])) + hexOf(f['metadata']),
  DATA: (f) => hexOf(f['bytes']),
  CREDIT: (f) => u32(f['bytes']),
  RESET: (f) => u16(f['code']) + u64(f['offset']) + Buffer.from(f['reason'] as string, 'utf8').toString('hex'),
  ACK: (f) =>
    hexOf(f['acknowledgement']) +
    u8(listOf(f['lanes']).length) +
    all(f['lanes'], (each) => u16(each['lane']) + u64(each['verifiedOffset'])),
  'ACK 1': (f) => u64(f['epoch']) + u32(f['serviceId']) + u16(f['index']) + hexOf(f['preimage']),
  EPOCH: (f) =>
    u64(f['epoch']) +
    hexOf(f['rand']) +
    u32(f['priceVersion']) +
    u16(listOf(f['lanes']).length) +
    all(f['lanes'], (each) => u16(each['lane']) + u64(each['offset'])),
  PING: (f) => u64(f['nonce']),
  TOKEN: (f) => u32(f['serviceId']) + u32(f['ttlSeconds']) + u8(SCOPES[f['scope'] as string]),
  'TOKEN 1': (f) => tokenFields(f) + hexOf(f['mac']),
  GOAWAY: (f) =>
    u16(f['code']) +
    u32(f['retryAfterMs']) +
    u8((f['nodes'] as readonly number[]).length) +
    (f['nodes'] as readonly number[]).map(u32).join(''),
  PRICE: (f) =>
    u32(f['priceVersion']) +
    u64(f['bytePrice']) +
    u64(f['cpuPrice']) +
    u64(f['fromEpoch']) +
    u8(listOf(f['services']).length) +
    all(f['services'], (each) => u32(each['serviceId']) + u32(each['multiplePpm'])),
  RESUME: (f) =>
    u64(f['epoch']) + u16(listOf(f['lanes']).length) + all(f['lanes'], laneMark) + u8(listOf(f['chains']).length) + all(f['chains'], chain),
  WINDOW: (f) => u32(f['window']),
  METER: (f) => u32(f['serviceId']) + u64(f['epoch']) + u64(f['cumCpuMicros']),
}

/** `type u8 · flags u8 · lane u16 · length u32 · body` */
export const raw = (type: number, flags: number, lane: number, body: Hex, length: number = body.length / 2): Hex =>
  u8(type) + u8(flags) + u16(lane) + u32(length) + body

/** The body of a frame by its name and flags. */
export const bodyOf = (frame: string, flags: number, fields: Json): Hex => (BODIES[`${frame} ${flags}`] ?? BODIES[frame])!(fields)
