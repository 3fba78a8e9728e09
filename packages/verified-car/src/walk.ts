/**
 * The walk: which block must come next, depth first, every repeat included, and what it is when it has come.
 *
 * It is a synchronous core that readers and writers of every format share: `next` names the block that is expected, `accept`
 * takes its bytes. The stack holds one frame a level, with the packed links that wait. Everything is driven by the CID that
 * was asked and by blocks whose hash was checked: a stream never says where to go.
 *
 * Invariants: nothing reaches `accept` before its hash was compared with the CID that `next` named (the formats' duty; a
 * writer's block port answers for it); sizes hold at every level, so what leaves the leaves is exactly what the root
 * declares; the bytes of links on the stack stay under `stackBytesMax`, all blocks together under `outputBytesMax`, all that is below a
 * root under `entriesMax`.
 */
import type { CID } from 'multiformats/cid'
import type { BlockBody } from './block-body.ts'
import { DIGEST_BYTES_MIN, IDENTITY } from './constants.ts'
import { decodeNode, type BlockKind, type DagNode } from './decode-node.ts'
import { CarError } from './errors.ts'
import type { Expected } from './expected.ts'
import { type ShardPlace, slotOf } from './hamt.ts'
import { defaultHashes } from './hashes.ts'
import type { HashTable } from './ports.ts'
import { assertBlockFits, type Limits, limitsOf } from './limits.ts'
import { Links } from './links.ts'
import { type ByteRange, RangeSet } from './ranges.ts'
import { type VerifiedBlock, WalkedBlock } from './verified-block.ts'

/** How much of a DAG: its root block; a file, or a directory without its entries' content; everything below. */
export type Scope = 'block' | 'entity' | 'all'

export interface WalkOptions {
  /** Only the blocks that hold these bytes of a file, with the nodes above them. @default the whole file */
  readonly range?: ByteRange
  /** Several ranges: their union, once. Not together with `range`. */
  readonly ranges?: readonly ByteRange[]
  /** @default 'entity' */
  readonly scope?: Scope
  /** Names to follow from the root, whose blocks come before those of what they lead to. @default none */
  readonly path?: readonly string[]
  /** Bounds, each of which may be lowered. */
  readonly limits?: Limits
  /** Hash functions that CIDs may use. @default `defaultHashes` */
  readonly hashes?: HashTable
}

interface Frame {
  readonly parent: Expected
  readonly links: Links
  readonly kind: BlockKind
  readonly sizes: Float64Array
  readonly slots: Uint16Array
  readonly fanout: number
  /** Scope `all`, in a directory or shard: the name of each link; undefined where it has none of its own. */
  readonly names: readonly (string | undefined)[]
  readonly namesBytes: number
  index: number
  offset: number
}

export class Walk {
  readonly root: CID
  readonly limits: Required<Limits>
  readonly hashes: HashTable
  readonly ranges: RangeSet
  readonly #scope: Scope
  readonly #path: readonly string[]
  readonly #frames: Frame[] = []
  #expected: Expected | undefined
  #fileSize: number | undefined
  #stackBytes = 0
  #outputBytes = 0
  #entries = 0
  /** Blocks accepted so far that were not inline. */
  blockCount = 0
  /** Inline ones. */
  inlineCount = 0

