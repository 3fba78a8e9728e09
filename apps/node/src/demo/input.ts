/** The real input of the job: what git tracks here, a sharded directory, and the largest file at hand; or one folder that was named. */
import type { CID } from 'multiformats/cid'
import { Buffer } from 'node:buffer'
import { lstatSync, readFileSync } from 'node:fs'
import { basename } from 'node:path'
import type { FileDag } from '../dag/file-dag.ts'
import { readFileOf } from './comparing.ts'
import { listFiles, listTrackedFiles, type ListedFile } from '../dag/file-list.ts'
import { NodeError } from '../errors.ts'

export interface InputEntity {
  readonly name: string
  readonly cid: CID
  /** What must come out, by path; the path of a single file is ''. */
  readonly files: ReadonlyMap<string, ListedFile>
}

export interface Input {
  readonly entities: readonly InputEntity[]
  /** `truth` is what the file held when its DAG was built: whatever comes is compared with it. */
  readonly large: { readonly cid: CID; readonly file: ListedFile; readonly truth: Uint8Array }
  /** A file for a page: the largest one up to 8 MiB, where there is one. */
  readonly page: { readonly cid: CID; readonly truth: Uint8Array }
}

const SMALL_FILES = 2_000
const PAGE_BYTES_MAX = 8 * 2 ** 20

/** Of the clone at `top`: the tracked files (or all, where it is no checkout), 2,000 small files in shards, and this very Node. */
export async function buildOwnInput(dag: FileDag, top: string): Promise<Input> {
  const found =
    (await listTrackedFiles(top)) ?? (await listFiles(top)).filter(({ path }) => !/(^|\/)(node_modules|\.[^/]+|dist)\//.test(path))
  const tracked = snapshotOf(found)
  const small = smallFiles()
  const { size } = lstatSync(process.execPath)
  const executable: ListedFile = { path: basename(process.execPath), file: process.execPath, size }
  const reading = truthOf(executable) // in another thread, while this one builds
  reading.catch(() => undefined) // it is looked at when the DAG is built
  const entities = [
    await directory(dag, `the ${tracked.length} files that git tracks here`, tracked),
    await directory(dag, `a sharded directory of ${small.length} small files`, small, 1),
    {
      name: `${executable.path}, the program that runs this`,
      cid: await dag.build([executable], { wrap: false }),
      files: new Map([['', executable]]),
    },
  ]
  const large = { cid: entities[2]!.cid, file: executable, truth: await reading }
  return { entities, large, page: (await pageFile(dag, tracked)) ?? large }
}

/** Of one folder. */
export async function buildFolderInput(dag: FileDag, folder: string): Promise<Input> {
  const files = await listFiles(folder)
  const largest = files.reduce<ListedFile | undefined>((a, b) => (a === undefined || b.size > a.size ? b : a), undefined)
  if (largest === undefined) throw new NodeError('NODE_USAGE', `${folder} holds no file`)
  const entity = await directory(dag, `the ${files.length} files of ${folder}`, files)
  const cid = await dag.build([alone(largest)], { wrap: false })
  const large = { cid, file: largest, truth: await truthOf(largest) }
  return { entities: [entity], large, page: (await pageFile(dag, files)) ?? large }
}

/** The file by itself, wherever it lies: a path with folders in it would be a directory. */
const alone = (file: ListedFile): ListedFile => ({ ...file, path: basename(file.path) })

async function pageFile(dag: FileDag, files: readonly ListedFile[]): Promise<Input['page'] | undefined> {
  const isSmaller = ({ size }: ListedFile): boolean => size <= PAGE_BYTES_MAX
  const largest = files.filter(isSmaller).reduce<ListedFile | undefined>((a, b) => (a === undefined || b.size > a.size ? b : a), undefined)
  if (largest === undefined) return undefined
  const cid = await dag.build([alone(largest)], { wrap: false })
  return { cid, truth: largest.bytes ?? (await truthOf(largest)) }
}

async function truthOf({ file, size }: ListedFile): Promise<Uint8Array> {
  const truth = await readFileOf(file, size)
  if (truth === undefined) throw new NodeError('NODE_FILE_CHANGED', `${file} changed while it was read`)
  return truth
}

async function directory(
  dag: FileDag,
  name: string,
  files: readonly ListedFile[],
  shardSplitThresholdBytes?: number,
): Promise<InputEntity> {
  const cid = await dag.build(files, shardSplitThresholdBytes === undefined ? {} : { shardSplitThresholdBytes })
  return { name, cid, files: new Map(files.map((file) => [file.path, file])) }
}

/** The files as they are now: somebody may be editing this checkout, and a file that changes while it is served is refused. */
function snapshotOf(files: readonly ListedFile[]): ListedFile[] {
  return files.map((each) => {
    const bytes = readFileSync(each.file)
    return { ...each, bytes, size: bytes.length }
  })
}

function smallFiles(): ListedFile[] {
  return Array.from({ length: SMALL_FILES }, (_, i) => {
    const path = `note-${String(i).padStart(4, '0')}.txt`
    const bytes = Buffer.from(`This is small file ${i}: ${'every byte of it is checked. '.repeat(1 + (i % 7))}\n`)
    return { path, file: path, size: bytes.length, bytes }
  })
}
