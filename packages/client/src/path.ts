/**
 * Paths below a CID. Each name is looked up in its directory, which is fetched, verified and paid like any content: so where a path leads follows from the CID
 * that it begins with, and from no node's word.
 *
 * A directory's CID answers with its own nodes, all shards of a large one, in their order (sessions.md §5). They are read until the name comes, so of a sharded
 * directory half of its nodes come on average, and all of them where it has no such name: a shard further down cannot be asked for by itself, since without those
 * above it nothing proves its place. What a path led to never changes, and is remembered.
 */
import type { CID } from 'multiformats/cid'
import type { Download } from './download.ts'
import { ClientError } from './errors.ts'
import type { Guide, Locate, Located } from './guide.ts'
import { mediaTypeOf } from './media-types.ts'
import { isFileName } from './names.ts'
import { remember } from './remember.ts'
import { targetOf } from './target.ts'

/** Names of a path (ipfs.md §1.3). */
export const PATH_SEGMENTS_MAX = 256
/** All names of a path together, decoded, in UTF-8 (ipfs.md §1.3). */
export const PATH_BYTES_MAX = 4_096
/** Nodes of directories that are read to follow one path: those of some 400,000 entries. What comes again, from the next node where one breaks off, counts again. */
export const PATH_READ_BYTES_MAX: number = 32 * 2 ** 20

/** The CID, and what stands behind it up to a query or a fragment. On a subdomain `/ipfs/` is a name like any other, so that form comes before the last one. */
const FORMS: readonly RegExp[] = [
  /^ipfs:\/\/([^/?#]+)(\/[^?#]*)?/i,
  /^\/ipfs\/([^/?#]+)(\/[^?#]*)?/,
  /^https?:\/\/([0-9a-z]+)\.ipfs\.[^/?#]+(\/[^?#]*)?/i,
  /^https?:\/\/[^/?#]+\/ipfs\/([^/?#]+)(\/[^?#]*)?/i,
]

/**
 * Where a path leads: nothing is asked of a node where it has led there before.
 *
 * @param text - one of the forms of `FetchAddress` that hold a path, which may be empty.
 * @throws {ClientError} `CLIENT_BAD_ARGUMENT`; `CLIENT_NO_ENTRY`, `CLIENT_TOO_LARGE` and as `get`; the reason of `signal`.
 */
export async function locatePath(text: string, guide: Guide, signal: AbortSignal | undefined): Promise<Located> {
  const { top, names } = parsePath(text)
  const search: Search = { ...guide, signal, readBytes: 0 }
  let cid = top
  let key = top.toString()
  for (const name of names) {
    key += `/${name}`
    cid = guide.known.get(key) ?? (await entryIn(cid, name, search))
    remember(guide.known, key, cid)
  }
  signal?.throwIfAborted()
  const last = names.at(-1)
  return { target: targetOf(cid), contentType: last === undefined ? undefined : mediaTypeOf(last) }
}

/**
 * What a directory, which is open already, shows by itself. It is read where that is not known, and it is the caller's to close.
 * @throws {ClientError} `CLIENT_NOT_A_FILE`, and as `locate`
 */
export async function locateIndex(
  directory: Pick<Download, 'address' | 'kind' | 'entries' | 'close'>,
  locate: Locate,
  signal: AbortSignal | undefined,
): Promise<Located> {
  const { address } = directory
  try {
    return await locate(`/ipfs/${address}/index.html`, signal, async () => directory)
  } catch (cause) {
    if (!(cause instanceof ClientError && cause.code === 'CLIENT_NO_ENTRY')) throw cause
    throw new ClientError('CLIENT_NOT_A_FILE', `${address} is a directory without an index.html, not a file`, {}, { cause })
  }
}

interface Path {
  readonly top: CID
  readonly names: readonly string[]
}

/** Names are decoded once, and are names of files: nothing that goes up, or that holds a slash. @throws {ClientError} `CLIENT_BAD_ARGUMENT` */
function parsePath(text: string): Path {
  for (const form of FORMS) {
    const [, name, path = ''] = form.exec(text) ?? []
    const top = name === undefined ? undefined : cidOf(name)
    if (top !== undefined) return { top, names: namesOf(path) }
  }
  const forms = 'a CID, a root of 64 hex digits, ipfs://CID/path, /ipfs/CID/path, https://HOST/ipfs/CID/path or https://CID.ipfs.HOST/path'
  throw new ClientError('CLIENT_BAD_ARGUMENT', `"${text.slice(0, 120)}" is no ${forms}`)
}

function cidOf(text: string): CID | undefined {
  try {
    const target = targetOf(text)
    return target.kind === 'cid' ? target.cid : undefined // a root names the bytes of one file: nothing is below it
  } catch {
    return undefined
  }
}

function namesOf(path: string): readonly string[] {
  const longest = 3 * PATH_BYTES_MAX + PATH_SEGMENTS_MAX // each byte may be written with three characters
  if (path.length > longest) throw badPath(`has ${path.length} characters, more than ${longest}`)
  const parts = path.split('/').slice(1)
  if (parts.at(-1) === '') parts.pop() // what leads to a directory may end with a slash
  if (parts.length > PATH_SEGMENTS_MAX) throw badPath(`has ${parts.length} names, more than ${PATH_SEGMENTS_MAX}`)
  const names = parts.map(nameOf)
  const { length } = new TextEncoder().encode(names.join(''))
  if (length > PATH_BYTES_MAX) throw badPath(`has names of ${length} bytes, more than ${PATH_BYTES_MAX}`)
  return names
}

function nameOf(part: string): string {
  let name: string
  try {
    name = decodeURIComponent(part)
  } catch (cause) {
    throw badPath(`holds what is no percent-encoded text: ${JSON.stringify(part.slice(0, 80))}`, cause)
  }
  if (!isFileName(name)) throw badPath(`holds a name that is no file name: ${JSON.stringify(name.slice(0, 80))}`)
  return name
}

function badPath(what: string, cause?: unknown): ClientError {
  return new ClientError('CLIENT_BAD_ARGUMENT', `the path ${what}`, {}, cause === undefined ? undefined : { cause })
}

interface Search extends Guide {
  readonly signal: AbortSignal | undefined
  /** Of all directories so far. */
  readBytes: number
}

/** @throws {ClientError} `CLIENT_NO_ENTRY`, `CLIENT_TOO_LARGE`, and as `get` */
async function entryIn(directory: CID, name: string, search: Search): Promise<CID> {
  const { signal } = search
  const directoryText = directory.toString()
  // What it throws ends the download: a tree of shards without an entry would go on for ever.
  const onBlock = ({ block }: { readonly block: Uint8Array }): void => {
    search.readBytes += block.length
    if (search.readBytes <= PATH_READ_BYTES_MAX) return
    const what = `more than ${PATH_READ_BYTES_MAX} bytes of directories were read, of ${directoryText} last, for ${JSON.stringify(name)}`
    throw new ClientError('CLIENT_TOO_LARGE', what, { cid: directoryText, name, bytesMax: PATH_READ_BYTES_MAX })
  }
  const download = await search.get(directory, { signal })
  try {
    if (download.kind !== 'directory') throw noEntry(directoryText, name, `is a ${download.kind}, and`)
    for await (const entry of download.entries({ onBlock })) if (entry.name === name) return entry.cid
  } finally {
    download.close()
  }
  throw noEntry(directoryText, name, 'is a directory that')
}

function noEntry(cid: string, name: string, what: string): ClientError {
  return new ClientError('CLIENT_NO_ENTRY', `${cid} ${what} has no entry ${JSON.stringify(name)}`, { cid, name })
}
