import type { ByteRange, Cid } from './ids.ts'
import type { VerifiedBlock } from './verified-block.ts'

export interface OriginFetchOptions {
  /** Only the blocks that this range of the flat file needs. */
  readonly range?: ByteRange
  /** `block`: the root alone. `entity`: one file or one directory. `all`: everything below. Default `entity`. */
  readonly scope?: 'block' | 'entity' | 'all'
  readonly signal?: AbortSignal
}

/** Somewhere content can be had from. What it yields is verified; what it cannot verify it throws for. */
export interface Origin {
  /** Depth-first, repeated blocks repeated. Ends normally only when everything asked for was yielded. */
  fetch(cid: Cid, options?: OriginFetchOptions): AsyncIterable<VerifiedBlock>
}
