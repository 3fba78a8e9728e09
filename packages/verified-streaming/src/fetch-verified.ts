/**
 * Verified reading from any static host that serves a raw file and, beside it, its outboard: nothing runs at the host but plain HTTP with
 * ranges. Content and outboard are read as if they were local, made into an encoding of the wanted range and taken apart by the decoder,
 * so that what reaches the caller has passed the same verifier as everything else in this package.
 */
import { type ByteRange, byteRangesOfHeader } from './byte-range.ts'
import { ChunkRanges } from './chunk-ranges.ts'
import { CHUNK_BYTES, CHUNK_GROUP_LOG_DEFAULT } from './constants.ts'
import { decode } from './decode.ts'
import { readableOf } from './decode-stream.ts'
import type { VerifiedPart } from './decoder.ts'
import { encodeRanges } from './encode.ts'
import { VerifyError } from './errors.ts'
import { HttpContent } from './http-content.ts'
import { encodeGroups } from './http-encoding.ts'
import { claimOf, type Fetch, type HostClaim, type HostFile } from './http-host.ts'
import { HttpOutboard } from './http-outboard.ts'
import { formatRoot } from './root-text.ts'
import { checkChunkGroupLog, checkRoot, checkSize } from './tree.ts'

export interface VerifiedFileOptions {
  /** Where the outboard is. @default the file's address with `.obao4` behind its path; with other groups `.obao` and their `chunkGroupLog`, without a 0 */
  readonly outboardUrl?: string | URL | undefined
  /** Chunk groups of the outboard, 0 to 10. @default 4 (16 KiB, as `.obao4`) */
  readonly chunkGroupLog?: number | undefined
  /** Largest content accepted, in bytes. @default 2^53-1 */
  readonly maxSize?: number | undefined
  /** Largest outboard taken whole, from a host that ignores ranges, in bytes. @default 64 MiB, of 16 GiB of content */
  readonly outboardBytesMax?: number | undefined
  /** No root proves it: name it where it matters. @default the host's word, else `application/octet-stream` */
  readonly contentType?: string | undefined
  /** Asks the host, as the global one does: for credentials, or for tests. @default globalThis.fetch */
  readonly fetch?: Fetch | undefined
}

export interface VerifiedRequest {
  /** Bytes wanted, or the `Range` header of a request. Several ranges in a header are answered with everything. @default everything */
  readonly range?: ByteRange | string | undefined
  readonly signal?: AbortSignal | undefined
}

/** One file on a host, opened for several reads: what one read learnt of size and outboard serves the next. */
export interface VerifiedFile {
  /** As `fetchVerified`. */
  fetch(request?: VerifiedRequest): Promise<Response>
  /**
   * The encoding of `ranges` as this host would have it: NOT verified, for whatever verifies it, as the sink of a download that is
   * resumed or comes from several hosts. Reads on only when it is read from.
   *
   * @returns pieces of the caller's own.
   * @throws as `fetch`, but for `VERIFY_MISMATCH`.
   */
  encode(ranges?: ChunkRanges, options?: { readonly signal?: AbortSignal | undefined }): AsyncIterable<Uint8Array>
}

/** What is known of the file; `isProven` unless the host ignores ranges, since then only reading everything would prove it. */
interface Known {
  readonly size: number
  readonly isProven: boolean
  readonly contentType: string
}

const OUTBOARD_BYTES_MAX = 64 * 2 ** 20

/**
 * @param url - of the raw file; relative to the page where there is one.
 * @param root - BLAKE3 root, 32 bytes.
 * @throws {VerifyError} `VERIFY_BAD_ARGUMENT`
 */
export function openVerified(url: string | URL, root: Uint8Array, options: VerifiedFileOptions = {}): VerifiedFile {
  return new HostedFile(url, root, options)
}

