/** The genesis file as a tool's argument. */
import { LedgerError, parseGenesis, verifyGenesis, type Genesis } from '@selvedge/ledger-types'
import { readFile } from 'node:fs/promises'
import { NodeError } from '../errors.ts'

/**
 * Reads a genesis file; with `hash`, that file and no other. Every operator's signature is checked.
 * @throws {NodeError} `NODE_USAGE` with one line that says what is wrong
 */
export async function readGenesis(path: string, hash?: string): Promise<Genesis> {
  const bytes = await readFileOf(path)
  const genesis = checked(path, () => parseGenesis(bytes))
  const own = Buffer.from(genesis.hash).toString('hex')
  if (hash !== undefined && hash.toLowerCase().replace(/^0x/, '') !== own) {
    throw new NodeError('NODE_USAGE', `${path} has hash ${own}, not the pinned ${hash.slice(0, 80)}`)
  }
  checked(path, () => verifyGenesis(genesis))
  return genesis
}

export async function readFileOf(path: string): Promise<Uint8Array> {
  return await readFile(path).catch((cause: unknown) => {
    throw new NodeError('NODE_USAGE', `${path} cannot be read: ${(cause as Error).message}`, {}, { cause })
  })
}

/** What the ledger's rules say of a file, said with its name. */
export function checked<T>(path: string, run: () => T): T {
  try {
    return run()
  } catch (cause) {
    if (!(cause instanceof LedgerError)) throw cause
    throw new NodeError('NODE_USAGE', `${path}: ${cause.message.replace(/^genesis( file)?: /, '')}`, {}, { cause })
  }
}
