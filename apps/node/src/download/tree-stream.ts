/**
 * A folder that is not there yet, filled from one stream: small files one after the other, several on their way to the disk at once; a file
 * that has nodes with its proof beside it, so that a process that is killed in the middle of a large one loses little of it.
 *
 * What is not whole has no name inside the folder: it is written beside it (`FOLDER.part`, `FOLDER.part.0` …) and renamed, because any name
 * inside could be that of an entry.
 */
import { ClientError, type Client, type TreeEntry, type VerifiedBlock } from '@selvedge/client'
import type { CID } from 'multiformats/cid'
import { lstat, mkdir, open, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { NodeError } from '../errors.ts'
import { encodeRecord, isSent } from './journal.ts'
import { WRITE_ANEW } from './own-file.ts'
import type { TreeProofs } from './tree-proofs.ts'

const RAW = 0x55
/** Small files whose sync is waited for at once. */
const WRITES_MAX = 8

export interface TreeStreamOptions {
  readonly signal?: AbortSignal
  readonly proofs: TreeProofs
  /** The folder that all of it is for: the target or above it. */
  readonly top: string
  /** Where what is not whole is written; on the file system of the target. */
  readonly part: string
  /** The size of a file, proven, before anything of it is written. What it throws ends the stream, and is thrown. */
  readonly onSize?: ((bytes: number) => void) | undefined
  readonly onFile: (path: string, bytes: number) => void
  readonly onSkipped: (path: string) => void
}

export interface StreamedTree {
  readonly receivedBytes: number
}

/** @throws {NodeError} `NODE_OUTPUT`, `NODE_BAD_NAME`; {ClientError} as `client.getTree`; what `options.onSize` throws. */
export async function streamTree(client: Client, cid: CID, target: string, options: TreeStreamOptions): Promise<StreamedTree> {
  const { signal, top, part, proofs, onSize, onFile, onSkipped } = options
  const watch = watchRecords()
  const writes = createWrites(part)
  const tree = client.getTree(cid, { onBlock: watch.onBlock, ...(signal === undefined ? {} : { signal }) })
  try {
    for await (const entry of tree) {
      const { path, kind, size } = entry
      const place = path === '' ? target : join(target, path)
      if (kind === 'directory') await makeFolder(place, top)
      else if (kind !== 'file') onSkipped(path)
      else {
        onSize?.(size)
        if (entry.cid.code === RAW) await writes.begin(place, await wholeOf(entry), () => onFile(path, size))
        else {
          await writeProven(entry, place, { part, proofs, watch })
          onFile(path, size)
        }
      }
    }
    await writes.settle()
  } catch (error) {
    await writes.settle().catch(() => {}) // the first failure is the one that counts
    throw error instanceof ClientError && error.code === 'CLIENT_BAD_NAME'
      ? new NodeError('NODE_BAD_NAME', error.message, {}, { cause: error })
      : error
  }
  return { receivedBytes: tree.receivedBytes }
}

/**
 * What is there already must be a folder. The top may be a link to one, as its owner has named it; below it a link could lead anywhere.
 * @throws {NodeError} `NODE_OUTPUT`
 */
export async function makeFolder(path: string, top: string): Promise<void> {
  try {
    await mkdir(path, { recursive: path === top })
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException
    if (code === 'EEXIST' && path !== top && (await lstat(path)).isDirectory()) return
    throw new NodeError('NODE_OUTPUT', `cannot make the folder ${path}: ${message}`, {}, { cause })
  }
}

/** What a run that was killed left of the small files. */
export async function sweepParts(part: string): Promise<void> {
  for (let slot = 0; slot < WRITES_MAX; slot++) await rm(`${part}.${slot}`, { force: true })
}

/** One block, 2 MiB at most. */
async function wholeOf({ content, size }: TreeEntry): Promise<Uint8Array> {
  const bytes = new Uint8Array(size)
  let offset = 0
  for await (const piece of content) {
    bytes.set(piece, offset)
    offset += piece.length
  }
  return bytes
}

interface Writes {
  /** Resolves when there is room for the next. @param onNamed - it is durable and has its name. @throws what an earlier one threw. */
  begin(place: string, bytes: Uint8Array, onNamed: () => void): Promise<void>
  settle(): Promise<void>
}

function createWrites(part: string): Writes {
  const free = Array.from({ length: WRITES_MAX }, (_, slot) => `${part}.${slot}`)
  const running = new Set<Promise<void>>()
  let failure: { readonly error: unknown } | undefined
  const check = (): void => {
    if (failure !== undefined) throw failure.error
  }
  async function write(place: string, bytes: Uint8Array, onNamed: () => void): Promise<void> {
    const name = free.pop()!
    try {
      await writeWhole(name, bytes)
      await named(name, place)
      onNamed()
    } catch (error) {
      failure ??= { error }
    }
    free.push(name)
  }
  return {
    async begin(place, bytes, onNamed) {
      while (running.size >= WRITES_MAX) await Promise.race(running)
      check()
      const writing: Promise<void> = write(place, bytes, onNamed).finally(() => running.delete(writing))
      running.add(writing)
    },
    async settle() {
      await Promise.all(running)
      check()
    },
  }
}

/** Durable first, then named. */
async function writeWhole(path: string, bytes: Uint8Array): Promise<void> {
  try {
    const file = await open(path, WRITE_ANEW)
    try {
      await file.writeFile(bytes)
      await file.datasync()
    } finally {
      await file.close()
    }
  } catch (cause) {
    throw outputError(path, cause)
  }
}

async function named(part: string, place: string): Promise<void> {
  await rename(part, place).catch((cause: unknown) => {
    throw outputError(place, cause)
  })
}

const outputError = (path: string, cause: unknown): NodeError =>
  new NodeError('NODE_OUTPUT', `cannot write ${path}: ${(cause as Error).message}`, {}, { cause })

interface Proven {
  readonly part: string
  readonly proofs: TreeProofs
  readonly watch: RecordWatch
}

/** A file with nodes: its bytes as they come, and after each leaf's bytes the record that proves them. */
async function writeProven({ cid, content }: TreeEntry, place: string, { part, proofs, watch }: Proven): Promise<void> {
  const number = watch.file
  await proofs.begin(cid)
  const file = await open(part, WRITE_ANEW).catch((cause: unknown) => {
    throw outputError(part, cause)
  })
  try {
    for await (const bytes of content) {
      await file.writeFile(bytes)
      await proofs.append(watch.take())
    }
    await proofs.append(watch.takeAllOf(number))
    await file.datasync()
  } catch (cause) {
    throw cause instanceof Error && 'syscall' in cause ? outputError(part, cause) : cause
  } finally {
    await file.close()
  }
  await named(part, place)
}

interface RecordWatch {
  readonly onBlock: (block: VerifiedBlock) => void
  /** Counts the entities that have begun. */
  readonly file: number
  /** Records whose bytes have all been handed out: another block has come since. */
  take(): Uint8Array[]
  /** These, and the last one of a file that was read to its end. */
  takeAllOf(file: number): Uint8Array[]
}

/** Of files whose root is a node; a raw leaf that is a whole file needs none. */
function watchRecords(): RecordWatch {
  let file = 0
  let isProven = false
  let current: { readonly file: number; readonly record: Uint8Array } | undefined
  let safe: Uint8Array[] = []
  const take = (): Uint8Array[] => {
    const taken = safe
    safe = []
    return taken
  }
  return {
    get file() {
      return file
    },
    onBlock(block) {
      if (current !== undefined) safe.push(current.record)
      if (block.isEntityRoot) {
        file++
        isProven = block.kind === 'file' && block.cid.code !== RAW
      }
      current = isProven && isSent(block) ? { file, record: encodeRecord(block) } : undefined
    },
    take,
    takeAllOf(number) {
      if (current?.file === number) {
        safe.push(current.record)
        current = undefined
      }
      return take()
    },
  }
}
