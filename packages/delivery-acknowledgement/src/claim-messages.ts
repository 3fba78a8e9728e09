/** What a node sends to the ledger about its claim: bodies of the node transactions 0x10 … 0x13. */
import { DEBITS_PART_BYTES_MAX, DIGEST_BYTES } from './constants.ts'
import { malformed } from './errors.ts'
import { encodeOpening, type Opening, readOpening } from './opening.ts'
import { WireReader, WireWriter } from './wire.ts'

/** 0x10: fixes the claim before anybody knows which points will be asked for. */
export interface ClaimCommit {
  readonly epoch: bigint
  readonly nodeIndex: number
  /** Of the claim's tree, 32 bytes. */
  readonly root: Uint8Array
  /** µUSD, at most 2^63. */
  readonly total: bigint
  /** Leaves. */
  readonly count: number
  /** SHA-256 of all debits, 32 bytes. */
  readonly debitsDigest: Uint8Array
}

/** 0x11: one part of who owes what. */
export interface ClaimDebits {
  readonly epoch: bigint
  readonly nodeIndex: number
  /** From 0. */
  readonly part: number
  readonly parts: number
  /** 1 … 61,440 bytes: `cutDebits`. */
  readonly bytes: Uint8Array
}

/** 0x12: the points `first`, `first + 1`, … opened. */
export interface ClaimAnswer {
  readonly epoch: bigint
  readonly nodeIndex: number
  readonly first: number
  readonly openings: readonly Opening[]
}

/** 0x13: the leaves of one client's entry, in order; `first` counts those that were opened before. */
export interface DisputeAnswer extends ClaimAnswer {
  readonly clientIndex: number
  readonly serviceId: number
}

const COMMIT_BYTES = 8 + 4 + DIGEST_BYTES + 8 + 4 + DIGEST_BYTES
const DEBITS_HEAD_BYTES = 8 + 4 + 2 + 2 + 4

/** 88 bytes. */
export function encodeClaimCommit({ epoch, nodeIndex, root, total, count, debitsDigest }: ClaimCommit): Uint8Array {
  const writer = new WireWriter(COMMIT_BYTES).epoch(epoch).u32(nodeIndex, 'nodeIndex').bytes(root, DIGEST_BYTES, 'root')
  return writer.u64(total, 'total').u32(count, 'count').bytes(debitsDigest, DIGEST_BYTES, 'debitsDigest').out
}

/** @throws {DeliveryAcknowledgementError} `DELIVERY_ACKNOWLEDGEMENT_MALFORMED`, as every decoder here. */
export function decodeClaimCommit(body: Uint8Array): ClaimCommit {
  const reader = new WireReader(body)
  const commit: ClaimCommit = {
    epoch: reader.epoch(),
    nodeIndex: reader.u32('nodeIndex'),
    root: reader.bytes(DIGEST_BYTES, 'root'),
    total: reader.u64('total'),
    count: reader.u32('count'),
    debitsDigest: reader.bytes(DIGEST_BYTES, 'debitsDigest'),
  }
  reader.end('ClaimCommit')
  return commit
}

/** 20 bytes and the part. */
export function encodeClaimDebits({ epoch, nodeIndex, part, parts, bytes }: ClaimDebits): Uint8Array {
  checkPart(part, parts, bytes.length)
  const writer = new WireWriter(DEBITS_HEAD_BYTES + bytes.length).epoch(epoch).u32(nodeIndex, 'nodeIndex')
  return writer.u16(part, 'part').u16(parts, 'parts').u32(bytes.length, 'length').bytes(bytes, bytes.length, 'bytes').out
}

export function decodeClaimDebits(body: Uint8Array): ClaimDebits {
  const reader = new WireReader(body)
  const head = { epoch: reader.epoch(), nodeIndex: reader.u32('nodeIndex'), part: reader.u16('part'), parts: reader.u16('parts') }
  const length = reader.u32('length')
  checkPart(head.part, head.parts, length)
  const bytes = reader.bytes(length, 'bytes')
  reader.end('ClaimDebits')
  return { ...head, bytes }
}

export function encodeClaimAnswer(answer: ClaimAnswer): Uint8Array {
  return joined([headOf(answer), ...answer.openings.map(encodeOpening)])
}

export function decodeClaimAnswer(body: Uint8Array): ClaimAnswer {
  return readAnswer(new WireReader(body), 'ClaimAnswer')
}

export function encodeDisputeAnswer(answer: DisputeAnswer): Uint8Array {
  const entry = new WireWriter(8).u32(answer.clientIndex, 'client').u32(answer.serviceId, 'serviceId').out
  return joined([entry, encodeClaimAnswer(answer)])
}

export function decodeDisputeAnswer(body: Uint8Array): DisputeAnswer {
  const reader = new WireReader(body)
  const clientIndex = reader.u32('client')
  const serviceId = reader.u32('serviceId')
  return { clientIndex, serviceId, ...readAnswer(reader, 'DisputeAnswer') }
}

function headOf({ epoch, nodeIndex, first, openings }: ClaimAnswer): Uint8Array {
  checkCount(first, openings.length)
  return new WireWriter(16).epoch(epoch).u32(nodeIndex, 'nodeIndex').u16(first, 'first').u16(openings.length, 'count').out
}

function readAnswer(reader: WireReader, what: string): ClaimAnswer {
  const head = { epoch: reader.epoch(), nodeIndex: reader.u32('nodeIndex'), first: reader.u16('first') }
  const count = reader.u16('count')
  checkCount(head.first, count)
  const openings: Opening[] = []
  for (let index = 0; index < count; index++) openings.push(readOpening(reader))
  reader.end(what)
  return { ...head, openings }
}

function checkCount(first: number, count: number): void {
  if (count < 1 || first + count > 0x1_00_00) throw malformed(`points ${first} … ${first + count - 1} are none, or beyond a u16`)
}

function checkPart(part: number, parts: number, length: number): void {
  if (part >= parts) throw malformed(`part ${part} of ${parts}`)
  if (length < 1 || length > DEBITS_PART_BYTES_MAX) throw malformed(`a part has 1 to ${DEBITS_PART_BYTES_MAX} bytes, got ${length}`)
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((size, part) => size + part.length, 0))
  let offset = 0
  for (const part of parts) {
    out.set(part, offset)
    offset += part.length
  }
  return out
}
