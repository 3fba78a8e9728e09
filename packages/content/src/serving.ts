/**
 * An answer to a request whose content is open: the ACCEPT metadata and the body, in the mode that follows from the address and from what is here.
 * Whoever opened the content hands it over: it is closed here, however the body ends, and also where there is none.
 */
import { CID } from 'multiformats/cid'
import { type ContentAnswer, encodeAnswer } from './answer.ts'
import { bodyOfBlob, bodyOfBlocks, type BodyOptions, closing } from './bodies.ts'
import { byteRangesOf } from './chunk-bytes.ts'
import { CHUNK_GROUP_LOG, SNIFF_BYTES } from './constants.ts'
import { sniffContentType } from './content-type.ts'
import type { ContentTypes } from './content-types.ts'
import { contentErrorOf, isNotFound } from './failures.ts'
import type { ContentMode } from './modes.ts'
import type { AbortOptions, ContentSourcePort, OpenedEntity, StoredBlob } from './ports.ts'
import type { ContentRequest } from './request.ts'
import { UnitEnds, type WholeUnits } from './units.ts'

export interface Served {
  readonly request: ContentRequest
  /** What the answer says, decoded. */
  readonly fields: ContentAnswer
  /** The ACCEPT metadata. */
  readonly answer: Uint8Array
  /** What follows as DATA. Iterate it, or call its iterator's `return`, else what it opened stays open. */
  readonly body: AsyncIterable<Uint8Array>
  /** The same in whole units, up to the end of each of which a reader can verify everything. To be iterated instead of `body`. */
  units(): AsyncIterable<WholeUnits>
}

/** What a request was found to be: open, to be closed by whoever has it last. */
export type OpenedContent = { readonly kind: 'root'; readonly blob: StoredBlob } | { readonly kind: 'cid'; readonly entity: OpenedEntity }

export interface ServeOpenedOptions extends AbortOptions {
  /** Told of the answer, before its first byte. */
  readonly onAnswer?: ((request: ContentRequest, answer: ContentAnswer) => void) | undefined
  /** Where types of roots are looked up and noted. @default each is looked at anew */
  readonly contentTypes?: ContentTypes | undefined
}

/**
 * Opens what a request is for, and says with a status why there is nothing to open: 404 where it is not to be had, 501 where this end does not
 * serve such a thing.
 * @throws {ContentError} where it could not be opened; the reason of `options.signal` once that is aborted.
 */
export async function openContent(
  source: ContentSourcePort,
  request: Pick<ContentRequest, 'kind' | 'address' | 'scope' | 'ranges' | 'outboardOnly'>,
  { signal }: AbortOptions = {},
): Promise<OpenedContent | number> {
  signal?.throwIfAborted()
  if (request.outboardOnly || request.kind === 'url') return 501
  const abort = signal === undefined ? {} : { signal }
  let opened: OpenedContent | number
  try {
    opened = request.kind === 'root' ? await openedRoot(source, request.address, abort) : await openedCid(source, request, abort)
  } catch (error) {
    throw contentErrorOf(error, signal)
  }
  if (signal?.aborted) {
    if (typeof opened === 'object') await closeContent(opened) // the store may have opened it after the abort
    throw signal.reason
  }
  return opened
}

export const closeContent = (opened: OpenedContent): Promise<void> => (opened.kind === 'root' ? opened.blob.close() : opened.entity.close())

/**
 * Answers `request` from `found`: what was opened for it, or the status that says why nothing is served (304, or an error).
 * @throws {ContentError} here and from `body`: its `laneCode` and `reason` are what the lane is to be reset with.
 * @throws the reason of `options.signal` once that is aborted.
 */
export async function serveContent(
  request: ContentRequest,
  found: OpenedContent | number,
  { signal, onAnswer, contentTypes }: ServeOpenedOptions = {},
): Promise<Served> {
  const ends = new UnitEnds()
  const writing = { onUnitEnd: ends.add, newPiece: ends.newPiece, ...(signal === undefined ? {} : { signal }) }
  const plan = typeof found === 'number' ? bare(found) : await planned(request, found, writing, contentTypes)
  if (signal?.aborted) {
    await plan.close()
    throw signal.reason
  }
  onAnswer?.(request, plan.fields)
  const isBare = request.head || plan.fields.mode === undefined
  if (isBare) await plan.close()
  const body = isBare ? empty() : closing(plan.body, plan.close, signal)
  return { request, fields: plan.fields, answer: encodeAnswer(plan.fields), body, units: () => ends.wholeUnitsOf(body) }
}

