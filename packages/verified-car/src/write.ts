/**
 * The writing ends. They run the same walk as the readers, so that what they write is what the readers of this package
 * expect, rule for rule: a DAG that breaks a rule is refused before its block is sent.
 *
 * They can begin at any offset (`placing.ts`): of the blocks before it only those are asked for whose length nobody has told.
 */
import type { CID } from 'multiformats/cid'
import { BlockBody, JoinBuffer } from './block-body.ts'
import { encodeCarHeader, proofBytes, proofParts, sectionBytes, sectionParts } from './car-format.ts'
import { IDENTITY, RAW } from './constants.ts'
import { CarError } from './errors.ts'
import type { Expected } from './expected.ts'
import { Placing } from './placing.ts'
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
  /**
   * Where in what is written to begin: the bytes before it are left out. Raw leaves of files that end there or before are not asked for; every
   * other block is, which is how the place is found. At most the length of the whole, where nothing follows. @default 0
   */
  readonly fromOffset?: number
}

/**
 * A CARv1 of `cid`: depth first, repeats included (`order=dfs; dups=y`), one root.
 * Pieces belong to the port where they are whole blocks: views, valid until the next iteration, not to be written to.
 *
 * @throws {CarError} `CAR_BAD_*`, `CAR_TOO_*` for a DAG that breaks a rule, `CAR_NOT_FOUND` for a path; what the port throws.
 * @throws {RangeError} a `fromOffset` that is no whole number of bytes, or beyond the end, which is known when the walk is over.
 */
export async function* writeCar(cid: CID, blocks: BlockPort, options: WriteCarOptions = {}): AsyncGenerator<Uint8Array, void, undefined> {
  const { header = true, signal } = options
  const walk = new Walk(cid, options)
  const headBytes = header ? encodeCarHeader([cid]) : new Uint8Array(0)
  const placing = new Placing(options, sectionBytes, headBytes.length)
  let head = placing.wanted(headBytes, 0)
  for await (const { link, block, start } of walkPort(walk, blocks, placing, signal)) {
    if (head !== undefined) yield head // after the root block has come: a missing root is an error, not a header
    head = undefined
    yield* placing.unit(sectionParts(link, block), start)
  }
  if (head !== undefined) yield head // nothing but inline blocks
  placing.end()
}

export interface WriteProofOptions
  extends Pick<WalkOptions, 'range' | 'ranges' | 'limits' | 'hashes'>,
    Pick<WriteCarOptions, 'onUnitEnd' | 'fromOffset'> {
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
  const { size, signal } = options
  const walk = new Walk(cid, options)
  const placing = new Placing(options, proofBytes)
  for await (const { link, block, start } of walkPort(walk, blocks, placing, signal)) {
    if (size !== undefined && walk.fileSize !== undefined && walk.fileSize !== size) {
      throw new CarError('CAR_BAD_SIZE', `${cid} has ${walk.fileSize} bytes, not ${size}`, {
        cid: cid.toString(),
        expected: size,
        actual: walk.fileSize,
      })
    }
    if (link.code !== RAW) yield* placing.unit(proofParts(block), start)
    else if (block.length > 0) yield* placing.unit([block], start)
  }
  placing.end()
}

interface Written {
  readonly link: CID
  readonly block: Uint8Array
  /** Where it begins in what is written. */
  readonly start: number
}

/**
 * The blocks of a walk that are no inline ones, each accepted before it is handed on. The one that comes after it is asked for first, so that
 * the port reads while the consumer sends; its failure waits until it is its turn.
 */
async function* walkPort(walk: Walk, blocks: BlockPort, placing: Placing, signal: AbortSignal | undefined): AsyncGenerator<Written> {
  const buffer = new JoinBuffer()
  const askNext = (): Asked | undefined => ask(walk, blocks, placing, buffer, signal)
  for (let asked = askNext(); asked !== undefined; ) {
    signal?.throwIfAborted()
    if (asked.failure !== undefined) throw asked.failure.error
    const { expected, coming } = asked
    if (coming === undefined) {
      walk.accept(inlineBody(expected, buffer))
      asked = askNext()
      continue
    }
    const block = await coming
    walk.accept(new BlockBody([block], block.length, buffer))
    const start = placing.place(expected.cid, block.length)
    asked = askNext()
    yield { link: expected.cid, block, start }
  }
}

type Asked =
  | { readonly expected: Expected; readonly coming: Promise<Uint8Array> | undefined; readonly failure?: undefined }
  | { readonly failure: { readonly error: unknown } }

/** Asks for what the walk needs next; an inline block is not asked for, nor is one that can be passed over. */
function ask(walk: Walk, blocks: BlockPort, placing: Placing, buffer: JoinBuffer, signal: AbortSignal | undefined): Asked | undefined {
  try {
    let expected = walk.next()
    for (; expected !== undefined; expected = walk.next()) {
      const length = placing.passes(expected)
      if (length === undefined) break
      walk.accept(new BlockBody([], length, buffer)) // of a raw leaf the walk looks at the length alone
    }
    if (expected === undefined) return undefined
    if (expected.cid.multihash.code === IDENTITY) return { expected, coming: undefined }
    const coming = blocks.get(expected.cid, signal === undefined ? undefined : { signal })
    coming.catch(() => undefined) // looked at when its turn comes, or never where the consumer has left
    return { expected, coming }
  } catch (error) {
    return { failure: { error } }
  }
}
