/**
 * A client whose verified bytes are kept in the origin's private file system, so that a reload neither fetches nor pays. In pages and in
 * workers, service workers included.
 *
 * Nothing that is read back is believed: it is verified against the root or the CID that was asked for, as if a node had sent it. What a crash
 * in the middle of a write, another tab or a flipped bit has left is fetched again, and nothing else is.
 *
 * @module
 */
import type { Client } from './client.ts'
import { ClientError } from './errors.ts'
import { type FetchAddress, fetchWith, type FetchOptions } from './fetch.ts'
import { openKeptCid } from './opfs-cid.ts'
import { OpfsFiles } from './opfs-files.ts'
import { type KeptDownload, type KeptGetOptions, openKeptRoot } from './opfs-root.ts'
import { type CidLike, formatTarget, targetOf } from './target.ts'

export type { KeptDownload, KeptGetOptions } from './opfs-root.ts'

export interface OpfsClientComponents {
  readonly client: Pick<Client, 'get' | 'receive'>
  /** Where the files are. @default a folder `selvedge` of `navigator.storage.getDirectory()` */
  readonly openDirectory?: () => Promise<FileSystemDirectoryHandle>
}

export interface OpfsClientOptions {
  /** What is kept at most, in bytes; what was used longest ago makes room. Each tab and each worker counts for itself. @default 256 MiB */
  readonly bytesMax?: number
  /** Hears what the file system refused. Nothing fails for it: bytes that are not kept are fetched. */
  readonly onError?: (error: unknown) => void
}

/** In the place of a client, for `createContentHandler` and for pages. */
export interface OpfsClient {
  /** As `Client.get`, first from the files. By root, the size is proven from the start, and pieces of 256 KiB are asked for, one ahead. */
  get(address: CidLike | Uint8Array | string, options?: KeptGetOptions): Promise<KeptDownload>
  /** As `Client.fetch`, first from the files. */
  fetch(address: FetchAddress, options?: FetchOptions): Promise<Response>
  /** Forgets all that is kept. */
  clear(): Promise<void>
}

const BYTES_MAX: number = 256 * 2 ** 20

/**
 * Reads and writes nothing before it is asked for something. It has nothing to close: the client stays the caller's.
 * @throws {ClientError} `CLIENT_BAD_ARGUMENT`
 * @example const kept = createOpfsClient({ client: createClient({ nodes }) })
 */
export function createOpfsClient(components: OpfsClientComponents, options: OpfsClientOptions = {}): OpfsClient {
  const { client, openDirectory = openOwnDirectory } = components
  const { bytesMax = BYTES_MAX, onError } = options
  if (!(Number.isSafeInteger(bytesMax) && bytesMax >= 0))
    throw new ClientError('CLIENT_BAD_ARGUMENT', `bytesMax must be a whole number from 0, got ${bytesMax}`)
  const inner = { client, files: new OpfsFiles({ open: openDirectory, bytesMax, onError }), coming: new Map<string, Promise<unknown>>() }

  async function get(address: CidLike | Uint8Array | string, getOptions: KeptGetOptions = {}): Promise<KeptDownload> {
    getOptions.signal?.throwIfAborted()
    const target = targetOf(address)
    return target.kind === 'root' ? await openKeptRoot(inner, target, getOptions) : await openKeptCid(inner, target, getOptions)
  }

  return {
    get,
    fetch: async (address, fetchOptions = {}) => await fetchWith(get, (named) => formatTarget(targetOf(named)), address, fetchOptions),
    clear: async () => await inner.files.clear(),
  }
}

async function openOwnDirectory(): Promise<FileSystemDirectoryHandle> {
  const { storage } = navigator as { readonly storage?: Partial<StorageManager> } // older browsers; and pages over http have none
  if (storage?.getDirectory === undefined) throw new DOMException('this page has no file system of its own', 'NotSupportedError')
  return await (await storage.getDirectory()).getDirectoryHandle('selvedge', { create: true })
}
