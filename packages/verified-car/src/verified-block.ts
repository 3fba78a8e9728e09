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
  /** The own bytes, in order, as they arrived. */
  readonly parts: readonly Uint8Array[]
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
  readonly #body: BlockBody

  constructor(expected: Expected, node: DagNode, body: BlockBody, fileSize: number | undefined) {
    this.cid = expected.cid
    this.kind = node.kind
    this.fileOffset = expected.fileOffset
    this.dataStart = node.dataStart
    this.dataEnd = node.dataEnd
    this.fileSize = fileSize
    this.depth = expected.depth
    this.#body = body
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
