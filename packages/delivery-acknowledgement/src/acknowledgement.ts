/**
 * The acknowledgement: what a client signs about everything that it received in one session from one service, so far.
 *
 * It is cumulative: of one chain (session and service) only the highest `seq` ever matters. Layout: docs/protocol/delivery-acknowledgements.md.
 */
import { transcriptOf } from '@selvedge/crypto/transcript'
import {
  ACCOUNT_BYTES,
  ACKNOWLEDGEMENT_BYTES,
  ACKNOWLEDGEMENT_PREIMAGE_BYTES,
  DIGEST_BYTES,
  ED25519_SIGNATURE_BYTES,
  SESSION_ID_BYTES,
} from './constants.ts'
import { malformed } from './errors.ts'
import { WireReader, WireWriter } from './wire.ts'

const DOMAIN = transcriptOf('acknowledgement')
const KEY_TYPE_ED25519 = 0

/** All fields as they are signed. */
export interface AcknowledgementFields {
  /** Never 0. */
  readonly chainId: number
  /** Who pays, 20 bytes. */
  readonly account: Uint8Array
  /** 16 bytes: made from what both ends agreed on, by `sessionIdOf` of `@selvedge/crypto`. */
  readonly sessionId: Uint8Array
  readonly nodeIndex: number
  readonly serviceId: number
  /** Nothing follows in this chain. */
  readonly isFinal: boolean
  /** Below 2^32. */
  readonly epoch: bigint
  /** Counts from 1. */
  readonly seq: number
  /** Of everything verified, proofs included. */
  readonly cumBytes: bigint
  readonly cumCpuMicros: bigint
  /** µUSD: `priceOf` of the two above. */
  readonly cumPrice: bigint
  readonly priceVersion: number
  /** What was delivered, chained: 32 bytes. */
  readonly contentRoot: Uint8Array
  /** Time to first byte as the client saw it; 65,535 is that or more. */
  readonly ttfbMs: number
  readonly goodputKbps: number
  /** The last revealed element of the chain of ticks, 32 bytes; zero where there is none. */
  readonly payAnchor: Uint8Array
  /** One more than `epoch`. */
  readonly expiryEpoch: number
}

export interface Acknowledgement extends AcknowledgementFields {
  /** Ed25519 by the session's key over the preimage, 64 bytes. */
  readonly signature: Uint8Array
}

/**
 * What the session's key signs: 172 bytes.
 * @throws {DeliveryAcknowledgementError} `DELIVERY_ACKNOWLEDGEMENT_MALFORMED` for a width or number that does not fit.
 */
export function acknowledgementPreimageOf(fields: AcknowledgementFields): Uint8Array {
  return write(new WireWriter(ACKNOWLEDGEMENT_PREIMAGE_BYTES), fields).out
}

const VIEWED = new WireWriter(ACKNOWLEDGEMENT_PREIMAGE_BYTES)

/** The same as a view, good until the next call: for whoever looks at it and keeps nothing, once for every acknowledgement of a node. */
export function preimageViewOf(fields: AcknowledgementFields): Uint8Array {
  return write(VIEWED.again(), fields).out
}

/** Signs `fields` with the session's key: `sign` gets the preimage and returns 64 bytes. */
export function signAcknowledgement(fields: AcknowledgementFields, sign: (preimage: Uint8Array) => Uint8Array): Acknowledgement {
  return { ...fields, signature: sign(acknowledgementPreimageOf(fields)) }
}

/** The only encoding: 236 bytes, the signature last. */
export function encodeAcknowledgement(acknowledgement: Acknowledgement): Uint8Array {
  const writer = write(new WireWriter(ACKNOWLEDGEMENT_BYTES), acknowledgement)
  return writer.bytes(acknowledgement.signature, ED25519_SIGNATURE_BYTES, 'signature').out
}

