/** Bytes that are no record: each is another spelling of one that is, or says what cannot be. */
import { ascii, type Hex, type Json, LAYOUTS, u16, u32, u48, u64, u8 } from './layouts.ts'

export interface RefusedRecord {
  readonly name: string
  /** Of which layout it is not. */
  readonly kind: string
  readonly hex: Hex
  readonly code: 'DELIVERY_ACKNOWLEDGEMENT_MALFORMED'
}
interface Accepted {
  readonly name: string
  readonly kind: string
  readonly fields: Json
  readonly hex: Hex
}

/** The first number that is no epoch. */
const EPOCH_END = String(2n ** 32n)
const ALL = 'a delegation for all services'
const SOME = 'a delegation for two services'
const FIRST = 'the acknowledgement of session 0'
const LEAF = 'the opening of leaf 0'
/** Where things are in an opening whose delegation names no service. */
const TICK_OFFSET = 236
const DELEGATION_LENGTH_OFFSET = 310
const DEPTH_OFFSET = 454

/** Makes others of records that are right. */
interface Changes {
  readonly fieldsOf: (of: string) => Json
  /** `of` with other bytes from `offset` on. */
  readonly changed: (name: string, of: string, offset: number, bytes: Hex) => RefusedRecord
  /** `of` with other fields. */
  readonly saying: (name: string, of: string, about: Json) => RefusedRecord
  readonly noEpoch: (of: string) => RefusedRecord
}

const refuse = (name: string, kind: string, hex: Hex): RefusedRecord => {
  return { name, kind, hex, code: 'DELIVERY_ACKNOWLEDGEMENT_MALFORMED' }
}

function changesOf(accepted: readonly Accepted[]): Changes {
  const named = (name: string): Accepted => accepted.find((each) => each.name === name)!
  const saying = (name: string, of: string, about: Json): RefusedRecord => {
    const { kind, fields } = named(of)
    return refuse(name, kind, LAYOUTS[kind]!({ ...fields, ...about }))
  }
  return {
    fieldsOf: (of) => named(of).fields,
    changed(name, of, offset, bytes) {
      const { kind, hex } = named(of)
      return refuse(name, kind, hex.slice(0, 2 * offset) + bytes + hex.slice(2 * offset + bytes.length))
    },
    saying,
    noEpoch: (of) => saying(`${of}, of an epoch beyond 2^32 − 1`, of, { epoch: EPOCH_END }),
  }
}

/** @param accepted - records that are right, of which these are made. */
export function refusedRecords(accepted: readonly Accepted[]): RefusedRecord[] {
  const changes = changesOf(accepted)
  const ended = accepted.filter(({ kind }) => kind !== 'debits') // of which a part may be any number of pairs
  return [
    ...ended.flatMap(({ name, kind, hex }) => [
      refuse(`${name}, a byte longer`, kind, `${hex}00`),
      refuse(`${name}, a byte shorter`, kind, hex.slice(0, -2)),
    ]),
    ...signedRecords(changes),
    ...debits(),
    ...messages(changes),
  ]
}

function signedRecords({ changed, saying, noEpoch }: Changes): RefusedRecord[] {
  return [
    changed('an acknowledgement of version 2', FIRST, 0, ascii('SLVDACK2')),
    changed('an acknowledgement under another domain', FIRST, 0, ascii('slvdack1')),
    saying('an acknowledgement on chain 0', FIRST, { chainId: 0 }),
    changed('an acknowledgement by another type of key', FIRST, 56, u8(1)),
    changed('an acknowledgement with an unknown flag', FIRST, 57, u8(2)),
    noEpoch(FIRST),
    saying('an acknowledgement that counts from 0', FIRST, { seq: 0 }),
    saying('a delegation whose services fall', SOME, { services: [7, 0] }),
    saying('a delegation that names a service twice', SOME, { services: [7, 7] }),
    saying('a delegation for 33 services', SOME, { services: Array.from({ length: 33 }, (_, index) => index) }),
    changed('a delegation that claims a service', ALL, 76, u8(1)),
    changed('a delegation whose v is 2', ALL, 141, u8(2)),
    changed('a delegation whose v is 27', ALL, 141, u8(27)),
    saying('a delegation until an epoch beyond 2^32 − 1', ALL, { notAfterEpoch: EPOCH_END }),
  ]
}

function debits(): RefusedRecord[] {
  const section = (serviceId: number, ...pairs: readonly (readonly [number, number])[]): Hex =>
    u32(serviceId) + u32(pairs.length) + pairs.map(([clientIndex, amount]) => u32(clientIndex) + u48(amount)).join('')
  return [
    refuse('debits of an empty section', 'debits', section(0)),
    refuse('debits whose services fall', 'debits', section(7, [1, 5]) + section(0, [1, 5])),
    refuse('debits in two sections of one service', 'debits', section(7, [1, 5]) + section(7, [2, 5])),
    refuse('debits whose clients fall', 'debits', section(0, [2, 5], [1, 5])),
    refuse('debits of a client twice', 'debits', section(0, [1, 5], [1, 5])),
    refuse('a debit of nothing', 'debits', section(0, [1, 0])),
    refuse('debits cut in a head', 'debits', section(0, [1, 5]).slice(0, 14)),
    refuse('debits cut in a pair', 'debits', section(0, [1, 5]).slice(0, -2)),
  ]
}

function messages({ fieldsOf, changed, saying, noEpoch }: Changes): RefusedRecord[] {
  const [step] = fieldsOf(LEAF)['path'] as readonly Json[]
  return [
    noEpoch('ClaimCommit'),
    noEpoch('ClaimDebits, all in one'),
    saying('ClaimDebits of a part behind the last', 'ClaimDebits, all in one', { part: 1 }),
    saying('ClaimDebits of no part', 'ClaimDebits, all in one', { parts: 0 }),
    saying('ClaimDebits of nothing', 'ClaimDebits, all in one', { bytes: '0x' }),
    changed('ClaimDebits that claims 61,441 bytes', 'ClaimDebits, all in one', 16, u32(61_441)),
    changed('an opening whose tick is 257 behind its anchor', LEAF, TICK_OFFSET, u16(257)),
    changed('an opening with an element and no tick', LEAF, TICK_OFFSET + 2, '01'),
    changed('an opening whose delegation says one byte more', LEAF, DELEGATION_LENGTH_OFFSET, u16(143)),
    changed('an opening whose path is one step longer than it is', LEAF, DEPTH_OFFSET, u8(3)),
    saying('an opening with a path of 33 steps', LEAF, { path: Array.from({ length: 33 }, () => step!) }),
    changed('an opening with sides above its path', LEAF, DEPTH_OFFSET + 1, u32(4)),
    noEpoch('ClaimAnswer'),
    saying('ClaimAnswer that opens nothing', 'ClaimAnswer', { openings: [] }),
    changed('ClaimAnswer that claims one opening more', 'ClaimAnswer', 14, u16(3)),
    changed('ClaimAnswer that claims one opening less', 'ClaimAnswer', 14, u16(1)),
    saying('ClaimAnswer of a point beyond 65,535', 'ClaimAnswer', { first: 65_535 }),
    noEpoch('DisputeAnswer'),
    refuse('DisputeAnswer without a client', 'DisputeAnswer', u64(0)),
  ]
}
