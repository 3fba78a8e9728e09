import type { ResolvedPath } from '@selvedge/verified-car'
import { sha256 } from 'multiformats/hashes/sha2'
import type { ContentRequest } from './content-request.ts'
import { MEDIA_TYPES } from './negotiate.ts'

const EXPOSED = 'Content-Length, Content-Range, Content-Location, X-Ipfs-Path, X-Ipfs-Roots, X-Chunked-Output, X-Stream-Output, Etag'
const ETAG_BYTES = 16

/** On every answer: anybody's page may read public content, and the caller proves it. */
export function corsHeaders(): Record<string, string> {
  return {
    'Access-Control-Allow-Origin': '*',
    'Access-Control-Allow-Methods': 'GET, HEAD, OPTIONS',
    'Access-Control-Allow-Headers': 'Accept, Cache-Control, Content-Type, If-None-Match, If-Range, Range, User-Agent, X-Requested-With',
    'Access-Control-Expose-Headers': EXPOSED,
  }
}

export async function contentHeaders(request: ContentRequest, resolved: ResolvedPath): Promise<Record<string, string>> {
  const { format, path, canonicalUrl } = request
  return {
    ...corsHeaders(),
    'Content-Type': format === 'raw' ? MEDIA_TYPES.raw : `${MEDIA_TYPES.car}; version=1; order=dfs; dups=y`,
    'Content-Disposition': dispositionOf(request, resolved),
    'X-Content-Type-Options': 'nosniff',
    'X-Ipfs-Path': path,
    'X-Ipfs-Roots': resolved.cids.join(','),
    'Cache-Control': 'public, max-age=29030400, immutable',
    Vary: 'Accept',
    'Accept-Ranges': format === 'raw' ? 'bytes' : 'none',
    Etag: await etagOf(request, resolved),
    ...(canonicalUrl === undefined ? {} : { 'Content-Location': canonicalUrl }),
  }
}

/** Strong for CARs too: root, order, duplicates and our header are fixed, so equal questions have equal bytes. */
async function etagOf({ format, root, segments, scope, entityBytes }: ContentRequest, { cid }: ResolvedPath): Promise<string> {
  if (format === 'raw') return `"${cid}.raw"`
  const question = JSON.stringify([segments, scope, entityBytes?.from ?? null, entityBytes?.to ?? null, 'dfs', 'y'])
  const known = questions.get(question)
  const digest = known ?? (await digestOf(question))
  if (known === undefined && question.length <= QUESTION_LENGTH_MAX) {
    if (questions.size >= QUESTIONS_MAX) questions.clear()
    questions.set(question, digest)
  }
  return `"${root}.car.${digest}"`
}

/** Digests of questions: without a path or a range of their own, most are alike. */
const questions = new Map<string, string>()
const QUESTIONS_MAX = 256
const QUESTION_LENGTH_MAX = 128

async function digestOf(question: string): Promise<string> {
  const { digest } = await sha256.digest(new TextEncoder().encode(question))
  return Array.from(digest.subarray(0, ETAG_BYTES), (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** Weak comparison, lists and `*` (RFC 9110 §13.1.2). */
export function matchesEtag(ifNoneMatch: string | null, etag: string): boolean {
  if (ifNoneMatch === null) return false
  return ifNoneMatch.split(',').some((item) => item.trim() === '*' || item.trim().replace(/^W\//, '') === etag)
}

/** A proof is never shown as a page. A name that is not ASCII is given twice (RFC 6266). */
function dispositionOf({ format, filename }: ContentRequest, { cid }: ResolvedPath): string {
  const name = filename ?? `${cid}.${format === 'raw' ? 'bin' : 'car'}`
  const ascii = name.replace(/[^\x20-\x7e]|["\\]/g, '_')
  const encoded = encodeURIComponent(name).replace(/['()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`)
  return ascii === name ? `attachment; filename="${name}"` : `attachment; filename="${ascii}"; filename*=UTF-8''${encoded}`
}
