/**
 * What the books and the payer need of a session, and what a session needs of them, as narrow types: whatever carries lanes may fit them.
 * `@selvedge/handshake` does; a test of it holds that. Everything is called synchronously, in the order of the wire, and throws nothing.
 */

/** The frame ACK. */
export interface AckFrame {
  /** 236 bytes. */
  readonly acknowledgement: Uint8Array
  /** The lanes that moved since the chain's last one, ascending; `verifiedOffset` counts the lane's DATA from its start. */
  readonly lanes: readonly LaneOffset[]
}

export interface LaneOffset {
  readonly lane: number
  readonly verifiedOffset: bigint
}

/** The frame ACK with flag 1: one more element of a hash chain. */
export interface TickFrame {
  readonly epoch: bigint
  readonly serviceId: number
  readonly index: number
  /** 32 bytes. */
  readonly preimage: Uint8Array
}

/** The frame PRICE: the ledger's governed table, in 10^-12 USD a byte and a microsecond, and the services' multiples. */
export interface PriceFrame {
  readonly priceVersion: number
  readonly bytePrice: bigint
  readonly cpuPrice: bigint
  readonly fromEpoch: bigint
  readonly services: readonly { readonly serviceId: number; readonly multiplePpm: number }[]
}

/** The frame EPOCH: DATA of a lane before `offset` belongs to the old epoch, the rest to the new one. */
export interface EpochFrame {
  readonly epoch: bigint
  /** 16 bytes: makes the new chains' session id. */
  readonly rand: Uint8Array
  readonly priceVersion: number
  readonly lanes: readonly { readonly lane: number; readonly offset: bigint }[]
}

/** The frame WINDOW. */
export interface WindowFrame {
  /** Bytes. */
  readonly window: number
  /** The node is stopped by it: every unit is to be acknowledged as soon as it is verified. */
  readonly isStopped: boolean
}

/** How far a chain is acknowledged; `seq` 0: not at all yet. */
export interface ChainSeq {
  readonly epoch: bigint
  readonly serviceId: number
  readonly seq: number
}

/** Where the node is when a session goes on over another connection. */
export interface ResumedChains {
  readonly epoch: bigint
  readonly chains: readonly ChainSeq[]
}

/** What the client has of a lane then: DATA up to `received`. */
export interface ResumedLane {
  readonly lane: number
  readonly received: number
  /** What was sent of it. The rest is sent again; undefined: the lane is over, and what was lost stays lost. */
  readonly sent: number | undefined
}

/** The frame METER: the client signs at most this. */
export interface MeterFrame {
  readonly serviceId: number
  readonly epoch: bigint
  readonly cumCpuMicros: bigint
}

/** What made the session: of a paying one, both ends know all of it. */
export interface PayingSession {
  /** 16 bytes. */
  readonly sessionId: Uint8Array
  /** 20 bytes. */
  readonly account: Uint8Array
  readonly laneNonce: bigint
  readonly epoch: bigint
  readonly nodeIndex: number
  readonly priceVersion: number
  readonly window: number
  /** 16 bytes each. */
  readonly clientRand: Uint8Array
  readonly nodeRand: Uint8Array
  /** 33 bytes. */
  readonly channelBinding: Uint8Array
}

export type LaneEnd = 'ended' | 'reset-by-client' | 'reset-by-node' | 'session-over'

/** What a node asks before it takes a paying client. */
export interface NodePayments {
  /** HELLO's own signature is checked before; that `clientKey` is the delegation's session key is checked here. */
  admit(hello: PayingHello): Admission
  /** What WELCOME tells a guest. */
  readonly place: { readonly nodeIndex: number; readonly epoch: bigint; readonly priceVersion: number }
  /** The next of the node's counter of sessions, durable before it is used. */
  nextLaneNonce(): bigint
}

export interface PayingHello {
  /** As it came: 142 bytes and 4 for each service. */
  readonly delegation: Uint8Array
  readonly clientKey: Uint8Array
  readonly clientRand: Uint8Array
  readonly nodeRand: Uint8Array
  readonly channelBinding: Uint8Array
}

