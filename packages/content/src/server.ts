/**
 * The serving end of a content lane: a request's bytes in, an answer and a body out. It holds nothing between two requests but the types of roots that were
 * asked for lately; what a cut of the connection has lost of a body is made again from the source (`resending.ts`).
 *
 * The mode follows from the address and from what is here, never from a wish: a root is answered with a BLAKE3 slice; a CID that is
 * complete with `proof`; a CID that is still arriving with the CAR blocks themselves as they come; everything below a CID with CAR blocks
 * always, because a directory does not prove the length of a leaf that stands in it by itself. A stream that began in one mode ends in it.
 * Every block of the two CID modes is checked again where it is read, and by the client.
 *
 * Where somebody else decides what is served (a service), its two halves are taken apart: `openContent`, and `serveContent` for what that gave.
 */
import type { ContentAnswer } from './answer.ts'
import { createContentTypes } from './content-types.ts'
import type { AbortOptions, ContentSourcePort } from './ports.ts'
import { type ContentRequest, decodeRequest } from './request.ts'
import { createResender, type Resend } from './resending.ts'
import { closeContent, openContent, serveContent, type Served } from './serving.ts'

export interface ContentServerComponents {
  readonly source: ContentSourcePort
}

export interface ContentServerOptions {
  /** Told of each answer, once, before its first byte. */
  readonly onAnswer?: (request: ContentRequest, answer: ContentAnswer) => void
}

export interface ContentServer {
  /**
   * Answers one request. Absent content is an answer (status 404), not an error; so is a request whose modes cannot be met (406), and one of a
   * client that holds the content already (304).
   * @param requestBytes - the OPEN metadata.
   * @throws {ContentError} here and from `body`: its `laneCode` and `reason` are what the lane is to be reset with.
   * @throws the reason of `options.signal` once that is aborted.
   */
  serve(requestBytes: Uint8Array, options?: AbortOptions): Promise<Served & { readonly resend: Resend }>
}

export function createContentServer({ source }: ContentServerComponents, { onAnswer }: ContentServerOptions = {}): ContentServer {
  const resendOf = createResender(source)
  const contentTypes = createContentTypes()
  return {
    async serve(requestBytes, { signal } = {}) {
      signal?.throwIfAborted()
      const request = decodeRequest(requestBytes)
      const abort = signal === undefined ? {} : { signal }
      const found = request.pin === true ? 501 : await openContent(source, request, abort) // nobody here keeps anything for anybody
      const isHeld = request.ifNoneMatch === true && typeof found !== 'number'
      if (isHeld) await closeContent(found)
      const served = await serveContent(request, isHeld ? 304 : found, { ...abort, onAnswer, contentTypes })
      return { ...served, resend: resendOf(served, abort) }
    },
  }
}
