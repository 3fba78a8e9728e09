/** A source over memory: real DAGs made by the importer, real outboards. Arriving content is content whose blocks come when the test says. */
import { createOutboard } from '@selvedge/verified-streaming'
import { importer } from 'ipfs-unixfs-importer'
import { fixedSize } from 'ipfs-unixfs-importer/chunker'
import type { CID } from 'multiformats/cid'
import type { ContentSourcePort, OpenedEntity } from '../src/index.ts'

export interface MemorySource extends ContentSourcePort {
  /** Imports a file of 1 KiB-multiple leaves; resolves with its CID. */
  addFile(bytes: Uint8Array, leafBytes?: number): Promise<CID>
  addDirectory(files: Readonly<Record<string, Uint8Array>>): Promise<CID>
  addRoot(bytes: Uint8Array): Promise<Uint8Array>
  readonly blocks: Map<string, Uint8Array>
  /** Overrides of what `openCid` gives. */
  opened: Partial<OpenedEntity>
  /** Of blobs and entities: opened and not yet closed. */
  openCount: number
}

class MissingError extends Error {
  readonly code = 'FETCHER_NOT_FOUND'
}

const keyOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

type Candidate = { path: string; content: Uint8Array }

async function importInto(blocks: Map<string, Uint8Array>, candidates: Candidate[], leafBytes: number, wrap: boolean): Promise<CID> {
  const store = {
    put: async (cid: CID, bytes: Uint8Array) => {
      blocks.set(keyOf(cid.multihash.bytes), bytes)
      return cid
    },
  }
  const chunker = fixedSize({ chunkSize: leafBytes })
  let last: CID | undefined
  for await (const { cid } of importer(candidates, store as never, { cidVersion: 1, rawLeaves: true, wrapWithDirectory: wrap, chunker }))
    last = cid
  return last!
}

export function createMemorySource(): MemorySource {
  const blocks = new Map<string, Uint8Array>()
  const entities = new Map<string, Pick<OpenedEntity, 'kind' | 'size'>>()
  const blobs = new Map<string, { data: Uint8Array; outboard: Uint8Array; root: Uint8Array }>()
  const importAll = (files: Candidate[], leafBytes: number, wrap: boolean): Promise<CID> => importInto(blocks, files, leafBytes, wrap)

  const source: MemorySource = {
    blocks,
    opened: {},
    openCount: 0,
    async addFile(bytes, leafBytes = 4096) {
      const cid = await importAll([{ path: 'file', content: bytes }], leafBytes, false)
      entities.set(keyOf(cid.bytes), { kind: 'file', size: bytes.length })
      return cid
    },
    async addDirectory(files) {
      const candidates = Object.entries(files).map(([path, content]) => ({ path, content }))
      const cid = await importAll(candidates, 4096, true)
      entities.set(keyOf(cid.bytes), { kind: 'directory', size: 0 })
      return cid
    },
    async addRoot(bytes) {
      const { root, outboard } = await createOutboard(bytes)
      blobs.set(keyOf(root), { data: bytes, outboard, root })
      return root
    },
    async openRoot(root) {
      const blob = blobs.get(keyOf(root))
      if (blob === undefined) return undefined
      source.openCount++
      const { data, outboard } = blob
      const readAt = (offset: number, length: number): Uint8Array => data.subarray(offset, offset + length)
      const close = async (): Promise<void> => void source.openCount--
      return { root, size: data.length, data: { size: data.length, readAt }, outboard, close }
    },
    openTree: (cid) => source.openCid(cid),
    async openCid(cid) {
      const entity = entities.get(keyOf(cid.bytes))
      if (entity === undefined) throw new MissingError(`nobody has ${cid}`)
      source.openCount++
      return {
        ...entity,
        complete: true,
        root: undefined,
        blocks: {
          async get(each) {
            const block = blocks.get(keyOf(each.multihash.bytes))
            if (block === undefined) throw new Error(`no block ${each}`)
            return block
          },
        },
        close: async () => void source.openCount--,
        ...source.opened,
      }
    },
  }
  return source
}

/** Bytes that differ everywhere, the same in every run. */
export function sampleBytes(length: number, seed = 1): Uint8Array {
  const out = new Uint8Array(length)
  let state = seed >>> 0 || 1
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    out[i] = state >>> 24
  }
  return out
}
