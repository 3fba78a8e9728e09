/**
 * Bodies of node transactions. Claims and their answers stay bytes here (delivery-acknowledgement knows them), evidence too (order does).
 * Source: ledger rules, "Node transactions".
 */
import { hashTranscript } from '@selvedge/crypto/transcript'
import { ByteReader, ByteWriter, compareBytes } from '../bytes.ts'
import { LedgerError } from '../errors.ts'
import { chunkGas, GAS } from '../gas.ts'
import type { Digest } from '../hash.ts'
import type { NodeTransaction } from '../transactions/types.ts'
import { NODE_KINDS, type NodeKindName, nodeKindOf } from './node-kinds.ts'
import { NOISE_RECORD_BYTES } from './noise-record.ts'

/** What one reporter measured of one target in an epoch. */
export interface Measurement {
  /** nodeIndex. */
  readonly target: number
  readonly rttMicros: number
  readonly jitterMicros: number
  /** Of `asked` probes. */
  readonly answered: number
  readonly asked: number
}

export interface ContentEntry {
  /** BLAKE3 root, 32 bytes. */
  readonly root: Uint8Array
  readonly isAdded: boolean
}

export type NodeBody =
  | { readonly kind: 'optIn' | 'optOut' }
  /** `addresses`: encoded, see `decodeAddresses`. */
  | { readonly kind: 'setNode'; readonly noiseRecord: Uint8Array; readonly addresses: Uint8Array }
  | { readonly kind: 'claimCommit' | 'claimDebits' | 'claimAnswer'; readonly bytes: Uint8Array }
  /** `bytes`: a ClaimAnswer. */
  | { readonly kind: 'disputeAnswer'; readonly clientIndex: number; readonly serviceId: number; readonly bytes: Uint8Array }
  | { readonly kind: 'reportCommit'; readonly epoch: number; readonly commitment: Digest }
  | { readonly kind: 'reportReveal'; readonly epoch: number; readonly salt: Uint8Array; readonly measurements: readonly Measurement[] }
  | { readonly kind: 'coordinates'; readonly epoch: number; readonly coordinates: readonly number[]; readonly receiptRoot: Digest }
  | { readonly kind: 'contentUpdate'; readonly entries: readonly ContentEntry[] }
  | { readonly kind: 'evidence'; readonly bytes: Uint8Array }
  | { readonly kind: 'version'; readonly newest: number }

export type NodeBodyOf<K extends NodeKindName> = Extract<NodeBody, { readonly kind: K }>

export const COORDINATE_COUNT = 24
export const CONTENT_ENTRIES_MAX = 100
const MEASUREMENT_BYTES = 16
const CONTENT_ENTRY_BYTES = 33
/** In a ClaimAnswer, behind epoch u64, nodeIndex u32 and first u16. */
const ANSWER_COUNT_OFFSET = 14
const DISPUTE_HEAD_BYTES = 8
/** Before the pairs of ClaimDebits, and of each of them. */
const DEBITS_HEAD_BYTES = 20
const DEBIT_PAIR_BYTES = 10

/** @throws {LedgerError} `LEDGER_OUT_OF_RANGE` */
export function encodeNodeBody(body: NodeBody): Uint8Array {
  const out = new ByteWriter(64)
  switch (body.kind) {
    case 'optIn':
    case 'optOut':
      return out.finish()
    case 'setNode':
      return out.raw(body.noiseRecord, NOISE_RECORD_BYTES).raw(body.addresses).finish()
    case 'disputeAnswer':
      return out.u32(body.clientIndex).u32(body.serviceId).raw(body.bytes).finish()
    case 'reportCommit':
      return out.epoch(body.epoch).raw(body.commitment, 32).finish()
    case 'reportReveal':
      return writeReveal(out, body)
    case 'coordinates':
      return writeCoordinates(out, body)
    case 'contentUpdate':
      return writeContent(out, body.entries)
    case 'version':
      return out.u32(body.newest).finish()
    default:
      return out.raw(body.bytes).finish()
  }
}

/** @throws {LedgerError} `LEDGER_MALFORMED`, for a kind that does not exist too. */
export function decodeNodeBody(kind: number, bytes: Uint8Array): NodeBody {
  const name = nodeKindOf(kind)
  if (name === undefined) throw new LedgerError('LEDGER_MALFORMED', `no node transaction has kind ${kind}`)
  const reader = new ByteReader(bytes)
  const body = readBody(name, reader)
  reader.end()
  return body
}

/** The body of a node transaction; `undefined` when it is not in its one form. Never throws. */
export function nodeBodyOf({ kind, body }: Pick<NodeTransaction, 'kind' | 'body'>): NodeBody | undefined {
  try {
    return decodeNodeBody(kind, body)
  } catch (error) {
    if (error instanceof LedgerError) return undefined
    throw error
  }
}

/** `H("selvedge/report/1\0" ‖ chainId u32 ‖ nodeIndex u32 ‖ body of the reveal)`. */
export function reportCommitment(chainId: number, nodeIndex: number, reveal: Uint8Array): Digest {
  return hashTranscript('report', new ByteWriter(8).u32(chainId).u32(nodeIndex).finish(), reveal)
}

/**
 * Gas of a node transaction. Openings and entries cost what the body says that it holds, whether it does or not; debits by their bytes.
 * @param bytes - length of the whole transaction.
 */
