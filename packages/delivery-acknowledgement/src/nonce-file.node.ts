/**
 * The counter of lane nonces in its file, `nonces`: the end of the last block that was given out. 32 bytes: a head (`@selvedge/crypto/file-head`) · end u64 · check 8,
 * check = the first bytes of SHA-256 over all before it. Of version 0 the file is the end alone. It is replaced by a rename, so it is there whole or
 * as it was; one that cannot be read is never begun anew, since a nonce that comes twice makes two sessions one.
 */
import { encodeFileHead, FILE_HEAD_BYTES, type FileFormat } from '@selvedge/crypto/file-head'
import { sha256 } from '@selvedge/crypto/sha256'
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { damagedFile, fileVersionOf } from './kept-file.ts'
import { isEqualBytes } from './wire.ts'

export const NONCES_A_BLOCK: bigint = 2n ** 16n

const FORMAT: FileFormat = { magic: 'SVNC', version: 1 }
const END_BYTES = 8
const CHECK_OFFSET: number = FILE_HEAD_BYTES + END_BYTES
const NONCE_FILE_BYTES: number = CHECK_OFFSET + 8

export interface NonceCounter {
  /** The first nonce that was not given out. */
  readonly end: bigint
  /** The file is there, and of an older version than is written. */
  readonly isOld: boolean
}

/** @throws {DeliveryAcknowledgementError} `DELIVERY_ACKNOWLEDGEMENT_DAMAGED`, `DELIVERY_ACKNOWLEDGEMENT_FORMAT` */
export function readNonces(folder: string): NonceCounter {
  const path = pathIn(folder)
  if (!existsSync(path)) return { end: 0n, isOld: false }
  const bytes = readFileSync(path)
  const isOld = fileVersionOf(bytes, FORMAT, path) === undefined
  if (bytes.length !== (isOld ? END_BYTES : NONCE_FILE_BYTES)) throw damagedFile(path, 0, `it has ${bytes.length} bytes`)
  if (!isOld && !isEqualBytes(checkOf(bytes), bytes.subarray(CHECK_OFFSET))) throw damagedFile(path, FILE_HEAD_BYTES, 'it does not check')
  const end = bytes.readBigUInt64LE(isOld ? 0 : FILE_HEAD_BYTES)
  if (end === 0n || end % NONCES_A_BLOCK !== 0n) throw damagedFile(path, 0, `${end} is not where a block of nonces ends`)
  return { end, isOld }
}

/** On disk when it returns, name and all. */
export function writeNonces(folder: string, end: bigint): void {
  const path = pathIn(folder)
  const bytes = new Uint8Array(NONCE_FILE_BYTES)
  bytes.set(encodeFileHead(FORMAT))
  new DataView(bytes.buffer).setBigUint64(FILE_HEAD_BYTES, end, true)
  bytes.set(checkOf(bytes), CHECK_OFFSET)
  syncing(`${path}.new`, 'w', (file) => writeSync(file, bytes))
  renameSync(`${path}.new`, path)
  syncing(folder, 'r', () => {})
}

const pathIn = (folder: string): string => join(folder, 'nonces')
const checkOf = (bytes: Uint8Array): Uint8Array => sha256(bytes.subarray(0, CHECK_OFFSET)).subarray(0, NONCE_FILE_BYTES - CHECK_OFFSET)

/** Opens, does, and brings to the disk what was done. */
function syncing(path: string, flags: string, job: (file: number) => void): void {
  const file = openSync(path, flags)
  try {
    job(file)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}