/**
 * Fetches a file, or a range of it, from an untrusted host, and verifies it as it streams. Resolves when the first bytes are
 * verified and the file's size is proven, so that a wrong host rejects; a later wrong byte ends the body with the same error.
 *
 * @returns a response as a host with ranges gives it: 200, or 206 with `Content-Range`, or 416. Its `Content-Length` and
 * `Content-Range` are proven; where the host ignores ranges there is `/*` instead of the total, and no more than what was verified
 * leaves. The body holds a few chunk groups and reads on only when it is read from; cancelling it ends the
 * requests, which ask for 1 MiB first and then for twice as much each.
 * @throws {VerifyError} `VERIFY_MISMATCH` when the host's bytes do not belong to `root`, `VERIFY_BAD_RESPONSE` for its status,
 * `VERIFY_READ_FAILED` when it cannot be reached, or breaks off twice at one place, `VERIFY_TOO_LARGE`; all with the address in `details.url`.
 * @throws the reason of `options.signal`.
 * @example video.src = URL.createObjectURL(await (await fetchVerified('/film.webm', root)).blob())
 */
export function fetchVerified(url: string | URL, root: Uint8Array, options: VerifiedFileOptions & VerifiedRequest = {}): Promise<Response> {
  return openVerified(url, root, options).fetch(options)
}

function absolute(url: string | URL): URL {
  const base = (globalThis as { location?: { href?: string } }).location?.href
  try {
    return new URL(url, base)
  } catch (cause) {
    throw new VerifyError('VERIFY_BAD_ARGUMENT', `not an address: ${String(url)}`, {}, { cause })
  }
}

/** `/film.webm?v=1` is proven by `/film.webm.obao4?v=1`, with Bao's groups by `/film.webm.obao?v=1`: what the command line writes. */
function outboardUrlOf(url: URL, chunkGroupLog: number): URL {
  const out = new URL(url)
  out.pathname += `.obao${chunkGroupLog || ''}`
  return out
}

/** An error that says which file it is of: who reads many would not know. */
function named(error: unknown, url: string): unknown {
  if (!(error instanceof VerifyError) || 'url' in error.details) return error
  return new VerifyError(error.code, `${url}: ${error.message}`, { ...error.details, url }, { cause: error })
}

class HostedFile implements VerifiedFile {
  readonly #root: Uint8Array
  readonly #content: HostFile
  readonly #proof: HostFile
  readonly #options: VerifiedFileOptions
  readonly #log: number
  readonly #maxSize: number
  #claim: HostClaim | undefined
  #outboard: HttpOutboard | undefined
  #known: Known | undefined

