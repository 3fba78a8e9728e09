/** The regular files below a folder, in one order on every machine. Links are not followed and not listed. */
import { execFile } from 'node:child_process'
import { lstat, readdir } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import { promisify } from 'node:util'

export interface ListedFile {
  /** Place in the directory that is served, with `/` between names. */
  readonly path: string
  /** Where it lies on this machine. */
  readonly file: string
  readonly size: number
  /** What it holds, where that is in memory: then the file is not read. */
  readonly bytes?: Uint8Array
}

const LIST_BYTES_MAX = 64 * 2 ** 20

/** Every regular file below `folder`. */
export async function listFiles(folder: string): Promise<ListedFile[]> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true })
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => relative(folder, join(entry.parentPath, entry.name)))
  return await listed(folder, paths)
}

/** Every regular file that git tracks below `folder`; undefined where that is no git checkout. */
export async function listTrackedFiles(folder: string): Promise<ListedFile[] | undefined> {
  let output: string
  try {
    const { stdout } = await promisify(execFile)('git', ['-C', folder, 'ls-files', '-z', '--cached', '--', '.'], {
      maxBuffer: LIST_BYTES_MAX,
    })
    output = stdout
  } catch {
    return undefined // no git on this machine, or no checkout: both mean that git has nothing to say
  }
  return await listed(
    folder,
    output.split('\0').filter((path) => path !== ''),
  )
}

async function listed(folder: string, paths: readonly string[]): Promise<ListedFile[]> {
  const out: ListedFile[] = []
  for (const path of [...paths].sort()) {
    const file = join(folder, path)
    const found = await lstat(file).catch(() => undefined) // tracked and deleted, or gone since it was listed
    if (found?.isFile()) out.push({ path: path.split(sep).join('/'), file, size: found.size })
  }
  return out
}
