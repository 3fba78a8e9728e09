/** The part of `fetch` that is used; the global one fits. Redirects are not followed by it: every hop is checked first. */
export type FetchPort = (url: string, init: FetchInit) => Promise<FetchAnswer>

export interface FetchInit {
  readonly method: 'GET'
  readonly headers: Record<string, string>
  readonly redirect: 'manual'
  readonly signal: AbortSignal
}

export interface FetchAnswer {
  readonly status: number
  readonly headers: { get(name: string): string | null }
  readonly body: AsyncIterable<Uint8Array> | ReadableStream<Uint8Array> | null
}
