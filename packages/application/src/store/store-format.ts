/**
 * The one row of a database that is not its user's: by which version of its layout it is written, which is the spaces of contract.ts, their keys, and what stands
 * under them. It is a head as kept files have one (`@selvedge/crypto/file-head`). Version 0 has no such row, and else the layout of version 1.
 */
import { encodeFileHead, FILE_HEAD_BYTES, fileVersionOf } from '@selvedge/crypto/file-head'
import { ApplicationError } from '../errors.ts'

/** All of the row's key: above every space. */
export const FORMAT_KEY = 0xff
/** What is written, and the newest that is known. */
export const STORE_VERSION = 1

const MAGIC = 'SVLG'

export const encodeStoreFormat = (version: number): Uint8Array => encodeFileHead({ magic: MAGIC, version })

/**
 * Throws unless `row` names a version that is known.
 * @throws {ApplicationError} `APPLICATION_FORMAT` for a newer one, `APPLICATION_DAMAGED` for what `encodeStoreFormat` does not write.
 */
export function verifyStoreFormat(row: Uint8Array, path: string): void {
  const found = row.length === FILE_HEAD_BYTES ? fileVersionOf(row, MAGIC) : undefined
  if (found === undefined || found === 'damaged')
    throw new ApplicationError('APPLICATION_DAMAGED', `the store in ${path} does not say by which version it is written`, { path })
  if (found <= STORE_VERSION) return
  const message = `the store in ${path} is of format ${found}, and this software knows formats up to ${STORE_VERSION}: nothing was changed`
  throw new ApplicationError('APPLICATION_FORMAT', message, { path, found, known: STORE_VERSION })
}
