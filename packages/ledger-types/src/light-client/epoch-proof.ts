/** What moves a light client on by one epoch: `certificate (u32 length) · committee (u32 length)`, 360 bytes and the committee at 20 seats. */
import { ByteWriter, decodeWhole } from '../bytes.ts'

export interface EpochProof {
  /** Encoded, of the last block of the epoch. */
  readonly certificate: Uint8Array
  /** Encoded, of the epoch after. */
  readonly committee: Uint8Array
}

/** Above any committee of u16 members. */
const COMMITTEE_BYTES_MAX = 2 + 65_535 * 92
const CERTIFICATE_BYTES_MAX = 16_384

export function encodeEpochProof({ certificate, committee }: EpochProof): Uint8Array {
  return new ByteWriter(8 + certificate.length + committee.length).sized(certificate).sized(committee).finish()
}

/** @throws {LedgerError} `LEDGER_MALFORMED` */
export function decodeEpochProof(bytes: Uint8Array): EpochProof {
  return decodeWhole(bytes, (reader) => ({
    certificate: reader.sized(CERTIFICATE_BYTES_MAX),
    committee: reader.sized(COMMITTEE_BYTES_MAX),
  }))
}
