/**
 * The layouts of delivery-acknowledgements.md once more, as plainly as can be: hex put together from values as they stand in records.json, with nothing of the
 * package. Bytes are `0x` and hex, a u64 is decimal text. It checks nothing.
 */
import { keccak256 } from '@selvedge/crypto/secp256k1'
import { createHash } from 'node:crypto'

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
export const u48 = (value: JsonValue | undefined): Hex => number(value, 6)
export const u64 = (value: JsonValue | undefined): Hex => number(value, 8)
/** Big endian, as keys are compared. */
export const u32be = (value: number): Hex => value.toString(16).padStart(8, '0')
/** Of `0x…`. */
export const hexOf = (value: JsonValue | undefined): Hex => (value as string).slice(2)
export const ascii = (text: string): Hex => Buffer.from(text, 'latin1').toString('hex')
export const sha256 = (hex: Hex): Hex => createHash('sha256').update(Buffer.from(hex, 'hex')).digest('hex')
const sizeOf = (hex: Hex): number => hex.length / 2
const listOf = (value: JsonValue | undefined): readonly Json[] => value as readonly Json[]
const all = (items: JsonValue | undefined, write: (item: Json) => Hex): Hex => listOf(items).map(write).join('')

/** Without its signature. */
const delegationFields = (f: Json): Hex =>
  hexOf(f['account']) +
  hexOf(f['sessionKey']) +
  u64(f['spendCap']) +
  u64(f['notAfterEpoch']) +
  u64(f['nonce']) +
  u8((f['services'] as readonly number[]).length) +
  (f['services'] as readonly number[]).map(u32).join('')
export const delegation = (f: Json): Hex => delegationFields(f) + hexOf(f['signature'])

const keccak = (hex: Hex): Hex => Buffer.from(keccak256(new Uint8Array(Buffer.from(hex, 'hex')))).toString('hex')
const word = (value: JsonValue | undefined): Hex => {
  const text = `${value as string | number}`
  return (text.startsWith('0x') ? hexOf(text) : BigInt(text).toString(16)).padStart(64, '0')
}
/** What the account signs, by EIP-712. */
export const delegationDigest = (chainId: number, f: Json): Hex => {
  const domainType = keccak(ascii('EIP712Domain(string name,string version,uint256 chainId)'))
  const domain = keccak(domainType + keccak(ascii('Selvedge')) + keccak(ascii('1')) + word(chainId))
  const type = 'Delegation(address account,bytes32 sessionKey,uint64 spendCap,uint64 notAfterEpoch,uint64 nonce,uint32[] services)'
  const services = keccak((f['services'] as readonly number[]).map(word).join(''))
  const words = ['account', 'sessionKey', 'spendCap', 'notAfterEpoch', 'nonce'].map((name) => word(f[name]))
  return keccak(`1901${domain}${keccak(keccak(ascii(type)) + words.join('') + services)}`)
}

/** What the session's key signs. */
export const preimage = (f: Json): Hex =>
  ascii('SLVDACK1') +
  u32(f['chainId']) +
  hexOf(f['account']) +
  hexOf(f['sessionId']) +
  u32(f['nodeIndex']) +
  u32(f['serviceId']) +
  u8(0) +
  u8(f['isFinal'] === true ? 1 : 0) +
  u64(f['epoch']) +
  u32(f['seq']) +
  u64(f['cumBytes']) +
  u64(f['cumCpuMicros']) +
  u64(f['cumPrice']) +
  u32(f['priceVersion']) +
  hexOf(f['contentRoot']) +
  u16(f['ttfbMs']) +
  u32(f['goodputKbps']) +
  hexOf(f['payAnchor']) +
  u32(f['expiryEpoch'])
export const acknowledgement = (f: Json): Hex => preimage(f) + hexOf(f['signature'])

export const sessionId = (f: Json): Hex =>
  sha256(
    ascii('selvedge/dack/session/1\0') +
      u32(f['chainId']) +
      hexOf(f['account']) +
      hexOf(f['sessionKey']) +
      hexOf(f['nodeKey']) +
      u64(f['laneNonce']) +
      u64(f['epoch']) +
      hexOf(f['clientRand']) +
      hexOf(f['nodeRand']),
  ).slice(0, 32)

