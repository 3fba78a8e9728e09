/**
 * Bytes out of files, which stay open for a moment: whoever answers with a file reads it leaf by leaf, and need not open it for each. A file
 * that is replaced meanwhile is read as it was, which is what its CIDs name.
 *
 * Invariant: at most `IDLE_FILES_MAX` files are open that nobody reads, none of them for longer than `IDLE_MS`.
 */
import { open, type FileHandle } from 'node:fs/promises'

const IDLE_FILES_MAX = 16
const IDLE_MS = 500

interface OpenedFile {
  readonly handle: Promise<FileHandle>
  readers: number
  idle: NodeJS.Timeout | undefined
}

export interface LeafFiles {
  /** `length` bytes from `offset`, fewer at the end of the file only. */
  read(file: string, offset: number, length: number): Promise<Uint8Array>
  /** What was read of it is not what it should be: the next read opens it anew, as another file may have its name by then. */
  drop(file: string): void
}

export function createLeafFiles(): LeafFiles {
  /** In order of last use, the longest ago first. What is not in here any more is closed by its last reader. */
  const opened = new Map<string, OpenedFile>()

  function enter(file: string): OpenedFile {
    const found = opened.get(file) ?? { handle: open(file), readers: 0, idle: undefined }
    opened.delete(file)
    opened.set(file, found)
    clearTimeout(found.idle)
    found.readers++
    return found
  }

  async function leave(file: string, found: OpenedFile): Promise<void> {
    if (--found.readers > 0) return
    if (opened.get(file) !== found) return close(found)
    found.idle = setTimeout(() => void forget(file, found), IDLE_MS)
    found.idle.unref()
    const idle = Array.from(opened).filter(([, { readers }]) => readers === 0)
    const [oldest] = idle
    if (oldest !== undefined && idle.length > IDLE_FILES_MAX) await forget(...oldest)
  }

  /** Taken out first, so that nobody enters it meanwhile. */
  async function forget(file: string, found: OpenedFile): Promise<void> {
    if (opened.get(file) === found) opened.delete(file)
    if (found.readers === 0) await close(found)
  }

  return {
    async read(file, offset, length) {
      const found = enter(file)
      try {
        return await readFully(await found.handle, offset, length)
      } catch (error) {
        if (opened.get(file) === found) opened.delete(file) // the next one opens it anew
        throw error
      } finally {
        await leave(file, found)
      }
    },
    drop(file) {
      const found = opened.get(file)
      if (found !== undefined) void forget(file, found)
    },
  }
}

/** Never rejects: it was only read, so what was read stands, whatever becomes of closing it; or it was never open. */
async function close({ handle, idle }: OpenedFile): Promise<void> {
  clearTimeout(idle)
  await handle.then((opened) => opened.close()).catch(() => undefined)
}

async function readFully(handle: FileHandle, offset: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length)
  let filled = 0
  while (filled < length) {
    const { bytesRead } = await handle.read(bytes, filled, length - filled, offset + filled)
    if (bytesRead === 0) break
    filled += bytesRead
  }
  return bytes.subarray(0, filled)
}
