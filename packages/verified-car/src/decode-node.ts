/**
 * What one block is, once its hash was checked: the rules of UnixFS (ipfs.md §1.3) that can be checked on a block alone,
 * and on a block against what its parent said of it. The walk decides which of its children are wanted.
 */
import { decode as decodeDagPb, type PBLink } from '@ipld/dag-pb'
import type { CID } from 'multiformats/cid'
import type { BlockBody } from './block-body.ts'
import { DAG_CBOR, DAG_JSON, DAG_PB, RAW } from './constants.ts'
import { CarError } from './errors.ts'
import { checkShard, type ShardLink, type ShardPlace } from './hamt.ts'
import { dagCborLinks, dagJsonLinks } from './ipld-links.ts'
import type { Limits } from './limits.ts'
import { decodeUnixFs, UNIXFS_DIRECTORY, UNIXFS_FILE, UNIXFS_RAW, UNIXFS_SHARD, UNIXFS_SYMLINK, type UnixFs } from './unixfs.ts'

export type BlockKind = 'file' | 'directory' | 'shard' | 'symlink' | 'other'

export interface DagNode {
  readonly kind: BlockKind
  /** Own bytes (of a file, or a symlink's target) inside the block. */
  readonly dataStart: number
  readonly dataEnd: number
  /** Flat bytes below and in this node; files only. */
  readonly size: number | undefined
  readonly links: readonly CID[]
  /** File: flat bytes of each link. */
  readonly linkSizes: readonly number[]
  /** Directory: the name of each link. */
  readonly names: readonly string[]
  /** Directory and shard: cumulative sizes that the node claims of each link. Nothing checks them. */
  readonly hints: readonly (number | undefined)[]
  readonly shardLinks: readonly ShardLink[]
  readonly fanout: number
}

const EMPTY: DagNode = {
  kind: 'other',
  dataStart: 0,
  dataEnd: 0,
  size: undefined,
  links: [],
  linkSizes: [],
  names: [],
  hints: [],
  shardLinks: [],
  fanout: 0,
}

export interface NodeContext {
  /** Whether this block is part of a file, whose parent said that it has `size` flat bytes. */
  readonly isFilePart: boolean
  readonly size: number | undefined
  /** The place of a shard below another one. */
  readonly shard: ShardPlace | undefined
  /** Links of generic IPLD nodes are read only where the walk follows them. */
  readonly followsAll: boolean
}

/** @throws {CarError} `CAR_BAD_BLOCK`, `CAR_BAD_SIZE`, `CAR_BAD_UNIXFS`, `CAR_TOO_LARGE`, `CAR_TOO_DEEP` */
export function decodeNode(cid: CID, body: BlockBody, context: NodeContext, limits: Required<Limits>): DagNode {
  try {
    const node = decodeByCodec(cid, body, context, limits)
    checkContext(node, context)
    return node
  } catch (error) {
    if (!(error instanceof CarError)) throw error
    throw new CarError(error.code, `${cid}: ${error.message}`, { ...error.details, cid: cid.toString() }, { cause: error.cause })
  }
}

function decodeByCodec(cid: CID, body: BlockBody, context: NodeContext, limits: Required<Limits>): DagNode {
  switch (cid.code) {
    case RAW:
      return { ...EMPTY, kind: 'file', dataEnd: body.length, size: body.length }
    case DAG_PB:
      return decodeProtobufNode(body.joined(), context, limits)
    case DAG_CBOR:
    case DAG_JSON: {
      if (!context.followsAll) return EMPTY
      const links = decodeWith(
        cid.code === DAG_CBOR ? dagCborLinks : dagJsonLinks,
        body.joined(),
        cid.code === DAG_CBOR ? 'dag-cbor' : 'dag-json',
      )
      return { ...EMPTY, links: checkCount(links, limits) }
    }
    default:
      return EMPTY
  }
}

function checkContext(node: DagNode, { isFilePart, size, shard }: NodeContext): void {
  if (isFilePart && node.kind !== 'file') throw new CarError('CAR_BAD_UNIXFS', `a part of a file is a ${node.kind}`)
  if (shard !== undefined && node.kind !== 'shard') throw new CarError('CAR_BAD_UNIXFS', `a part of a sharded directory is a ${node.kind}`)
  if (isFilePart && size !== undefined && node.size !== size) {
    throw new CarError('CAR_BAD_SIZE', `its parent declared ${size} bytes, it has ${node.size}`, { expected: size, actual: node.size ?? 0 })
  }
  if (isFilePart && node.size === 0 && node.links.length > 0)
    throw new CarError('CAR_BAD_UNIXFS', 'a part of a file holds no byte, but links on')
}

