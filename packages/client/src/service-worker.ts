/**
 * A service worker's answer to the requests of its page: what is named by a CID or a root comes from Selvedge nodes, verified as it streams, so
 * that an `<img>`, a `<video>` that seeks, or a `fetch` of the page need not know. A wrong byte is an error to the page, never content.
 *
 * Media elements want to know how long a thing is before they seek in it. So where bytes of a range are asked for, the size is proven first
 * (a request of its own, once for each name): what `Content-Range` says is no node's word.
 *
 * @module
 */
import { type ByteRange, byteRangesOfHeader } from '@selvedge/verified-streaming'
import type { Download } from './download.ts'
import { ClientError, type ClientErrorCode } from './errors.ts'
import { type FetchOptions, isTagged } from './fetch.ts'
import { provenSizeOf } from './proven-size.ts'
import { remember } from './remember.ts'
import { formatTarget, type Target, targetOf } from './target.ts'

/** What is needed of a client; that of `./opfs` fits too. */
export interface ContentClient {
  get(
    address: string,
    options: { readonly range: ByteRange; readonly signal: AbortSignal },
  ): Promise<Pick<Download, 'kind' | 'address' | 'size' | 'node' | 'close' | typeof Symbol.asyncIterator>>
  fetch(address: string, options: FetchOptions): Promise<Response>
}

export interface ContentHandlerComponents {
  /** Or a function that gives it, called at each request: where the account, say, is read from a database first. */
  readonly client: ContentClient | (() => ContentClient | Promise<ContentClient>)
}

export interface ContentHandlerOptions {
  /**
   * The CID or the root that an address of the page names, or a CID with a path (`ipfs://CID/path`); undefined for what is none of this handler's business.
   * @default that of `/ipfs/CID`, `/ipfs/CID/path` and `/blake3/ROOT` of the worker's own origin
   */
  readonly addressOf?: ((url: URL) => string | undefined) | undefined
  /**
   * Its media type, which no hash proves. Whatever it is, a page that is shown it by itself runs none of its scripts.
   * @default what the last name of a path says; else 'application/octet-stream'
   */
  readonly contentTypeOf?: ((url: URL) => string | undefined) | undefined
  /** Hears of everything that failed, with the page's address: the page itself sees a status, or a body that breaks off. */
  readonly onError?: ((error: unknown, url: URL) => void) | undefined
}

/** What is needed of a `FetchEvent`. */
export interface FetchEventLike {
  readonly request: Request
  respondWith(response: Promise<Response>): void
  waitUntil(work: Promise<unknown>): void
}

/** One range is answered as one; several, or what is none, with everything, as RFC 9110 §14.2 lets a server. */
const ONE_RANGE = /^bytes[ \t]*=[ \t]*(\d+-\d*|-\d+)[ \t]*$/i
/** Of what is not the node's word or bytes: that is 502. */
const STATUS_OF: Readonly<Partial<Record<ClientErrorCode, number>>> = {
  CLIENT_BAD_ARGUMENT: 400,
  CLIENT_CAP: 402,
  CLIENT_TOO_DEAR: 402,
  CLIENT_NOT_FOUND: 404,
  CLIENT_NOT_A_FILE: 404,
  CLIENT_UNREACHABLE: 503,
  CLIENT_CLOSED: 503,
  CLIENT_INTERRUPTED: 504,
}

/**
 * A handler for `fetch` events. What names no content, and methods other than GET and HEAD, go the usual way.
 *
 * A request that the page gives up ends its lane. The worker is kept alive while a body streams. Where nothing could be verified the answer is
 * a status with the code as its text; where a body began, it breaks off.
 *
 * @example self.addEventListener('fetch', createContentHandler({ client: createClient({ nodes }) }))
 */
export function createContentHandler(
  components: ContentHandlerComponents,
  options: ContentHandlerOptions = {},
): (event: FetchEventLike) => void {
  const { addressOf = addressOfPath, onError } = options
  const { client } = components
  const answers = new Answers(async () => (typeof client === 'function' ? await client() : client), options)
  return (event) => {
    const { request } = event
    if (request.method !== 'GET' && request.method !== 'HEAD') return
    const url = new URL(request.url)
    const address = addressOf(url)
    if (address === undefined) return
    let over = (): void => {}
    event.waitUntil(new Promise<void>((resolve) => (over = resolve)))
    const end = (error?: unknown): void => {
      over()
      if (error !== undefined && !request.signal.aborted) onError?.(error, url)
    }
    event.respondWith(answers.to(request, url, address, end))
  }
}

/** Of the worker's own origin: what other hosts have at such paths is theirs. */
function addressOfPath({ origin, pathname }: URL): string | undefined {
  if (origin !== globalThis.location.origin) return undefined
  const [, cid, root] = /^\/(?:ipfs\/([A-Za-z0-9]+)|blake3\/([0-9a-fA-F]{64}))\/?$/.exec(pathname) ?? []
  return cid ?? root ?? (/^\/ipfs\/[A-Za-z0-9]+\/./.test(pathname) ? pathname : undefined)
}

type End = (error?: unknown) => void

/** What an address names. */
interface Named {
  /** What the client is asked for. */
  readonly name: string
  readonly etag: string
  /** Of a path. */
  readonly contentType?: string
  /** Of a path: proven as it was followed. */
  readonly size?: number
}

interface Asked extends Named {
  readonly client: ContentClient
  readonly contentType: string
}

class Answers {
  readonly #clientOf: () => Promise<ContentClient>
  readonly #options: ContentHandlerOptions
  readonly #sizes = new Map<string, number>()
  readonly #paths = new Map<string, Named>()

