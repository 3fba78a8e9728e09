/** What the tests of kept bytes share: a directory and locks in memory, a real client and a real node. */
import type { ByteRange } from '@selvedge/content'
import type { LaneRequest } from '@selvedge/handshake/tls'
import { onTestFinished } from 'vitest'
import { createClient } from '../src/index.ts'
import { createOpfsClient, type OpfsClient, type OpfsClientOptions } from '../src/opfs.ts'
import type { LockPort } from '../src/opfs-locks.ts'
import { MemoryContent, sampleBytes, serving, startNode, type TestNode } from './node.ts'

export const DATA: Uint8Array = sampleBytes(900_000)
export const KIB = 1024

export type OnLane = (request: LaneRequest) => Promise<void>

export type Fault = 'none' | 'moving' | 'full' | 'locked' | 'unreadable' | 'torn' | 'closed' | 'old'

/** As much of `FileSystemDirectoryHandle` as is used, with `fault` in all that it does from then on. */
export class MemoryDirectory {
  readonly files: Map<string, Uint8Array> = new Map()
  fault: Fault = 'none'
  #clock = 0
  readonly #times = new Map<string, number>()

  async getFileHandle(name: string, { create = false }: { readonly create?: boolean } = {}): Promise<object> {
    if (!create && !this.files.has(name)) throw new DOMException('no such file', 'NotFoundError')
    if (!this.files.has(name)) this.#put(name, new Uint8Array(0))
    return {
      kind: 'file',
      getFile: async () => this.#fileOf(name),
      ...(this.fault === 'old' ? {} : { createWritable: async () => this.#writableOf(name) }),
    }
  }

  async removeEntry(name: string): Promise<void> {
    if (this.fault === 'locked') throw new DOMException('it is being written', 'NoModificationAllowedError')
    if (!this.files.delete(name)) throw new DOMException('no such file', 'NotFoundError')
  }

  async *entries(): AsyncGenerator<[string, object]> {
    if (this.fault === 'moving') throw new DOMException('it was taken away', 'NotFoundError')
    for (const name of this.files.keys()) yield [name, await this.getFileHandle(name)]
    yield ['folder', { kind: 'directory' }]
  }

  #put(name: string, bytes: Uint8Array): void {
    this.files.set(name, bytes)
    this.#times.set(name, ++this.#clock)
  }

  #fileOf(name: string): object {
    const bytes = this.files.get(name)!
    const arrayBuffer = async (): Promise<ArrayBuffer> => {
      if (this.fault === 'unreadable') throw new DOMException('it has changed', 'NotReadableError')
      return bytes.slice().buffer as ArrayBuffer
    }
    return { size: bytes.length, lastModified: this.#times.get(name), arrayBuffer }
  }

  #writableOf(name: string): object {
    if (this.fault === 'locked') throw new DOMException('another tab writes it', 'NoModificationAllowedError')
    const parts: Uint8Array[] = []
    return {
      write: async (part: Uint8Array) => {
        if (this.fault === 'full') throw new DOMException('the disk is full', 'QuotaExceededError')
        parts.push(part.slice())
      },
      close: async () => {
        if (this.fault === 'closed') throw new DOMException('it was taken away', 'InvalidStateError')
        const bytes = new Uint8Array(Buffer.concat(parts))
        this.#put(name, this.fault === 'torn' ? bytes.subarray(0, bytes.length / 2) : bytes)
      },
      abort: async () => await Promise.reject(new DOMException('it is over', 'InvalidStateError')),
    }
  }
}

/** As much of `navigator.locks` as is used, of several tabs: one holder of a name, the others in order, and an abort ends the waiting. */
export class MemoryLocks {
  readonly #waiting: Map<string, (() => void)[]> = new Map()

  /** Names that are held. */
  get held(): readonly string[] {
    return [...this.#waiting.keys()]
  }

  request = async (name: string, { signal }: { signal: AbortSignal }, callback: () => Promise<unknown>): Promise<unknown> => {
    signal.throwIfAborted()
    const waiting = this.#waiting.get(name)
    if (waiting === undefined) this.#waiting.set(name, [])
    else await MemoryLocks.#turn(waiting, signal)
    try {
      return await callback()
    } finally {
      const next = this.#waiting.get(name)!.shift()
      if (next === undefined) this.#waiting.delete(name)
      else next()
    }
  }

  static async #turn(waiting: (() => void)[], signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const abort = (): void => {
        waiting.splice(waiting.indexOf(turn), 1)
        reject(signal.reason as Error)
      }
      const turn = (): void => {
        signal.removeEventListener('abort', abort)
        resolve()
      }
      waiting.push(turn)
      signal.addEventListener('abort', abort, { once: true })
    })
  }
}

export const asLocks = (locks: MemoryLocks): LockPort => locks as unknown as LockPort

export interface World {
  readonly directory: MemoryDirectory
  readonly node: TestNode
  readonly address: string
  readonly errors: unknown[]
  /** What a new tab has. */
  tab(options?: OpfsClientOptions, locks?: LockPort): OpfsClient
}

export async function world(
  how: 'root' | 'CID',
  data: Uint8Array = DATA,
  onLane: (honest: OnLane) => OnLane = (honest) => honest,
): Promise<World> {
  const content = new MemoryContent()
  const address =
    how === 'root' ? Buffer.from(await content.addRoot(data)).toString('hex') : (await content.add({ file: data }, 64 * KIB)).toString()
  const node = await startNode(onLane(serving(content)))
  const directory = new MemoryDirectory()
  const errors: unknown[] = []
  const openDirectory = async (): Promise<FileSystemDirectoryHandle> => directory as unknown as FileSystemDirectoryHandle
  const tab = (options: OpfsClientOptions = {}, locks?: LockPort): OpfsClient => {
    const client = createClient({ nodes: [node] })
    onTestFinished(() => client.close())
    const components = locks === undefined ? { client, openDirectory } : { client, openDirectory, locks }
    return createOpfsClient(components, { onError: (error) => errors.push(error), ...options })
  }
  return { directory, node, address, errors, tab }
}

interface LoadedBytes {
  readonly bytes: Uint8Array
  readonly receivedBytes: number
  readonly node: string
  readonly size: number | undefined
}

export async function load(client: OpfsClient, address: string, range?: ByteRange, signal?: AbortSignal): Promise<LoadedBytes> {
  const parts: Uint8Array[] = []
  const abort = signal === undefined ? {} : { signal }
  const download = await client.get(address, range === undefined ? abort : { ...abort, range })
  for await (const { bytes } of download) parts.push(bytes.slice())
  return { bytes: new Uint8Array(Buffer.concat(parts)), receivedBytes: download.receivedBytes, node: download.node, size: download.size }
}

/** Comparing them element by element costs more than the test. */
export const isSame = (bytes: Uint8Array, expected: Uint8Array = DATA): boolean => Buffer.compare(bytes, expected) === 0
