import { type BlockPort, CarError, gathered, type Limits, type ResolvedPath, resolvePath, writeCar } from '@selvedge/verified-car'
import { openBody, watchLeaves } from './body.ts'
import { singleRange } from './byte-range.ts'
import { type ContentRequest, parseContentRequest } from './content-request.ts'
import { rangeOf } from './entity-bytes.ts'
import { GatewayError } from './errors.ts'
import { contentHeaders, corsHeaders, matchesEtag } from './headers.ts'
import { type GatewayQuestion, type GatewayReply, responseOf } from './reply.ts'

export interface GatewayComponents {
  /** Blocks whose hashes were checked. A block that is not here is an error named `NotFoundError`, or with a code that ends in `NOT_FOUND`. */
  readonly blocks: BlockPort
}

export interface GatewayOptions {
  /** Bounds of the walks, each of which may be lowered. */
  readonly limits?: Limits
}

export interface Gateway {
  /** Answers; never throws. The answer's body fails where the store does after the headers have left. */
  handle(request: Request): Promise<Response>
  /** The same for servers that have no `Request` and need no `Response`: half the cost of a small answer. */
  answer(question: GatewayQuestion): Promise<GatewayReply>
}

const METHODS = 'GET, HEAD, OPTIONS'
/** The small blocks of a tree are written together: so many bytes of them, at most, wait for the write before. */
const GATHER_BYTES: number = 64 * 1024

/** A trustless gateway over a block port: `raw` blocks and `car`s, nothing that the client would have to believe. */
export function createGateway({ blocks }: GatewayComponents, { limits = {} }: GatewayOptions = {}): Gateway {
  async function answer(question: GatewayQuestion): Promise<GatewayReply> {
    try {
      if (question.method === 'OPTIONS') return { status: 204, headers: withAllow(corsHeaders()), body: null }
      if (question.method !== 'GET' && question.method !== 'HEAD') {
        throw new GatewayError('GATEWAY_METHOD_NOT_ALLOWED', `${question.method} is not served, ${METHODS} are`)
      }
      return await contentAnswer(question, blocks, limits)
    } catch (error) {
      return refusal(question, error)
    }
  }
  return { answer, handle: async (request) => responseOf(await answer(request)) }
}

async function contentAnswer(request: GatewayQuestion, blocks: BlockPort, limits: Limits): Promise<GatewayReply> {
  const content = parseContentRequest(request)
  const resolved = await resolve(content, blocks, limits, request.signal)
  const headers = await contentHeaders(content, resolved)
  if (matchesEtag(request.headers.get('if-none-match'), headers.Etag!)) return { status: 304, headers, body: null }
  if (content.format === 'raw') return rawAnswer(request, resolved.block, headers)
  if (request.method === 'HEAD') return { status: 200, headers, body: null }
  return await carAnswer(content, resolved, blocks, limits, headers, request.signal)
}

async function resolve(content: ContentRequest, blocks: BlockPort, limits: Limits, signal: AbortSignal): Promise<ResolvedPath> {
  try {
    return await resolvePath(content.root, content.segments, blocks, { limits, signal })
  } catch (error) {
    if (content.format === 'raw' && content.segments.length === 0 && isMisplaced(error)) return await alone(content, blocks, signal)
    if (content.isOnlyIfCached && isNotFound(error)) {
      throw new GatewayError('GATEWAY_NOT_CACHED', `${content.root} is not here`, {}, { cause: error })
    }
    throw error
  }
}

/** A node from the middle of a DAG, a lower shard for one, breaks the rules of a root; its bytes are what was asked for all the same. */
function isMisplaced(error: unknown): boolean {
  return error instanceof CarError && (error.code === 'CAR_BAD_UNIXFS' || error.code === 'CAR_BAD_SIZE' || error.code === 'CAR_BAD_BLOCK')
}

async function alone({ root }: ContentRequest, blocks: BlockPort, signal: AbortSignal): Promise<ResolvedPath> {
  return { cids: [root], cid: root, kind: 'other', size: undefined, block: await blocks.get(root, { signal }) }
}

