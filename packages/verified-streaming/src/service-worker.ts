/**
 * A service worker's answer to the requests of a page: whatever has a root comes verified, ranges included, so that an `<img>`, a `<video>`
 * that seeks, a script or a `fetch` of the page need not know. A wrong byte is a network error to the page, never content.
 *
 * @module
 */
import { VerifyError } from './errors.ts'
import { openVerified, type VerifiedFile, type VerifiedFileOptions } from './fetch-verified.ts'
import { formatRoot } from './root-text.ts'

export interface VerifiedFetchOptions extends Omit<VerifiedFileOptions, 'outboardUrl' | 'contentType'> {
  /** The root of what is at an address, 32 bytes; `undefined` for what is none of this handler's business. */
  readonly rootOf: (url: URL) => Uint8Array | undefined
  /** Where the raw file is. @default the address that the page asked for */
  readonly contentUrlOf?: ((url: URL) => string | URL) | undefined
  /** Where its outboard is. @default the file's address with `.obao4` behind its path */
  readonly outboardUrlOf?: ((url: URL) => string | URL) | undefined
  /** Its content type, which no root proves. @default the host's word */
  readonly contentTypeOf?: ((url: URL) => string | undefined) | undefined
  /** Hears of everything that was refused, with the page's address: the page itself sees only that there is nothing. */
  readonly onError?: ((error: unknown, url: URL) => void) | undefined
}

/** What is needed of a `FetchEvent`. */
export interface FetchEventLike {
  readonly request: Request
  respondWith(response: Promise<Response>): void
}

/** Files kept open: their sizes and the upper parts of their outboards serve the next seek. */
const FILES_MAX = 32

/** Whether the page already holds, in part or whole, what this tag names. */
const isMatch = (header: string | null, etag: string): boolean =>
  header?.split(',').some((each) => each.trim().replace(/^W\//, '') === etag) === true

/**
 * A handler for `fetch` events. Requests whose address has no root, and methods other than GET and HEAD, go the usual way.
 *
 * A host that cannot prove its bytes gives the page a 502, and one that lies later breaks the body off: both are errors to a media
 * element. On other origins than the page's the host must allow it (CORS).
 *
 * @example self.addEventListener('fetch', createVerifiedFetchHandler({ rootOf: ({ pathname }) => roots.get(pathname) }))
 */
export function createVerifiedFetchHandler(options: VerifiedFetchOptions): (event: FetchEventLike) => void {
  const respond = createVerifiedResponder(options)
  return (event) => {
    const response = respond(event.request)
    if (response !== undefined) event.respondWith(response)
  }
}

/** The same without an event, for servers and edge workers: `undefined` where the address has no root. */
export function createVerifiedResponder(options: VerifiedFetchOptions): (request: Request) => Promise<Response> | undefined {
  const { rootOf, contentUrlOf, outboardUrlOf, contentTypeOf, onError, ...rest } = options
  const files = new Map<string, VerifiedFile>()

  function open(url: URL, root: Uint8Array): VerifiedFile {
    const address = contentUrlOf?.(url) ?? url
    const key = `${formatRoot(root)} ${String(address)}`
    const file =
      files.get(key) ?? openVerified(address, root, { ...rest, outboardUrl: outboardUrlOf?.(url), contentType: contentTypeOf?.(url) })
    files.delete(key)
    files.set(key, file) // the one used last is last
    for (const oldest of files.keys()) {
      if (files.size <= FILES_MAX) break
      files.delete(oldest)
    }
    return file
  }

  async function respond(request: Request, url: URL, root: Uint8Array): Promise<Response> {
    const { headers, method, signal } = request
    const etag = `"b3-${formatRoot(root)}"`
    if (isMatch(headers.get('if-none-match'), etag)) return new Response(null, { status: 304, headers: { etag } })
    const condition = headers.get('if-range')
    const range = condition === null || isMatch(condition, etag) ? (headers.get('range') ?? undefined) : undefined
    try {
      const response = await open(url, root).fetch({ range, signal })
      if (method === 'GET') return response
      await response.body?.cancel()
      return new Response(null, response)
    } catch (error) {
      if (signal.aborted) throw error
      onError?.(error, url)
      const code = error instanceof VerifyError ? error.code : 'VERIFY_BAD_RESPONSE' // the network's own error: no answer at all
      return new Response(`${code}\n`, { status: 502, headers: { 'content-type': 'text/plain', 'cache-control': 'no-store' } })
    }
  }

  return (request) => {
    if (request.method !== 'GET' && request.method !== 'HEAD') return undefined
    const url = new URL(request.url)
    const root = rootOf(url)
    return root === undefined ? undefined : respond(request, url, root)
  }
}
