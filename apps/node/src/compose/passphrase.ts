/** Where an operator keeps the passphrase of the node's keys: a file of its own, or the environment. Never a word of the command line, which all processes see. */
import { type FileHandle, open } from 'node:fs/promises'
import { NodeError } from '../errors.ts'

const FILE_VARIABLE = 'SELVEDGE_PASSPHRASE_FILE'
const VARIABLE = 'SELVEDGE_PASSPHRASE'
const BYTES_MAX = 1_024
const OTHERS = 0o077
const LINE_FEED = 0x0a
const CARRIAGE_RETURN = 0x0d

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
      const isOpen = stat.isFile() && (stat.mode & OTHERS) !== 0 // a pipe has rights of its own
      if (process.platform !== 'win32' && isOpen)
        throw refused(`${path} may be read by others (mode ${(stat.mode & 0o777).toString(8)}): chmod 600 it`)
      const bytes = await beginningOf(file)
      const end = bytes.findIndex((byte) => byte === LINE_FEED || byte === CARRIAGE_RETURN)
      if (end === -1 && bytes.length > BYTES_MAX) throw refused(`${path} has more than ${BYTES_MAX} bytes in its first line`)
      return new TextDecoder('utf-8', { fatal: true }).decode(end === -1 ? bytes : bytes.subarray(0, end))
    } finally {
      await file.close()
    }
  } catch (cause) {
    if (cause instanceof NodeError) throw cause
    throw refused(`${path} cannot be read: ${(cause as Error).message}`, cause)
  }
}

/** To the first line's end and perhaps beyond it, or all there is, or more than may be: a pipe gives what its writer has written so far. */
async function beginningOf(file: FileHandle): Promise<Uint8Array> {
  const bytes = new Uint8Array(BYTES_MAX + 1)
  let length = 0
  while (length < bytes.length) {
    const { bytesRead } = await file.read(bytes, length, bytes.length - length, null)
    if (bytesRead === 0) break
    length += bytesRead
    if (bytes.subarray(length - bytesRead, length).includes(LINE_FEED)) break
  }
  return bytes.subarray(0, length)
}

function nonEmpty(text: string, where: string): string {
  if (text === '') throw refused(`the passphrase in ${where} is empty`)
  return text
}

const refused = (message: string, cause?: unknown): NodeError => new NodeError('NODE_PASSPHRASE', message, {}, { cause })
