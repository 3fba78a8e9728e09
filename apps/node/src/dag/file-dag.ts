/**
 * UnixFS DAGs over files on disk. Building reads each file once and keeps the nodes that link, and tiny leaves; the bytes of others are read
 * from their file when they are asked for, and checked, so that a file that changed since is an error and never wrong content.
 */
import type { UnixFS } from 'ipfs-unixfs'
import type { ImportCandidate } from 'ipfs-unixfs-importer'
import { CID } from 'multiformats/cid'
import { create as createDigest } from 'multiformats/hashes/digest'
import { hash } from 'node:crypto'
import { closeSync, openSync, readSync } from 'node:fs'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { NodeError } from '../errors.ts'
import type { ListedFile } from './file-list.ts'
import { respelt } from './file-sizes.ts'
import { createLeafFiles } from './leaf-files.ts'

const SHA2_256 = 0x12
const RAW = 0x55
/** Leaves of 256 KiB, 174 links a node: what most of IPFS was imported with. */
const LEAF_BYTES: number = 256 * 1024
const SHARD_SPLIT_BYTES: number = 256 * 1024
/** Leaves that were read last: an answer asks for its first block twice, and clients ask alike. */
const RECENT_BYTES_MAX: number = 4 * 2 ** 20
/** Leaves so small that opening their files costs more than holding them are held, up to this many bytes of all of them. */
const HELD_LEAF_BYTES_MAX = 4 * 1024
const HELD_BYTES_MAX = 16 * 2 ** 20
const LINKS_MAX = 174
/** Read and hashed at a stretch, some milliseconds: a node that adds a large file has clients who wait. */
const STRETCH_BYTES = 4 * 2 ** 20

export interface BuildOptions {
  /** Put the files into one directory, also where there is one file only. @default true */
  readonly wrap?: boolean
  /** @default 256 KiB */
  readonly leafBytes?: number
  /** A directory node larger than this becomes a sharded one. @default 256 KiB */
  readonly shardSplitThresholdBytes?: number
  /** Ends the building, with its reason. */
  readonly signal?: AbortSignal
}

export interface FileDag {
  /** Builds the DAG of `files`; resolves with the root's CID. */
  build(files: readonly ListedFile[], options?: BuildOptions): Promise<CID>
  readonly blocks: { get(cid: CID): Promise<Uint8Array>; has(cid: CID): boolean }
  readonly stats: { leaves: number; nodes: number; bytes: number }
}

interface Leaf {
  readonly file: string
  readonly offset: number
  readonly length: number
}

/** Loaded when it is needed: a node that is told to import nothing starts without its hundred modules. */
const loadImporter = () => Promise.all([import('ipfs-unixfs-importer'), import('ipfs-unixfs-importer/layout')])
const sha256 = (bytes: Uint8Array): Uint8Array => hash('sha256', bytes, 'buffer')
const keyOf = (digest: Uint8Array): string => Buffer.from(digest.buffer, digest.byteOffset, digest.length).toString('latin1')

/** What the importer makes of a file's parts, as far as it is looked at here. */
interface Reduced {
  readonly cid: CID
  readonly unixfs?: UnixFS | undefined
  readonly block?: Uint8Array | undefined
  readonly size: bigint
}

interface Leaves {
  readonly stats: { leaves: number; bytes: number }
  has(key: string): boolean
  add(file: ListedFile, offset: number, bytes: Uint8Array): CID
  /** `undefined` where no file has it. @throws {NodeError} `NODE_FILE_CHANGED` */
  get(key: string): Promise<Uint8Array | undefined>
}

/** Where the leaves of files stand, and the bytes of the small ones and the latest. */
function createLeaves(): Leaves {
  const leaves = new Map<string, Leaf>()
  const recent = createRecent()
  const files = createLeafFiles()
  const stats = { leaves: 0, bytes: 0 }
  const held = new Map<string, Uint8Array>()
  let heldBytes = 0
  return {
    stats,
    has: (key) => leaves.has(key),
    add({ file, bytes: whole }, offset, bytes) {
      const digest = sha256(bytes)
      const key = keyOf(digest)
      leaves.set(key, { file, offset, length: bytes.length })
      const isSmall = bytes.length <= HELD_LEAF_BYTES_MAX && heldBytes + bytes.length <= HELD_BYTES_MAX
      if (whole === undefined && isSmall && !held.has(key)) heldBytes += bytes.length
      if (whole !== undefined || isSmall) held.set(key, whole === undefined ? bytes.slice() : bytes) // a file in memory costs nothing more
      stats.leaves++
      stats.bytes += bytes.length
      return CID.createV1(RAW, createDigest(SHA2_256, digest))
    },
    async get(key) {
      const here = held.get(key) ?? recent.get(key)
      const leaf = leaves.get(key)
      if (here !== undefined || leaf === undefined) return here
      const bytes = await files.read(leaf.file, leaf.offset, leaf.length)
      if (keyOf(sha256(bytes)) !== key) {
        files.drop(leaf.file)
        throw new NodeError('NODE_FILE_CHANGED', `${leaf.file} is not what it was at ${leaf.offset}`)
      }
      recent.set(key, bytes)
      return bytes
    },
  }
}

