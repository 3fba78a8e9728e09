/**
 * Two pointer records by which one witness said of one CID, in one epoch, that two different roots are its content.
 *
 * Evidence: `kind u8 (0x10) · length u16 · record · record`, both of that length, ascending. A record:
 * `kind u8 · cidLength u8 · CID · root 32 · size u64 · skeleton 32 · originKind u8 · epoch u64 · witness u32 · signature 64`, signed by the
 * witness's node key over `"selvedge/pointer/1\0" ‖ chainId u32 ‖ all before the signature`.
 */
import { isEd25519Signature } from '@selvedge/crypto/ed25519'
import { transcriptOf } from '@selvedge/crypto/transcript'
import { ByteReader, ByteWriter, compareBytes, isSameBytes, LedgerError } from '@selvedge/ledger-types'

export const POINTER_EVIDENCE_KIND = 0x10
const SIGNATURE_BYTES = 64

interface PointerRecord {
  readonly signed: Uint8Array
  readonly signature: Uint8Array
  /** kind, length and bytes of the CID. */
  readonly pointer: Uint8Array
  readonly root: Uint8Array
  readonly epoch: number
  readonly witness: number
}

export interface PointerEvidence {
  readonly epoch: number
  /** nodeIndex. */
  readonly witness: number
  readonly records: readonly [PointerRecord, PointerRecord]
}

/** `undefined` for what is no such pair: other forms, two witnesses, epochs or CIDs, equal roots. Signatures are not looked at. */
export function pointerEvidenceOf(bytes: Uint8Array): PointerEvidence | undefined {
  try {
    const reader = new ByteReader(bytes)
    if (reader.u8() !== POINTER_EVIDENCE_KIND) return undefined
    const length = reader.u16()
    const [first, second] = [reader.raw(length), reader.raw(length)] as const
    reader.end()
    const [a, b] = [readRecord(first), readRecord(second)] as const
    const isPair = compareBytes(first, second) < 0 && isSameBytes(a.pointer, b.pointer) && a.epoch === b.epoch && a.witness === b.witness
    return isPair && !isSameBytes(a.root, b.root) ? { epoch: a.epoch, witness: a.witness, records: [a, b] } : undefined
  } catch (error) {
    if (error instanceof LedgerError) return undefined
    throw error
  }
}

export function isPointerEvidenceProven({ records }: PointerEvidence, chainId: number, nodeKey: Uint8Array): boolean {
  const chain = new ByteWriter(4).u32(chainId).finish()
  return records.every(({ signed, signature }) => isEd25519Signature(signature, transcriptOf('pointer', chain, signed), nodeKey))
}

function readRecord(bytes: Uint8Array): PointerRecord {
  const reader = new ByteReader(bytes)
  reader.u8()
  const cidLength = reader.u8()
  reader.raw(cidLength)
  const root = reader.raw(32)
  reader.u64()
  reader.raw(32)
  reader.u8()
  const epoch = reader.epoch()
  const witness = reader.u32()
  const signature = reader.raw(SIGNATURE_BYTES)
  reader.end()
  const signed = bytes.subarray(0, bytes.length - SIGNATURE_BYTES)
  return { signed, signature, pointer: bytes.subarray(0, 2 + cidLength), root, epoch, witness }
}
