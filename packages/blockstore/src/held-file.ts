/**
 * A small file whose blocks wait in memory until it is whole: then its root, its outboard and its two records are made in one go, without a
 * part file, a job or a lock of its own. What most trees are made of costs no more than its bytes.
 */
import { createOutboardBuilder, hash } from '@selvedge/verified-streaming'
import { concatBytes, mapKeyOf } from './bytes.ts'
import { blockKeyOf } from './cid.ts'
import { CHUNK_GROUP_LOG } from './constants.ts'
import { checkFileBlock, checkFileSize } from './file-rules.ts'
import type { CidLike, TreeBlock } from './ports.ts'
import { encodeBlob, encodeFile, type RecordParts } from './record.ts'
import { encodeSkeletonHead } from './skeleton.ts'

/** Up to this size a blob is one chunk group and its outboard empty. */
const GROUP_BYTES: number = 1024 * 2 ** CHUNK_GROUP_LOG

export interface KeptFile {
  readonly root: Uint8Array
  readonly records: readonly RecordParts[]
}

export class HeldFile {
  readonly cid: CidLike
  /** Copies, in the order in which they came. */
  readonly blocks: TreeBlock[] = []
  /** Bytes of the blocks. */
  bytes = 0
  #size = 0

  constructor(cid: CidLike) {
    this.cid = cid
  }

  /** Copies the block. @throws {BlockstoreError} as `importFile`'s `add`. */
  add(block: TreeBlock): TreeBlock {
    checkFileBlock(block, { cid: this.cid, written: this.#size, isFirst: this.blocks.length === 0 })
    const { cid, kind, fileOffset, dataStart, dataEnd, fileSize, depth, isEntityRoot } = block
    const copy = { cid, kind, fileOffset, dataStart, dataEnd, fileSize, depth, isEntityRoot, block: new Uint8Array(block.block) }
    this.blocks.push(copy)
    this.bytes += copy.block.length
    this.#size += dataEnd - dataStart
    return copy
  }

  /** @param key - CIDv1 bytes. @throws {BlockstoreError} `BLOCKSTORE_MALFORMED` where bytes are missing. */
  finish(key: Uint8Array): KeptFile {
    checkFileSize(this.blocks[0]?.fileSize, this.#size)
    const data = concatBytes(this.blocks.map(({ block, dataStart, dataEnd }) => block.subarray(dataStart, dataEnd)))
    const skeleton = this.#skeleton()
    const { root, outboard } =
      data.length <= GROUP_BYTES
        ? { root: hash(data), outboard: new Uint8Array(0) }
        : createOutboardBuilder({ chunkGroupLog: CHUNK_GROUP_LOG }).update(data).finish()
    return { root, records: [encodeBlob(root, data.length, outboard, data), encodeFile(root, data.length, key, skeleton.length, skeleton)] }
  }

  /** What the blocks are made of beside the flat bytes; a repeated block once. */
  #skeleton(): Uint8Array {
    const parts: Uint8Array[] = []
    const seen = new Set<string>()
    let flatOffset = 0
    for (const { cid, block, dataStart, dataEnd } of this.blocks) {
      const multihash = blockKeyOf(cid)
      const name = mapKeyOf(multihash)
      if (!seen.has(name)) {
        const head = encodeSkeletonHead(multihash, flatOffset, dataEnd - dataStart, dataStart, block.length - dataEnd)
        parts.push(head, block.subarray(0, dataStart), block.subarray(dataEnd))
      }
      seen.add(name)
      flatOffset += dataEnd - dataStart
    }
    return concatBytes(parts)
  }
}