export function createFileDag(): FileDag {
  const leaves = createLeaves()
  const nodes = new Map<string, Uint8Array>()

  async function get(cid: CID): Promise<Uint8Array> {
    const key = keyOf(cid.multihash.digest)
    const bytes = nodes.get(key) ?? (await leaves.get(key))
    if (bytes === undefined) throw new NodeError('NODE_NOT_FOUND', `${cid.toString()} is in none of the served files`)
    return bytes
  }

  /** The importer has put its own form of the node away: under another CID, where it is wrong. */
  function rightlySized<T extends Reduced>(made: T): T {
    const { cid, unixfs, block } = made
    const right = block === undefined || unixfs === undefined ? undefined : respelt(block, unixfs)
    if (block === undefined || right === undefined) return made
    const digest = sha256(right)
    nodes.delete(keyOf(cid.multihash.digest))
    nodes.set(keyOf(digest), right)
    const size = made.size + BigInt(right.length - block.length)
    return { ...made, cid: CID.createV1(cid.code, createDigest(SHA2_256, digest)), block: right, size }
  }

  return {
    get stats() {
      return { ...leaves.stats, nodes: nodes.size }
    },
    blocks: { get, has: (cid) => nodes.has(keyOf(cid.multihash.digest)) || leaves.has(keyOf(cid.multihash.digest)) },
    async build(listed, { wrap = true, shardSplitThresholdBytes = SHARD_SPLIT_BYTES, leafBytes = LEAF_BYTES, signal } = {}) {
      const fileOf = new Map(listed.map((file) => [file.path, file]))
      const store = {
        put: async (cid: CID, bytes: Uint8Array): Promise<CID> => {
          nodes.set(keyOf(cid.multihash.digest), bytes)
          return cid
        },
      }
      let root: CID | undefined
      let stretch = 0
      const [{ importer }, { balanced }] = await loadImporter()
      const layout = balanced({ maxChildrenPerNode: LINKS_MAX })
      const results = importer(candidatesOf(listed, leafBytes), store as never, {
        cidVersion: 1,
        rawLeaves: true,
        wrapWithDirectory: wrap,
        shardSplitThresholdBytes,
        layout: (source, reduce) => layout(source, async (parts) => rightlySized(await reduce(parts))),
        chunker: (source) => source as AsyncGenerator<Uint8Array>,
        // Leaves are hashed where they are read and never kept: only their place in their file is.
        async *bufferImporter({ content, path = '' }) {
          let offset = 0
          for await (const block of content) {
            const cid = leaves.add(fileOf.get(path)!, offset, block)
            offset += block.length
            if ((stretch += block.length) >= STRETCH_BYTES) {
              stretch = 0
              await nextTurn()
            }
            signal?.throwIfAborted()
            yield async () => ({ cid, size: BigInt(block.length), block })
          }
        },
      })
      for await (const { cid } of results) root = cid
      if (root === undefined) throw new NodeError('NODE_USAGE', 'there is no file to build a DAG of')
      return root
    },
  }
}

function* candidatesOf(files: readonly ListedFile[], leafBytes: number): Iterable<ImportCandidate> {
  for (const file of files) yield { path: file.path, content: leafBytesOf(file, leafBytes) }
}

/** First in, first out, bounded in bytes. */
function createRecent(): { get(key: string): Uint8Array | undefined; set(key: string, bytes: Uint8Array): void } {
  const kept = new Map<string, Uint8Array>()
  let total = 0
  return {
    get: (key) => kept.get(key),
    set(key, bytes) {
      if (!kept.has(key)) total += bytes.length
      kept.set(key, bytes)
      for (const [oldest, { length }] of kept) {
        if (total <= RECENT_BYTES_MAX) return
        kept.delete(oldest)
        total -= length
      }
    },
  }
}

/**
 * A file cut into leaves; an empty file is one empty leaf. Read in this thread: nothing is served before the DAG is built. Of a file on disk
 * each leaf is a view, valid until the next: fresh memory for each costs as much as their hashes.
 */
function* leafBytesOf({ file, size, bytes: whole }: ListedFile, leafBytes: number): Iterable<Uint8Array> {
  if (whole !== undefined) {
    for (let offset = 0; offset === 0 || offset < size; offset += leafBytes) yield whole.subarray(offset, offset + leafBytes)
    return
  }
  const descriptor = openSync(file, 'r')
  const memory = new Uint8Array(Math.min(leafBytes, size))
  try {
    for (let offset = 0; offset === 0 || offset < size; offset += leafBytes) {
      const bytes = memory.subarray(0, Math.min(leafBytes, size - offset))
      for (let filled = 0; filled < bytes.length; ) {
        const count = readSync(descriptor, bytes, filled, bytes.length - filled, offset + filled)
        if (count === 0) throw new NodeError('NODE_FILE_CHANGED', `${file} became shorter while it was read`)
        filled += count
      }
      yield bytes
    }
  } finally {
    closeSync(descriptor)
  }
}
