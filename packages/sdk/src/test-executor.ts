/** Runs a service in memory, so that its author needs no node: the real host, over content that is only described. */
import { type Address, isSameAddress } from './address.ts'
import type { ServiceAnswer } from './answer.ts'
import { createServiceHost } from './host.ts'
import type { ContentFacts, LogLevel, PinState, ServiceRequest, Session, Usage } from './ports.ts'
import type { Service } from './service.ts'
import { ALL_CHUNKS } from './spans.ts'

/** Content as a service gets to know it. */
export interface TestContent extends Partial<ContentFacts> {
  readonly address: Address
  /** Whether the node holds it from the start; else each open is a fetch. @default true */
  readonly isHeld?: boolean
  /** What `stat` says of pinning it to whoever has an account. @default 'free' where the node holds it, else 'unfit' */
  readonly pin?: PinState
}

export interface TestExecutorOptions {
  readonly contents?: readonly TestContent[]
  /** @default a clock that stands still */
  readonly nowMs?: () => number
}

export interface TestExecutor {
  /** What the service finds them worth keeping. */
  worthOf(addresses: readonly Address[]): Promise<readonly number[]>
  /** Has one request answered; what is not given is a GET of all of it, by a guest. Content that it answers with is closed at once. */
  request(request: Pick<ServiceRequest, 'address'> & Partial<ServiceRequest>, options?: TestRequestOptions): Promise<ServiceAnswer>
  readonly usage: Usage
  /** What the service logged. */
  readonly logs: readonly { readonly level: LogLevel; readonly text: string }[]
  /** Of each fetch, in order: what it was for, and whether the service wanted it kept. */
  readonly fetches: readonly { readonly address: Address; readonly keep: boolean }[]
  /** Opened and not closed. */
  readonly openCount: number
}

export interface TestRequestOptions {
  readonly session?: Partial<Session>
  readonly signal?: AbortSignal
}

const GUEST: Session = { sessionId: new Uint8Array(16), account: undefined }

export function createTestExecutor(service: Service, options: TestExecutorOptions = {}): TestExecutor {
  const { contents = [], nowMs = () => 0 } = options
  const logs: { level: LogLevel; text: string }[] = []
  const fetches: { address: Address; keep: boolean }[] = []
  const held = new Set(contents.filter(({ isHeld = true }) => isHeld))
  const named = (address: Address): TestContent | undefined => contents.find((each) => isSameAddress(each.address, address))
  let openCount = 0
  const host = createServiceHost<TestContent>(service, {
    async stat(address, { account }) {
      const content = named(address)
      if (content === undefined || !held.has(content)) return { state: 'none', size: undefined, pin: 'unfit' }
      return { state: 'complete', size: content.size, pin: account === undefined ? 'unfit' : (content.pin ?? 'free') }
    },
    async open({ address }, keep) {
      const content = named(address)
      if (content === undefined) return undefined
      const isHeld = held.has(content)
      if (!isHeld) fetches.push({ address, keep })
      if (keep) held.add(content)
      openCount++
      const { state = isHeld ? 'complete' : 'partial', kind = 'file', size, root } = content
      return { opened: content, facts: { state, kind, size, root } }
    },
    async close() {
      openCount--
    },
    log: (level, text) => void logs.push({ level, text }),
    nowMs,
  })
  return {
    logs,
    fetches,
    get usage() {
      return host.usage
    },
    get openCount() {
      return openCount
    },
    worthOf: (addresses) => host.worthOf(addresses, { signal: new AbortController().signal }),
    async request(request, { session, signal = new AbortController().signal } = {}) {
      const asked: ServiceRequest = { method: 'GET', ranges: ALL_CHUNKS, scope: 'entity', ifNoneMatch: false, pin: false, ...request }
      const answer = await host.answer(asked, { ...GUEST, ...session }, { signal })
      if (!('handle' in answer)) return answer
      openCount--
      return { handle: answer.handle }
    },
  }
}