export const laneDigest = (openBody: Hex, acceptBody: Hex): Hex =>
  sha256(ascii('selvedge/dack/lane/1\0') + u32(sizeOf(openBody)) + openBody + acceptBody)
export const contentStart = (session: Hex, channelBinding: Hex): Hex =>
  sha256(ascii('selvedge/dack/content/1\0') + session + sha256(ascii('selvedge/dack/salt/1\0') + channelBinding))
export const contentAfter = (root: Hex, digest: Hex, from: string, to: string): Hex =>
  sha256(ascii('selvedge/dack/piece/1\0') + root + digest + u64(from) + u64(to))
export const tickBefore = (x: Hex): Hex => sha256(ascii('selvedge/dack/tick/1\0') + x)

export const claimKey = (serviceId: number, clientIndex: number, session: Hex): Hex => u32be(serviceId) + u32be(clientIndex) + session
export interface Leaf {
  readonly key: Hex
  readonly acknowledgement: Hex
  readonly tickIndex: number
  readonly amount: string
}
export const leafHash = ({ key, acknowledgement: signed, tickIndex, amount }: Leaf): Hex =>
  sha256(ascii('selvedge/claim-leaf/1\0') + key + sha256(signed) + u16(tickIndex) + u64(amount))
export interface Side {
  readonly hash: Hex
  readonly sum: string
  /** The smallest key under it. */
  readonly key: Hex
}
export const above = (left: Side, right: Side): Side => {
  const preimageOf = left.hash + right.hash + u64(left.sum) + u64(right.sum) + right.key
  const hash = sha256(ascii('selvedge/claim-node/1\0') + preimageOf)
  return { hash, sum: String(BigInt(left.sum) + BigInt(right.sum)), key: left.key }
}

/** Every item has the service of its section; sections and clients ascend. */
export const debits = (items: JsonValue): Hex => {
  const services = [...new Set(listOf(items).map((each) => each['serviceId'] as number))]
  const sections = services.map((serviceId) => listOf(items).filter((each) => each['serviceId'] === serviceId))
  const pair = (each: Json): Hex => u32(each['clientIndex']) + u48(each['amount'])
  return sections.map((section) => u32(section[0]!['serviceId']) + u32(section.length) + all(section, pair)).join('')
}

const step = (f: Json): Hex => hexOf(f['sibling']) + u64(f['sum']) + hexOf(f['split'])
export const opening = (f: Json): Hex => {
  const [tick, session, path] = [f['tick'] as Json, f['session'] as Json, listOf(f['path'])]
  const delegated = delegation(f['delegation'] as Json)
  const sides = path.reduce((bits, { isRight }, index) => bits + (isRight === true ? 2 ** index : 0), 0)
  return (
    acknowledgement(f['acknowledgement'] as Json) +
    u16(tick['index']) +
    hexOf(tick['x']) +
    u64(session['laneNonce']) +
    hexOf(session['clientRand']) +
    hexOf(session['nodeRand']) +
    u16(sizeOf(delegated)) +
    delegated +
    u8(path.length) +
    u32(sides) +
    path.map(step).join('')
  )
}

const claimAnswer = (f: Json): Hex =>
  u64(f['epoch']) + u32(f['nodeIndex']) + u16(f['first']) + u16(listOf(f['openings']).length) + all(f['openings'], opening)
const claimDebits = (f: Json): Hex =>
  u64(f['epoch']) + u32(f['nodeIndex']) + u16(f['part']) + u16(f['parts']) + u32(sizeOf(hexOf(f['bytes']))) + hexOf(f['bytes'])
const claimCommit = (f: Json): Hex =>
  u64(f['epoch']) + u32(f['nodeIndex']) + hexOf(f['root']) + u64(f['total']) + u32(f['count']) + hexOf(f['debitsDigest'])

/** By the name of what is encoded. */
export const LAYOUTS: Readonly<Record<string, (f: Json) => Hex>> = {
  delegation,
  acknowledgement,
  debits: (f) => debits(f['debits']!),
  ClaimCommit: claimCommit,
  ClaimDebits: claimDebits,
  opening,
  ClaimAnswer: claimAnswer,
  DisputeAnswer: (f) => u32(f['clientIndex']) + u32(f['serviceId']) + claimAnswer(f),
}
