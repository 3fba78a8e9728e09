/**
 * A static host as far as it is needed here: how long a file is said to be, and bytes of it by plain HTTP ranges. Nothing that it says is
 * true until it is verified: a length only shapes the requests, and what a body holds beyond what was asked for is never read.
 */
import { orAbort } from './later.ts'
import { VerifyError } from './errors.ts'

export type Fetch = (url: string, init: RequestInit) => Promise<Response>

export interface HostFile {
  readonly url: string
  readonly fetch: Fetch
}

/** A body and where in the file it begins: at what was asked for, or at 0 where the host ignores ranges. */
export interface HostBody {
  readonly start: number
  readonly isRanged: boolean
  /** The next bytes, `undefined` at the end. */
  next(): Promise<Uint8Array | undefined>
  cancel(): void
}

/** What the host says of a file. */
export interface HostClaim {
  readonly size: number
  readonly contentType: string | undefined
}

const identity = { 'accept-encoding': 'identity' } // a length of compressed bytes is of no use; browsers ignore this header and compress no ranges

function refuse(file: HostFile, response: Response, wanted: string): never {
  drop(response)
  throw new VerifyError('VERIFY_BAD_RESPONSE', `${file.url} answered with status ${response.status}, expected ${wanted}`, {
    url: file.url,
    status: response.status,
  })
}

/** What `promise` gives; the network's own error under a code of ours, which says that asking again may help. */
async function reached<T>(file: HostFile, promise: Promise<T>, signal: AbortSignal): Promise<T> {
  try {
    return await orAbort(promise, signal)
  } catch (cause) {
    signal.throwIfAborted()
    throw new VerifyError('VERIFY_READ_FAILED', `${file.url} could not be read`, { url: file.url }, { cause })
  }
}

function ask(file: HostFile, init: RequestInit, signal: AbortSignal): Promise<Response> {
  return reached(file, file.fetch(file.url, { ...init, signal }), signal)
}

function drop(response: Response): void {
  response.body?.cancel().catch(() => {}) // what becomes of a body that nobody reads concerns nobody
}

const wholeNumber = (text: string | null | undefined): number | undefined => {
  return text !== null && text !== undefined && /^\d{1,16}$/.test(text) ? Number(text) : undefined
}

/** `bytes 0-99/1234`: the first place and the total; absent where the header is, or is not shown to this origin. */
function contentRangeOf(response: Response): { start: number | undefined; total: number | undefined } {
  const [, start, total] = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(response.headers.get('content-range') ?? '') ?? []
  return { start: wholeNumber(start), total: wholeNumber(total) }
}

function lengthOf(response: Response): number | undefined {
  return response.headers.has('content-encoding') ? undefined : wholeNumber(response.headers.get('content-length'))
}

/**
 * Asks how long the file is: `HEAD`, whose answer every origin may read, else the total of a range of one byte.
 *
 * @throws {VerifyError} `VERIFY_BAD_RESPONSE` when the host has no such file or will not say, `VERIFY_READ_FAILED` when it is not there.
 */
export async function claimOf(file: HostFile, signal: AbortSignal): Promise<HostClaim> {
  const head = await ask(file, { method: 'HEAD', headers: identity }, signal)
  const contentType = head.headers.get('content-type') ?? undefined
  const size = head.ok ? lengthOf(head) : undefined
  if (size !== undefined) return { size, contentType }
  const response = await ask(file, { headers: { ...identity, range: 'bytes=0-0' } }, signal)
  drop(response)
  const total = response.status === 206 ? contentRangeOf(response).total : response.ok ? lengthOf(response) : undefined
  if (response.status === 416) return { size: 0, contentType } // no byte 0: an empty file
  if (total === undefined) return refuse(file, response, 'a file whose length it tells')
  return { size: total, contentType: response.headers.get('content-type') ?? contentType }
}

/**
 * Opens the file at `start`, to before `end`.
 *
 * @throws {VerifyError} `VERIFY_BAD_RESPONSE` for any status but 200 and 206, or another range than was asked for;
 * `VERIFY_READ_FAILED`, here and from the body, when the connection fails.
 */
export async function openHostBody(file: HostFile, start: number, end: number, signal: AbortSignal): Promise<HostBody> {
  const response = await ask(file, { headers: { ...identity, range: `bytes=${start}-${end - 1}` } }, signal)
  if (response.status !== 206 && response.status !== 200) refuse(file, response, '206 or 200')
  const isRanged = response.status === 206
  const claimed = contentRangeOf(response).start
  if (isRanged && claimed !== undefined && claimed !== start) refuse(file, response, `a range from ${start}, not from ${claimed}`)
  const reader = response.body?.getReader()
  return {
    start: isRanged ? start : 0,
    isRanged,
    async next() {
      const result = reader === undefined ? undefined : await reached(file, reader.read(), signal)
      return result?.done === false ? result.value : undefined
    },
    cancel() {
      reader?.cancel().catch(() => {}) // as above
    },
  }
}