async function openedRoot(source: ContentSourcePort, root: Uint8Array, abort: AbortOptions): Promise<OpenedContent | number> {
  const blob = await source.openRoot(root, abort)
  return blob === undefined ? 404 : { kind: 'root', blob }
}

async function openedCid(
  source: ContentSourcePort,
  { address, scope, ranges: chunks }: Pick<ContentRequest, 'address' | 'scope' | 'ranges'>,
  abort: AbortOptions,
): Promise<OpenedContent | number> {
  const cid = CID.decode(address)
  try {
    if (scope === 'all') {
      const tree = await source.openTree?.(cid, abort)
      return tree === undefined ? 501 : { kind: 'cid', entity: tree }
    }
    const ranges = byteRangesOf(chunks)
    return { kind: 'cid', entity: await source.openCid(cid, ranges === undefined ? abort : { ...abort, ranges }) }
  } catch (error) {
    if (isNotFound(error)) return 404
    throw error
  }
}

interface Plan {
  readonly fields: ContentAnswer
  readonly body: AsyncIterable<Uint8Array>
  readonly close: () => Promise<void>
}

async function planned(
  request: ContentRequest,
  found: OpenedContent,
  writing: BodyOptions,
  contentTypes: ContentTypes | undefined,
): Promise<Plan> {
  try {
    if (found.kind === 'root') return await planOfRoot(found.blob, request, writing, contentTypes)
    return await planOfEntity(found.entity, request, writing)
  } catch (error) {
    await closeContent(found)
    throw contentErrorOf(error, writing.signal)
  }
}

async function planOfRoot(
  blob: StoredBlob,
  request: ContentRequest,
  writing: BodyOptions,
  contentTypes: ContentTypes | undefined,
): Promise<Plan> {
  if (!request.modes.includes('blake3')) {
    await blob.close()
    return bare(406)
  }
  const { root, size } = blob
  const known = contentTypes?.of(root)
  const contentType = known ?? (await contentTypeOf(blob))
  if (known === undefined) contentTypes?.note(root, contentType)
  return {
    fields: success(request, 'blake3', { size, root, contentType }),
    body: bodyOfBlob(blob, request, writing),
    close: () => blob.close(),
  }
}

async function contentTypeOf({ data, size }: StoredBlob): Promise<string> {
  const sniffed = Math.min(SNIFF_BYTES, size)
  return sniffContentType(data instanceof Uint8Array ? data.subarray(0, sniffed) : await data.readAt(0, sniffed))
}

async function planOfEntity(entity: OpenedEntity, request: ContentRequest, writing: BodyOptions): Promise<Plan> {
  const { scope } = request
  const hasProof = entity.complete && scope === 'entity'
  const mode = (hasProof ? (['proof', 'car'] as const) : (['car'] as const)).find((each) => request.modes.includes(each))
  if (mode === undefined) {
    await entity.close()
    return bare(406)
  }
  const { size, root, blocks } = entity
  return {
    fields: success(request, mode, { size, root, contentType: entity.kind === 'directory' ? 'inode/directory' : '' }),
    body: bodyOfBlocks(blocks, mode, request, writing),
    close: () => entity.close(),
  }
}

function success(request: ContentRequest, mode: ContentMode, known: Pick<ContentAnswer, 'size' | 'root' | 'contentType'>): ContentAnswer {
  const chunkGroupLog = mode === 'blake3' ? CHUNK_GROUP_LOG : 0
  return { ...known, status: request.ranges.isAll ? 200 : 206, mode, chunkGroupLog, mappingProof: new Uint8Array(0) }
}

/** An answer with nothing behind it. */
function bare(status: number): Plan {
  const fields: ContentAnswer = {
    status,
    mode: undefined,
    size: undefined,
    chunkGroupLog: 0,
    root: undefined,
    contentType: '',
    mappingProof: new Uint8Array(0),
  }
  return { fields, body: empty(), close: async () => {} }
}

async function* empty(): AsyncIterable<Uint8Array> {}
