/**
 * An answer to a request whose content is open: the ACCEPT metadata and the body, in the mode that follows from the address and from what is here.
 * Whoever opened the content hands it over: it is closed here, however the body ends, and also where there is none.
 */
import { gathered, writeCar, type WriteCarOptions, writeProof } from '@selvedge/verified-car'
import { encodeRanges } from '@selvedge/verified-streaming'
import { CID } from 'multiformats/cid'
import { type ContentAnswer, encodeAnswer } from './answer.ts'
import { byteRangesOf } from './chunk-bytes.ts'
import { CHUNK_GROUP_LOG, GATHER_BYTES, SNIFF_BYTES } from './constants.ts'
import { sniffContentType } from './content-type.ts'
import { contentErrorOf, isNotFound } from './failures.ts'
import type { ContentMode } from './modes.ts'
import type { AbortOptions, ContentSourcePort, OpenedEntity, StoredBlob } from './ports.ts'
import type { ContentRequest, RequestScope } from './request.ts'
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
  { signal, onAnswer }: ServeOpenedOptions = {},
): Promise<Served> {
  const ends = new UnitEnds()
  const plan =
    typeof found === 'number'
      ? bare(found)
      : await planned(request, found, { onUnitEnd: ends.add, ...(signal === undefined ? {} : { signal }) })
  if (signal?.aborted) {
    await plan.close()
    throw signal.reason
  }
  onAnswer?.(request, plan.fields)
  const isBare = request.head || plan.fields.mode === undefined
  if (isBare) await plan.close()
  const body = isBare ? empty() : bodyOf(plan, signal)
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

/** What every writer of a body takes. */
interface WriterOptions extends AbortOptions {
  readonly onUnitEnd: (offset: number) => void
}

interface Plan {
  readonly fields: ContentAnswer
  readonly body: AsyncIterable<Uint8Array>
  close(): Promise<void>
}

async function planned(request: ContentRequest, found: OpenedContent, writing: WriterOptions): Promise<Plan> {
  try {
    if (found.kind === 'root') return await planOfRoot(found.blob, request, writing)
    return await planOfEntity(found.entity, request, writing)
  } catch (error) {
    await closeContent(found)
    throw contentErrorOf(error, writing.signal)
  }
}

async function planOfRoot(blob: StoredBlob, request: ContentRequest, writing: WriterOptions): Promise<Plan> {
  if (!request.modes.includes('blake3')) {
    await blob.close()
    return bare(406)
  }
  const { data, outboard, root, size } = blob
  const sniffed = Math.min(SNIFF_BYTES, size)
  const head = data instanceof Uint8Array ? data.subarray(0, sniffed) : await data.readAt(0, sniffed)
  return {
    fields: success(request, 'blake3', { size, root, contentType: sniffContentType(head) }),
    body: encodeRanges({ data, outboard, root, size }, request.ranges, { chunkGroupLog: CHUNK_GROUP_LOG, ...writing }),
    close: () => blob.close(),
  }
}

async function planOfEntity(entity: OpenedEntity, request: ContentRequest, writing: WriterOptions): Promise<Plan> {
  const { scope } = request
  const hasProof = entity.complete && scope === 'entity'
  const mode = (hasProof ? (['proof', 'car'] as const) : (['car'] as const)).find((each) => request.modes.includes(each))
  if (mode === undefined) {
    await entity.close()
    return bare(406)
  }
  const cid = CID.decode(request.address)
  const { size, root, blocks } = entity
  const ranges = byteRangesOf(request.ranges)
  const walk = ranges === undefined ? writing : { ...writing, ranges }
  return {
    fields: success(request, mode, { size, root, contentType: entity.kind === 'directory' ? 'inode/directory' : '' }),
    body: mode === 'proof' ? writeProof(cid, blocks, walk) : carOf(cid, blocks, { ...walk, scope }),
    close: () => entity.close(),
  }
}

function carOf(
  cid: CID,
  blocks: OpenedEntity['blocks'],
  options: WriteCarOptions & { readonly scope: RequestScope },
): AsyncIterable<Uint8Array> {
  const sections = writeCar(cid, blocks, { ...options, header: false })
  return options.scope === 'all' ? gathered(sections, GATHER_BYTES) : sections
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

/** The body; one that is ended before its first byte closes what was opened too, which a generator that never began does not. */
function bodyOf(plan: Plan, signal: AbortSignal | undefined): AsyncIterable<Uint8Array> {
  const parts = partsOf(plan, signal)
  let hasBegun = false
  const iterator: AsyncIterator<Uint8Array> = {
    next() {
      hasBegun = true
      return parts.next()
    },
    async return() {
      if (!hasBegun) await plan.close()
      hasBegun = true
      return await parts.return(undefined)
    },
  }
  return { [Symbol.asyncIterator]: () => iterator }
}

/** Closes what was opened however the body ends, and names what went wrong. */
async function* partsOf(plan: Plan, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    yield* plan.body
  } catch (error) {
    throw contentErrorOf(error, signal)
  } finally {
    await plan.close()
  }
}
