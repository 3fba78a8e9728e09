/**
 * The signed key of a node's sessions: `nodeKey 32 · x25519 32 · notAfterEpoch u64 · signature 64`, 136 bytes, by the node's Ed25519 key
 * over `"selvedge/noise-key/1\0" ‖ chainId u32 ‖ the first 72 bytes`.
 *
 * Pages load this file for its own sake (`/noise-record`), so it takes nothing of the ledger's reader and writer with it.
 */
import { isEd25519Signature } from '@selvedge/crypto/ed25519'
import { transcriptOf } from '@selvedge/crypto/transcript'
import { LedgerError } from '../errors.ts'

export interface NoiseRecord {
  readonly nodeKey: Uint8Array
  readonly x25519: Uint8Array
  readonly notAfterEpoch: number
  readonly signature: Uint8Array
}

export const NOISE_RECORD_BYTES = 136

const X25519_OFFSET = 32
const EPOCH_OFFSET = 64
const SIGNATURE_OFFSET = 72

/** @throws {LedgerError} `LEDGER_OUT_OF_RANGE` */
export function encodeNoiseRecord(record: NoiseRecord): Uint8Array {
  const out = new Uint8Array(NOISE_RECORD_BYTES)
  out.set(encodeUnsigned(record))
  out.set(checked(record.signature, NOISE_RECORD_BYTES - SIGNATURE_OFFSET), SIGNATURE_OFFSET)
  return out
}

/** The signature is not looked at. @throws {LedgerError} `LEDGER_MALFORMED` */
export function decodeNoiseRecord(bytes: Uint8Array): NoiseRecord {
  if (bytes.length !== NOISE_RECORD_BYTES)
    throw new LedgerError('LEDGER_MALFORMED', `a noise record has ${NOISE_RECORD_BYTES} bytes, got ${bytes.length}`)
  const own = Uint8Array.from(bytes)
  const view = new DataView(own.buffer)
  if (view.getUint32(EPOCH_OFFSET + 4, true) !== 0) throw new LedgerError('LEDGER_MALFORMED', 'an epoch is below 2^32')
  return {
    nodeKey: own.slice(0, X25519_OFFSET),
    x25519: own.slice(X25519_OFFSET, EPOCH_OFFSET),
    notAfterEpoch: view.getUint32(EPOCH_OFFSET, true),
    signature: own.slice(SIGNATURE_OFFSET),
  }
}

/** What the node signs. */
export function noiseRecordSigningBytes(chainId: number, record: Omit<NoiseRecord, 'signature'>): Uint8Array {
  return transcriptOf('noiseKey', u32(chainId), encodeUnsigned(record))
}

/** Whether it is the record of the node that it names. */
export function isNoiseRecordSigned(chainId: number, record: NoiseRecord): boolean {
  return isEd25519Signature(record.signature, noiseRecordSigningBytes(chainId, record), record.nodeKey)
}

function encodeUnsigned({ nodeKey, x25519, notAfterEpoch }: Omit<NoiseRecord, 'signature'>): Uint8Array {
  const out = new Uint8Array(SIGNATURE_OFFSET)
  out.set(checked(nodeKey, X25519_OFFSET))
  out.set(checked(x25519, EPOCH_OFFSET - X25519_OFFSET), X25519_OFFSET)
  out.set(u32(notAfterEpoch), EPOCH_OFFSET)
  return out
}

function checked(bytes: Uint8Array, size: number): Uint8Array {
  if (bytes.length !== size) throw new LedgerError('LEDGER_OUT_OF_RANGE', `expected ${size} bytes, got ${bytes.length}`)
  return bytes
}

function u32(value: number): Uint8Array {
  if (value >>> 0 !== value) throw new LedgerError('LEDGER_OUT_OF_RANGE', `${value} is no u32`)
  const out = new Uint8Array(4)
  new DataView(out.buffer).setUint32(0, value, true)
  return out
}