function rawAnswer(request: GatewayQuestion, block: Uint8Array, headers: Record<string, string>): GatewayReply {
  // A block's bytes never change, so the one validator that holds is its own Etag; anything else asks for the whole (RFC 9110 §13.1.5).
  const condition = request.headers.get('if-range')
  const isAsked = condition === null || condition.trim() === headers.Etag
  const range = isAsked ? singleRange(request.headers.get('range'), block.length) : undefined
  const body = range === undefined ? block : block.subarray(range.start, range.end)
  headers['Content-Length'] = String(body.length)
  if (range !== undefined) headers['Content-Range'] = `bytes ${range.start}-${range.end - 1}/${block.length}`
  const status = range === undefined ? 200 : 206
  return { status, headers, body: request.method === 'HEAD' ? null : body }
}

async function carAnswer(
  { root, segments, scope, entityBytes }: ContentRequest,
  { kind, size }: ResolvedPath,
  blocks: BlockPort,
  limits: Limits,
  headers: Record<string, string>,
  requestSignal: AbortSignal,
): Promise<GatewayReply> {
  const controller = new AbortController() // of the body, which outlives the request
  const abort = (): void => controller.abort(requestSignal.reason)
  const { port, sawLeaf } = watchLeaves(blocks)
  const range = entityBytes === undefined || kind !== 'file' ? {} : { range: rangeOf(entityBytes, size ?? 0) }
  const sections = writeCar(root, port, { path: segments, scope, limits, signal: controller.signal, ...range })
  const parts = scope === 'all' ? gathered(sections, GATHER_BYTES) : sections // trees are made of small blocks
  requestSignal.throwIfAborted()
  requestSignal.addEventListener('abort', abort, { once: true }) // until somebody holds the body, whose cancel says the same
  try {
    const body = await openBody(parts, sawLeaf, () => controller.abort())
    if (body instanceof Uint8Array) headers['Content-Length'] = String(body.length)
    return { status: 200, headers, body }
  } finally {
    requestSignal.removeEventListener('abort', abort)
  }
}

function refusal(request: GatewayQuestion, error: unknown): GatewayReply {
  const { status, code, message, details } = gatewayErrorOf(error)
  const headers = corsHeaders()
  headers['Content-Type'] = 'text/plain; charset=utf-8'
  headers['X-Content-Type-Options'] = 'nosniff'
  headers['Cache-Control'] = status === 404 ? 'public, max-age=60' : 'no-store' // a missing block may come
  if (status === 405) withAllow(headers)
  if (status === 416) headers['Content-Range'] = `bytes */${details.size}`
  return { status, headers, body: request.method === 'HEAD' ? null : `${code}: ${message}\n` }
}

/** Every failure has a status; what the store said in its own words stays inside. */
function gatewayErrorOf(error: unknown): GatewayError {
  if (error instanceof GatewayError) return error
  if (error instanceof CarError) {
    if (error.code === 'CAR_NOT_FOUND') return new GatewayError('GATEWAY_NOT_FOUND', error.message, error.details, { cause: error })
    if (error.code === 'CAR_BAD_CID') return new GatewayError('GATEWAY_BAD_REQUEST', error.message, error.details, { cause: error })
    return new GatewayError('GATEWAY_INTERNAL', `${error.code}: ${error.message}`, error.details, { cause: error })
  }
  if (isNotFound(error)) return new GatewayError('GATEWAY_NOT_FOUND', 'a block of this content is not here', {}, { cause: error })
  return new GatewayError('GATEWAY_INTERNAL', 'the store failed', {}, { cause: error })
}

function isNotFound(error: unknown): boolean {
  if (!(error instanceof Error) || error instanceof CarError) return false
  return error.name === 'NotFoundError' || ('code' in error && typeof error.code === 'string' && error.code.endsWith('NOT_FOUND'))
}

function withAllow(headers: Record<string, string>): Record<string, string> {
  headers.Allow = METHODS
  return headers
}
