import type { Scope } from '@selvedge/verified-car'
import { CID } from 'multiformats/cid'
import { type EntityBytes, parseEntityBytes } from './entity-bytes.ts'
import { badRequest, GatewayError } from './errors.ts'
import { type Format, negotiateFormat } from './negotiate.ts'
import type { GatewayQuestion } from './reply.ts'

const PATHNAME_BYTES_MAX = 4_096 // ipfs.md §1.3
const SEGMENTS_MAX = 256

/** What a request asks for, checked as far as it can be without a block. */
export interface ContentRequest {
  readonly root: CID
  readonly segments: readonly string[]
  readonly format: Format
  readonly scope: Scope
  readonly entityBytes: EntityBytes | undefined
  readonly isOnlyIfCached: boolean
  /** The path as it was asked, still percent-encoded. */
  readonly path: string
  /** The same request with its format in the URL, where Accept had a say. */
  readonly canonicalUrl: string | undefined
  /** The name for `Content-Disposition`, where the URL gives one. */
  readonly filename: string | undefined
}

/** @throws {GatewayError} `GATEWAY_BAD_REQUEST`, `GATEWAY_NOT_FOUND`, `GATEWAY_NOT_ACCEPTABLE` */
export function parseContentRequest(request: GatewayQuestion): ContentRequest {
  const url = new URL(request.url)
  if (!url.pathname.startsWith('/ipfs/')) throw new GatewayError('GATEWAY_NOT_FOUND', `no route ${url.pathname}, content is under /ipfs/`)
  if (url.pathname.length > PATHNAME_BYTES_MAX) throw badRequest(`a path may have ${PATHNAME_BYTES_MAX} bytes`)
  const [cidText = '', ...rest] = url.pathname.slice('/ipfs/'.length).split('/')
  const root = parseCid(cidText)
  const segments = rest.filter((segment) => segment !== '').map(decodeSegment)
  if (segments.length > SEGMENTS_MAX) throw badRequest(`a path may have ${SEGMENTS_MAX} segments, this one has ${segments.length}`)
  const { format, isFromAccept } = negotiateFormat(url.searchParams, request.headers.get('accept'))
  const entityBytes = format === 'car' ? url.searchParams.get('entity-bytes') : null
  return {
    root,
    segments,
    format,
    scope: scopeOf(url.searchParams, entityBytes !== null),
    entityBytes: entityBytes === null ? undefined : parseEntityBytes(entityBytes),
    isOnlyIfCached: /(^|,)\s*only-if-cached\s*(,|$)/i.test(request.headers.get('cache-control') ?? ''),
    path: url.pathname,
    canonicalUrl: isFromAccept ? canonicalUrlOf(url, format) : undefined,
    filename: url.searchParams.get('filename') ?? undefined,
  }
}

function parseCid(text: string): CID {
  try {
    return CID.parse(text)
  } catch (cause) {
    throw badRequest(`invalid path "/ipfs/${text}": ${JSON.stringify(text)} is no CID`, cause)
  }
}

function decodeSegment(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch (cause) {
    throw badRequest(`the path segment ${segment} is not percent-encoded UTF-8`, cause)
  }
}

function scopeOf(parameters: URLSearchParams, hasEntityBytes: boolean): Scope {
  const scope = parameters.get('dag-scope') ?? 'all'
  if (scope !== 'block' && scope !== 'entity' && scope !== 'all')
    throw badRequest(`dag-scope must be block, entity or all, got ${JSON.stringify(scope)}`)
  return hasEntityBytes ? 'entity' : scope // entity-bytes implies it
}

function canonicalUrlOf(url: URL, format: Format): string {
  const parameters = new URLSearchParams(url.search)
  parameters.set('format', format)
  return `${url.pathname}?${parameters}`
}
