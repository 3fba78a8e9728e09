/**
 * Seven ways in which an origin can lie, each a really tampered CAR of a real DAG. What a CAR holds is taken apart into its blocks, one
 * thing is changed, and it is put together again.
 */
import { decode as decodeDagPb, encode as encodeDagPb } from '@ipld/dag-pb'
import { encodeCarHeader, encodeSectionHead, verifyBlocks } from '@selvedge/verified-car'
import { UnixFS } from 'ipfs-unixfs'
import { CID } from 'multiformats/cid'
import { create as createDigest } from 'multiformats/hashes/digest'
import { Buffer } from 'node:buffer'
import { hash } from 'node:crypto'

export interface CarBlock {
  readonly cid: CID
  readonly bytes: Uint8Array
}

export interface LyingAnswer {
  readonly contentType: string
  readonly body: Uint8Array
}

export interface Lie {
  readonly lie: string
  /** What `verified-car` calls it. */
  readonly code: string
  /** The blocks of a good CAR, and of another file's, as this lie has them. */
  tell(blocks: readonly CarBlock[], other: readonly CarBlock[]): LyingAnswer
  /** The root that is asked for, where it is not the good one. */
  readonly rootOf?: (root: CarBlock) => CarBlock
}

const RAW = 0x55
const DAG_PB = 0x70
const SHA2_256 = 0x12
const CAR_TYPE = 'application/vnd.ipld.car; version=1; order=dfs; dups=y'
const HTML = '<!doctype html><html><head><title>Please wait</title></head><body>Checking your browser before you go on.</body></html>\n'

export const LIES: readonly Lie[] = [
  { lie: 'a bit in a leaf', code: 'CAR_BAD_HASH', tell: (blocks) => carOf(blocks, changedAt(blocks, placeOfLeaf(blocks, 100), flipBit)) },
  {
    lie: 'a bit in an interior node',
    code: 'CAR_BAD_NODE',
    tell: (blocks) => carOf(blocks, changedAt(blocks, placeOfNode(blocks, 2), flipBit)),
  },
  {
    lie: 'two leaves exchanged',
    code: 'CAR_UNEXPECTED_BLOCK',
    tell: (blocks) => carOf(blocks, exchanged(blocks, placeOfLeaf(blocks, 50), placeOfLeaf(blocks, 51))),
  },
  { lie: "another file's CAR", code: 'CAR_WRONG_ROOT', tell: (_, other) => carOf(other, other) },
  { lie: 'cut after a whole block', code: 'CAR_TRUNCATED', tell: (blocks) => carOf(blocks, blocks.slice(0, placeOfLeaf(blocks, 120))) },
  {
    lie: 'wrong blocksizes',
    code: 'CAR_BAD_SIZE',
    rootOf: withWrongSizes,
    tell: (blocks) => carOf(blocks, [withWrongSizes(blocks[0]!), ...blocks.slice(1)]),
  },
  {
    lie: 'HTML with status 200',
    code: 'CAR_NOT_A_CAR',
    tell: () => ({ contentType: 'text/html; charset=utf-8', body: Buffer.from(HTML) }),
  },
]

/** The blocks of a CAR of `cid`, in its order. */
export async function blocksOf(cid: CID, blocks: { get(cid: CID): Promise<Uint8Array> }): Promise<CarBlock[]> {
  const out: CarBlock[] = []
  for await (const { cid: each, block } of verifyBlocks(cid, blocks)) out.push({ cid: each, bytes: block.slice() })
  return out
}

function carOf(good: readonly CarBlock[], blocks: readonly CarBlock[]): LyingAnswer {
  const sections = blocks.flatMap(({ cid, bytes }) => [encodeSectionHead(cid, bytes.length), bytes])
  return { contentType: CAR_TYPE, body: Buffer.concat([encodeCarHeader([good[0]!.cid]), ...sections]) }
}

function placeOfLeaf(blocks: readonly CarBlock[], nth: number): number {
  return blocks.findIndex(
    (_, place) => blocks[place]!.cid.code === RAW && blocks.slice(0, place).filter(({ cid }) => cid.code === RAW).length === nth,
  )
}

function placeOfNode(blocks: readonly CarBlock[], nth: number): number {
  return blocks.findIndex(
    (_, place) => blocks[place]!.cid.code === DAG_PB && blocks.slice(0, place).filter(({ cid }) => cid.code === DAG_PB).length === nth,
  )
}

function changedAt(blocks: readonly CarBlock[], place: number, change: (bytes: Uint8Array) => Uint8Array): CarBlock[] {
  return blocks.map((block, i) => (i === place ? { ...block, bytes: change(block.bytes) } : block))
}

function flipBit(bytes: Uint8Array): Uint8Array {
  const out = bytes.slice()
  out[out.length >>> 1]! ^= 0x10
  return out
}

function exchanged(blocks: readonly CarBlock[], a: number, b: number): CarBlock[] {
  return blocks.map((block, i) => (i === a ? blocks[b]! : i === b ? blocks[a]! : block))
}

/** The same links and the same sum, but the first child is said to be a byte longer and the second a byte shorter than they are. */
function withWrongSizes({ bytes }: CarBlock): CarBlock {
  const node = decodeDagPb(bytes)
  const file = UnixFS.unmarshal(node.Data!)
  const sizes = file.blockSizes.map((size, i) => (i === 0 ? size + 1n : i === 1 ? size - 1n : size))
  const changed = encodeDagPb({ ...node, Data: new UnixFS({ type: 'file', blockSizes: sizes }).marshal() })
  return { cid: CID.createV1(DAG_PB, createDigest(SHA2_256, hash('sha256', changed, 'buffer'))), bytes: changed }
}
