/**
 * Content on a lane as a service decides it: the request's bytes are read here, the service is asked through its host, and what it answers with is
 * streamed from the node's own store. The service sees neither the bytes of the request nor those of the content.
 */
import {
  closeContent,
  type ContentSourcePort,
  createContentTypes,
  createResender,
  decodeRequest,
  openContent,
  type OpenedContent,
  type Resend,
  serveContent,
  type Served,
} from '@selvedge/content'
import {
  type Address,
  type ContentFacts,
  createServiceHost,
  type HostPorts,
  type LogPort,
  type Service,
  type ServiceHost,
  type Session,
  type Usage,
} from '@selvedge/sdk'
import { ChunkRanges } from '@selvedge/verified-streaming'
import { CID } from 'multiformats/cid'
import type { PinBook } from '../pins/pin-book.ts'
import type { ContentUses } from './content-uses.ts'

/** What serves the lanes of one service. A content server fits, which asks no service. */
export interface LaneContent {
  /** @param requestBytes - the OPEN metadata. @throws {ContentError} `SdkError`, where the service failed; the reason of `signal`. */
  serve(
    requestBytes: Uint8Array,
    options: {
      readonly signal: AbortSignal
      readonly session: Session
      /** Hears how many microseconds the service's own steps took. */
      readonly onCpu?: (micros: number) => void
    },
  ): Promise<Served & { readonly resend?: Resend }> // makes again what a cut of the connection has lost
  /** Hears of bytes that the lane took. */
  countEgress?(bytes: number): void
}

/** The lanes of one service, which is also asked what contents are worth to it. */
export interface ServedContent extends LaneContent, Pick<ServiceHost<OpenedContent>, 'worthOf'> {
  countEgress(bytes: number): void
  readonly usage: Usage
}

export interface ServedContentComponents {
  readonly service: Service
  /** Where content comes from: the store first, then the origins. */
  readonly source: ContentSourcePort
  readonly store: HeldContent
  readonly log: LogPort
  /** Without it nothing can be pinned. */
  readonly pins?: Pick<PinBook, 'stateOf'> | undefined
  /** Is told under which name a content was asked for. */
  readonly uses?: Pick<ContentUses, 'note'> | undefined
}

export function createServedContent(components: ServedContentComponents): ServedContent {
  const { service, source, log } = components
  const resendOf = createResender(source)
  const contentTypes = createContentTypes()
  const host = createServiceHost<OpenedContent>(service, { ...contentPorts(components), log, nowMs: () => performance.now() })
  return {
    async serve(requestBytes, { signal, session, onCpu }) {
      const request = decodeRequest(requestBytes)
      const { kind, address, scope, outboardOnly, ifNoneMatch = false, pin = false } = request
      if (kind === 'url' || outboardOnly) return await serveContent(request, 501, { signal }) // a service knows no such thing
      const ranges = [...request.ranges.spans()]
      const method = request.head ? 'HEAD' : 'GET'
      const asked = { method, address: { kind, bytes: address }, ranges, scope, ifNoneMatch, pin } as const
      const answer = await host.answer(asked, session, { signal, ...(onCpu && { onCpu }) })
      const served = await serveContent(request, 'handle' in answer ? answer.opened : answer.status, { signal, contentTypes })
      return { ...served, resend: resendOf(served, { signal }) } // the service has decided; what it decided on is opened once more
    },
    countEgress: (bytes) => host.countEgress(bytes),
    worthOf: (addresses, options) => host.worthOf(addresses, options),
    get usage() {
      return host.usage
    },
  }
}

type ContentPorts = Pick<HostPorts<OpenedContent>, 'stat' | 'open' | 'close'>

/** `keep` goes no further: all that is fetched is kept while there is room, and what the service finds worth least leaves first (`eviction.ts`). */
function contentPorts({ source, store, pins, uses }: ServedContentComponents): ContentPorts {
  return {
    async stat(address, { account }) {
      const held = await heldIn(store, address)
      if (held === undefined) return { state: 'none', size: undefined, pin: 'unfit' }
      const { size, root } = held
      const isFit = root !== undefined && account !== undefined && pins !== undefined
      return { state: 'complete', size, pin: isFit ? pins.stateOf(account, root, size) : 'unfit' }
    },
    async open({ address, ranges, scope }, _keep, signal) {
      const chunks = ChunkRanges.fromBoundaries(
        ranges.flatMap(({ start, end }) => (end === Number.POSITIVE_INFINITY ? [start] : [start, end])),
      )
      const wanted = { kind: address.kind, address: address.bytes, scope, ranges: chunks, outboardOnly: false }
      const opened = await openContent(source, wanted, { signal })
      if (typeof opened === 'number') return undefined
      const facts = factsOf(opened)
      if (facts.root !== undefined) uses?.note(facts.root, address)
      return { opened, facts }
    },
    close: closeContent,
  }
}

interface Held {
  readonly size: number
  /** Of a file. */
  readonly root?: Uint8Array
}

/** What the node holds, and nothing that it could fetch. */
interface HeldContent {
  open(root: Uint8Array): Promise<(Held & { close(): Promise<void> }) | undefined>
  entity(cid: CID): Promise<Held | undefined>
}

async function heldIn(store: ServedContentComponents['store'], { kind, bytes }: Address): Promise<Held | undefined> {
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
