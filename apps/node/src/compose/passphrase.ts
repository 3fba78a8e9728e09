/** Where an operator keeps the passphrase of the node's keys: a file of its own, or the environment. Never a word of the command line, which all processes see. */
import { open } from 'node:fs/promises'
import { NodeError } from '../errors.ts'

const FILE_VARIABLE = 'SELVEDGE_PASSPHRASE_FILE'
const VARIABLE = 'SELVEDGE_PASSPHRASE'
const BYTES_MAX = 1_024
const OTHERS = 0o077

/**
 * Of the file that is named, else of that of SELVEDGE_PASSPHRASE_FILE, else SELVEDGE_PASSPHRASE itself; undefined where there is none. In a file, what
 * follows the first line end does not count.
 * @throws {NodeError} `NODE_PASSPHRASE`
 */
export async function passphraseFrom(file: string | undefined, environment: NodeJS.ProcessEnv = process.env): Promise<string | undefined> {
  const path = file ?? environment[FILE_VARIABLE]
  if (path !== undefined) return nonEmpty(await firstLineOf(path), path)
  const text = environment[VARIABLE]
  return text === undefined ? undefined : nonEmpty(text, VARIABLE)
}

async function firstLineOf(path: string): Promise<string> {
  try {
    const file = await open(path, 'r')
    try {
      const stat = await file.stat()
      const { mode } = stat
      const isFile = stat.isFile() // a pipe has rights of its own, and no place to read from
      if (process.platform !== 'win32' && isFile && (mode & OTHERS) !== 0)
        throw refused(`${path} may be read by others (mode ${(mode & 0o777).toString(8)}): chmod 600 it`)
      const bytes = Buffer.alloc(BYTES_MAX + 1)
      const { bytesRead } = await file.read(bytes, 0, bytes.length, isFile ? 0 : null)
      if (bytesRead > BYTES_MAX) throw refused(`${path} holds more than ${BYTES_MAX} bytes`)
      return /^[^\r\n]*/.exec(bytes.toString('utf8', 0, bytesRead))![0]
    } finally {
      await file.close()
    }
  } catch (cause) {
    if (cause instanceof NodeError) throw cause
    throw refused(`${path} cannot be read: ${(cause as Error).message}`, cause)
  }
}

function nonEmpty(text: string, where: string): string {
  if (text === '') throw refused(`the passphrase in ${where} is empty`)
  return text
}

const refused = (message: string, cause?: unknown): NodeError => new NodeError('NODE_PASSPHRASE', message, {}, { cause })
