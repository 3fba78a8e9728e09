import type { KeyPair } from '@selvedge/crypto'
import type { SessionPayer } from '@selvedge/handshake'
import type { WebSocketAddress } from './address.ts'

/** What the client needs of a session; the sessions of `@selvedge/handshake` fit. */
export interface LanePort {
  readonly laneId: number
  /** ACCEPT's metadata. */
  readonly metadata: Uint8Array
  /** The node's bytes; throws when the lane is reset or the session ends. */
  readonly source: AsyncIterable<Uint8Array>
  /** Half close: this end sends nothing more. */
  end(): Promise<void> | void
  reset(code: number, reason?: string): void
  /** Of a lane with `isCreditHeld`: so many bytes that `source` gave are done with. */
  release?(bytes: number): void
}

/** What a node says when it sends the client away. */
export interface Goaway {
  readonly code: number
  readonly retryAfterMs: number
  /** Places in the node registry: where else to go. */
  readonly nodes: readonly number[]
}

export interface SessionPort {
  openLane(options: {
    readonly serviceId: number
    readonly metadata: Uint8Array
    readonly signal?: AbortSignal
    readonly isCreditHeld?: boolean
  }): Promise<LanePort>
  close(): Promise<void>
  /** Settles when the session is over, however it ended. */
  readonly closed: Promise<unknown>
  /** The newest that came, also once the session is over. */
  readonly goaway?: Goaway | undefined
}

export interface ConnectOptions {
  readonly host: string
  readonly port: number
  readonly nodeKey: Uint8Array
  readonly chainId: number
  readonly websocket?: WebSocketAddress
  readonly signal?: AbortSignal
  /** Of a client that pays, all three; without them it is a guest. The key is the delegation's session key. */
  readonly identity?: KeyPair
  /** As its bytes are. */
  readonly delegation?: Uint8Array
  readonly payer?: SessionPayer
}

export type Connect = (options: ConnectOptions) => Promise<SessionPort>
