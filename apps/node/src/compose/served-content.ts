/**
 * Content on a lane as a service decides it: the request's bytes are read here, the service is asked through its host, and what it answers with is
 * streamed from the node's own store. The service sees neither the bytes of the request nor those of the content.
 */
import type { Blockstore } from '@selvedge/blockstore'
import {
  closeContent,
  ContentError,
  type ContentSourcePort,
  decodeRequest,
  openContent,
  type OpenedContent,
  serveContent,
  type Served,
} from '@selvedge/content'
import { type Address, type ContentFacts, createServiceHost, type HostPorts, type LogPort, type Service, type Session } from '@selvedge/sdk'
import { ChunkRanges } from '@selvedge/verified-streaming'
import { CID } from 'multiformats/cid'

/** The body's bytes from offset `from` up to `to`, made again from the store. */
export type Resend = (from: number, to: number, signal: AbortSignal) => AsyncIterable<Uint8Array>

/** What serves the lanes of one service. A content server fits, which asks no service and makes nothing again. */
export interface LaneContent {
  /** @param requestBytes - the OPEN metadata. @throws {ContentError} `SdkError`, where the service failed; the reason of `signal`. */
  serve(
    requestBytes: Uint8Array,
    options: { readonly signal: AbortSignal; readonly session: Session },
  ): Promise<Served & { readonly resend?: Resend }>
  /** Hears of bytes that the lane took. */
  countEgress?(bytes: number): void
}

export interface ServedContentComponents {
  readonly service: Service
  /** Where content comes from: the store first, then the origins. */
  readonly source: ContentSourcePort
  readonly store: Pick<Blockstore, 'open' | 'entity'>
  readonly log: LogPort
}

export function createServedContent({ service, source, store, log }: ServedContentComponents): LaneContent {
  const turns = new Turns()
  const host = createServiceHost<OpenedContent>(service, { ...contentPorts(source, store), log, nowMs: () => performance.now() })
  return {
    async serve(requestBytes, { signal, session }) {
      const request = decodeRequest(requestBytes)
      const { kind, address, scope, outboardOnly, ifNoneMatch = false } = request
      if (kind === 'url' || outboardOnly) return await serveContent(request, 501, { signal }) // a service knows no such thing
      const ranges = [...request.ranges.spans()]
      const method = request.head ? 'HEAD' : 'GET'
      const answer = await host.answer({ method, address: { kind, bytes: address }, ranges, scope, ifNoneMatch }, session, { signal })
      const served = await serveContent(request, 'handle' in answer ? answer.opened : answer.status, { signal })
      return { ...served, resend: (from, to, wanted) => madeAgain(source, turns, served, { from, to, signal, wanted }) }
    },
    countEgress: (bytes) => host.countEgress(bytes),
  }
}

/**
 * How far into a body its bytes are made again. All before them has to be read and thrown away, which costs a client that cuts its connections
 * nothing; beyond this the lane is reset with 24, and the client asks for the ranges that it misses.
 */
const RESENT_FROM_MAX = 16 * 2 ** 20

/** Bytes of a body that a cut has lost. */
interface Lost {
  readonly from: number
  readonly to: number
  /** Of the lane. */
  readonly signal: AbortSignal
  /** Aborts when they are not wanted any more, on this connection or at all. */
  readonly wanted: AbortSignal
}

/** One after the other. */
class Turns {
  #last = Promise.resolve()

  /** Resolves when it is one's turn. @returns what ends it. */
  async take(): Promise<() => void> {
    const before = this.#last
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#last = promise
    await before
    return resolve
  }
}

/** The service has decided; what it decided on is opened once more. In the mode of the first time, whatever has arrived since. */
async function* madeAgain(
  source: ContentSourcePort,
  turns: Turns,
  { request, fields: { mode } }: Served,
  { from, to, signal, wanted }: Lost,
): AsyncGenerator<Uint8Array, void, undefined> {
  if (mode === undefined || request.head) return
  if (from > RESENT_FROM_MAX) throw new ContentError('CONTENT_INTERNAL', `byte ${from} is too far in to be made again`)
  const endTurn = await turns.take() // until the first byte that is wanted: what comes then goes at the client's pace
  try {
    wanted.throwIfAborted()
    const again = { ...request, modes: [mode] }
    const { fields, body } = await serveContent(again, await openContent(source, again, { signal }), { signal })
    if (fields.mode === undefined) throw new ContentError('CONTENT_NOT_FOUND', 'what was served is gone')
    let offset = 0
    for await (const bytes of body) {
      wanted.throwIfAborted()
      const part = bytes.subarray(Math.max(from - offset, 0), Math.max(to - offset, 0))
      offset += bytes.length
      if (offset >= from) endTurn()
      if (part.length > 0) yield part
      if (offset >= to) return
    }
  } finally {
    endTurn()
  }
}

type ContentPorts = Pick<HostPorts<OpenedContent>, 'stat' | 'open' | 'close'>

/** `keep` goes no further: the store has no eviction yet, and keeps what is fetched. */
function contentPorts(source: ContentSourcePort, store: ServedContentComponents['store']): ContentPorts {
  return {
    async stat(address) {
      const held = await heldIn(store, address)
      return { state: held === undefined ? 'none' : 'complete', size: held?.size }
    },
    async open({ address, ranges, scope }, _keep, signal) {
      const chunks = ChunkRanges.fromBoundaries(
        ranges.flatMap(({ start, end }) => (end === Number.POSITIVE_INFINITY ? [start] : [start, end])),
      )
      const wanted = { kind: address.kind, address: address.bytes, scope, ranges: chunks, outboardOnly: false }
      const opened = await openContent(source, wanted, { signal })
      return typeof opened === 'number' ? undefined : { opened, facts: factsOf(opened) }
    },
    close: closeContent,
  }
}

async function heldIn(store: ServedContentComponents['store'], { kind, bytes }: Address): Promise<{ readonly size: number } | undefined> {
  if (kind === 'cid') return await store.entity(CID.decode(bytes))
  const blob = await store.open(bytes)
  await blob?.close()
  return blob
}

function factsOf(opened: OpenedContent): ContentFacts {
  if (opened.kind === 'root') return { state: 'complete', kind: 'file', size: opened.blob.size, root: opened.blob.root }
  const { complete, kind, size, root } = opened.entity
  return { state: complete ? 'complete' : 'partial', kind, size, root }
}
