import type { KeyPair } from '@selvedge/crypto'
import type { PriceFrame } from '@selvedge/delivery-acknowledgement/client'
import type { SessionPayer } from '@selvedge/handshake'
import type { Sharing } from '@selvedge/handshake/sharing'
import type { WebSocketAddress } from './address.ts'

/** What the client needs of a session; the sessions of `@selvedge/handshake` fit. */
export interface LanePort {
  readonly laneId: number
  /** ACCEPT's metadata. */
  readonly metadata: Uint8Array
  /** The node's bytes, which stay as they are (of a lane with `isMemoryReused`: until they are released); throws when the lane is reset or the session ends. */
  readonly source: AsyncIterable<Uint8Array>
  /** Half close: this end sends nothing more. */
  end(): Promise<void> | void
  reset(code: number, reason?: string): void
  /**
   * Of a lane with `isCreditHeld`: so many bytes that `source` gave are done with, the first first. More than it gave: all of them, and nothing is overwritten
   * any more.
   */
  release?(bytes: number): void
}

/** Hears of lanes that are paid for, as their bytes are verified: a `Payer` of one's own, or a session that joined another's, which tells its owner. */
export interface LanePayer {
  /** DATA of the lane is verified up to `offset`. */
  verified(lane: number, offset: bigint): void
  /** What came behind that is wrong, or nobody asked for it. */
  refuse(lane: number): void
  /** Somebody verifies it, also behind its reset, and says with `giveUp` that he is done. */
  follows(lane: number): void
  /** Nobody will verify more of it. */
  giveUp(lane: number): void
  /** The newest of the session. */
  readonly prices?: PriceFrame | undefined
  /** Nothing more is signed. */
  readonly isCapped?: boolean
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
    /** With it: what is released is overwritten. */
    readonly isMemoryReused?: boolean
    /** Of a lane that is paid for: `source` goes on behind this side's reset, with what was in flight. */
    readonly isReadOn?: boolean
    /** Nothing is sent on it but the metadata, so that its end can go with them. */
    readonly isRequestOnly?: boolean
  }): Promise<LanePort>
  /** Before a session that is paid for is closed: ends its lanes, and waits until what came on them is known. */
  settle?(): Promise<void>
  close(): Promise<void>
  /** Of a session that somebody else owns and pays for. */
  readonly payer?: LanePayer
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
  readonly websocket?: WebSocketAddress | undefined
  readonly signal?: AbortSignal
  /** Of a client that pays, all three; without them it is a guest. The key is the delegation's session key. */
  readonly identity?: KeyPair
  /** As its bytes are. */
  readonly delegation?: Uint8Array
  readonly payer?: SessionPayer
  /** Where others are to join the session. */
  readonly sharing?: Sharing
}

export type Connect = (options: ConnectOptions) => Promise<SessionPort>
