/** The node's secrets, each in a file that only its owner may read: encrypted where a passphrase is given, else 64 hex digits. */
import { createKeyPair, type KeyPair } from '@selvedge/crypto'
import { createKeyFile, encryptKeyFile, type KeyFile, KeyFileError, readKeyFile } from '@selvedge/crypto/keyfile'
import { NodeError } from '../errors.ts'

export interface SeedOptions {
  /** Opens an encrypted file, and encrypts one that is plain. */
  readonly passphrase?: string | undefined
  /** The file is plain: whoever gets it has the key. */
  readonly onPlain?: (path: string) => void
  /** There was no file: this key is a new one. */
  readonly onMade?: (path: string) => void
  /** Of a file that is written encrypted: `KeyFileOptions` of crypto. */
  readonly workLog2?: number
}

/** Reads the key of `path`, or makes one there (mode 0600) where there is none yet. @throws {NodeError} `NODE_KEY_FILE` */
export async function loadKeyPair(path: string, options: SeedOptions = {}): Promise<KeyPair> {
  return createKeyPair(await loadSeed(path, options))
}

/** The secret of `path` itself, 32 bytes; made where there is none yet. @throws {NodeError} `NODE_KEY_FILE` */
export async function loadSeed(path: string, { passphrase, onPlain, onMade, workLog2 }: SeedOptions = {}): Promise<Uint8Array> {
  const read = (): Promise<KeyFile> => (passphrase === undefined ? readKeyFile(path) : encryptKeyFile(path, passphrase, { workLog2 }))
  const file = await named(async () => {
    try {
      return await read()
    } catch (error) {
      if (!isMissing(error)) throw error
      if (await createKeyFile(path, { passphrase, workLog2 })) onMade?.(path)
      return await read()
    }
  })
  if (!file.isEncrypted) onPlain?.(path)
  return file.secret
}

/** The secret of a file that is neither made nor changed here, 32 bytes. @throws {NodeError} `NODE_KEY_FILE` */
export async function readSeed(path: string, passphrase?: string): Promise<Uint8Array> {
  return (await named(() => readKeyFile(path, { passphrase }))).secret
}

const isMissing = (error: unknown): boolean =>
  error instanceof KeyFileError && (error.cause as NodeJS.ErrnoException | undefined)?.code === 'ENOENT'

async function named<T>(job: () => Promise<T>): Promise<T> {
  try {
    return await job()
  } catch (cause) {
    if (!(cause instanceof KeyFileError)) throw cause
    const hint = cause.code === 'KEYFILE_LOCKED' ? ', in the file of --passphrase-file or in SELVEDGE_PASSPHRASE' : ''
    throw new NodeError('NODE_KEY_FILE', `${cause.message}${hint}`, { cause: cause.code }, { cause })
  }
}
