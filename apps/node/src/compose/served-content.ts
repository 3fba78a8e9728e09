/**
 * Content on a lane as a service decides it: the request's bytes are read here, the service is asked through its host, and what it answers with is
 * streamed from the node's own store. The service sees neither the bytes of the request nor those of the content.
 */
import type { Blockstore } from '@selvedge/blockstore'
import {
  closeContent,
  type ContentSourcePort,
  createResender,
  decodeRequest,
  openContent,
  type OpenedContent,
  type Resend,
  serveContent,
  type Served,
} from '@selvedge/content'
import { type Address, type ContentFacts, createServiceHost, type HostPorts, type LogPort, type Service, type Session } from '@selvedge/sdk'
import { ChunkRanges } from '@selvedge/verified-streaming'
import { CID } from 'multiformats/cid'

/** What serves the lanes of one service. A content server fits, which asks no service. */
export interface LaneContent {
  /** @param requestBytes - the OPEN metadata. @throws {ContentError} `SdkError`, where the service failed; the reason of `signal`. */
  serve(
    requestBytes: Uint8Array,
    options: { readonly signal: AbortSignal; readonly session: Session },
  ): Promise<Served & { readonly resend?: Resend }> // makes again what a cut of the connection has lost
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
  const resendOf = createResender(source)
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
      return { ...served, resend: resendOf(served, { signal }) } // the service has decided; what it decided on is opened once more
    },
    countEgress: (bytes) => host.countEgress(bytes),
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