function decodeProtobufNode(block: Uint8Array, context: NodeContext, limits: Required<Limits>): DagNode {
  const { Data: data, Links: pbLinks } = decodeWith(decodeDagPb, block, 'dag-pb')
  checkCount(pbLinks, limits)
  const links = pbLinks.map(({ Hash }) => Hash)
  if (data === undefined) return { ...EMPTY, links }
  const message = decodeUnixFs(data)
  const dataOffset = data.byteOffset - block.byteOffset // the codec hands out a view of the block, which `assertView` holds it to
  assertView(data, block)
  const own = { dataStart: dataOffset + message.dataStart, dataEnd: dataOffset + message.dataEnd }
  switch (message.type) {
    case UNIXFS_RAW:
    case UNIXFS_FILE:
      return { ...EMPTY, ...own, kind: 'file', links, linkSizes: message.blockSizes, size: checkFile(message, pbLinks) }
    case UNIXFS_DIRECTORY:
      return { ...EMPTY, kind: 'directory', links, names: namesOf(pbLinks), hints: hintsOf(pbLinks) }
    case UNIXFS_SHARD: {
      const bitfield = data.subarray(message.dataStart, message.dataEnd)
      const shardLinks = checkShard(message, bitfield, namesOf(pbLinks), context.shard)
      return { ...EMPTY, kind: 'shard', links, names: namesOf(pbLinks), hints: hintsOf(pbLinks), shardLinks, fanout: message.fanout ?? 0 }
    }
    case UNIXFS_SYMLINK:
      if (links.length > 0) throw new CarError('CAR_BAD_UNIXFS', 'a symlink has links')
      return { ...EMPTY, ...own, kind: 'symlink' }
    default:
      throw new CarError('CAR_BAD_UNIXFS', `has the unknown type ${message.type}`)
  }
}

/** The size of a file node, which three places declare: the node, its parts, and (see `checkContext`) its parent. */
function checkFile(message: UnixFs, links: readonly PBLink[]): number {
  const { type, blockSizes, fileSize, dataStart, dataEnd } = message
  if (type === UNIXFS_RAW && links.length > 0) throw new CarError('CAR_BAD_UNIXFS', 'a raw leaf has links')
  if (blockSizes.length !== links.length) {
    throw new CarError('CAR_BAD_SIZE', `declares ${blockSizes.length} block sizes for ${links.length} links`)
  }
  if (links.some(({ Name }) => Name !== undefined && Name !== '')) throw new CarError('CAR_BAD_UNIXFS', 'a part of a file has a name')
  const sum = blockSizes.reduce((total, size) => total + size, dataEnd - dataStart)
  if (sum > Number.MAX_SAFE_INTEGER) throw new CarError('CAR_BAD_SIZE', 'declares more than 2^53-1 bytes')
  if (fileSize !== undefined && fileSize !== sum) {
    throw new CarError('CAR_BAD_SIZE', `declares ${fileSize} bytes, its own and those of its parts are ${sum}`, {
      expected: fileSize,
      actual: sum,
    })
  }
  return sum
}

function namesOf(links: readonly PBLink[]): string[] {
  return links.map(({ Name }) => Name ?? '')
}

function hintsOf(links: readonly PBLink[]): (number | undefined)[] {
  return links.map(({ Tsize }) => Tsize)
}

function checkCount<T>(links: readonly T[], { linksMax }: Required<Limits>): readonly T[] {
  if (links.length > linksMax) {
    throw new CarError('CAR_TOO_LARGE', `has ${links.length} links, at most ${linksMax} are allowed`, { links: links.length })
  }
  return links
}

/** Whatever a codec throws at a block whose hash was right says that the block is wrong, and nothing else. */
function decodeWith<T>(decode: (block: Uint8Array) => T, block: Uint8Array, codec: string): T {
  try {
    return decode(block)
  } catch (cause) {
    throw new CarError('CAR_BAD_BLOCK', `is no ${codec} block`, {}, { cause })
  }
}

function assertView(data: Uint8Array, block: Uint8Array): void {
  if (data.buffer !== block.buffer) throw new Error('dag-pb must hand out a view of the block')
}
