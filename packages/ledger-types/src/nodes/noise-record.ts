/**
 * The signed key of a node's sessions: `nodeKey 32 · x25519 32 · notAfterEpoch u64 · signature 64`, 136 bytes, by the node's Ed25519 key
 * over `"selvedge/noise-key/1\0" ‖ chainId u32 ‖ the first 72 bytes`.
 */
import { isEd25519Signature } from '@selvedge/crypto/ed25519'
import { transcriptOf } from '@selvedge/crypto/transcript'
import { ByteWriter, decodeWhole } from '../bytes.ts'

export interface NoiseRecord {
  readonly nodeKey: Uint8Array
  readonly x25519: Uint8Array
  readonly notAfterEpoch: number
  readonly signature: Uint8Array
}

export const NOISE_RECORD_BYTES = 136

export function encodeNoiseRecord(record: NoiseRecord): Uint8Array {
  return new ByteWriter(NOISE_RECORD_BYTES).raw(encodeUnsigned(record)).raw(record.signature, 64).finish()
}

/** The signature is not looked at. @throws {LedgerError} `LEDGER_MALFORMED` */
export function decodeNoiseRecord(bytes: Uint8Array): NoiseRecord {
  return decodeWhole(bytes, (reader) => {
    return { nodeKey: reader.raw(32), x25519: reader.raw(32), notAfterEpoch: reader.epoch(), signature: reader.raw(64) }
  })
}

/** What the node signs. */
export function noiseRecordSigningBytes(chainId: number, record: Omit<NoiseRecord, 'signature'>): Uint8Array {
  return transcriptOf('noiseKey', new ByteWriter(4).u32(chainId).finish(), encodeUnsigned(record))
}

/** Whether it is the record of the node that it names. */
export function isNoiseRecordSigned(chainId: number, record: NoiseRecord): boolean {
  return isEd25519Signature(record.signature, noiseRecordSigningBytes(chainId, record), record.nodeKey)
}

function encodeUnsigned({ nodeKey, x25519, notAfterEpoch }: Omit<NoiseRecord, 'signature'>): Uint8Array {
  return new ByteWriter(72).raw(nodeKey, 32).raw(x25519, 32).epoch(notAfterEpoch).finish()
}