export function nodeGas({ kind, body }: Pick<NodeTransaction, 'kind' | 'body'>, bytes: number): number {
  const name = nodeKindOf(kind)
  return GAS.nodeTransaction + chunkGas(bytes) + (name === undefined ? GAS.default : ownGas(name, body))
}

function ownGas(name: NodeKindName, body: Uint8Array): number {
  const each = GAS[NODE_KINDS[name].gas]
  switch (name) {
    case 'claimAnswer':
      return each * u16At(body, ANSWER_COUNT_OFFSET)
    case 'disputeAnswer':
      return each * u16At(body, DISPUTE_HEAD_BYTES + ANSWER_COUNT_OFFSET)
    case 'contentUpdate':
      return each * u16At(body, 0)
    case 'claimDebits':
      return GAS.default + each * Math.max(1, Math.ceil((body.length - DEBITS_HEAD_BYTES) / DEBIT_PAIR_BYTES)) // heads of sections count as pairs
    default:
      return each
  }
}

/** 1 where there is none: nothing is for nothing. */
function u16At(bytes: Uint8Array, offset: number): number {
  return offset + 2 <= bytes.length ? Math.max(1, bytes[offset]! + 256 * bytes[offset + 1]!) : 1
}

function readBody(kind: NodeKindName, reader: ByteReader): NodeBody {
  switch (kind) {
    case 'optIn':
    case 'optOut':
      return { kind }
    case 'setNode':
      return { kind, noiseRecord: reader.raw(NOISE_RECORD_BYTES), addresses: reader.raw(reader.remaining) }
    case 'disputeAnswer':
      return { kind, clientIndex: reader.u32(), serviceId: reader.u32(), bytes: reader.raw(reader.remaining) }
    case 'reportCommit':
      return { kind, epoch: reader.epoch(), commitment: reader.raw(32) }
    case 'reportReveal':
      return { kind, epoch: reader.epoch(), salt: reader.raw(32), measurements: readMeasurements(reader) }
    case 'coordinates': {
      const epoch = reader.epoch()
      return { kind, epoch, coordinates: Array.from({ length: COORDINATE_COUNT }, () => reader.u16()), receiptRoot: reader.raw(32) }
    }
    case 'contentUpdate':
      return { kind, entries: readContent(reader) }
    case 'version':
      return { kind, newest: reader.u32() }
    default:
      return { kind, bytes: reader.raw(reader.remaining) }
  }
}

function writeReveal(out: ByteWriter, { epoch, salt, measurements }: NodeBodyOf<'reportReveal'>): Uint8Array {
  out.epoch(epoch).raw(salt, 32).u16(measurements.length)
  let previous = -1
  for (const { target, rttMicros, jitterMicros, answered, asked } of measurements) {
    if (target <= previous) throw new LedgerError('LEDGER_OUT_OF_RANGE', `target ${target} does not ascend`)
    out.u32(target).u32(rttMicros).u32(jitterMicros).u16(answered).u16(asked)
    previous = target
  }
  return out.finish()
}

function readMeasurements(reader: ByteReader): Measurement[] {
  const measurements: Measurement[] = []
  let previous = -1
  for (let left = reader.count16(MEASUREMENT_BYTES); left > 0; left--) {
    const target = reader.u32()
    if (target <= previous) throw new LedgerError('LEDGER_MALFORMED', `target ${target} does not ascend`)
    measurements.push({ target, rttMicros: reader.u32(), jitterMicros: reader.u32(), answered: reader.u16(), asked: reader.u16() })
    previous = target
  }
  return measurements
}

function writeCoordinates(out: ByteWriter, { epoch, coordinates, receiptRoot }: NodeBodyOf<'coordinates'>): Uint8Array {
  if (coordinates.length !== COORDINATE_COUNT) throw new LedgerError('LEDGER_OUT_OF_RANGE', `there are ${COORDINATE_COUNT} coordinates`)
  out.epoch(epoch)
  for (const coordinate of coordinates) out.u16(coordinate)
  return out.raw(receiptRoot, 32).finish()
}

function writeContent(out: ByteWriter, entries: readonly ContentEntry[]): Uint8Array {
  if (entries.length > CONTENT_ENTRIES_MAX) throw new LedgerError('LEDGER_OUT_OF_RANGE', `at most ${CONTENT_ENTRIES_MAX} entries`)
  out.u16(entries.length)
  for (const [i, { root, isAdded }] of entries.entries()) {
    if (i > 0 && compareBytes(entries[i - 1]!.root, root) >= 0) throw new LedgerError('LEDGER_OUT_OF_RANGE', 'roots do not ascend')
    out.raw(root, 32).u8(isAdded ? 1 : 0)
  }
  return out.finish()
}

function readContent(reader: ByteReader): ContentEntry[] {
  const entries: ContentEntry[] = []
  for (let left = reader.count16(CONTENT_ENTRY_BYTES, CONTENT_ENTRIES_MAX); left > 0; left--) {
    const root = reader.raw(32)
    const flags = reader.u8()
    const previous = entries.at(-1)?.root
    if (flags > 1 || (previous !== undefined && compareBytes(previous, root) >= 0)) {
      throw new LedgerError('LEDGER_MALFORMED', 'content entries ascend by root, their flags are 0 or 1')
    }
    entries.push({ root, isAdded: flags === 1 })
  }
  return entries
}
