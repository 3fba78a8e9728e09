/**
 * The cases of BLAKE3's published vectors, made here: 35 lengths in three modes, 131 bytes of output, input byte i = i % 251.
 * Their digests come from the reference of these tests, so that a machine without the published file still has them all.
 */
import { referenceHash } from './reference/blake3.ts'

export const KEY_TEXT = 'whats the Elvish word for friend'
export const CONTEXT = 'BLAKE3 2019-12-27 16:29:52 test vectors context'
export const OUTPUT_BYTES = 131

const wholeChunks = [2, 3, 4, 5, 6, 7, 8].flatMap((chunks) => [chunks * 1024, chunks * 1024 + 1])
export const LENGTHS: readonly number[] = [
  0,
  1,
  2,
  3,
  4,
  5,
  6,
  7,
  8,
  63,
  64,
  65,
  127,
  128,
  129,
  1023,
  1024,
  1025,
  ...wholeChunks,
  16_384,
  31_744,
  102_400,
]

export interface Blake3Case {
  readonly input_len: number
  readonly hash: string
  readonly keyed_hash: string
  readonly derive_key: string
}

export const toHex = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')

export const inputOf = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => i % 251)

export function generateCases(): Blake3Case[] {
  const key = new TextEncoder().encode(KEY_TEXT)
  return LENGTHS.map((length) => {
    const input = inputOf(length)
    return {
      input_len: length,
      hash: toHex(referenceHash(input, {}, OUTPUT_BYTES)),
      keyed_hash: toHex(referenceHash(input, { key }, OUTPUT_BYTES)),
      derive_key: toHex(referenceHash(input, { context: CONTEXT }, OUTPUT_BYTES)),
    }
  })
}
