/**
 * A certificate: header · header signature 64 · signers (bitmap) · one vote signature of 64 bytes for each signer, ascending.
 *
 * Its digest does not cover the votes, or one header would have several identities.
 */
import { LEDGER_TAGS } from '@selvedge/crypto/transcript'
import { sha256 } from '@selvedge/crypto/sha256'
import { ConsensusError } from '../errors.ts'
import { ByteReader, ByteWriter } from './bytes.ts'
import { hashTagged } from './digest.ts'
import { headerSize, readHeader, writeHeader } from './header.ts'
import { SIGNATURE_BYTES } from './limits.ts'
import { bitmapBytesOf, readSigners, writeSigners } from './signers.ts'
import type { Authority, Certificate, Digest } from './types.ts'

export function encodeCertificate(certificate: Certificate, committeeSize: number): Uint8Array {
  const { header, headerSignature, signers, signatures } = certificate
  if (signers.length !== signatures.length) {
    throw new ConsensusError('CONSENSUS_BAD_LENGTH', `${signers.length} signers with ${signatures.length} signatures`)
  }
  const out = new ByteWriter(headerSize(header) + bitmapBytesOf(committeeSize) + SIGNATURE_BYTES * (1 + signatures.length))
  writeHeader(out, header)
  out.raw(headerSignature, SIGNATURE_BYTES)
  writeSigners(out, signers, committeeSize)
  for (const signature of signatures) out.raw(signature, SIGNATURE_BYTES)
  return out.finish()
}

/** All bytes in the result are views of `bytes`. Stake and signatures are not looked at: see `checkCertificate`. */
export function decodeCertificate(bytes: Uint8Array, committeeSize: number): Certificate {
  const reader = new ByteReader(bytes)
  const header = readHeader(reader, bytes)
  const headerSignature = reader.raw(SIGNATURE_BYTES)
  const signers = readSigners(reader, committeeSize)
  const signatures = signers.map(() => reader.raw(SIGNATURE_BYTES))
  reader.end()
  return { header, headerSignature, signers, signatures }
}

/** `H(0x02 ‖ chainId ‖ header digest)`. */
export function certificateDigest(chainId: number, headerDigest: Digest): Digest {
  return hashTagged(LEDGER_TAGS.certificate, chainId, headerDigest)
}

/** The implicit certificate or block of round 0: `H(0x00 ‖ chainId ‖ genesisHash ‖ epoch ‖ author)`. */
export function genesisDigest(chainId: number, genesisHash: Digest, epoch: number, author: Authority): Digest {
  return sha256(new ByteWriter(47).u8(LEDGER_TAGS.genesis).u32(chainId).digest(genesisHash).u64(epoch).u16(author).finish())
}
