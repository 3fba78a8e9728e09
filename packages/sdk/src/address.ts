/** What content is asked for by: a BLAKE3 root, or a CID of version 1 in bytes. Either names one content for ever. */
import { ADDRESS_BYTES_MAX, ROOT_BYTES } from './constants.ts'
import { malformed } from './errors.ts'

export interface Address {
  readonly kind: 'root' | 'cid'
  /** Of a root 32; of a CID its bytes as version 1, each varint as short as it can be. At most 2,048. */
  readonly bytes: Uint8Array
}

/** @throws {SdkError} `SDK_MALFORMED` unless `address` is a root of 32 bytes or a CIDv1 in its one binary form. */
export function checkAddress({ kind, bytes }: Address): void {
  if (!(bytes instanceof Uint8Array)) throw malformed('an address has its bytes in a Uint8Array')
  if (kind === 'root') {
    if (bytes.length !== ROOT_BYTES) throw malformed(`a root must be ${ROOT_BYTES} bytes, got ${bytes.length}`)
    return
  }
  if (kind !== 'cid') throw malformed(`an address is a root or a CID, not a ${String(kind)}`)
  if (bytes.length > ADDRESS_BYTES_MAX) throw malformed(`a CID must be at most ${ADDRESS_BYTES_MAX} bytes, got ${bytes.length}`)
  if (!isCidV1(bytes)) throw malformed('a CID must be of version 1, in its one binary form')
}

export function isSameAddress(a: Address, b: Address): boolean {
  return a.kind === b.kind && a.bytes.length === b.bytes.length && a.bytes.every((byte, i) => byte === b.bytes[i])
}

/** Version, codec, hash function, length of the digest, digest. Which codecs and hash functions there are is not for here to say. */
function isCidV1(bytes: Uint8Array): boolean {
  const codecEnd = bytes[0] === 1 ? varintEnd(bytes, 1) : undefined
  const hashEnd = codecEnd && varintEnd(bytes, codecEnd)
  const lengthEnd = hashEnd && varintEnd(bytes, hashEnd)
  if (hashEnd === undefined || lengthEnd === undefined) return false
  let digestBytes = 0
  for (let i = lengthEnd - 1; i >= hashEnd; i--) digestBytes = digestBytes * 128 + (bytes[i]! & 0x7f)
  return bytes.length - lengthEnd === digestBytes
}

/** Where the varint that begins at `start` ends; undefined where it is cut, longer than nine bytes, or not as short as it can be. */
function varintEnd(bytes: Uint8Array, start: number): number | undefined {
  for (let at = start; at < start + 9 && at < bytes.length; at++) {
    if (bytes[at]! < 0x80) return at > start && bytes[at] === 0 ? undefined : at + 1
  }
  return undefined
}
