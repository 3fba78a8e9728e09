/**
 * A download as the web's `Response`: the body is verified as it streams, and what is named by its hash never changes, so the name is its
 * entity tag.
 *
 * It begins when its first bytes are verified, so that a node whose word about the size cannot be true has been left by then. Until the last
 * chunk of a root has come its total is not proven and not said: a whole body then promises no length, so that a node's word cannot make a body
 * fail that other nodes complete. Where a range ends must be said: where it is open, or a node says that the content ends before it does, its end
 * is proven first. The media type that a node says is not handed on: whoever knows better says it.
 */
import type { ByteRange } from '@selvedge/content'
import { byteRangesOfHeader } from '@selvedge/verified-streaming'
import type { Download, DownloadProgress, GetOptions, VerifiedPart } from './download.ts'
import { ClientError } from './errors.ts'
import type { FetchAddress, Locate } from './guide.ts'
import { provenSizeOf } from './proven-size.ts'
import { type CidLike, formatTarget, type Target } from './target.ts'

export interface FetchOptions {
  /** `GET` or `HEAD`, and nothing else; of `HEAD` the size is proven, by a request of its own. @default 'GET' */
  readonly method?: string | undefined
  /** `range` (one, not counted from the end; not with `HEAD`) and `if-none-match` are looked at. */
  readonly headers?: Headers | Readonly<Record<string, string>> | undefined
  readonly signal?: AbortSignal | undefined
  /** Of the response. @default what the last name of a path says; else 'application/octet-stream' */
  readonly contentType?: string | undefined
  /** As of `GetOptions`: of more, `CLIENT_TOO_LARGE`. Default: whatever comes. */
  readonly bytesMax?: number | undefined
  readonly onProgress?: ((progress: DownloadProgress) => void) | undefined
}

/** What of a download is used here. */
export type FetchedDownload = Pick<
  Download,
  'kind' | 'address' | 'size' | 'sizeClaim' | 'node' | 'entries' | 'close' | typeof Symbol.asyncIterator
>

export interface Fetching {
  readonly locate: Locate
  readonly get: (address: CidLike | Uint8Array, options: GetOptions) => Promise<FetchedDownload>
}

/** The statuses of what is no failure of the client's own. */
const STATUS_OF: Readonly<Record<string, number>> = { CLIENT_NOT_FOUND: 404, CLIENT_NO_ENTRY: 404, CLIENT_ORIGIN_FAILED: 502 }
const OCTETS = 'application/octet-stream'
const NAMED_FOR_EVER = 'public, max-age=31536000, immutable'

export async function fetchWith(fetching: Fetching, address: FetchAddress, options: FetchOptions): Promise<Response> {
  const { method = 'GET', signal, contentType } = options
  const isHead = method.toUpperCase() === 'HEAD'
  if (!isHead && method.toUpperCase() !== 'GET')
    throw new ClientError('CLIENT_BAD_ARGUMENT', `content is fetched with GET or HEAD, not with ${method}`)
  const asked = new Headers(options.headers as HeadersInit | undefined)
  const range = isHead ? undefined : rangeOf(asked.get('range'))
  try {
    const { target, contentType: typeOfName } = await fetching.locate(address, signal)
    const etag = `"${formatTarget(target)}"`
    const headers = new Headers({ etag, 'accept-ranges': 'bytes', 'cache-control': NAMED_FOR_EVER })
    if (isTagged(asked.get('if-none-match'), etag)) return new Response(null, { status: 304, headers })
    headers.set('content-type', contentType ?? typeOfName ?? OCTETS)
    headers.set('x-content-type-options', 'nosniff')
    const open = openerOf(target, fetching, options, headers)
    if (!isHead) return await answerOf(open, { range, isRoot: target.kind === 'root' }, headers, signal)
    headers.set('content-length', String(await sizeOf(open, signal)))
    return new Response(null, { headers })
  } catch (error) {
    const status = error instanceof ClientError ? STATUS_OF[error.code] : undefined
    if (status === undefined) throw error
    return new Response(isHead ? null : (error as Error).message, { status, headers: { 'content-type': 'text/plain;charset=UTF-8' } })
  }
}

type Open = (range: ByteRange | undefined) => Promise<FetchedDownload>

/** Opens the content at `first`; of a directory its `index.html`, as gateways do. */
function openerOf(first: Target, { locate, get }: Fetching, options: FetchOptions, headers: Headers): Open {
  const { signal, onProgress, bytesMax, contentType } = options
  let target = first
  const openIt = async (range: ByteRange | undefined): Promise<FetchedDownload> =>
    await get(target.kind === 'cid' ? target.cid : target.root, { range, signal, onProgress, bytesMax })
  return async (range) => {
    const download = await openIt(range)
    if (download.kind !== 'directory') return download
    try {
      const { locateIndex } = await import('./path.ts')
      const index = await locateIndex(download, locate, signal)
      target = index.target
      headers.set('content-type', contentType ?? index.contentType ?? OCTETS)
    } finally {
      download.close() // before anything else is open
    }
    return await openIt(range)
  }
}