  constructor(root: CID, options: WalkOptions) {
    const { range, ranges, scope = 'entity', path = [], limits, hashes = defaultHashes } = options
    if (range !== undefined && ranges !== undefined) throw new TypeError('give either range or ranges')
    if (scope !== 'entity' && (range ?? ranges) !== undefined)
      throw new TypeError(`ranges select bytes of one entity, not of scope ${scope}`)
    this.root = root
    this.limits = limitsOf(limits)
    this.hashes = hashes
    this.ranges = RangeSet.of(range === undefined ? ranges : [range])
    this.#scope = scope
    this.#path = path
    if (path.length > this.limits.pathSegmentsMax) throw new CarError('CAR_TOO_LARGE', `a path of ${path.length} segments is too long`)
    this.#expect({
      cid: root,
      depth: 0,
      isFilePart: false,
      fileOffset: 0,
      size: undefined,
      fileDepth: 0,
      shard: undefined,
      segmentsLeft: path.length,
      isEntityRoot: true,
      path: path.length === 0 ? [] : undefined,
    })
  }

  /** What must come next; the same until it was accepted; `undefined` when the walk is complete. */
  next(): Expected | undefined {
    while (this.#expected === undefined && this.#frames.length > 0) {
      const frame = this.#frames.at(-1)!
      const child = this.#nextChild(frame)
      if (child !== undefined) this.#expect(child)
      else this.#pop()
    }
    return this.#expected
  }

  /** Whether all has been accepted. Unlike `next` it names nothing, refuses nothing, and leaves the walk as it is. */
  get isOver(): boolean {
    return this.#expected === undefined && this.#frames.every((frame) => this.#peek(frame, 1).length === 0)
  }

  /** CIDs of the blocks above the expected one, topmost first: what another source sends again when it continues. */
  outerCids(): CID[] {
    return this.#frames.map(({ parent }) => parent.cid).filter(({ multihash }) => multihash.code !== IDENTITY)
  }

  /**
   * Up to `count` CIDs that come after the expected one as far as the stack knows: siblings, in order, that are sure to be
   * wanted. Inline ones are left out.
   */
  following(count: number): CID[] {
    const frame = this.#frames.at(-1)
    if (frame === undefined || count === 0) return []
    return this.#peek(frame, count, IDENTITY)
  }

  /** The first children that come, without those of one hash function; the frame stays where it is. */
  #peek(frame: Frame, count: number, without?: number): CID[] {
    const { index, offset } = frame
    const cids: CID[] = []
    for (let child = this.#nextChild(frame); child !== undefined; child = this.#nextChild(frame)) {
      if (child.cid.multihash.code !== without) cids.push(child.cid)
      if (cids.length === count) break
    }
    frame.index = index
    frame.offset = offset
    return cids
  }

  /** The flat size of the file that is walked, once its root has come. */
  get fileSize(): number | undefined {
    return this.#fileSize
  }

  /**
   * Takes the block that `next` named; its hash was checked. `streamEnd`: where it ends in the stream that it came in.
   * @throws {CarError} `CAR_BAD_BLOCK`, `CAR_BAD_SIZE`, `CAR_BAD_UNIXFS`, `CAR_TOO_LARGE`, `CAR_TOO_DEEP`, `CAR_NOT_FOUND`
   */
  accept(body: BlockBody, streamEnd = 0): VerifiedBlock {
    const expected = this.#expected
    if (expected === undefined) throw new Error('no block is expected')
    assertBlockFits(body.length, this.limits, expected.cid)
    this.#outputBytes += body.length
    if (this.#outputBytes > this.limits.outputBytesMax) {
      throw new CarError('CAR_TOO_LARGE', `the blocks of ${this.root} are more than ${this.limits.outputBytesMax} bytes`, {
        cid: this.root.toString(),
      })
    }
    const followsAll = this.#scope === 'all' && expected.segmentsLeft === 0
    if (followsAll && expected.isEntityRoot && ++this.#entries > this.limits.entriesMax) {
      throw new CarError('CAR_TOO_LARGE', `${this.root} has more than ${this.limits.entriesMax} entries`, { cid: this.root.toString() })
    }
    const node = decodeNode(expected.cid, body, { ...expected, followsAll }, this.limits)
    if (expected.segmentsLeft > 0) this.#followSegment(expected, node)
    else this.#enter(expected, node)
    this.#expected = undefined
    if (expected.cid.multihash.code === IDENTITY) this.inlineCount++
    else this.blockCount++
    const isFile = node.kind === 'file' && expected.segmentsLeft === 0
    if (isFile && !expected.isFilePart) this.#fileSize = node.size
    return new WalkedBlock(expected, node, body, { fileSize: isFile ? this.#fileSize : undefined, streamEnd }, this)
  }

  #enter(expected: Expected, node: DagNode): void {
    if (this.#scope === 'block' || node.links.length === 0) return
    if (node.kind !== 'file' && node.kind !== 'shard' && this.#scope !== 'all') return
    if (node.kind === 'file' && expected.fileDepth >= this.limits.fileDepthMax) {
      throw new CarError('CAR_TOO_DEEP', `a file of more than ${this.limits.fileDepthMax} levels`, { cid: expected.cid.toString() })
    }
    const names = this.#scope === 'all' ? entryNamesOf(node) : []
    this.#push({
      parent: expected,
      names,
      namesBytes: names.reduce((sum, name = '') => sum + NAME_OVERHEAD_BYTES + 2 * name.length, 0),
      links: new Links(node.links),
      kind: node.kind,
      sizes: Float64Array.from(node.linkSizes),
      slots: Uint16Array.from(node.shardLinks, ({ slot, name }) => (name === '' ? slot : ENTRY)),
      fanout: node.fanout,
      index: 0,
      offset: expected.fileOffset + node.dataEnd - node.dataStart,
    })
  }

  /** One step of the path: the frame holds the one link that leads on. */
  #followSegment(expected: Expected, node: DagNode): void {
    const name = this.#path[this.#path.length - expected.segmentsLeft]!
    const index =
      node.kind === 'shard' ? shardIndexOf(node, name, expected.shard) : node.kind === 'directory' ? node.names.indexOf(name) : -1
    const link = node.links[index]
    if (link === undefined) {
      throw new CarError('CAR_NOT_FOUND', `${expected.cid} has no entry ${JSON.stringify(name)}`, {
        cid: expected.cid.toString(),
        segment: name,
      })
    }
    const slot = node.shardLinks[index]
    const isInner = slot !== undefined && slot.name === ''
    this.#push({
      parent: expected,
      names: [],
      namesBytes: 0,
      links: new Links([link]),
      kind: node.kind,
      sizes: new Float64Array(0),
      slots: Uint16Array.of(isInner ? slot.slot : ENTRY),
      fanout: node.fanout,
      index: 0,
      offset: 0,
    })
  }

  #nextChild(frame: Frame): Expected | undefined {
    const { parent, links } = frame
    for (; frame.index < links.length; frame.index++) {
      const base = {
        depth: parent.depth + 1,
        fileOffset: 0,
        isFilePart: false,
        size: undefined,
        fileDepth: 0,
        shard: undefined,
        segmentsLeft: 0,
        isEntityRoot: true,
        path: parent.path,
      }
      if (frame.kind === 'file') {
        const fileOffset = frame.offset
        const size = frame.sizes[frame.index]!
        frame.offset += size
        if (!this.ranges.overlaps(fileOffset, size)) continue
        const part = { isFilePart: true, isEntityRoot: false, fileOffset, size, fileDepth: parent.fileDepth + 1 }
        return { ...base, ...part, cid: links.at(frame.index++) }
      }
      if (frame.kind === 'shard') {
        const slot = frame.slots[frame.index]!
        if (slot === ENTRY && parent.segmentsLeft === 0 && this.#scope !== 'all') continue
        const shard = slot === ENTRY ? undefined : { fanout: frame.fanout, slots: [...(parent.shard?.slots ?? []), slot] }
        const segmentsLeft = Math.max(parent.segmentsLeft - (slot === ENTRY ? 1 : 0), 0)
        const path = slot === ENTRY ? pathOf(frame, segmentsLeft) : parent.path
        return { ...base, cid: links.at(frame.index++), shard, segmentsLeft, isEntityRoot: slot === ENTRY, path }
      }
      const segmentsLeft = Math.max(parent.segmentsLeft - 1, 0)
      const path = pathOf(frame, segmentsLeft)
      return { ...base, cid: links.at(frame.index++), segmentsLeft, path }
    }
    return undefined
  }

  #push(frame: Frame): void {
    this.#stackBytes += frame.links.heldBytes + frame.namesBytes
    if (this.#stackBytes > this.limits.stackBytesMax) {
      throw new CarError('CAR_TOO_LARGE', `links of more than ${this.limits.stackBytesMax} bytes wait on the stack`, {
        cid: frame.parent.cid.toString(),
      })
    }
    this.#frames.push(frame)
  }

  #pop(): void {
    const { links, namesBytes } = this.#frames.pop()!
    this.#stackBytes -= links.heldBytes + namesBytes
  }

  #expect(expected: Expected): void {
    if (expected.depth > this.limits.depthMax) {
      throw new CarError('CAR_TOO_DEEP', `a DAG of more than ${this.limits.depthMax} levels`, { cid: expected.cid.toString() })
    }
    checkCid(expected.cid, this.hashes, this.limits)
    this.#expected = expected
  }
}

