/** Real nodes for tests: a session server on a loopback port, with the content server over memory, or with an answer of the test's own. */
import { createContentServer, encodeAnswer, type ContentAnswer, type ContentSourcePort } from '@selvedge/content'
import { createKeyPair, type KeyPair } from '@selvedge/crypto'
import { createSessionServer, type LaneRequest } from '@selvedge/handshake/tls'
import { createOutboard } from '@selvedge/verified-streaming'
import { importer } from 'ipfs-unixfs-importer'
import { fixedSize } from 'ipfs-unixfs-importer/chunker'
import type { CID } from 'multiformats/cid'
import { onTestFinished } from 'vitest'
import type { NodeAddress } from '../src/index.ts'

export interface TestNode extends NodeAddress {
  readonly requests: LaneRequest[]
  stop(): Promise<void>
}

/** Listens until the test is over. */
export async function startNode(
  onLane: (request: LaneRequest) => Promise<void>,
  identity: KeyPair = createKeyPair(),
  { others, ...options }: { readonly maxSessions?: number; readonly others?: () => readonly number[] } = {},
): Promise<TestNode> {
  const requests: LaneRequest[] = []
  const server = createSessionServer(
    {
      identity,
      onLane: async (request) => {
        requests.push(request)
        await onLane(request)
      },
      others,
    },
    { chainId: 1337, ...options },
  )
  onTestFinished(() => server.stop())
  const { host, port } = await server.start()
  return { host, port, nodeKey: identity.publicKey, requests, stop: () => server.stop() }
}

/** What an honest node does with a lane. */
export function serving(source: ContentSourcePort): (request: LaneRequest) => Promise<void> {
  const content = createContentServer({ source })
  return async (request) => {
    const { answer, body } = await content.serve(request.metadata, { signal: request.signal })
    const lane = request.accept(answer)
    for await (const bytes of body) await lane.write(bytes)
    await lane.end()
  }
}

/** So many bytes of what `honest` sends; then the node lives, and says nothing more. */
export function stoppingAfter(bytesMax: number, honest: (request: LaneRequest) => Promise<void>): (request: LaneRequest) => Promise<void> {
  return async (request) => {
    let left = bytesMax
    const accept: LaneRequest['accept'] = (metadata) => {
      const lane = request.accept(metadata)
      const write = async (bytes: Uint8Array | readonly Uint8Array[]): Promise<void> => {
        const part = (bytes as Uint8Array).subarray(0, left)
        left -= part.length
        if (part.length > 0) await lane.write(part)
      }
      return Object.assign(Object.create(lane) as typeof lane, { write, end: async () => {} })
    }
    await honest({ ...request, accept })
  }
}

/** What a node does that says `fields` and sends `bytes`, whatever was asked. */
export function saying(fields: Partial<ContentAnswer>, bytes: readonly Uint8Array[]): (request: LaneRequest) => Promise<void> {
  return async (request) => {
    const answer = {
      status: 200,
      mode: 'proof',
      size: undefined,
      chunkGroupLog: 0,
      root: undefined,
      contentType: '',
      mappingProof: new Uint8Array(0),
    }
    const lane = request.accept(encodeAnswer({ ...answer, ...fields } as ContentAnswer))
    for (const part of bytes) await lane.write(part)
    await lane.end()
  }
}

const keyOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

/** Content in memory: real DAGs, real outboards. */
export class MemoryContent implements ContentSourcePort {
  readonly blocks: Map<string, Uint8Array> = new Map()
  readonly entities: Map<string, { kind: 'file' | 'directory'; size: number }> = new Map()
  readonly blobs: Map<string, { data: Uint8Array; outboard: Uint8Array; root: Uint8Array }> = new Map()
  isComplete = true

  async add(
    files: Readonly<Record<string, Uint8Array>>,
    leafBytes = 4096,
    changes: { readonly shardSplitThresholdBytes?: number } = {},
  ): Promise<CID> {
    const isDirectory = Object.keys(files).length > 1
    const store = { put: async (cid: CID, bytes: Uint8Array) => (this.blocks.set(keyOf(cid.multihash.bytes), bytes), cid) }
    const candidates = Object.entries(files).map(([path, content]) => ({ path, content }))
    let root: CID | undefined
    const options = {
      cidVersion: 1,
      rawLeaves: true,
      wrapWithDirectory: isDirectory,
      chunker: fixedSize({ chunkSize: leafBytes }),
      ...changes,
    } as const
    for await (const { cid, unixfs, size } of importer(candidates, store as never, options)) {
      const kind = unixfs?.isDirectory() === true ? 'directory' : 'file'
      this.entities.set(keyOf(cid.bytes), { kind, size: kind === 'directory' ? 0 : Number(unixfs?.fileSize() ?? size) })
      root = cid
    }
    return root!
  }

  async addRoot(data: Uint8Array): Promise<Uint8Array> {
    const { root, outboard } = await createOutboard(data)
    this.blobs.set(keyOf(root), { data, outboard, root })
    return root
  }

  openRoot: ContentSourcePort['openRoot'] = async (root) => {
    const blob = this.blobs.get(keyOf(root))
    if (blob === undefined) return undefined
    const { data, outboard } = blob
    const readAt = (offset: number, length: number): Uint8Array => data.subarray(offset, offset + length)
    return { root, size: data.length, data: { size: data.length, readAt }, outboard, close: async () => {} }
  }

  openTree: NonNullable<ContentSourcePort['openTree']> = (cid) => this.openCid(cid)

  openCid: ContentSourcePort['openCid'] = async (cid) => {
    const entity = this.entities.get(keyOf(cid.bytes))
    if (entity === undefined) throw Object.assign(new Error(`no ${cid}`), { code: 'FETCHER_NOT_FOUND' })
    const get = async (each: CID): Promise<Uint8Array> => {
      const block = this.blocks.get(keyOf(each.multihash.bytes))
      if (block === undefined) throw new Error(`no block ${each}`)
      return block
    }
    return { ...entity, complete: this.isComplete, root: undefined, blocks: { get }, close: async () => {} }
  }
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
