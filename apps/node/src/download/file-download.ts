/**
 * A file's CID into a file on disk. Bytes go to `FILE.part` and the nodes that prove them to `FILE.part.proof`; when the last one is
 * there the part gets the name. A process that is killed leaves both, and the next one proves what is there and asks for the rest only.
 *
 * Invariant: the record of a leaf is written after its bytes, so a journal never speaks of bytes that were not written.
 */
import type { Client, Download, Entry, VerifiedBlock } from '@selvedge/client'
import type { CID } from 'multiformats/cid'
import { open, rename, rm, stat, truncate, type FileHandle } from 'node:fs/promises'
import { NodeError } from '../errors.ts'
import { GatheredOutput, writeFully } from './gathered-output.ts'
import { encodeRecord, isSent, readJournal, verifyPartial, type Verified } from './journal.ts'
import { READ, WRITE_ON } from './own-file.ts'

export interface FileDownloadOptions {
  readonly signal?: AbortSignal
  /** The size of a file, proven, before anything of it is written. What it throws ends the download, and is thrown. */
  readonly onSize?: ((bytes: number) => void) | undefined
  /** `bytes` of the file are on disk and verified. */
  readonly onProgress?: (bytes: number, size: number | undefined) => void
  /** What a former process left, once it was proven. */
  readonly onResume?: (offset: number) => void
  /** Of a directory only its kind is wanted: its entries are not waited for. @default false */
  readonly leavesDirectory?: boolean
  /** Of a file with nodes: what proves it on disk, before it is thrown away. */
  readonly onProof?: (journal: Uint8Array) => Promise<void>
}

export interface FileDownloadResult {
  readonly size: number
  /** Verified bytes that were on disk before. */
  readonly resumedAt: number
  /** Bytes that came over lanes, proofs included. */
  readonly receivedBytes: number
  /** Of these, nodes of the DAG that hold no bytes of the file. */
  readonly interiorBytes: number
  readonly mode: string
  readonly node: string
  /** From the call to the first verified byte; 0 where nothing was missing. */
  readonly firstByteMs: number
}

export type Fetched =
  | { readonly kind: 'file'; readonly file: FileDownloadResult }
  | { readonly kind: 'directory'; readonly entries: readonly Entry[]; readonly receivedBytes: number }
  | { readonly kind: 'symlink' | 'other' }

/**
 * Whatever `cid` is: a file's bytes into `path`, of a directory the entries. One request, and nothing is written for what is no file.
 * @throws {NodeError} `NODE_OUTPUT`; {ClientError} as `client.get`; what `options.onSize` throws.
 */
export async function fetchInto(client: Client, cid: CID, path: string, options: FileDownloadOptions = {}): Promise<Fetched> {
  const began = performance.now()
  const found = await findPartial(path, cid)
  options.onResume?.(found.offset)
  if (found.isComplete) {
    options.onSize?.(found.offset)
    await truncate(partOf(path), found.offset) // what lies behind the last proven byte is nobody's
    return { kind: 'file', file: await finish(path, nothingMissing(found), options) }
  }
  const watch = watchBlocks(cid, found)
  const { signal } = options
  const abort = signal === undefined ? {} : { signal }
  const download = await client.get(cid, { range: { start: found.offset }, onBlock: watch.onBlock, ...abort })
  try {
    if (download.kind === 'directory') {
      if (options.leavesDirectory === true) return { kind: 'directory', entries: [], receivedBytes: download.receivedBytes }
      const entries = await Array.fromAsync(download.entries())
      return { kind: 'directory', entries, receivedBytes: download.receivedBytes }
    }
    if (download.kind !== 'file') return { kind: download.kind }
    options.onSize?.(download.size!) // proven by the first block of a CID
    const there = await stat(path).catch(() => undefined) // what cannot be looked at is told by the writing
    if (there?.isDirectory() === true) throw new NodeError('NODE_OUTPUT', `cannot write ${path}: it is a folder, and this is a file`)
    const firstByteMs = await writeParts(download, path, found, watch, began, options)
    const { receivedBytes, mode, node } = download
    const size = download.size ?? found.offset
    const { interiorBytes } = watch
    return {
      kind: 'file',
      file: await finish(path, { size, resumedAt: found.offset, receivedBytes, interiorBytes, mode, node, firstByteMs }, options),
    }
  } finally {
    download.close()
  }
}

const partOf = (path: string): string => `${path}.part`
const journalOf = (path: string): string => `${path}.part.proof`

async function findPartial(path: string, cid: CID): Promise<Verified> {
  const part = await open(partOf(path), READ).catch(() => undefined) // whatever keeps it from being read, nothing of it can be used
  if (part === undefined) return { offset: 0, isComplete: false, journalBytes: 0 }
  try {
    return await verifyPartial(part, await readJournal(journalOf(path)), cid)
  } finally {
    await part.close()
  }
}

