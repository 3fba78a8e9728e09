/**
 * The one row of a database that is not its user's: by which version of its layout it is written, which is the spaces of contract.ts, their keys, and what stands
 * under them. `magic 4 · version u32 · check 8`, 16 bytes, check = the first bytes of SHA-256 over those before it; the same in every version that may come, so
 * that an older one knows what it cannot read. Version 0 has no such row, and else the layout of version 1.
 */
import { sha256 } from '@selvedge/crypto/sha256'
import { isSameBytes } from '@selvedge/ledger-types'
import { ApplicationError } from '../errors.ts'

/** All of the row's key: above every space. */
export const FORMAT_KEY = 0xff
/** What is written, and the newest that is known. */
export const STORE_VERSION = 1

const MAGIC = 'SVLG'
const VERSION_OFFSET = 4
const CHECK_OFFSET = 8
const FORMAT_BYTES = 16

export function encodeStoreFormat(version: number): Uint8Array {
  const out = new Uint8Array(FORMAT_BYTES)
  out.set(new TextEncoder().encode(MAGIC))
  new DataView(out.buffer).setUint32(VERSION_OFFSET, version, true)
  out.set(sha256(out.subarray(0, CHECK_OFFSET)).subarray(0, FORMAT_BYTES - CHECK_OFFSET), CHECK_OFFSET)
  return out
}

/**
 * Throws unless `row` names a version that is known.
 * @throws {ApplicationError} `APPLICATION_FORMAT` for a newer one, `APPLICATION_DAMAGED` for what `encodeStoreFormat` does not write.
 */
export function verifyStoreFormat(row: Uint8Array, path: string): void {
  const found = row.length === FORMAT_BYTES ? new DataView(row.buffer, row.byteOffset).getUint32(VERSION_OFFSET, true) : 0
  if (found === 0 || !isSameBytes(row, encodeStoreFormat(found)))
    throw new ApplicationError('APPLICATION_DAMAGED', `the store in ${path} does not say by which version it is written`, { path })
  if (found <= STORE_VERSION) return
  const message = `the store in ${path} is of format ${found}, and this software knows formats up to ${STORE_VERSION}: nothing was changed`
  throw new ApplicationError('APPLICATION_FORMAT', message, { path, found, known: STORE_VERSION })
}
