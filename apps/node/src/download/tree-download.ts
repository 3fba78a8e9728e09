/** A directory's CID into a folder: every file of it, at most as many at once as a node gives lanes. Links are left out. */
import type { Client, Entry } from '@selvedge/client'
import type { CID } from 'multiformats/cid'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { NodeError } from '../errors.ts'
import { fetchInto, type FileDownloadOptions, type FileDownloadResult } from './file-download.ts'

export interface TreeDownloadOptions extends FileDownloadOptions {
  readonly onFile?: (path: string, file: FileDownloadResult) => void
}

export interface TreeDownloadResult {
  readonly kind: 'file' | 'directory'
  readonly files: number
  readonly bytes: number
  readonly receivedBytes: number
  /** Paths that are neither a file nor a directory: left out. */
  readonly skipped: readonly string[]
  /** Of a single file. */
  readonly file?: FileDownloadResult
}

const FILES_AT_ONCE = 4

/** What `cid` is goes into `path`: a file's bytes, or a folder with everything below it. @throws as `fetchInto`; {NodeError} `NODE_BAD_NAME`. */
export async function downloadTree(client: Client, cid: CID, path: string, options: TreeDownloadOptions = {}): Promise<TreeDownloadResult> {
  const { signal, onFile, onProgress, onResume } = options
  const abort = signal === undefined ? {} : { signal }
  const result: { -readonly [Key in keyof TreeDownloadResult]: TreeDownloadResult[Key] } & { skipped: string[] } = {
    kind: 'file',
    files: 0,
    bytes: 0,
    receivedBytes: 0,
    skipped: [],
  }

  async function take(name: string, entry: CID, fileOptions: FileDownloadOptions): Promise<void> {
    const target = name === '' ? path : join(path, name)
    const fetched = await fetchInto(client, entry, target, fileOptions)
    if (fetched.kind === 'file') {
      result.files++
      result.bytes += fetched.file.size
      result.receivedBytes += fetched.file.receivedBytes
      if (name === '') result.file = fetched.file
      onFile?.(name, fetched.file)
    } else if (fetched.kind === 'directory') {
      if (name === '') result.kind = 'directory'
      result.receivedBytes += fetched.receivedBytes
      await makeFolder(target)
      for (const { name: child } of fetched.entries) checkName(child)
      const takeChild = (child: Entry): Promise<void> => take(name === '' ? child.name : `${name}/${child.name}`, child.cid as CID, abort)
      const { plain, partial } = sorted(fetched.entries)
      await each(plain, takeChild)
      for (const child of partial) await takeChild(child)
    } else result.skipped.push(name)
  }

  await take('', cid, { ...abort, ...(onProgress === undefined ? {} : { onProgress }), ...(onResume === undefined ? {} : { onResume }) })
  return result
}

/** A directory's names come from a stranger: nothing that could leave the folder, or mean something to the file system. */
function checkName(name: string): void {
  const isPlain = name !== '' && name !== '.' && name !== '..' && !/[/\\\0]/.test(name) && Buffer.byteLength(name) <= 255
  if (!isPlain)
    throw new NodeError('NODE_BAD_NAME', `the directory holds a name that is no file name: ${JSON.stringify(name.slice(0, 80))}`)
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

async function makeFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true }).catch((cause: unknown) => {
    throw new NodeError('NODE_OUTPUT', `cannot make the folder ${path}: ${(cause as Error).message}`, {}, { cause })
  })
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
