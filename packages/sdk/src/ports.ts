/**
 * What a service sees of the node, and what comes to it: `content`, `session`, `meter` and `log`. All of it is data and calls that answer later, so
 * that it can cross a process boundary as it is. Bytes handed to a service are its own.
 */
import type { Address } from './address.ts'
import type { Handle, PriceClass, Scope } from './handle.ts'
import type { ChunkSpan } from './spans.ts'

/** One request of a client for content. */
export interface ServiceRequest {
  /** HEAD: the answer, and no content. The node sees to that. */
  readonly method: 'GET' | 'HEAD'
  readonly address: Address
  readonly ranges: readonly ChunkSpan[]
  readonly scope: Scope
  /** The client holds all that the address names, and asks whether it is still served: 304 says yes. */
  readonly ifNoneMatch: boolean
  /** With GET, it orders and pays an epoch of keeping what the address names; with HEAD, it asks whether that is paid for. */
  readonly pin: boolean
}

/** Who asks. */
export interface Session {
  /** 16 bytes; the same for all requests of a session. */
  readonly sessionId: Uint8Array
  /** 20 bytes: who pays; undefined for a guest. */
  readonly account: Uint8Array | undefined
}

export interface ContentFacts {
  /** `partial`: it is still arriving. */
  readonly state: 'partial' | 'complete'
  readonly kind: 'file' | 'directory' | 'symlink' | 'other'
  /** Flat bytes of a file, where it is known. */
  readonly size: number | undefined
  /** BLAKE3 root of the flat bytes, where it is known. A hint: a CID proves itself. */
  readonly root: Uint8Array | undefined
}

/**
 * What the account of a request's session may have of keeping one content. `held`: it is kept for the account by now, and that is on disk. `free`: the
 * account may order it. `full`: there is no room. `unfit`: it is no file that the node holds whole, or there is no account.
 */
export type PinState = 'held' | 'free' | 'full' | 'unfit'

/** What the node holds of one content. */
export interface ContentStat {
  readonly state: 'none' | 'partial' | 'complete'
  /** Flat bytes, where it is known. */
  readonly size: number | undefined
  readonly pin: PinState
}

/** Open for the one request that it was opened for; the node closes it. */
export interface OpenedContent extends ContentFacts {
  /** To be answered with. */
  readonly handle: Handle
}

export interface OpenContentOptions {
  /** @default all of it */
  readonly ranges?: readonly ChunkSpan[]
  /** @default 'entity' */
  readonly scope?: Scope
  /** Whether the node should keep what it has to fetch for this. A wish: what it holds already stays. @default true */
  readonly keep?: boolean
  /** `pin` only for a request for one. @default 'table' */
  readonly priceClass?: PriceClass
}

export interface ContentPort {
  /** What the node holds; it asks nobody for it. @throws {SdkError} `SDK_CONTENT_FAILED`, `SDK_MALFORMED` */
  stat(address: Address): Promise<ContentStat>
  /**
   * Opens content; what the node does not hold it fetches, and from where is not told. Resolves as soon as it is known to be had, with
   * undefined where it is not to be had.
   * @throws {SdkError} `SDK_CONTENT_FAILED`: the fetch failed; `SDK_TOO_MANY`, `SDK_MALFORMED`.
   * @throws the reason of the request's signal, once that is aborted.
   */
  open(address: Address, options?: OpenContentOptions): Promise<OpenedContent | undefined>
}

/** What the node has counted for a service since it began. */
export interface Usage {
  /** Requests that were handed to it. */
  readonly requests: number
  /** Bytes that lanes took for it, proofs included: what clients acknowledge. */
  readonly egressBytes: number
  /** Microseconds of the service's own steps: shown, and not paid for. What is counted, and what is not, stands at `StepClock`. */
  readonly cpuMicros: number
}

export interface MeterPort {
  usage(): Promise<Usage>
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

/** One line. What is longer than 4,096 bytes is cut; what comes too fast is counted and dropped. */
export type LogPort = (level: LogLevel, text: string) => void

/** What a handler is given with a request. */
export interface ServiceContext {
  readonly content: ContentPort
  readonly session: Session
  readonly meter: MeterPort
  readonly log: LogPort
  /** Aborted when the client leaves. */
  readonly signal: AbortSignal
}
