/** Signers as a bitmap of ceil(n / 8) bytes: authority i is bit i mod 8 of byte i / 8, from the least significant; spare bits are zero. */
import { ConsensusError } from '../errors.ts'
import { assertAscending, type ByteReader, type ByteWriter } from './bytes.ts'
import type { Authority } from './types.ts'

export const bitmapBytesOf = (committeeSize: number): number => (committeeSize + 7) >> 3

/** @throws {ConsensusError} when `signers` do not ascend or are no members. */
export function writeSigners(out: ByteWriter, signers: readonly Authority[], committeeSize: number): void {
  const bitmap = new Uint8Array(bitmapBytesOf(committeeSize))
  for (const [i, signer] of signers.entries()) {
    if (i > 0) assertAscending(signers[i - 1]! - signer, 'signers')
    if (!Number.isInteger(signer) || signer < 0 || signer >= committeeSize) {
      throw new ConsensusError('CONSENSUS_OUT_OF_RANGE', `signer ${signer} in a committee of ${committeeSize}`)
    }
    bitmap[signer >> 3]! |= 1 << (signer & 7)
  }
  out.raw(bitmap)
}

export function readSigners(reader: ByteReader, committeeSize: number): Authority[] {
  const bitmap = reader.raw(bitmapBytesOf(committeeSize))
  const signers: Authority[] = []
  for (let i = 0; i < bitmap.length; i++) {
    for (let bits = bitmap[i]!, authority = i << 3; bits !== 0; bits >>= 1, authority++) {
      if ((bits & 1) === 0) continue
      if (authority >= committeeSize)
        throw new ConsensusError('CONSENSUS_SPARE_BITS', `bit ${authority} in a committee of ${committeeSize}`)
      signers.push(authority)
    }
  }
  return signers
}
