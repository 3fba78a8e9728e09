/** Where a discovery document comes from: over HTTPS, with its signature beside it. Where is of no weight; the signature is. */
import { ClientError } from '../errors.ts'
import { DISCOVERY_BYTES_MAX } from './document.ts'

export interface SignedDiscovery {
  readonly bytes: Uint8Array
  readonly signature: Uint8Array
}

/** Gives the document and its signature as they are now. */
export type DiscoverySource = (signal: AbortSignal | undefined) => Promise<SignedDiscovery>

export const SIGNATURE_BYTES = 64
/** Beside the file's own name. */
export const SIGNATURE_SUFFIX = '.sig'

/**
 * The document at `url`, and its signature at `url` with `.sig` behind the path. Of each no more is read than it may have.
 * @param url - https; http on this machine only.
 * @throws {ClientError} `CLIENT_BAD_ARGUMENT`; of the source: `CLIENT_UNREACHABLE`, `CLIENT_BAD_DISCOVERY`
 */
export function discoveryAt(url: string | URL, fetch: typeof globalThis.fetch = globalThis.fetch): DiscoverySource {
  if (!URL.canParse(url)) throw new ClientError('CLIENT_BAD_ARGUMENT', `not a URL: ${String(url).slice(0, 120)}`)
  const document = new URL(url)
  const isHere = /^(localhost|127\.0\.0\.1|\[::1\])$/.test(document.hostname)
  if (document.protocol !== 'https:' && !(document.protocol === 'http:' && isHere))
    throw new ClientError('CLIENT_BAD_ARGUMENT', `a discovery document comes over https: ${document.href.slice(0, 120)}`)
  const beside = new URL(document)
  beside.pathname += SIGNATURE_SUFFIX
  return async (signal) => {
    const abort = signal === undefined ? {} : { signal }
    // One after the other: a list of two is one thing less to end when the other fails.
    const signature = await bodyOf(beside, SIGNATURE_BYTES, fetch, abort)
    return { bytes: await bodyOf(document, DISCOVERY_BYTES_MAX, fetch, abort), signature }
  }
}

async function bodyOf(
  url: URL,
  bytesMax: number,
  fetch: typeof globalThis.fetch,
  abort: { readonly signal?: AbortSignal },
): Promise<Uint8Array> {
  let response: Response
  try {
    response = await fetch(url, { ...abort, credentials: 'omit', cache: 'no-cache' })
    if (!response.ok) throw new Error(`status ${response.status}`)
    return await boundedBytesOf(response, bytesMax)
  } catch (cause) {
    if (abort.signal?.aborted === true) throw abort.signal.reason
    if (cause instanceof ClientError) throw cause
    throw new ClientError('CLIENT_UNREACHABLE', `${url.href}: ${(cause as Error).message}`, {}, { cause })
  }
}

async function boundedBytesOf(response: Response, bytesMax: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  let length = 0
  const reader = response.body?.getReader()
  for (let step = await reader?.read(); step?.done === false; step = await reader?.read()) {
    length += step.value.length
    if (length > bytesMax) {
      await reader?.cancel()
      throw new ClientError('CLIENT_BAD_DISCOVERY', `${response.url} is longer than ${bytesMax} bytes`, { bytesMax })
    }
    parts.push(step.value)
  }
  const out = new Uint8Array(length)
  parts.reduce((offset, part) => (out.set(part, offset), offset + part.length), 0)
  return out
}
