/**
 * The two forms of a key file. Plain: the secret as 64 hex digits and a line feed, 65 bytes of text. Encrypted, 97 bytes:
 *
 *   "selvedge/key-file/1\0" 20 | workLog2 u8 | salt 16 | nonce 12 | secret 32, encrypted | tag 16
 *
 * The key is scrypt (RFC 7914) of the passphrase (Unicode form C, UTF-8) and the salt with N = 2^workLog2, r = 8, p = 1; the cipher AES-256-GCM
 * with all that stands before the secret as associated data, so no byte of the file can be changed. Salt and nonce are fresh in each file: a key is used
 * once. r and p do not stand in the file, since nobody needs others: fewer numbers, fewer ways to ask a reader for a gigabyte.
 * Node only.
 */
import { createCipheriv, createDecipheriv, randomBytes, scrypt } from 'node:crypto'
import { KeyFileError } from './keyfile-errors.ts'

const DOMAIN = Buffer.from('selvedge/key-file/1\0')
const SECRET_BYTES = 32
const SALT_OFFSET = DOMAIN.length + 1
const SALT_BYTES = 16
const NONCE_OFFSET = SALT_OFFSET + SALT_BYTES
const NONCE_BYTES = 12
const SEALED_OFFSET = NONCE_OFFSET + NONCE_BYTES
const TAG_OFFSET = SEALED_OFFSET + SECRET_BYTES
const TAG_BYTES = 16
/** The longer form: nothing more is read of a file. */
export const ENCRYPTED_BYTES: number = TAG_OFFSET + TAG_BYTES
const BLOCK_SIZE = 8
/** scrypt fills `128 · N · r` bytes and some more. */
const BYTES_A_UNIT = 128 * BLOCK_SIZE

/** 4 MiB and 10 ms, 128 MiB and some 0.3 s, 1 GiB. */
const WORK_LOG2_MIN = 12
export const WORK_LOG2 = 17
const WORK_LOG2_MAX = 20

const PLAIN = /^([0-9a-f]{64})\n?$/

export type Read = { readonly isEncrypted: false; readonly secret: Uint8Array } | { readonly isEncrypted: true }

/** Which form it is; of a plain one the secret too. @throws {KeyFileError} `KEYFILE_MALFORMED` */
export function readForm(bytes: Uint8Array, name: string): Read {
  if (isEncrypted(bytes)) return { isEncrypted: true }
  const match = PLAIN.exec(Buffer.from(bytes).toString('latin1'))
  if (match === null) throw new KeyFileError('KEYFILE_MALFORMED', `${name} is not a key: expected 64 hex digits, or an encrypted key file`)
  return { isEncrypted: false, secret: new Uint8Array(Buffer.from(match[1]!, 'hex')) }
}

export function encodePlain(secret: Uint8Array): Uint8Array {
  return Buffer.from(`${Buffer.from(checkedSecret(secret)).toString('hex')}\n`)
}

/** @throws {KeyFileError} `KEYFILE_BAD_ARGUMENT` */
export async function encrypt(secret: Uint8Array, passphrase: string, workLog2: number): Promise<Uint8Array> {
  if (!(Number.isInteger(workLog2) && workLog2 >= WORK_LOG2_MIN && workLog2 <= WORK_LOG2_MAX))
    throw new KeyFileError('KEYFILE_BAD_ARGUMENT', `workLog2 must be ${WORK_LOG2_MIN} to ${WORK_LOG2_MAX}, got ${workLog2}`)
  const head = Buffer.concat([DOMAIN, Uint8Array.of(workLog2), randomBytes(SALT_BYTES + NONCE_BYTES)])
  const key = await keyOf(passphrase, head)
  const cipher = createCipheriv('aes-256-gcm', key, head.subarray(NONCE_OFFSET), { authTagLength: TAG_BYTES }).setAAD(head)
  const sealed = Buffer.concat([cipher.update(checkedSecret(secret)), cipher.final()])
  key.fill(0)
  return Buffer.concat([head, sealed, cipher.getAuthTag()])
}

/** @throws {KeyFileError} `KEYFILE_REFUSED`, `KEYFILE_MALFORMED`, `KEYFILE_BAD_ARGUMENT` */
export async function decrypt(bytes: Uint8Array, passphrase: string, name: string): Promise<Uint8Array> {
  const work = bytes[DOMAIN.length] ?? 0
  if (!isEncrypted(bytes) || work < WORK_LOG2_MIN || work > WORK_LOG2_MAX)
    throw new KeyFileError('KEYFILE_MALFORMED', `${name} is no encrypted key file of this version`)
  const head = bytes.subarray(0, SEALED_OFFSET)
  const key = await keyOf(passphrase, head)
  const decipher = createDecipheriv('aes-256-gcm', key, head.subarray(NONCE_OFFSET), { authTagLength: TAG_BYTES })
  decipher.setAAD(head).setAuthTag(bytes.subarray(TAG_OFFSET))
  try {
    const secret = new Uint8Array(SECRET_BYTES) // of its own: no pool keeps a copy
    secret.set(decipher.update(bytes.subarray(SEALED_OFFSET, TAG_OFFSET)))
    decipher.final()
    return secret
  } catch (cause) {
    throw new KeyFileError('KEYFILE_REFUSED', `the passphrase does not open ${name}, or the file was changed`, { cause })
  } finally {
    key.fill(0)
  }
}

function isEncrypted(bytes: Uint8Array): boolean {
  return bytes.length === ENCRYPTED_BYTES && DOMAIN.every((byte, index) => byte === bytes[index])
}

function keyOf(passphrase: string, head: Uint8Array): Promise<Buffer> {
  if (passphrase === '') throw new KeyFileError('KEYFILE_BAD_ARGUMENT', 'an empty passphrase protects nothing')
  const cost = 2 ** head[DOMAIN.length]!
  const salt = head.subarray(SALT_OFFSET, NONCE_OFFSET)
  const options = { N: cost, r: BLOCK_SIZE, p: 1, maxmem: (cost + 64) * BYTES_A_UNIT }
  return new Promise((resolve, reject) => {
    scrypt(passphrase.normalize('NFC'), salt, 32, options, (error, key) => (error === null ? resolve(key) : reject(error)))
  })
}

function checkedSecret(secret: Uint8Array): Uint8Array {
  if (secret.length === SECRET_BYTES) return secret
  throw new KeyFileError('KEYFILE_BAD_ARGUMENT', `a secret is ${SECRET_BYTES} bytes, got ${secret.length}`)
}
