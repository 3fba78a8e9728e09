/**
 * A CID into a path: a file's bytes, or a folder with everything below it. Links are left out.
 *
 * A folder that is not there yet comes as one stream. One that is, because an earlier run was ended or because its owner has put something
 * there, is gone through entry by entry: what is whole on disk is proven there and not fetched, a file that was begun goes on where it was,
 * a folder that is missing comes as one stream again, and single files have a lane each, as many at once as a node gives lanes. One stream
 * for all of it would be fewer requests and, of a large folder that is nearly there, all of its bytes again.
 */
import { isFileName, type Client, type Entry } from '@selvedge/client'
import type { CID } from 'multiformats/cid'
import { readdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { NodeError } from '../errors.ts'
import { fetchInto, type FileDownloadOptions, type FileDownloadResult } from './file-download.ts'
import { openTreeProofs, type TreeProofs } from './tree-proofs.ts'
import { makeFolder, streamTree, sweepParts } from './tree-stream.ts'

/** `onSize` is called once for each file, also for one that is here already. */
export interface TreeDownloadOptions extends FileDownloadOptions {
  /** A file is whole and has its name. */
  readonly onFile?: (path: string, bytes: number) => void
}

export interface TreeDownloadResult {
  readonly kind: 'file' | 'directory'
  readonly files: number
  readonly bytes: number
  readonly receivedBytes: number
  /** Of a directory: files that were whole on disk before. */
  readonly here: number
  /** Paths that are neither a file nor a directory: left out. */
  readonly skipped: readonly string[]
  /** Of a single file. */
  readonly file?: FileDownloadResult
}

const FILES_AT_ONCE = 4
const RAW = 0x55

/** What `cid` is goes into `path`. @throws as `fetchInto` and `client.getTree`; {NodeError} `NODE_BAD_NAME`; what `options.onSize` throws. */
export async function downloadTree(client: Client, cid: CID, path: string, options: TreeDownloadOptions = {}): Promise<TreeDownloadResult> {
  const top = await fetchInto(client, cid, path, { ...options, leavesDirectory: true })
  const { receivedBytes } = top.kind === 'directory' ? top : { receivedBytes: 0 }
  const result = { files: 0, bytes: 0, receivedBytes, here: 0, skipped: [] as string[] }
  if (top.kind === 'file') {
    const { size, receivedBytes: received } = top.file
    options.onFile?.('', size)
    return { ...result, kind: 'file', files: 1, bytes: size, receivedBytes: received, file: top.file }
  }
  if (top.kind !== 'directory') return { ...result, kind: 'file', skipped: [''] }
  const proofs = await openTreeProofs(`${path}.part.files`)
  try {
    await sweepParts(`${path}.part`)
    await new FolderDownload(client, path, options, proofs, result).take('', cid)
    await proofs.remove()
    await rm(`${path}.part`, { force: true })
    return { ...result, kind: 'directory' }
  } finally {
    await proofs.close().catch(() => {}) // it is closed already when it was removed
  }
}

interface Tally {
  files: number
  bytes: number
  receivedBytes: number
  here: number
  readonly skipped: string[]
}

class FolderDownload {
  readonly #client: Client
  readonly #top: string
  readonly #options: TreeDownloadOptions
  readonly #proofs: TreeProofs
  readonly #tally: Tally
  /** The file that an earlier run was writing when it ended: its bytes are beside the folder until its place is known. */
  #begun: string | undefined

  constructor(client: Client, top: string, options: TreeDownloadOptions, proofs: TreeProofs, tally: Tally) {
    this.#client = client
    this.#top = top
    this.#options = options
    this.#proofs = proofs
    this.#tally = tally
    this.#begun = proofs.last
  }

  /** A directory. @param name - its path from the top. */
  async take(name: string, cid: CID): Promise<void> {
    const target = this.#placeOf(name)
    if (await this.#isMissing(target)) return await this.#stream(name, cid)
    await makeFolder(target, this.#top)
    const { signal } = this.#options
    const entries: Entry[] = await Array.fromAsync(this.#client.entries(cid, signal === undefined ? {} : { signal }))
    for (const entry of entries) {
      if (!isFileName(entry.name))
        throw new NodeError('NODE_BAD_NAME', `the directory holds a name that is no file name: ${JSON.stringify(entry.name.slice(0, 80))}`)
    }
    const { plain, partial } = sorted(entries)
    const directories: { name: string; cid: CID }[] = []
    const takeEntry = async (entry: Entry): Promise<void> => {
      const path = name === '' ? entry.name : `${name}/${entry.name}`
      if (await this.#takeFile(path, entry.cid as CID)) directories.push({ name: path, cid: entry.cid as CID })
    }
    await each(plain, takeEntry)
    for (const entry of partial) await takeEntry(entry)
    for (const directory of directories) await this.take(directory.name, directory.cid)
  }

  #placeOf(name: string): string {
    return name === '' ? this.#top : join(this.#top, name)
  }

  async #stream(name: string, cid: CID): Promise<void> {
    const { signal, onSize } = this.#options
    const { receivedBytes } = await streamTree(this.#client, cid, this.#placeOf(name), {
      proofs: this.#proofs,
      top: this.#top,
      part: `${this.#top}.part`,
      onSize,
      onFile: (path, bytes) => this.#count(name === '' || path === '' ? name + path : `${name}/${path}`, bytes),
      onSkipped: (path) => this.#tally.skipped.push(name === '' ? path : `${name}/${path}`),
      ...(signal === undefined ? {} : { signal }),
    })
    this.#tally.receivedBytes += receivedBytes
  }

  /** True where it is a directory, of which nothing was taken. */
  async #takeFile(name: string, cid: CID): Promise<boolean> {
    const target = this.#placeOf(name)
    const size = await this.#proofs.wholeSize(target, cid)
    if (size !== undefined) {
      if (this.#begun === cid.toString()) this.#begun = undefined // it was whole: nothing is looked for any more
      this.#options.onSize?.(size)
      this.#tally.here++
      this.#count(name, size)
      return false
    }
    await this.#placeBegun(target, cid)
    const { signal, onSize } = this.#options
    const fetched = await fetchInto(this.#client, cid, target, {
      leavesDirectory: true,
      onSize,
      ...(cid.code === RAW ? {} : { onProof: (journal) => this.#proofs.keep(cid, journal) }),
      ...(signal === undefined ? {} : { signal }),
    })
    if (fetched.kind === 'directory') this.#tally.receivedBytes += fetched.receivedBytes
    if (fetched.kind === 'file') {
      this.#tally.receivedBytes += fetched.file.receivedBytes
      this.#count(name, fetched.file.size)
    } else if (fetched.kind !== 'directory') this.#tally.skipped.push(name)
    return fetched.kind === 'directory'
  }

  /** What an earlier run has of this very file goes to where `fetchInto` looks for it. */
  async #placeBegun(target: string, cid: CID): Promise<void> {
    if (this.#begun !== cid.toString()) return
    this.#begun = undefined
    const journal = this.#proofs.of(cid)
    if (journal === undefined) return
    await rm(`${target}.part.proof`, { force: true })
    await writeFile(`${target}.part.proof`, journal, { flag: 'wx' }) // through no link
    await rename(`${this.#top}.part`, `${target}.part`).catch(() => {}) // it was whole, and has its name
  }

  #count(name: string, bytes: number): void {
    this.#tally.files++
    this.#tally.bytes += bytes
    this.#options.onFile?.(name, bytes)
  }

  /** Nothing of it is there, so that all of it may come as one stream; and it is no place that a file begun earlier may belong to. */
  async #isMissing(target: string): Promise<boolean> {
    try {
      return this.#begun === undefined && (await readdir(target)).length === 0
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === 'ENOENT'
    }
  }
}

/**
 * Names that the download of another entry may use while it runs: these come after all others and one by one, the shorter first, so that
 * `a` has left `a.part` before the entry of that name is written.
 */
function sorted(entries: readonly Entry[]): { readonly plain: readonly Entry[]; readonly partial: readonly Entry[] } {
  const isPartial = ({ name }: Entry): boolean => /\.part(?:\.proof)?$/i.test(name)
  return {
    plain: entries.filter((entry) => !isPartial(entry)),
    partial: entries.filter(isPartial).sort((a, b) => a.name.length - b.name.length),
  }
}

/** Runs `action` over the items, a few at once; the first failure stops the rest. */
async function each<T>(items: readonly T[], action: (item: T) => Promise<void>): Promise<void> {
  let next = 0
  let hasFailed = false
  async function work(): Promise<void> {
    try {
      while (!hasFailed && next < items.length) await action(items[next++]!)
    } catch (error) {
      hasFailed = true
      throw error
    }
  }
  const outcomes = await Promise.allSettled(Array.from({ length: FILES_AT_ONCE }, work))
  const failed = outcomes.find((outcome) => outcome.status === 'rejected')
  if (failed !== undefined) throw failed.reason
}