/**
 * Accepts nothing but what `encodeAcknowledgement` writes. Says nothing about who signed: see `checkAcknowledgement`.
 * @param bytes - 236 of them; what is returned holds copies.
 * @throws {DeliveryAcknowledgementError} `DELIVERY_ACKNOWLEDGEMENT_MALFORMED`
 */
export function decodeAcknowledgement(bytes: Uint8Array): Acknowledgement {
  if (bytes.length !== ACKNOWLEDGEMENT_BYTES)
    throw malformed(`an acknowledgement has ${ACKNOWLEDGEMENT_BYTES} bytes, these are ${bytes.length}`)
  const reader = new WireReader(bytes)
  if (!DOMAIN.every((byte, i) => byte === bytes[i])) throw malformed('another domain or version')
  reader.skip(DOMAIN.length, 'domain')
  const chainId = checkedChain(reader.u32('chainId'))
  const account = reader.bytes(ACCOUNT_BYTES, 'account')
  const sessionId = reader.bytes(SESSION_ID_BYTES, 'sessionId')
  const nodeIndex = reader.u32('nodeIndex')
  const serviceId = reader.u32('serviceId')
  const keyType = reader.u8('keyType')
  if (keyType !== KEY_TYPE_ED25519) throw malformed(`keyType ${keyType} is unknown`)
  const flags = reader.u8('flags')
  if (flags > 1) throw malformed(`flags ${flags} are unknown`)
  return {
    chainId,
    account,
    sessionId,
    nodeIndex,
    serviceId,
    isFinal: flags === 1,
    epoch: reader.epoch(),
    seq: checkedSeq(reader.u32('seq')),
    cumBytes: reader.u64('cumBytes'),
    cumCpuMicros: reader.u64('cumCpuMicros'),
    cumPrice: reader.u64('cumPrice'),
    priceVersion: reader.u32('priceVersion'),
    contentRoot: reader.bytes(DIGEST_BYTES, 'contentRoot'),
    ttfbMs: reader.u16('ttfbMs'),
    goodputKbps: reader.u32('goodputKbps'),
    payAnchor: reader.bytes(DIGEST_BYTES, 'payAnchor'),
    expiryEpoch: reader.u32('expiryEpoch'),
    signature: reader.bytes(ED25519_SIGNATURE_BYTES, 'signature'),
  }
}

function write(writer: WireWriter, fields: AcknowledgementFields): WireWriter {
  return writer
    .bytes(DOMAIN, DOMAIN.length, 'domain')
    .u32(checkedChain(fields.chainId), 'chainId')
    .bytes(fields.account, ACCOUNT_BYTES, 'account')
    .bytes(fields.sessionId, SESSION_ID_BYTES, 'sessionId')
    .u32(fields.nodeIndex, 'nodeIndex')
    .u32(fields.serviceId, 'serviceId')
    .u8(KEY_TYPE_ED25519, 'keyType')
    .u8(fields.isFinal ? 1 : 0, 'flags')
    .epoch(fields.epoch)
    .u32(checkedSeq(fields.seq), 'seq')
    .u64(fields.cumBytes, 'cumBytes')
    .u64(fields.cumCpuMicros, 'cumCpuMicros')
    .u64(fields.cumPrice, 'cumPrice')
    .u32(fields.priceVersion, 'priceVersion')
    .bytes(fields.contentRoot, DIGEST_BYTES, 'contentRoot')
    .u16(fields.ttfbMs, 'ttfbMs')
    .u32(fields.goodputKbps, 'goodputKbps')
    .bytes(fields.payAnchor, DIGEST_BYTES, 'payAnchor')
    .u32(fields.expiryEpoch, 'expiryEpoch')
}

function checkedChain(chainId: number): number {
  if (chainId === 0) throw malformed('chainId must not be 0')
  return chainId
}

function checkedSeq(seq: number): number {
  if (seq === 0) throw malformed('seq counts from 1')
  return seq
}
