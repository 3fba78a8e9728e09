/**
 * Secrets of 32 bytes, each in a file that only its owner may read: plain, or encrypted under a passphrase (keyfile-format.node.ts). Node only.
 *
 * Invariants: a key file is there whole or not at all and never in place of another secret; what others may read is refused, not mended, for it
 * may have been read; rights and content are looked at through one descriptor, so that nobody exchanges the file in between.
 */
import { randomBytes, timingSafeEqual } from 'node:crypto'
import { type FileHandle, link, mkdir, open, realpath, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { KeyFileError } from './keyfile-errors.ts'
import { decrypt, ENCRYPTED_BYTES, encodePlain, encrypt, readForm, WORK_LOG2 } from './keyfile-format.node.ts'

export { KeyFileError, type KeyFileErrorCode } from './keyfile-errors.ts'

const OTHERS = 0o077

export interface KeyFileOptions {
  /** Not empty. Without it a key file is plain, and an encrypted one stays closed. */
  readonly passphrase?: string | undefined
  /** Of a file that is written: scrypt's N is 2^workLog2, its memory 2^(workLog2 + 10) bytes; 12 to 20. @default 17 */
  readonly workLog2?: number | undefined
}

export interface KeyFile {
  /** 32 bytes, the caller's. */
  readonly secret: Uint8Array
  /** Whether it is so on disk, now. */
  readonly isEncrypted: boolean
}

/**
 * Reads a key file. One that is plain is read whether or not a passphrase is given: `isEncrypted` says which it is, `encryptKeyFile` mends it.
 * @throws {KeyFileError} `KEYFILE_IO` (`cause.code` is `ENOENT` where there is none), `KEYFILE_EXPOSED`, `KEYFILE_MALFORMED`, `KEYFILE_LOCKED`,
 *   `KEYFILE_REFUSED`, `KEYFILE_BAD_ARGUMENT`
 */
export async function readKeyFile(path: string, { passphrase }: KeyFileOptions = {}): Promise<KeyFile> {
  const bytes = await bytesOf(path)
  const read = readForm(bytes, path)
  if (!read.isEncrypted) return read
  if (passphrase === undefined) throw new KeyFileError('KEYFILE_LOCKED', `${path} is encrypted: its passphrase is needed`)
  return { secret: await decrypt(bytes, passphrase, path), isEncrypted: true }
}

/**
 * Makes a key file, mode 0600, and its folder where that is missing. On disk when it resolves.
 * @param secret - 32 bytes, borrowed. @default fresh random bytes
 * @returns false where there is a file already: of two at once one makes it, and both can read it.
 * @throws {KeyFileError} `KEYFILE_IO`, `KEYFILE_BAD_ARGUMENT`
 */
export async function createKeyFile(path: string, options: KeyFileOptions = {}, secret?: Uint8Array): Promise<boolean> {
  const bytes = await encoded(secret ?? randomBytes(32), options)
  return await write(path, bytes, async (temporary) => {
    try {
      await link(temporary, path) // unlike a rename it never replaces
      return true
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
      throw error
    } finally {
      await rm(temporary)
    }
  })
}

/**
 * Puts the encrypted form in place of a plain key file, at once and whole, when it was read back and opened; of a symbolic link, in place of the file
 * that it leads to. What stood there may stay readable on the disk below the file system until that writes over it. One that is encrypted already is
 * opened and left alone.
 * @throws {KeyFileError} as `readKeyFile` and `createKeyFile`; `KEYFILE_EXPOSED` where the file has other names (hard links), which would stay plain
 */
export async function encryptKeyFile(path: string, passphrase: string, options: Omit<KeyFileOptions, 'passphrase'> = {}): Promise<KeyFile> {
  const file = await readKeyFile(path, { passphrase })
  if (file.isEncrypted) return file
  const bytes = await encoded(file.secret, { ...options, passphrase })
  const real = await onlyNameOf(path)
  await write(real, bytes, async (temporary) => {
    const { secret } = await readKeyFile(temporary, { passphrase })
    if (!timingSafeEqual(secret, file.secret)) throw new KeyFileError('KEYFILE_IO', `${temporary} does not hold what was written to it`)
    await rename(temporary, real)
  })
  return { secret: file.secret, isEncrypted: true }
}

/** Where the file itself is; under another name it would stay plain. */
async function onlyNameOf(path: string): Promise<string> {
  try {
    const real = await realpath(path)
    const { nlink } = await stat(real)
    if (nlink === 1) return real
    throw new KeyFileError('KEYFILE_EXPOSED', `${path} has ${nlink} names on disk: remove the others, under which it would stay plain`)
  } catch (cause) {
    if (cause instanceof KeyFileError) throw cause
    throw new KeyFileError('KEYFILE_IO', `${path} cannot be read: ${(cause as Error).message}`, { cause })
  }
}

async function encoded(secret: Uint8Array, { passphrase, workLog2 = WORK_LOG2 }: KeyFileOptions): Promise<Uint8Array> {
  return passphrase === undefined ? encodePlain(secret) : await encrypt(secret, passphrase, workLog2)
}

async function bytesOf(path: string): Promise<Uint8Array> {
  let file: FileHandle | undefined
  try {
    file = await open(path, 'r')
    const stat = await file.stat()
    if (!stat.isFile()) throw new KeyFileError('KEYFILE_MALFORMED', `${path} is no file`)
    if (process.platform !== 'win32' && (stat.mode & OTHERS) !== 0)
      throw new KeyFileError('KEYFILE_EXPOSED', `${path} may be read by others (mode ${(stat.mode & 0o777).toString(8)}): chmod 600 it`)
    const bytes = Buffer.alloc(ENCRYPTED_BYTES + 1) // one more, which a key file does not have
    const { bytesRead } = await file.read(bytes, 0, bytes.length, 0)
    return bytes.subarray(0, bytesRead)
  } catch (cause) {
    if (cause instanceof KeyFileError) throw cause
    throw new KeyFileError('KEYFILE_IO', `${path} cannot be read: ${(cause as Error).message}`, { cause })
  } finally {
    await file?.close()
  }
}

/** Brings bytes to the disk beside `path` under a name of nobody's, has `place` put them there, and brings the name to the disk. */
async function write<T>(path: string, bytes: Uint8Array, place: (temporary: string) => Promise<T>): Promise<T> {
  const folder = dirname(path)
  const temporary = `${path}.${randomBytes(8).toString('hex')}.tmp`
  try {
    await mkdir(folder, { recursive: true })
    await writeNew(temporary, bytes)
    const placed = await place(temporary)
    await syncFolder(folder)
    return placed
  } catch (cause) {
    await rm(temporary, { force: true }).catch(() => {}) // why it is not there is said by the first error
    if (cause instanceof KeyFileError) throw cause
    throw new KeyFileError('KEYFILE_IO', `${path} cannot be written: ${(cause as Error).message}`, { cause })
  }
}

async function writeNew(path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(path, 'wx', 0o600)
  try {
    await file.chmod(0o600) // whatever the process takes away from modes
    await file.writeFile(bytes)
    await file.sync()
  } finally {
    await file.close()
  }
}

async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return // folders cannot be opened there
  const file = await open(folder, 'r')
  try {
    await file.sync()
  } finally {
    await file.close()
  }
}