  constructor(clientOf: () => Promise<ContentClient>, options: ContentHandlerOptions) {
    this.#clientOf = clientOf
    this.#options = options
  }

  /** @throws the reason of a request that was given up. */
  async to(request: Request, url: URL, address: string, end: End): Promise<Response> {
    try {
      const named = address.includes('/') ? undefined : namedBy(targetOf(address))
      const client = await this.#clientOf()
      const given = this.#options.contentTypeOf?.(url)
      const isWhole = request.method === 'GET' && !request.headers.has('range') && !request.headers.has('if-none-match')
      if (named === undefined && isWhole) return watched(await client.fetch(address, { signal: request.signal, contentType: given }), end)
      const found = named ?? (await this.#followed(client, address, request.signal))
      if (found instanceof Response) return watched(found, end)
      const contentType = given ?? found.contentType ?? 'application/octet-stream'
      return watched(await this.#answer(request, { ...found, client, contentType }), end)
    } catch (error) {
      end(error)
      if (request.signal.aborted) throw error
      return failure(error)
    }
  }

  /** Where a path leads, once for each; where it leads to nothing, the client's answer. @throws {ClientError} `CLIENT_BAD_ANSWER`, and as `fetch` */
  async #followed(client: ContentClient, address: string, signal: AbortSignal): Promise<Named | Response> {
    let named = this.#paths.get(address)
    if (named === undefined) {
      const head = await client.fetch(address, { method: 'HEAD', signal })
      if (head.status !== 200) return head
      const [etag, contentType, size] = ['etag', 'content-type', 'content-length'].map((header) => head.headers.get(header) ?? '')
      if (size === '') throw new ClientError('CLIENT_BAD_ANSWER', `no size of ${address}`)
      named = { name: address, etag: etag!, contentType: contentType!, size: Number(size) }
    }
    remember(this.#paths, address, named)
    return named
  }

  async #answer({ method, headers: asked, signal }: Request, { client, name, etag, contentType, ...known }: Asked): Promise<Response> {
    if (isTagged(asked.get('if-none-match'), etag)) return new Response(null, { status: 304, headers: { etag } })
    const condition = asked.get('if-range')
    const header = condition === null || condition === etag ? asked.get('range') : null
    const isRanged = header !== null && ONE_RANGE.test(header)
    if (method === 'GET' && !isRanged) return await client.fetch(name, { signal, contentType })
    const size = known.size ?? (await this.#sizeOf(client, name, signal))
    const range = isRanged ? rangeIn(header, size) : undefined
    if (range === null) return new Response(null, { status: 416, headers: { 'content-range': `bytes */${size}` } })
    if (method === 'HEAD' || range === undefined) {
      const headers = { etag, 'accept-ranges': 'bytes', 'content-type': contentType, 'content-length': String(size) }
      return new Response(null, { status: 200, headers })
    }
    const { start, end } = range
    const response = await client.fetch(name, { signal, contentType, headers: { range: `bytes=${start}-${end - 1}` } })
    if (response.status !== 206) return response
    const headers = new Headers(response.headers)
    headers.set('content-range', `bytes ${start}-${end - 1}/${size}`)
    headers.set('content-length', String(end - start))
    return new Response(response.body, { status: 206, headers })
  }

  /** Proven. @throws {ClientError} as `get`, and `CLIENT_NOT_A_FILE` */
  async #sizeOf(client: ContentClient, name: string, signal: AbortSignal): Promise<number> {
    const size = this.#sizes.get(name) ?? (await provenSizeOf(client, name, signal))
    remember(this.#sizes, name, size)
    return size
  }
}

function namedBy(target: Target): Named {
  const name = formatTarget(target)
  return { name, etag: `"${name}"` }
}

/** The one range of a header, clipped; null where nothing of it is there. */
function rangeIn(header: string, size: number): { readonly start: number; readonly end: number } | null | undefined {
  try {
    const [range] = byteRangesOfHeader(header, size)
    return range === undefined ? undefined : { start: range.start, end: range.end ?? size }
  } catch {
    return null // the header has the form of one range, so it is its place that is wrong
  }
}

function failure(error: unknown): Response {
  const code = error instanceof ClientError ? error.code : undefined
  const headers = { 'content-type': 'text/plain;charset=UTF-8', 'cache-control': 'no-store' }
  return new Response(`${code ?? 'failed'}\n`, { status: code === undefined ? 500 : (STATUS_OF[code] ?? 502), headers })
}

/** The same, and `end` hears when its body is over. What is opened in a tab of its own may not act in the name of the page's origin. */
function watched(response: Response, end: End): Response {
  const headers = new Headers(response.headers)
  headers.set('content-security-policy', "default-src 'none'; style-src 'unsafe-inline'; img-src data:; media-src 'self'; sandbox")
  headers.set('x-content-type-options', 'nosniff')
  const { status, body } = response
  if (body === null) {
    end()
    return new Response(null, { status, headers })
  }
  const reader = body.getReader()
  const source: UnderlyingDefaultSource<Uint8Array<ArrayBuffer>> = {
    async pull(controller) {
      try {
        const { done, value } = await reader.read()
        if (!done) return controller.enqueue(value)
        controller.close()
        end()
      } catch (error) {
        end(error)
        throw error
      }
    },
    async cancel(reason) {
      end()
      await reader.cancel(reason)
    },
  }
  return new Response(new ReadableStream(source, { highWaterMark: 0 }), { status, headers })
}
