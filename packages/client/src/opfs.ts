/**
 * A client whose verified bytes are kept in the origin's private file system, so that a reload neither fetches nor pays. In pages and in
 * workers, service workers included.
 *
 * Nothing that is read back is believed: it is verified against the root or the CID that was asked for, as if a node had sent it. What a crash
 * in the middle of a write, another tab or a flipped bit has left is fetched again, and nothing else is.
 *
 * @module
 */
import { checkedSize } from './bytes-max.ts'
import type { Client } from './client.ts'
import { ClientError } from './errors.ts'
import { fetchWith, type FetchOptions } from './fetch.ts'
import type { FetchAddress } from './guide.ts'
import { createLocate } from './locate.ts'
import { openKeptCid } from './opfs-cid.ts'
import type { KeptDownload, KeptGetOptions } from './opfs-download.ts'
import { OpfsFiles } from './opfs-files.ts'
import { type LockPort, OpfsLocks } from './opfs-locks.ts'
import { openKeptRoot } from './opfs-root.ts'

export type { LockPort } from './opfs-locks.ts'
export type { KeptDownload, KeptGetOptions } from './opfs-download.ts'

export interface OpfsClientComponents {
  readonly client: Pick<Client, 'get' | 'receive'>
  /** Where the files are. @default a folder `selvedge` of `navigator.storage.getDirectory()` */
  readonly openDirectory?: (() => Promise<FileSystemDirectoryHandle>) | undefined
  /** What keeps two tabs from fetching the same. @default `navigator.locks`; without them it holds among the readers of this client */
  readonly locks?: LockPort | undefined
}

export interface OpfsClientOptions {
  /** What is kept at most, in bytes; what was used longest ago makes room. Each tab and each worker counts for itself. @default 256 MiB */
  readonly bytesMax?: number | undefined
  /**
   * A piece that another reader of this origin fetches is waited for so long, in milliseconds, and not paid twice; then it is fetched here too.
   * @default 5,000
   */
  readonly patienceMs?: number | undefined
  /** Hears what the file system refused. Nothing fails for it: bytes that are not kept are fetched. */
  readonly onError?: ((error: unknown) => void) | undefined
}

/** In the place of a client, for `createContentHandler` and for pages. */
export interface OpfsClient {
  /** As `Client.get`, first from the files. By root, the size is proven from the start, and pieces of 256 KiB are asked for, one ahead. */
  get(address: FetchAddress, options?: KeptGetOptions): Promise<KeptDownload>
  /** As `Client.fetch`, first from the files. */
  fetch(address: FetchAddress, options?: FetchOptions): Promise<Response>
  /** Forgets all that is kept. */
  clear(): Promise<void>
}

const BYTES_MAX: number = 256 * 2 ** 20
const PATIENCE_MS = 5_000

/**
 * Reads and writes nothing before it is asked for something. It has nothing to close: the client stays the caller's.
 * @throws {ClientError} `CLIENT_BAD_ARGUMENT`
 * @example const kept = createOpfsClient({ client: createClient({ nodes }) })
 */
export function createOpfsClient(components: OpfsClientComponents, options: OpfsClientOptions = {}): OpfsClient {
  const {
    client,
    openDirectory = openOwnDirectory,
    locks = (globalThis as { navigator?: { locks?: LockPort } }).navigator?.locks,
  } = components
  const { bytesMax = BYTES_MAX, patienceMs = PATIENCE_MS, onError } = options
  if (!(Number.isSafeInteger(bytesMax) && bytesMax >= 0 && patienceMs >= 0 && patienceMs < 2 ** 31))
    throw new ClientError('CLIENT_BAD_ARGUMENT', `not so: ${bytesMax} bytes at most, ${patienceMs} ms of patience`)
  const inner = { client, files: new OpfsFiles({ open: openDirectory, bytesMax, onError }), locks: new OpfsLocks(locks), patienceMs }

  const locate = createLocate((cid, directoryOptions) => get(cid, directoryOptions))

  async function get(address: FetchAddress, getOptions: KeptGetOptions = {}): Promise<KeptDownload> {
    getOptions.signal?.throwIfAborted()
    const { target } = await locate(address, getOptions.signal)
    const open = target.kind === 'root' ? openKeptRoot(inner, target, getOptions) : openKeptCid(inner, target, getOptions)
    return checkedSize(await open, getOptions)
  }

  return {
    get,
    fetch: async (address, fetchOptions = {}) => await fetchWith({ get, locate }, address, fetchOptions),
    clear: async () => await inner.files.clear(),
  }
}

async function openOwnDirectory(): Promise<FileSystemDirectoryHandle> {
  const { storage } = navigator as { readonly storage?: Partial<StorageManager> } // older browsers; and pages over http have none
  if (storage?.getDirectory === undefined) throw new DOMException('this page has no file system of its own', 'NotSupportedError')
  return await (await storage.getDirectory()).getDirectoryHandle('selvedge', { create: true })
}
