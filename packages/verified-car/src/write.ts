/**
 * The writing ends. They run the same walk as the readers, so that what they write is what the readers of this package
 * expect, rule for rule: a DAG that breaks a rule is refused before its block is sent.
 */
import type { CID } from 'multiformats/cid'
import { BlockBody, JoinBuffer } from './block-body.ts'
import { encodeCarHeader, proofParts, sectionParts } from './car-format.ts'
import { IDENTITY, RAW } from './constants.ts'
import { CarError } from './errors.ts'
import type { Expected } from './expected.ts'
import type { BlockPort } from './ports.ts'
import { inlineBody } from './read-block.ts'
import { Walk, type WalkOptions } from './walk.ts'

export interface WriteCarOptions extends WalkOptions {
  /** @default true */
  readonly header?: boolean
  readonly signal?: AbortSignal
  /**
   * Told where each block ends, in bytes of what is written, before its last piece is handed out. Up to there a reader can verify everything,
   * so this is where a sender may pause.
   */
  readonly onUnitEnd?: (offset: number) => void
}

/**
 * A CARv1 of `cid`: depth first, repeats included (`order=dfs; dups=y`), one root.
 * Pieces belong to the port where they are whole blocks: views, valid until the next iteration, not to be written to.
 *
 * @throws {CarError} `CAR_BAD_*`, `CAR_TOO_*` for a DAG that breaks a rule, `CAR_NOT_FOUND` for a path; what the port throws.
 */
export async function* writeCar(cid: CID, blocks: BlockPort, options: WriteCarOptions = {}): AsyncGenerator<Uint8Array, void, undefined> {
  const { header = true, signal, onUnitEnd } = options
  const walk = new Walk(cid, options)
  const placed = new Placed(onUnitEnd)
  let isFirst = header
  for await (const { link, block } of walkPort(walk, blocks, signal)) {
    if (isFirst) yield placed.unitless(encodeCarHeader([cid])) // after the root block has come: a missing root is an error, not a header
    isFirst = false
    yield* placed.unit(sectionParts(link, block))
  }
  if (isFirst) yield encodeCarHeader([cid]) // nothing but inline blocks
}

export interface WriteProofOptions extends Pick<WalkOptions, 'range' | 'ranges' | 'limits' | 'hashes'>, Pick<WriteCarOptions, 'onUnitEnd'> {
  /** Flat size of the file, where the caller knows it: checked against the DAG's. */
  readonly size?: number
  readonly signal?: AbortSignal
}

/**
 * Mode `proof` of `cid` (ipfs.md §4.3): nodes depth first, raw leaves bare, other blocks behind their varint length.
 * @throws as `writeCar`; {CarError} `CAR_BAD_SIZE` where `size` is another than the DAG's.
 */
export async function* writeProof(
  cid: CID,
  blocks: BlockPort,
  options: WriteProofOptions = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  const { size, signal, onUnitEnd, ...walkOptions } = options
  const walk = new Walk(cid, walkOptions)
  const placed = new Placed(onUnitEnd)
  for await (const { link, block } of walkPort(walk, blocks, signal)) {
    if (size !== undefined && walk.fileSize !== undefined && walk.fileSize !== size) {
      throw new CarError('CAR_BAD_SIZE', `${cid} has ${walk.fileSize} bytes, not ${size}`, {
        cid: cid.toString(),
        expected: size,
        actual: walk.fileSize,
      })
    }
    if (link.code !== RAW) yield* placed.unit(proofParts(block))
    else if (block.length > 0) yield* placed.unit([block])
  }
}

/** Counts what is written, and tells where a block ends. */
class Placed {
  readonly #onUnitEnd: WriteCarOptions['onUnitEnd']
  #offset = 0

  constructor(onUnitEnd: WriteCarOptions['onUnitEnd']) {
    this.#onUnitEnd = onUnitEnd
  }

  unitless(piece: Uint8Array): Uint8Array {
    this.#offset += piece.length
    return piece
  }

  /** The pieces of one block, in order. */
  *unit(pieces: readonly Uint8Array[]): Generator<Uint8Array, void, undefined> {
    for (const [index, piece] of pieces.entries()) {
      this.#offset += piece.length
      if (index === pieces.length - 1) this.#onUnitEnd?.(this.#offset)
      yield piece
    }
  }
}

/**
 * The blocks of a walk that are no inline ones, each accepted before it is handed on. The one that comes after it is asked for first, so that
 * the port reads while the consumer sends; its failure waits until it is its turn.
 */
async function* walkPort(walk: Walk, blocks: BlockPort, signal: AbortSignal | undefined): AsyncGenerator<{ link: CID; block: Uint8Array }> {
  const buffer = new JoinBuffer()
  for (let asked = ask(walk, blocks, signal); asked !== undefined; ) {
    signal?.throwIfAborted()
    if (asked.failure !== undefined) throw asked.failure.error
    const { expected, coming } = asked
    if (coming === undefined) {
      walk.accept(inlineBody(expected, buffer))
      asked = ask(walk, blocks, signal)
      continue
    }
    const block = await coming
    walk.accept(new BlockBody([block], block.length, buffer))
    asked = ask(walk, blocks, signal)
    yield { link: expected.cid, block }
  }
}

type Asked =
  | { readonly expected: Expected; readonly coming: Promise<Uint8Array> | undefined; readonly failure?: undefined }
  | { readonly failure: { readonly error: unknown } }

/** Asks for what the walk needs next; an inline block is not asked for. */
function ask(walk: Walk, blocks: BlockPort, signal: AbortSignal | undefined): Asked | undefined {
  try {
    const expected = walk.next()
    if (expected === undefined) return undefined
    if (expected.cid.multihash.code === IDENTITY) return { expected, coming: undefined }
    const coming = blocks.get(expected.cid, signal === undefined ? undefined : { signal })
    coming.catch(() => undefined) // looked at when its turn comes, or never where the consumer has left
    return { expected, coming }
  } catch (error) {
    return { failure: { error } }
  }
}
