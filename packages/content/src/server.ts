/**
 * The serving end of a content lane: a request's bytes in, an answer and a body out. It holds nothing between two requests.
 *
 * The mode follows from the address and from what is here, never from a wish: a root is answered with a BLAKE3 slice; a CID that is
 * complete with `proof`; a CID that is still arriving with the CAR blocks themselves as they come; everything below a CID with CAR blocks
 * always, because a directory does not prove the length of a leaf that stands in it by itself. A stream that began in one mode ends in it.
 * Every block of the two CID modes is checked again where it is read, and by the client.
 */
import { gathered, writeCar, type WriteCarOptions, writeProof } from '@selvedge/verified-car'
import { encodeRanges } from '@selvedge/verified-streaming'
import { CID } from 'multiformats/cid'
import { encodeAnswer, type ContentAnswer } from './answer.ts'
import { byteRangesOf } from './chunk-bytes.ts'
import { CHUNK_GROUP_LOG, GATHER_BYTES, SNIFF_BYTES } from './constants.ts'
import { sniffContentType } from './content-type.ts'
import { contentErrorOf, isNotFound } from './failures.ts'
import type { ContentMode } from './modes.ts'
import type { AbortOptions, ContentSourcePort, OpenedEntity, StoredBlob } from './ports.ts'
import { decodeRequest, type ContentRequest, type RequestScope } from './request.ts'
import { UnitEnds, type WholeUnits } from './units.ts'

export interface ContentServerComponents {
  readonly source: ContentSourcePort
}

export interface ContentServerOptions {
  /** Told of each answer, once, before its first byte. */
  readonly onAnswer?: (request: ContentRequest, answer: ContentAnswer) => void
}

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

export interface ContentServer {
  /**
   * Answers one request. Absent content is an answer (status 404), not an error; so is a request whose modes cannot be met (406).
   * @param requestBytes - the OPEN metadata.
   * @throws {ContentError} here and from `body`: its `laneCode` and `reason` are what the lane is to be reset with.
   * @throws the reason of `options.signal` once that is aborted.
   */
  serve(requestBytes: Uint8Array, options?: AbortOptions): Promise<Served>
}

interface Plan {
  readonly fields: ContentAnswer
  readonly body: AsyncIterable<Uint8Array>
  close(): Promise<void>
}

export function createContentServer({ source }: ContentServerComponents, options: ContentServerOptions = {}): ContentServer {
  const { onAnswer } = options
  return {
    async serve(requestBytes, { signal } = {}) {
      signal?.throwIfAborted()
      const request = decodeRequest(requestBytes)
      const ends = new UnitEnds()
      let plan: Plan
      try {
        plan = await planOf(source, request, { onUnitEnd: ends.add, ...(signal === undefined ? {} : { signal }) })
      } catch (error) {
        throw contentErrorOf(error, signal)
      }
      if (signal?.aborted) {
        await plan.close() // the store may have opened it after the abort
        throw signal.reason
      }
      onAnswer?.(request, plan.fields)
      const isBare = request.head || plan.fields.status >= 400
      if (isBare) await plan.close()
      const body = isBare ? empty() : bodyOf(plan, signal)
      return { request, fields: plan.fields, answer: encodeAnswer(plan.fields), body, units: () => ends.wholeUnitsOf(body) }
    },
  }
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

/** What every writer of a body takes. */
interface WriterOptions extends AbortOptions {
  readonly onUnitEnd: (offset: number) => void
}

async function planOf(source: ContentSourcePort, request: ContentRequest, writing: WriterOptions): Promise<Plan> {
  if (request.outboardOnly || request.kind === 'url') return refusal(501)
  const abort = writing.signal === undefined ? {} : { signal: writing.signal }
  if (request.kind === 'root') {
    const blob = await source.openRoot(request.address, abort)
    return blob === undefined ? refusal(404) : closingOnError(blob, planOfRoot(blob, request, writing))
  }
  const cid = CID.decode(request.address)
  let entity: OpenedEntity
  try {
    const opening = opened(source, cid, request, abort)
    if (opening === undefined) return refusal(501)
    entity = await opening
  } catch (error) {
    if (isNotFound(error)) return refusal(404)
    throw error
  }
  return closingOnError(entity, planOfEntity(entity, cid, request, writing))
}

function opened(source: ContentSourcePort, cid: CID, request: ContentRequest, abort: AbortOptions): Promise<OpenedEntity> | undefined {
  if (request.scope === 'all') return source.openTree?.(cid, abort)
  const ranges = byteRangesOf(request.ranges)
  return source.openCid(cid, ranges === undefined ? abort : { ...abort, ranges })
}

async function closingOnError(opened: { close(): Promise<void> }, plan: Promise<Plan>): Promise<Plan> {
  try {
    return await plan
  } catch (error) {
    await opened.close()
    throw error
  }
}

async function planOfRoot(blob: StoredBlob, request: ContentRequest, writing: WriterOptions): Promise<Plan> {
  if (!request.modes.includes('blake3')) {
    await blob.close()
    return refusal(406)
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

async function planOfEntity(entity: OpenedEntity, cid: CID, request: ContentRequest, writing: WriterOptions): Promise<Plan> {
  const { scope } = request
  const hasProof = entity.complete && scope === 'entity'
  const mode = (hasProof ? (['proof', 'car'] as const) : (['car'] as const)).find((each) => request.modes.includes(each))
  if (mode === undefined) {
    await entity.close()
    return refusal(406)
  }
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

function refusal(status: number): Plan {
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
