/** Files, pipes and the progress bar of the command. */
import { once } from 'node:events'
import { type FileHandle, open, rename, rm, stat } from 'node:fs/promises'
import type { Writable } from 'node:stream'
import { fromFileHandle, type ReadAt } from './random-access.ts'

/** Wrong use of the command: one line for whoever typed it. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

export const STDIO = '-'

const READ_BYTES = 2 ** 20

export interface Input {
  /** What to call it in output and errors. */
  readonly name: string
  /** Where known. */
  readonly size: number | undefined
  readonly stream: AsyncIterable<Uint8Array>
  /** Random access; `undefined` for a pipe. */
  readonly file: ReadAt | undefined
}

/** Opens a file, or standard input for `-`, while `use` runs. */
export async function withInput<T>(path: string, use: (input: Input) => Promise<T>): Promise<T> {
  if (path === STDIO) return use({ name: STDIO, size: undefined, stream: process.stdin, file: undefined })
  const handle = await open(path)
  try {
    const { size } = await handle.stat()
    return await use({
      name: path,
      size,
      stream: handle.createReadStream({ highWaterMark: READ_BYTES, autoClose: false }),
      file: fromFileHandle(handle, size),
    })
  } finally {
    await handle.close()
  }
}

/** Takes pieces in order, each written before the next is asked for. */
export type Write = (bytes: Uint8Array) => Promise<void>

/**
 * Runs `use` with somewhere to write to. A file appears under its name only when everything is in it and `use` has not thrown; standard
 * output gets pieces as they come.
 */
export async function withOutput<T>(path: string | undefined, use: (write: Write) => Promise<T>): Promise<T> {
  if (path === undefined && process.stdout.isTTY)
    throw new UsageError('binary output to a terminal: name a file with --output, or a pipe with --output -')
  if (path === undefined || path === STDIO) return use((bytes) => writeTo(process.stdout, bytes))
  const part = `${path}.${process.pid}.part`
  const handle = await open(part, 'wx')
  try {
    const result = await use((bytes) => writeAll(handle, bytes))
    await handle.datasync()
    await handle.close()
    await rename(part, path)
    return result
  } catch (error) {
    await handle.close()
    await rm(part, { force: true })
    throw error
  }
}

async function writeTo(stream: Writable, bytes: Uint8Array): Promise<void> {
  if (!stream.write(bytes.slice())) await once(stream, 'drain') // the stream keeps what it is given; views are ours to use again
}

async function writeAll(handle: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length; ) at += (await handle.write(bytes, at)).bytesWritten
}

export async function isDirectory(path: string): Promise<boolean> {
  return path !== STDIO && (await stat(path)).isDirectory()
}

export async function exists(path: string): Promise<boolean> {
  try {
    await stat(path)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw error
  }
}

const BAR_WIDTH = 30
const REDRAW_MS = 100

export interface Progress {
  /** Bytes done so far. */
  at(bytes: number): void
  /** Takes the bar away. */
  end(): void
}

/** Where the bar is drawn and by which clock. */
export interface ProgressComponents {
  readonly stream: { readonly isTTY?: boolean; write(text: string): unknown }
  /** Milliseconds. */
  readonly now: () => number
}

/** A bar on standard error where that is a terminal, else nothing. */
export function createProgress(
  label: string,
  total: number | undefined,
  isQuiet: boolean,
  { stream, now }: ProgressComponents = { stream: process.stderr, now: () => performance.now() },
): Progress {
  if (isQuiet || stream.isTTY !== true) return { at: () => {}, end: () => {} }
  const began = now()
  let drawn = began
  return {
    at(bytes) {
      const time = now()
      if (time - drawn < REDRAW_MS) return
      drawn = time
      const rate = `${(bytes / 1048.576 / Math.max(1, time - began)).toFixed(0)} MiB/s`
      const share = total === undefined || total === 0 ? undefined : Math.min(1, bytes / total)
      const bar =
        share === undefined ? '' : `[${'#'.repeat(share * BAR_WIDTH).padEnd(BAR_WIDTH)}] ${(100 * share).toFixed(0).padStart(3)} % `
      stream.write(`\r\u001b[K${label} ${bar}${(bytes / 2 ** 20).toFixed(0)} MiB ${rate}`)
    },
    end() {
      if (drawn !== began) stream.write('\r\u001b[K')
    },
  }
}
