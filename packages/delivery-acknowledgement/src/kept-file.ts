/** The files that are kept say their version in a head (`@selvedge/crypto/file-head`); what is wrong with one is said here. */
import { type FileFormat, fileVersionOf as versionIn } from '@selvedge/crypto/file-head'
import { DeliveryAcknowledgementError } from './errors.ts'

/**
 * The version of a file; `undefined`: it does not begin with the magic, as files of version 0 do not.
 * @throws {DeliveryAcknowledgementError} `DELIVERY_ACKNOWLEDGEMENT_FORMAT` for a newer version, `DELIVERY_ACKNOWLEDGEMENT_DAMAGED` for a head that
 *   does not check.
 */
export function fileVersionOf(file: Uint8Array, { magic, version: known }: FileFormat, path: string): number | undefined {
  const version = versionIn(file, magic)
  if (version === 'damaged') throw damagedFile(path, 0, 'its head does not check')
  if (version === undefined || version <= known) return version
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
