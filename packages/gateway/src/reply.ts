/**
 * A question and its answer without the platform's classes: making a `Request`, a `Response` and their `Headers` costs more than all the
 * rest of a small answer.
 */

/** What is read of a request; a `Request` is one. */
export interface GatewayQuestion {
  readonly method: string
  /** Absolute. */
  readonly url: string
  /** `name` in small letters; several headers of one name joined by commas, null where there is none. */
  readonly headers: { get(name: string): string | null }
  readonly signal: AbortSignal
}

export interface GatewayReply {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** Bytes or text that is all of it; else a stream at its reader's pace, to be read to its end or cancelled. */
  readonly body: Uint8Array | string | ReadableStream<Uint8Array> | null
}

export function responseOf({ status, headers, body }: GatewayReply): Response {
  return new Response(body as Uint8Array<ArrayBuffer> | string | ReadableStream<Uint8Array> | null, { status, headers })
}
