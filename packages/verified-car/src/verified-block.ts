import type { CID } from 'multiformats/cid'
import type { BlockBody } from './block-body.ts'
import type { BlockKind, DagNode } from './decode-node.ts'
import type { Expected } from './expected.ts'

/** One block whose bytes hash to its CID and whose place in the DAG was checked. All its bytes are views, valid until the next iteration. */
export interface VerifiedBlock {
  readonly cid: CID
  /** The whole block in one piece; joined when first asked, so a reader of `parts` saves a copy. */
  readonly block: Uint8Array
  readonly kind: BlockKind
  /** A file's block: where its own bytes begin in the flat file; else 0. */
  readonly fileOffset: number
  /** Own bytes of the file (none in an interior node), or a symlink's target, are `block.subarray(dataStart, dataEnd)`. */
  readonly dataStart: number
  readonly dataEnd: number
  /** A file's block: the flat size of the whole file, checked down the tree as the walk goes. */
  readonly fileSize: number | undefined
  /** Levels below the root. */
  readonly depth: number
  /**
   * True for the first block of a file, a directory, a symlink or anything else; false for the parts of a file and for shards further down.
   * In scope `all` an entity ends where a block comes that begins one and is not deeper (or, of a file, where any does).
   */
  readonly isEntityRoot: boolean
  /**
   * The names that lead to the entity which this block belongs to: none (`[]`) for what was asked. Undefined for what has no name of its
   * own: what lies below a node that is no UnixFS, and what stands under a name that its directory has given before. Names are what the
   * directory holds: whoever makes files of them checks them first.
   */
  readonly path: readonly string[] | undefined
  /**
   * Bytes of the stream that are verified with this block: all up to its end. Who pays for a stream as it comes signs for no more than this.
   * 0 where single blocks were read, which have no stream.
   */
  readonly streamEnd: number
  /** The own bytes, in order, as they arrived. */
  readonly parts: readonly Uint8Array[]
  /** Whether nothing of what was asked comes after it, as far as it can be told before the next iteration. */
  readonly isLast: boolean
}

/** The whole block lies in the source's chunks; it is joined only where somebody asks. */
export class WalkedBlock implements VerifiedBlock {
  readonly cid: CID
  readonly kind: BlockKind
  readonly fileOffset: number
  readonly dataStart: number
  readonly dataEnd: number
  readonly fileSize: number | undefined
  readonly depth: number
  readonly isEntityRoot: boolean
  readonly path: readonly string[] | undefined
  readonly streamEnd: number
  readonly #body: BlockBody
  readonly #walk: { readonly isOver: boolean }

  constructor(
    expected: Expected,
    node: DagNode,
    body: BlockBody,
    known: { readonly fileSize: number | undefined; readonly streamEnd: number },
    walk: { readonly isOver: boolean },
  ) {
    this.cid = expected.cid
    this.kind = node.kind
    this.fileOffset = expected.fileOffset
    this.dataStart = node.dataStart
    this.dataEnd = node.dataEnd
    this.fileSize = known.fileSize
    this.streamEnd = known.streamEnd
    this.depth = expected.depth
    this.isEntityRoot = expected.isEntityRoot
    this.path = expected.path
    this.#body = body
    this.#walk = walk
  }

  get isLast(): boolean {
    return this.#walk.isOver
  }

  get block(): Uint8Array {
    return this.#body.joined()
  }

  get parts(): readonly Uint8Array[] {
    if (this.dataEnd === this.dataStart) return []
    if (this.dataEnd - this.dataStart === this.#body.length) return this.#body.parts
    return [this.#body.joined().subarray(this.dataStart, this.dataEnd)]
  }
}
