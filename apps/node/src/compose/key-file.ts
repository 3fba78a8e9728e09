/** The node's identity: 32 random bytes as 64 hex digits in a file that only its owner may read. */
import { createKeyPair, type KeyPair } from '@selvedge/crypto'
import { randomBytes } from 'node:crypto'
import { chmod, link, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { NodeError } from '../errors.ts'

/** Reads the key of `path`, or makes one there (mode 0600) where there is none yet. @throws {NodeError} `NODE_KEY_FILE` */
export async function loadKeyPair(path: string): Promise<KeyPair> {
  return createKeyPair(await loadSeed(path))
}

/** The secret of `path` itself, 32 bytes. @throws {NodeError} `NODE_KEY_FILE` */
export async function loadSeed(path: string): Promise<Uint8Array> {
  await mkdir(dirname(path), { recursive: true })
  const text = (await readIfThere(path)) ?? (await create(path))
  const match = /^([0-9a-f]{64})\n?$/.exec(text)
  if (match === null) throw new NodeError('NODE_KEY_FILE', `${path} is not a key: expected 64 hex digits`)
  const { mode } = await stat(path)
  if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
    throw new NodeError('NODE_KEY_FILE', `${path} may be read by others (mode ${(mode & 0o777).toString(8)}): chmod 600 it`)
  }
  return new Uint8Array(Buffer.from(match[1]!, 'hex'))
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new NodeError('NODE_KEY_FILE', `${path} cannot be read: ${(cause as Error).message}`, {}, { cause })
  }
}

/** Whole or not at all, and never over another: of two nodes started at once, one makes it and both read it. */
async function create(path: string): Promise<string> {
  const temporary = `${path}.${process.pid}.tmp`
  await writeFile(temporary, `${randomBytes(32).toString('hex')}\n`, { mode: 0o600, flush: true })
  await chmod(temporary, 0o600)
  try {
    await link(temporary, path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    await rm(temporary)
  }
  return await readFile(path, 'utf8')
}
