/**
 * The head of what is kept on disk: what it is, and by which version of its layout it is written. `magic 4 · version u32 · check 8`, 16 bytes, check = the first
 * bytes of SHA-256 over those before it. The head is the same in every version that may come, so that an older one knows what it cannot read.
 */
import { sha256 } from './sha256.ts'

export interface FileFormat {
  /** 4 letters of ASCII. */
  readonly magic: string
  /** The one that is written: from 1, for 0 is what has no head. */
  readonly version: number
}

export const FILE_HEAD_BYTES = 16
const MAGIC_BYTES = 4
const CHECK_OFFSET = 8

export function encodeFileHead({ magic, version }: FileFormat): Uint8Array {
  const head = new Uint8Array(FILE_HEAD_BYTES)
  head.set(new TextEncoder().encode(magic))
  new DataView(head.buffer).setUint32(MAGIC_BYTES, version, true)
  head.set(sha256(head.subarray(0, CHECK_OFFSET)).subarray(0, FILE_HEAD_BYTES - CHECK_OFFSET), CHECK_OFFSET)
  return head
}

/**
 * The version of what begins with `bytes`, from 1.
 * @returns undefined where it does not begin with the magic; `damaged` where it does, and not with a head.
 */
export function fileVersionOf(bytes: Uint8Array, magic: string): number | 'damaged' | undefined {
  const isEqual = (a: Uint8Array, b: Uint8Array): boolean => a.length === b.length && a.every((byte, i) => byte === b[i])
  if (!isEqual(bytes.subarray(0, MAGIC_BYTES), new TextEncoder().encode(magic))) return undefined
  if (bytes.length < FILE_HEAD_BYTES) return 'damaged'
  const version = new DataView(bytes.buffer, bytes.byteOffset).getUint32(MAGIC_BYTES, true)
  return version > 0 && isEqual(bytes.subarray(0, FILE_HEAD_BYTES), encodeFileHead({ magic, version })) ? version : 'damaged'
}
