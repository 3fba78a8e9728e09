/** Text forms of a root: hexadecimal, and the unpadded lower-case base32 that iroh prints (spec §1.6). */
import { HASH_BYTES } from './constants.ts'
import { VerifyError } from './errors.ts'
import { checkRoot } from './tree.ts'

const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567'

/** 64 hexadecimal digits. */
export function formatRoot(root: Uint8Array): string {
  return Array.from(checkRoot(root), (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/**
 * Reads 64 hexadecimal digits or 52 of base32, in either case.
 *
 * @throws {VerifyError} `VERIFY_BAD_ARGUMENT` for anything else.
 * @example const response = await fetchVerified('/film.webm', parseRoot(location.hash.slice(1)))
 */
export function parseRoot(text: string): Uint8Array<ArrayBuffer> {
  const lower = String(text).trim().toLowerCase() // a page's `searchParams.get` may have found none
  if (/^[0-9a-f]{64}$/.test(lower))
    return Uint8Array.from({ length: HASH_BYTES }, (_, i) => Number.parseInt(lower.slice(2 * i, 2 * i + 2), 16))
  if (!/^[a-z2-7]{51}[aq]$/.test(lower)) {
    const shown = JSON.stringify(lower.slice(0, 80))
    throw new VerifyError('VERIFY_BAD_ARGUMENT', `a root is 64 hexadecimal digits or 52 of base32, not ${shown} (${lower.length})`)
  }
  const root = new Uint8Array(HASH_BYTES)
  let held = 0
  let bits = 0
  let at = 0
  for (const letter of lower) {
    held = ((held << 5) | BASE32.indexOf(letter)) & 0xfff
    bits += 5
    if (bits < 8) continue
    bits -= 8
    root[at++] = (held >> bits) & 0xff
  }
  return root
}