/** In `Frame.slots`: a link to an entry, not to a shard further down. No slot is that large. */
const ENTRY = 0xffff

/** What a name costs while it waits, beside its characters. */
const NAME_OVERHEAD_BYTES = 16

/** Of a directory's link its name, unless an earlier link has it; of a shard's link the entry's name, which its place proves to be its only one. */
function entryNamesOf({ kind, names, shardLinks }: DagNode): (string | undefined)[] {
  if (kind === 'shard') return shardLinks.map(({ name }) => (name === '' ? undefined : name))
  if (kind !== 'directory') return []
  const seen = new Set<string>()
  return names.map((name) => (seen.size < seen.add(name).size ? name : undefined))
}

/** Of the child that comes next. */
function pathOf({ parent, names, index }: Frame, segmentsLeft: number): readonly string[] | undefined {
  if (parent.segmentsLeft > 0) return segmentsLeft === 0 ? [] : undefined
  const name = names[index]
  return name === undefined || parent.path === undefined ? undefined : [...parent.path, name]
}

function shardIndexOf({ shardLinks, fanout }: DagNode, name: string, place: ShardPlace | undefined): number {
  const slot = slotOf(name, place?.slots.length ?? 0, fanout)
  return shardLinks.findIndex((link) => link.slot === slot && (link.name === '' || link.name === name))
}

/** Refused before anything is fetched or hashed. */
function checkCid(cid: CID, hashes: HashTable, { identityBytesMax }: Required<Limits>): void {
  const { code, digest } = cid.multihash
  const refuse = (reason: string): never => {
    throw new CarError('CAR_BAD_CID', reason, { cid: cid.toString() })
  }
  if (code === IDENTITY) {
    if (digest.length > identityBytesMax) refuse(`an identity CID holds ${digest.length} bytes, at most ${identityBytesMax} are allowed`)
    return
  }
  const hash = hashes.get(code)
  if (hash === undefined) return refuse(`${cid} uses hash function 0x${code.toString(16)}, which is not allowed`)
  if (digest.length > hash.digestBytes || digest.length < Math.min(hash.digestBytes, DIGEST_BYTES_MIN))
    refuse(`${cid} has a digest of ${digest.length} bytes, ${hash.name} gives ${hash.digestBytes}`)
}
