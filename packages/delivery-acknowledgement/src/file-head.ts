/**
 * The head of a file that is kept: what it is, and by which version of its layout it is written. `magic 4 · version u32 · check 8`, 16 bytes, check = the first
 * bytes of SHA-256 over those before it. The head is the same in every version that may come, so that an older one knows what it cannot read.
 */
import { sha256 } from '@selvedge/crypto/sha256'
import { DeliveryAcknowledgementError } from './errors.ts'
import { isEqualBytes } from './wire.ts'

export interface FileFormat {
  /** 4 letters of ASCII. */
  readonly magic: string
  /** The newest that is known, and the one that is written: from 1. */
  readonly version: number
}

export const FILE_HEAD_BYTES = 16
const MAGIC_BYTES = 4
const CHECK_OFFSET = 8

export function encodeFileHead({ magic, version }: FileFormat): Uint8Array {
  const head = new Uint8Array(FILE_HEAD_BYTES)
  head.set(new TextEncoder().encode(magic))
  new DataView(head.buffer).setUint32(MAGIC_BYTES, version, true)
  head.set(checkOf(head), CHECK_OFFSET)
  return head
}

/**
 * The version of a file; `undefined`: it does not begin with the magic, as files of version 0 do not.
 * @throws {DeliveryAcknowledgementError} `DELIVERY_ACKNOWLEDGEMENT_FORMAT` for a newer version, `DELIVERY_ACKNOWLEDGEMENT_DAMAGED` for a head that
 *   does not check.
 */
export function fileVersionOf(file: Uint8Array, { magic, version: known }: FileFormat, path: string): number | undefined {
  if (!isEqualBytes(file.subarray(0, MAGIC_BYTES), new TextEncoder().encode(magic))) return undefined
  const head = file.subarray(0, FILE_HEAD_BYTES)
  if (head.length < FILE_HEAD_BYTES || !isEqualBytes(checkOf(head), head.subarray(CHECK_OFFSET)))
    throw damagedFile(path, 0, 'its head does not check')
  const version = new DataView(head.buffer, head.byteOffset).getUint32(MAGIC_BYTES, true)
  if (version === 0) throw damagedFile(path, 0, 'files of version 0 have no head')
  if (version <= known) return version
  const message = `${path} is of format ${version}, and this software knows formats up to ${known}: nothing was changed`
  throw new DeliveryAcknowledgementError('DELIVERY_ACKNOWLEDGEMENT_FORMAT', message, { path, found: version, known })
}

/** @param offset - of what is wrong. */
export function damagedFile(
  path: string,
  offset: number,
  why: string,
  details: Readonly<Record<string, number>> = {},
): DeliveryAcknowledgementError {
  const message = `${path} is not what was written, at ${offset}: ${why}; nothing was changed`
  return new DeliveryAcknowledgementError('DELIVERY_ACKNOWLEDGEMENT_DAMAGED', message, { path, offset, ...details })
}

function checkOf(head: Uint8Array): Uint8Array {
  return sha256(head.subarray(0, CHECK_OFFSET)).subarray(0, FILE_HEAD_BYTES - CHECK_OFFSET)
}
