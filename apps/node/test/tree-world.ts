/** Random trees as they occur in life, made by the field's importer and by hand, and an origin over them that counts what it is asked. */
import { encode as encodeDagPb } from '@ipld/dag-pb'
import { createGateway, type GatewayQuestion } from '@selvedge/gateway'
import { serveGateway } from '@selvedge/gateway/node'
import { UnixFS } from 'ipfs-unixfs'
import { importer } from 'ipfs-unixfs-importer'
import { fixedSize } from 'ipfs-unixfs-importer/chunker'
import { CID } from 'multiformats/cid'
import { create as createDigest } from 'multiformats/hashes/digest'
import { hash } from 'node:crypto'
import { onTestFinished } from 'vitest'
import { sampleBytes } from './harness.ts'

export class TreeBlocks {
  readonly #all = new Map<string, Uint8Array>()

  get = async (cid: CID): Promise<Uint8Array> => {
    const block = this.#all.get(Buffer.from(cid.multihash.bytes).toString('hex'))
    if (block === undefined) throw Object.assign(new Error(`no block ${cid}`), { code: 'NOT_FOUND' })
    return block
  }

  put = async (cid: CID, bytes: Uint8Array): Promise<CID> => {
    this.#all.set(Buffer.from(cid.multihash.bytes).toString('hex'), bytes)
    return cid
  }

  async node(codec: number, bytes: Uint8Array): Promise<CID> {
    return await this.put(CID.createV1(codec, createDigest(0x12, hash('sha256', bytes, 'buffer'))), bytes)
  }

  async directory(links: readonly (readonly [name: string, cid: CID])[]): Promise<CID> {
    const Links = links
      .map(([Name, Hash]) => ({ Name, Hash, Tsize: 0 }))
      .sort((a, b) => Buffer.compare(Buffer.from(a.Name), Buffer.from(b.Name)))
    return await this.node(0x70, encodeDagPb({ Data: new UnixFS({ type: 'directory' }).marshal(), Links }))
  }

  async symlink(target: string): Promise<CID> {
    return await this.node(0x70, encodeDagPb({ Data: new UnixFS({ type: 'symlink', data: Buffer.from(target) }).marshal(), Links: [] }))
  }
}

export interface Shape {
  readonly files: readonly { readonly path: readonly string[]; readonly size: number; readonly seed: number }[]
  readonly leafBytes: number
  readonly isRaw: boolean
  readonly isSharded: boolean
  readonly isTwice: boolean
  readonly inlineBytes: number
}

const NAMES = ['a', 'b', 'c', 'deep', 'er', 'ünï', 'x y', 'z.part', 'note-1', 'note-2']

/** Drawn from the seed. */
export function shapeOf(seed: number): Shape {
  let state = seed >>> 0
  const below = (count: number): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * count)
  }
  const sizes = [(): number => 0, () => 1 + below(5_000), () => 5_001 + below(395_000)]
  return {
    files: Array.from({ length: below(26) }, () => ({
      path: Array.from({ length: 1 + below(4) }, () => NAMES[below(NAMES.length)]!),
      size: sizes[below(3)]!(),
      seed: 1 + below(6), // few: the same file stands under several names
    })),
    leafBytes: [700, 5_000, 262_144][below(3)]!,
    isRaw: below(2) === 0,
    isSharded: below(2) === 0,
    isTwice: below(2) === 0,
    inlineBytes: below(101),
  }
}

export interface RandomTree {
  readonly cid: CID
  /** By path. */
  readonly files: ReadonlyMap<string, Uint8Array>
  readonly symlinks: ReadonlyMap<string, string>
  readonly directories: ReadonlySet<string>
}

/** The imported tree under `tree` (and again under `twin`), beside it a symlink and a file that lies in its link. */
export async function treeOf(shape: Shape, blocks: TreeBlocks): Promise<RandomTree> {
  const contents = new Map<string, Uint8Array>()
  const folders = new Set<string>()
  for (const { path, size, seed } of shape.files) {
    const text = path.join('/')
    const parents = path.slice(0, -1).map((_, i) => path.slice(0, i + 1).join('/'))
    if (folders.has(text) || contents.has(text) || parents.some((parent) => contents.has(parent))) continue
    for (const parent of parents) folders.add(parent)
    contents.set(text, sampleBytes(size, seed))
  }
  const inner = await imported(contents, shape, blocks)
  const inline = Uint8Array.from({ length: shape.inlineBytes }, (_, i) => i)
  const links: [string, CID][] = [
    ['link', await blocks.symlink('../somewhere/else')],
    ['inline', CID.createV1(0x55, createDigest(0x00, inline))],
  ]
  const tops = shape.isTwice ? ['tree', 'twin'] : ['tree']
  for (const top of tops) links.push([top, inner])
  const files = new Map<string, Uint8Array>([['inline', inline]])
  const directories = new Set(['', ...tops])
  for (const top of tops) {
    for (const [path, content] of contents) files.set(`${top}/${path}`, content)
    for (const folder of folders) directories.add(`${top}/${folder}`)
  }
  return { cid: await blocks.directory(links), files, symlinks: new Map([['link', '../somewhere/else']]), directories }
}

async function imported(
  contents: ReadonlyMap<string, Uint8Array>,
  { leafBytes, isRaw, isSharded }: Shape,
  blocks: TreeBlocks,
): Promise<CID> {
  if (contents.size === 0) return await blocks.directory([])
  let root: CID | undefined
  const candidates = [...contents].map(([path, content]) => ({ path, content }))
  const options = {
    cidVersion: 1,
    rawLeaves: isRaw,
    wrapWithDirectory: true,
    chunker: fixedSize({ chunkSize: leafBytes }),
    shardSplitThresholdBytes: isSharded ? 1 : 2 ** 18,
  } as const
  for await (const { cid } of importer(candidates, blocks as never, options)) root = CID.decode(cid.bytes)
  return root!
}

export interface CountedOrigin {
  readonly url: string
  /** URLs that were asked. */
  readonly asked: string[]
}

export async function startOrigin(blocks: TreeBlocks): Promise<CountedOrigin> {
  const gateway = createGateway({ blocks })
  const asked: string[] = []
  const server = await serveGateway({
    answer(question: GatewayQuestion) {
      asked.push(question.url)
      return gateway.answer(question)
    },
  })
  onTestFinished(() => server.stop())
  return { url: server.url, asked }
}