  constructor(url: string | URL, root: Uint8Array, options: VerifiedFileOptions) {
    this.#root = checkRoot(root)
    this.#log = checkChunkGroupLog(options.chunkGroupLog ?? CHUNK_GROUP_LOG_DEFAULT)
    this.#maxSize = checkSize(options.maxSize ?? Number.MAX_SAFE_INTEGER)
    this.#options = options
    const fetch = options.fetch ?? ((address, init) => globalThis.fetch(address, init))
    const address = absolute(url)
    this.#content = { url: address.href, fetch }
    this.#proof = {
      url: (options.outboardUrl === undefined ? outboardUrlOf(address, this.#log) : absolute(options.outboardUrl)).href,
      fetch,
    }
  }

  async fetch({ range, signal }: VerifiedRequest = {}): Promise<Response> {
    signal?.throwIfAborted()
    const controller = new AbortController()
    const abort = (): void => controller.abort(signal?.reason)
    signal?.addEventListener('abort', abort, { once: true })
    const finish = (): void => signal?.removeEventListener('abort', abort)
    try {
      const response = await this.#respond(range, controller, finish)
      if (response.body === null) finish()
      return response
    } catch (error) {
      finish()
      this.#forget(error)
      controller.abort(error)
      throw named(error, this.#content.url)
    }
  }

  async *encode(
    ranges: ChunkRanges = ChunkRanges.all,
    { signal }: { readonly signal?: AbortSignal | undefined } = {},
  ): AsyncGenerator<Uint8Array, void, void> {
    const controller = new AbortController()
    const abort = (): void => controller.abort(signal?.reason)
    signal?.addEventListener('abort', abort, { once: true })
    try {
      signal?.throwIfAborted()
      const { size } = await this.#claimed(controller.signal)
      const groups = ranges.truncate(size).roundUpToGroups(this.#log)
      const endOf = (offset: number): number => groups.runEnd(Math.floor(offset / CHUNK_BYTES)) * CHUNK_BYTES
      const data = new HttpContent(this.#content, size, endOf, controller.signal)
      const outboard = this.#outboard!.reader(controller.signal)
      yield* encodeRanges({ data, outboard, size }, ranges, { chunkGroupLog: this.#log, signal: controller.signal })
    } finally {
      signal?.removeEventListener('abort', abort)
      controller.abort() // ends the requests of a reader who has had enough
    }
  }

  async #respond(range: ByteRange | string | undefined, controller: AbortController, finish: () => void): Promise<Response> {
    const { signal } = controller
    const known = await this.#prove(typeof range === 'object' ? range.start : 0, signal)
    const wanted = wantedOf(range, known.size)
    const headers = this.#headers(known)
    if (wanted === 'unsatisfiable') {
      headers.set('content-range', `bytes */${known.isProven ? known.size : '*'}`)
      return new Response(null, { status: 416, headers })
    }
    const { start, end } = wanted ?? { start: 0, end: known.size }
    if (wanted !== undefined) headers.set('content-range', `bytes ${start}-${end - 1}/${known.isProven ? known.size : '*'}`)
    if (known.isProven || wanted !== undefined) headers.set('content-length', String(end - start))
    const parts = this.#read(known.size, start, end, signal)
    const first = await parts.next()
    const body = readableOf(
      guarded(first, parts, controller, (error) => {
        this.#forget(error)
        finish()
        return named(error, this.#content.url)
      }),
    )
    return new Response(body, { status: wanted === undefined ? 200 : 206, headers })
  }

  #headers({ contentType }: Known): Headers {
    return new Headers({
      'content-type': contentType,
      'x-content-type-options': 'nosniff', // a type is not proven, and is not to be guessed either
      'accept-ranges': 'bytes',
      etag: `"b3-${formatRoot(this.#root)}"`,
    })
  }

  /** What did not verify is asked for anew by the next read. */
  #forget(error: unknown): void {
    if (!(error instanceof VerifyError)) return
    this.#outboard?.clear()
    if (this.#known?.isProven !== true) this.#claim = undefined
  }

  /** What the host says of the file, and a reader of its outboard that fits it. */
  async #claimed(signal: AbortSignal): Promise<HostClaim> {
    const claim = (this.#claim ??= await claimOf(this.#content, signal))
    const { size } = claim
    if (size > this.#maxSize) {
      this.#claim = undefined
      throw new VerifyError('VERIFY_TOO_LARGE', `${this.#content.url} says ${size} bytes, at most ${this.#maxSize} are accepted`, {
        url: this.#content.url,
        size,
        maxSize: this.#maxSize,
      })
    }
    if (this.#outboard?.contentSize !== size) {
      this.#outboard = new HttpOutboard(this.#proof, size, this.#log, this.#options.outboardBytesMax ?? OUTBOARD_BYTES_MAX)
    }
    return claim
  }

  /** The size, proven by the last chunk group; fetches at once what the range at `start` will need. */
  async #prove(start: number, signal: AbortSignal): Promise<Known> {
    const known = this.#known
    if (known !== undefined) {
      await this.#outboard!.prepare([Math.min(start, known.size)], signal)
      return known
    }
    const claim = await this.#claimed(signal)
    const { size } = claim
    const outboard = this.#outboard!
    const groupBytes = CHUNK_BYTES * 2 ** this.#log
    const lastGroup = Math.max(0, Math.ceil(size / groupBytes) - 1) * groupBytes
    const content = new HttpContent(this.#content, size, () => size, signal)
    try {
      await outboard.prepare([Math.min(start, size), size], signal)
      // A host that ignores ranges would send everything for its last bytes: there the size stays unproven.
      const isRanged = size === 0 || (await content.probe(lastGroup))
      if (isRanged) await this.#drain(content, size, lastGroup, signal)
      const contentType = this.#options.contentType ?? claim.contentType ?? 'application/octet-stream'
      const found = { size, isProven: isRanged, contentType }
      if (this.#outboard === outboard) this.#known = found
      return found
    } finally {
      content.close()
    }
  }

  async #drain(content: HttpContent, size: number, from: number, signal: AbortSignal): Promise<void> {
    const ranges = ChunkRanges.fromChunks(from / CHUNK_BYTES)
    const outboard = this.#outboard!.reader(signal)
    const options = { chunkGroupLog: this.#log, signal }
    for await (const part of decode(encodeGroups(content, outboard, size, ranges, this.#log), this.#root, { ...options, ranges })) void part
  }

  /** Verified parts of bytes `start` to `end`, cut to them. */
  async *#read(size: number, start: number, end: number, signal: AbortSignal): AsyncGenerator<VerifiedPart, void, void> {
    const groupBytes = CHUNK_BYTES * 2 ** this.#log
    const ranges = end > start ? ChunkRanges.fromByteRanges([{ start, end }]).roundUpToGroups(this.#log) : ChunkRanges.all
    const stop = Math.ceil(end / groupBytes) * groupBytes
    const content = new HttpContent(this.#content, size, () => stop, signal)
    const options = { chunkGroupLog: this.#log, signal }
    try {
      const encoded = encodeGroups(content, this.#outboard!.reader(signal), size, ranges, this.#log)
      for await (const { offset, bytes } of decode(encoded, this.#root, { ...options, ranges })) {
        const from = Math.max(0, start - offset)
        const to = Math.min(bytes.length, end - offset)
        if (to > from) yield { offset: offset + from, bytes: bytes.subarray(from, to) }
      }
    } finally {
      content.close()
    }
  }
}

/** The one range that is wanted, clipped to the content; `undefined` for everything. */
function wantedOf(range: ByteRange | string | undefined, size: number): { start: number; end: number } | 'unsatisfiable' | undefined {
  if (range === undefined) return undefined
  if (typeof range !== 'string') {
    ChunkRanges.fromByteRanges([range]) // refuses what is no range
    const end = Math.min(range.end ?? size, size)
    return range.start < end ? { start: range.start, end } : 'unsatisfiable'
  }
  if (!/^bytes\s*=\s*(\d+-\d*|-\d+)\s*$/i.test(range)) return undefined // several, or not understood: everything, as RFC 9110 §14.2 lets a host
  try {
    const ranges = byteRangesOfHeader(range, size)
    const [first] = ranges
    return ranges.length === 1 && first !== undefined ? { start: first.start, end: first.end ?? size } : undefined
  } catch (error) {
    if (error instanceof VerifyError && error.code === 'VERIFY_BAD_RANGE') return 'unsatisfiable'
    throw error
  }
}

/**
 * Parts that begin with one already taken; whoever stops reading ends the requests at once, even while they wait.
 *
 * @param finish - hears how it ended; gives the error for the reader.
 */
function guarded(
  first: IteratorResult<VerifiedPart>,
  rest: AsyncIterator<VerifiedPart>,
  controller: AbortController,
  finish: (error: unknown) => unknown,
): AsyncIterableIterator<VerifiedPart> {
  let taken: IteratorResult<VerifiedPart> | undefined = first
  return {
    [Symbol.asyncIterator]() {
      return this
    },
    async next() {
      try {
        const result = taken ?? (await rest.next())
        taken = undefined
        if (result.done === true) finish(undefined)
        return result
      } catch (error) {
        throw finish(error)
      }
    },
    return() {
      finish(undefined)
      controller.abort(new DOMException('nobody reads the body any more', 'AbortError'))
      return Promise.resolve({ done: true, value: undefined })
    },
  }
}