export type Admission =
  /** 6, 7, 11, 13, 14, or 23 while nothing can be kept. */
  | { readonly refuse: number }
  | {
      readonly account: Uint8Array
      readonly laneNonce: bigint
      readonly window: number
      readonly maxLanes: number
      readonly price: PriceFrame
      readonly meter: SessionMeter
    }

/** The node's end of one paying session. */
export interface SessionMeter {
  begin(session: PayingSession, link: NodeLink): void
  /** At ACCEPT; the bodies are whole. */
  lane(lane: number, serviceId: number, openBody: Uint8Array, acceptBody: Uint8Array): void
  /** Whether this unit may begin, or go on where `isBegun`; where not, the lane waits for `NodeLink.wake`. */
  allow(lane: number, unitBytes: number, isBegun: boolean): boolean
  /** DATA of the lane is handed to the carrier up to `offset`. */
  sent(lane: number, offset: bigint, isUnitEnd: boolean): void
  /** A code ends the session: 7, 12, 14 or 18. `late`: passed over, and pays for nothing: its epoch closed while the session had no connection. */
  ack(frame: AckFrame, nowMs: number): number | 'late' | undefined
  tick(frame: TickFrame): number | 'late' | undefined
  /** Again where a resumed session sent a lane's end again. */
  laneOver(lane: number, offset: bigint, how: LaneEnd): void
  pong(nonce: bigint, nowMs: number): void
  /** The connection is gone, and another one may come. False: the session ends now. */
  suspend?(): boolean
  /** Each chain of the epochs that are open, ascending; without an acknowledgement too where its epoch is not the newest. */
  readonly chains?: readonly ChainSeq[]
  /** Another connection came. What was not received is sent again, unasked. A code ends the session. */
  resume?(lanes: readonly ResumedLane[], nowMs: number): number | undefined
  over(): void
  /** When `due` wants to be called; Infinity: never. */
  readonly deadlineMs: number
  due(nowMs: number): void
}

/** What a meter may do to its session. */
export interface NodeLink {
  window(frame: WindowFrame): void
  epoch(frame: EpochFrame): void
  price(frame: PriceFrame): void
  meter(frame: MeterFrame): void
  /** Behind everything that is queued. Nonces of payment count from 1: keep-alive has 0. */
  ping(nonce: bigint): void
  /** Lanes that `allow` stopped ask again. */
  wake(): void
  /**
   * The other end does not answer: the connection ends, and the session is suspended. Without it the session is over.
   * @returns whether the session goes on without those who were silent, and is to be asked again.
   */
  cut?(): boolean
  /**
   * The clock ran out: lanes that nobody may be there for to acknowledge are over by 'reset-by-node'.
   * @returns whether there were any; then who is there is waited for once more.
   */
  giveUp?(): boolean
  leave(code: number): void
}

/** The client's end of one paying session. */
export interface SessionPayer {
  begin(session: PayingSession, link: ClientLink): void
  /** A code ends the session: 19, too dear. */
  price(frame: PriceFrame): number | undefined
  /** `from`: of a lane of which it is told late, where it begins in the newest epoch. What came before is of the one that closes, or is nobody's any more. */
  lane(lane: number, serviceId: number, openBody: Uint8Array, acceptBody: Uint8Array, from?: bigint): void
  laneOver(lane: number, offset: bigint, how: LaneEnd): void
  epoch(frame: EpochFrame): void
  window(frame: WindowFrame): void
  meter(frame: MeterFrame): void
  /** The node has all that was sent before the PING of this nonce. */
  pong?(nonce: bigint): void
  /** Another connection came: every ACK above the named ones is sent again, as it was. */
  resume?(at: ResumedChains): void
  over(): void
}

/** What a payer may do to its session. */
export interface ClientLink {
  ack(frame: AckFrame): void
  tick(frame: TickFrame): void
  /** Nonces from 1. */
  ping?(nonce: bigint): void
  leave(code: number): void
}