/** Proven, by a request of its own. */
async function sizeOf(open: Open, signal: AbortSignal = new AbortController().signal): Promise<number> {
  return await provenSizeOf({ get: async (_, { range }) => await open(range) }, undefined, signal)
}

interface AskedPart {
  readonly range: ByteRange | undefined
  /** Its size is proven with its last chunk, and a CID's with its first block. */
  readonly isRoot: boolean
}

async function answerOf(open: Open, { range, isRoot }: AskedPart, headers: Headers, signal: AbortSignal | undefined): Promise<Response> {
  const answer = async (part: ByteRange | undefined, size?: number): Promise<Response | undefined> =>
    await responseOf(await open(part), part, size, headers, signal)
  const isOpen = range !== undefined && range.end === undefined && isRoot
  const response = isOpen ? undefined : await answer(range)
  if (response !== undefined) return response
  // A request of its own, and nothing else is open meanwhile: no lane is held while it waits for one.
  const size = await sizeOf(open, signal)
  const { start, end = size } = range!
  return start >= size ? unsatisfiable(size) : (await answer({ start, end: Math.min(end, size) }, size))!
}

/**
 * @param size - where it is proven already.
 * @returns undefined where nothing but a node's word says that a range ends sooner than was asked; the download is closed then.
 */
async function responseOf(
  download: FetchedDownload,
  range: ByteRange | undefined,
  size: number | undefined,
  headers: Headers,
  signal: AbortSignal | undefined,
): Promise<Response | undefined> {
  if (download.kind !== 'file') {
    download.close()
    throw new ClientError('CLIENT_NOT_A_FILE', `${download.address} is a ${download.kind}, not a file`)
  }
  const parts = download[Symbol.asyncIterator]()
  const step = await parts.next()
  const first = step.done === true ? undefined : new Uint8Array(step.value.bytes)
  const { size: proven = size } = download
  const { start, end: asked = Number.POSITIVE_INFINITY } = range ?? { start: 0 }
  if (range !== undefined && proven === undefined && (first === undefined || asked > (download.sizeClaim ?? 0))) {
    download.close()
    await parts.return?.()
    return undefined
  }
  if (range !== undefined && first === undefined) return unsatisfiable(proven!)
  const end = Math.min(asked, proven ?? Number.POSITIVE_INFINITY)
  if (end !== Number.POSITIVE_INFINITY) {
    if (range !== undefined) headers.set('content-range', `bytes ${start}-${end - 1}/${proven ?? '*'}`)
    headers.set('content-length', String(end - start))
  }
  return new Response(bodyOf({ download, parts, first, promised: end - start, signal }), {
    status: range === undefined ? 200 : 206,
    headers,
  })
}

function unsatisfiable(size: number): Response {
  return new Response(null, { status: 416, headers: { 'content-range': `bytes */${size}` } })
}

interface Body {
  readonly download: FetchedDownload
  readonly parts: AsyncIterator<VerifiedPart>
  readonly first: Uint8Array<ArrayBuffer> | undefined
  /** Bytes; infinite where none were. */
  readonly promised: number
  readonly signal: AbortSignal | undefined
}

/** Asks for no more before it is read; cancelling it ends the lane. Chunks are the reader's. */
function bodyOf({ download, parts, first, promised, signal }: Body): ReadableStream<Uint8Array<ArrayBuffer>> {
  let held = first
  let left = promised
  const next = async (): Promise<Uint8Array<ArrayBuffer> | undefined> => {
    const { done, value } = await parts.next()
    return done === true ? undefined : new Uint8Array(value.bytes)
  }
  const leave = async (): Promise<void> => {
    download.close()
    await parts.return?.()
  }
  const source: UnderlyingDefaultSource<Uint8Array<ArrayBuffer>> = {
    async pull(controller) {
      if (signal?.aborted === true) {
        await leave()
        throw signal.reason
      }
      const bytes = held ?? (await next())
      held = undefined
      left -= bytes?.length ?? 0
      if (left < 0 || (bytes === undefined && left > 0 && left !== Number.POSITIVE_INFINITY)) {
        await leave()
        throw new ClientError('CLIENT_BAD_ANSWER', `the content has not the length that a node claimed, ${promised} bytes`)
      }
      if (bytes === undefined) controller.close()
      else controller.enqueue(bytes)
    },
    cancel: leave,
  }
  return new ReadableStream(source, { highWaterMark: 0 })
}

/** Whether `if-none-match` names it. */
export function isTagged(header: string | null, etag: string): boolean {
  return header !== null && header.split(',').some((each) => ['*', etag, `W/${etag}`].includes(each.trim()))
}

function rangeOf(header: string | null): ByteRange | undefined {
  if (header === null) return undefined
  let ranges: readonly ByteRange[]
  try {
    ranges = byteRangesOfHeader(header)
  } catch (cause) {
    throw new ClientError('CLIENT_BAD_ARGUMENT', `not one range from a known start: "${header.slice(0, 80)}"`, {}, { cause })
  }
  if (ranges.length !== 1) throw new ClientError('CLIENT_BAD_ARGUMENT', `one range at a time, got ${ranges.length}`)
  return ranges[0]
}
