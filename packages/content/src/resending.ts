/**
 * What a cut of the connection has lost of a body, made again from the source: the same bytes, from any offset on. What lies before is neither
 * read nor hashed where its length follows from something else: of a BLAKE3 response nothing but the chunk group that the offset stands in, of a
 * DAG's blocks the nodes, and those leaves of which only they themselves tell their length.
 *
 * A client that cuts its connections pays nothing for what is read so, which is why it is bounded (`RESEND_READ_BYTES_MAX`), and why of DAGs one
 * is made again at a time, up to the first byte that is wanted; what comes then goes at the client's pace.
 */
import { bodyOfBlob, bodyOfBlocks, closing } from './bodies.ts'
import { RESEND_READ_BYTES_MAX } from './constants.ts'
import { ContentError } from './errors.ts'
import type { ContentMode } from './modes.ts'
import type { AbortOptions, ContentSourcePort, OpenedEntity } from './ports.ts'
import type { ContentRequest } from './request.ts'
import { openContent, type OpenedContent, type Served } from './serving.ts'

/**
 * The bytes of a body from offset `from` up to `to`, made again; fewer where the body is shorter. `signal` aborts when they are not wanted any more.
 * @throws {ContentError} here, as it is iterated: `CONTENT_NOT_FOUND` where what was served is gone, `CONTENT_TOO_FAR` where too much would be read
 *   for nothing; the reason of `signal`.
 */
export type Resend = (from: number, to: number, signal: AbortSignal) => AsyncIterable<Uint8Array>

/** What makes the body of one answer again, in the mode of that answer, whatever has arrived since. `signal`: of the lane. */
export type Resender = (served: Pick<Served, 'request' | 'fields'>, options?: AbortOptions) => Resend

export interface ResenderOptions {
  /** Most bytes of blocks that are read for nothing before the first byte that is wanted; two blocks more may be read. @default 16 MiB */
  readonly readBytesMax?: number
}

export function createResender(source: ContentSourcePort, { readBytesMax = RESEND_READ_BYTES_MAX }: ResenderOptions = {}): Resender {
  const turns = new Turns()
  return (served, { signal } = {}) =>
    (from, to, wanted) =>
      madeAgain({ source, turns, readBytesMax }, served, { from, to, signals: signal === undefined ? [wanted] : [wanted, signal] })
}

interface Means {
  readonly source: ContentSourcePort
  readonly turns: Turns
  readonly readBytesMax: number
}

/** Bytes of a body that a cut has lost. */
interface Lost {
  readonly from: number
  readonly to: number
  /** Each aborts when they are not wanted any more, on this connection or at all. */
  readonly signals: readonly AbortSignal[]
}

async function* madeAgain(
  { source, turns, readBytesMax }: Means,
  { request, fields: { mode } }: Pick<Served, 'request' | 'fields'>,
  { from, to, signals }: Lost,
): AsyncGenerator<Uint8Array, void, undefined> {
  if (mode === undefined || request.head || from >= to) return
  const { signal, release } = firstOf(signals)
  let endTurn = (): void => {}
  try {
    if (mode !== 'blake3') endTurn = await turns.take(signal)
    const opened = await openContent(source, request, { signal })
    if (typeof opened === 'number') throw new ContentError('CONTENT_NOT_FOUND', 'what was served is gone')
    let offset = from
    for await (const bytes of bodyFrom(opened, mode, request, { fromOffset: from, readBytesMax, signal })) {
      endTurn()
      signal.throwIfAborted()
      const part = bytes.subarray(0, to - offset)
      offset += part.length
      yield part
      if (offset >= to) return
    }
  } finally {
    endTurn()
    release()
  }
}

interface FromOptions {
  readonly fromOffset: number
  readonly readBytesMax: number
  readonly signal: AbortSignal
}

/** The body's bytes from an offset on. It closes what was opened. */
function bodyFrom(
  opened: OpenedContent,
  mode: ContentMode,
  request: ContentRequest,
  { fromOffset, readBytesMax, signal }: FromOptions,
): AsyncIterable<Uint8Array> {
  const writing = { fromOffset, signal }
  if (opened.kind === 'root') {
    const { blob } = opened
    return closing(bodyOfBlob(blob, request, writing), () => blob.close(), signal)
  }
  const { entity } = opened
  const reading = new BoundedReading(entity.blocks, readBytesMax)
  const body = bodyOfBlocks(reading, mode, request, writing)
  return closing(reading.untilFirst(body), () => entity.close(), signal)
}

/** Blocks, of which no more than so many bytes are read before the first piece of a body is there. */
class BoundedReading {
  readonly #blocks: OpenedEntity['blocks']
  readonly #bytesMax: number
  /** Of all but the last one: that may be what was looked for, and the next is asked for before it is handed out. */
  #bytes = 0
  #lastBytes = 0
  #isFound = false

  constructor(blocks: OpenedEntity['blocks'], bytesMax: number) {
    this.#blocks = blocks
    this.#bytesMax = bytesMax
  }

  async get(...asked: Parameters<OpenedEntity['blocks']['get']>): Promise<Uint8Array> {
    if (!this.#isFound && this.#bytes > this.#bytesMax) {
      throw new ContentError('CONTENT_TOO_FAR', `more than ${this.#bytesMax} bytes would be read to find what was lost`)
    }
    const block = await this.#blocks.get(...asked)
    this.#bytes += this.#lastBytes
    this.#lastBytes = block.length
    return block
  }

  async *untilFirst(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const bytes of body) {
      this.#isFound = true
      yield bytes
    }
  }
}

/** A signal that aborts with the first of `signals`, until it is released: a lane's signal lives longer than what listens to it here. */
function firstOf(signals: readonly AbortSignal[]): { readonly signal: AbortSignal; release(): void } {
  const controller = new AbortController()
  const onAbort = (event: Event): void => controller.abort((event.target as AbortSignal).reason)
  const release = (): void => {
    for (const each of signals) each.removeEventListener('abort', onAbort)
  }
  for (const each of signals) {
    if (each.aborted) controller.abort(each.reason)
    else each.addEventListener('abort', onAbort)
  }
  return { signal: controller.signal, release }
}

/** One after the other. */
class Turns {
  #last = Promise.resolve()

  /** Resolves when it is one's turn. @returns what ends it. @throws the reason of `signal`: a turn that nobody waits for is over as it comes. */
  async take(signal: AbortSignal): Promise<() => void> {
    const before = this.#last
    let end = (): void => {}
    this.#last = new Promise((resolve) => (end = resolve))
    let onAbort = (): void => {}
    const aborted = new Promise<never>((_, reject) => {
      onAbort = () => reject(signal.reason as Error)
      if (signal.aborted) onAbort()
      signal.addEventListener('abort', onAbort)
    })
    try {
      await Promise.race([before, aborted])
      return end
    } catch (error) {
      void before.then(end)
      throw error
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }
}