/** Durable first, then named; the nodes that proved it have done their work. */
async function finish(path: string, result: FileDownloadResult, { onProof }: FileDownloadOptions): Promise<FileDownloadResult> {
  await rename(partOf(path), path).catch((cause: unknown) => {
    throw new NodeError('NODE_OUTPUT', `cannot write ${path}: ${(cause as Error).message}`, {}, { cause })
  })
  if (onProof !== undefined) await onProof(await readJournal(journalOf(path)))
  await rm(journalOf(path), { force: true })
  return result
}

function nothingMissing({ offset }: Verified): FileDownloadResult {
  return { size: offset, resumedAt: offset, receivedBytes: 0, interiorBytes: 0, mode: 'none', node: '', firstByteMs: 0 }
}

interface BlockWatch {
  readonly onBlock: (block: VerifiedBlock) => void
  readonly interiorBytes: number
  /** The records of leaves that end at `position` or before, with the nodes above them; beyond the end of the file all that are left. */
  take(position: number): Uint8Array[]
}

interface PendingRecord {
  readonly bytes: Uint8Array
  /** Where its data ends in the file; undefined for a node. */
  readonly end: number | undefined
}

/** What is written of `cid` is one walk over it, though another node goes on where one has failed, and sends what leads there again. */
function watchBlocks(cid: CID, found: Verified): BlockWatch {
  let pending: PendingRecord[] = []
  let interiorBytes = 0
  /** End of the last leaf that has a record: what begins before it has one too, or is above one that has. */
  let coveredTo = found.offset
  return {
    get interiorBytes() {
      return interiorBytes
    },
    onBlock(block) {
      const length = block.dataEnd - block.dataStart
      if (length === 0) interiorBytes += block.block.length
      // From the root again: nodes that no leaf has followed come again too.
      if (block.cid.equals(cid)) pending = pending.slice(0, pending.findLastIndex(({ end }) => end !== undefined) + 1)
      if (block.fileOffset < coveredTo) return
      const end = length === 0 ? undefined : block.fileOffset + length
      coveredTo = end ?? coveredTo
      pending.push({ bytes: isSent(block) ? encodeRecord(block) : new Uint8Array(0), end })
    },
    take(position) {
      const first = pending.findIndex(({ end }) => end !== undefined && end > position)
      const before = first === -1 ? pending : pending.slice(0, first)
      const count = position === Number.POSITIVE_INFINITY ? before.length : before.findLastIndex(({ end }) => end !== undefined) + 1
      return pending.splice(0, count).map(({ bytes }) => bytes)
    },
  }
}

/** Resolves with the time to the first verified byte. */
async function writeParts(
  download: Download,
  path: string,
  found: Verified,
  watch: BlockWatch,
  began: number,
  { onProgress }: FileDownloadOptions,
): Promise<number> {
  const part = await openOutput(partOf(path), found.offset)
  try {
    const journal = await openOutput(journalOf(path), found.journalBytes)
    try {
      const output = new GatheredOutput(part, found.offset)
      let position = found.journalBytes
      const keep = async (upTo: number): Promise<void> => {
        const bytes = Buffer.concat(watch.take(upTo))
        await writeFully(journal, bytes, position)
        position += bytes.length
      }
      const firstByteMs = await pour(download, output, keep, began, onProgress)
      await part.datasync()
      return firstByteMs
    } finally {
      await journal.close()
    }
  } finally {
    await part.close()
  }
}

/** Everything into `output`; the records of what is in the file follow it, also where the download fails. */
async function pour(
  download: Download,
  output: GatheredOutput,
  keep: (upTo: number) => Promise<void>,
  began: number,
  onProgress: FileDownloadOptions['onProgress'],
): Promise<number> {
  let firstByteMs: number | undefined
  try {
    for await (const { offset, bytes } of download) {
      firstByteMs ??= performance.now() - began
      const writtenTo = output.position
      await output.add(bytes)
      if (offset + bytes.length === download.size) await output.flush()
      if (output.position === writtenTo) continue
      await keep(output.position)
      onProgress?.(output.position, download.size)
    }
  } catch (error) {
    // What cannot be written is fetched again, and why it ended is the first error.
    await output.flush().catch(() => undefined)
    await keep(output.position).catch(() => undefined)
    throw error
  }
  await output.flush()
  await keep(Number.POSITIVE_INFINITY)
  return firstByteMs ?? performance.now() - began
}

async function openOutput(path: string, length: number): Promise<FileHandle> {
  let file: FileHandle | undefined
  try {
    file = await open(path, WRITE_ON)
    await file.truncate(length)
    return file
  } catch (cause) {
    await file?.close()
    throw new NodeError('NODE_OUTPUT', `cannot write ${path}: ${(cause as Error).message}`, {}, { cause })
  }
}
