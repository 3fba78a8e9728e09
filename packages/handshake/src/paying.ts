/**
 * Where a session meets the books that are kept of it: what a node asks of its payments and what a client tells its payer (sessions.md §4).
 *
 * Types only. Everything that the session calls here it calls synchronously, in order, and nothing but `NodePayments` may throw; every `link` may
 * be used at any moment, also from inside these calls, and does nothing once `over` was called. `@selvedge/delivery-acknowledgement` fits both ends.
 */

/** ACK: a signed acknowledgement, and the lanes that moved since the one before it in its chain. */
export interface AckFrame {
  /** 236 bytes, which this package does not look into. */
  readonly acknowledgement: Uint8Array
  /** At most 255, ascending by lane. */
  readonly lanes: readonly LaneOffset[]
}
/** DATA of a lane, counted from its start. */
export interface LaneOffset {
  readonly lane: number
  readonly verifiedOffset: bigint
}
/** ACK with flag 1: a link of the hash chain that the last acknowledgement named. */
export interface TickFrame {
  readonly epoch: bigint
  readonly serviceId: number
  readonly index: number
  /** 32 bytes. */
  readonly preimage: Uint8Array
}
/** PRICE: the governed table, in 10^-12 USD a byte and a CPU microsecond, and what it is multiplied with for each service. */
export interface PriceFrame {
  readonly priceVersion: number
  readonly bytePrice: bigint
  readonly cpuPrice: bigint
  readonly fromEpoch: bigint
  /** At most 255, ascending by service. */
  readonly services: readonly { readonly serviceId: number; readonly multiplePpm: number }[]
}
/** EPOCH: from `offset` on (the start of the unit in progress) a lane's DATA belongs to `epoch`. */
export interface EpochFrame {
  readonly epoch: bigint
  /** 16 bytes: the node's part of the new chains' id. */
  readonly rand: Uint8Array
  readonly priceVersion: number
  /** At most 6,550, ascending by lane. */
  readonly lanes: readonly { readonly lane: number; readonly offset: bigint }[]
}
/** WINDOW: what may be unpaid now, in bytes; stopped: acknowledge every unit as soon as it is verified. */
export interface WindowFrame {
  readonly window: number
  readonly isStopped: boolean
}
/** How far a chain is acknowledged; `seq` 0: not at all yet. */
export interface ChainSeq {
  readonly epoch: bigint
  readonly serviceId: number
  readonly seq: number
}
/** Where the node is when a session goes on over another connection: its newest epoch, and each chain of the epochs that are open, in order. */
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
/** METER: the most that the client signs for computing. */
export interface MeterFrame {
  readonly serviceId: number
  readonly epoch: bigint
  readonly cumCpuMicros: bigint
}

/** What made a paying session; both ends know all of it. */
export interface PayingSession {
  /** 16 bytes. */
  readonly sessionId: Uint8Array
  /** 20 bytes. */
  readonly account: Uint8Array
  readonly laneNonce: bigint
  readonly epoch: bigint
  readonly nodeIndex: number
  readonly priceVersion: number
  /** Bytes that may be unpaid, over all sessions of the account at this node. */
  readonly window: number
  /** 16 bytes each. */
  readonly clientRand: Uint8Array
  readonly nodeRand: Uint8Array
  /** 33 bytes, of the connection that opened the session. */
  readonly channelBinding: Uint8Array
}
/** How a lane ended. Both halves came to their END, one side reset it first, or the session was over before either. */
export type LaneEnd = 'ended' | 'reset-by-client' | 'reset-by-node' | 'session-over'

/** What HELLO says of a client that pays; its signature by `clientKey` was checked. */
export interface PayingHello {
  /** 142 + 4n bytes. */
  readonly delegation: Uint8Array
  readonly clientKey: Uint8Array
  readonly clientRand: Uint8Array
  readonly nodeRand: Uint8Array
  readonly channelBinding: Uint8Array
}
/** `refuse`: the code that the client is sent away with. */
export type Admission =
  | { readonly refuse: number }
  | {
      readonly account: Uint8Array
      readonly laneNonce: bigint
      /** Bytes, above 0. */
      readonly window: number
      readonly maxLanes: number
      readonly price: PriceFrame
      readonly meter: SessionMeter
    }
/** The node's books. Where `admit` or `nextLaneNonce` throws, the client is sent away with 23 and the node goes on. */
export interface NodePayments {
  /** Judges a delegation, and whether `clientKey` is its session key. */
  admit(hello: PayingHello): Admission
  /** Where the node stands now; WELCOME says it to guests too. */
  readonly place: { readonly nodeIndex: number; readonly epoch: bigint; readonly priceVersion: number }
  /** The next of the node's counter of sessions, for a guest: never the same twice, whatever crashes. */
  nextLaneNonce(): bigint
}
/** The books of one session, at the node. */
export interface SessionMeter {
  /** WELCOME and PRICE are on their way. */
  begin(session: PayingSession, link: NodeLink): void
  /** A lane was accepted; whole bodies of its OPEN and ACCEPT, for the meter to keep. A number comes once in a session. */
  lane(lane: number, serviceId: number, openBody: Uint8Array, acceptBody: Uint8Array): void
  /**
   * Whether a unit of a lane may begin, or go on. `unitBytes` are those of it that are not sent: 2 MiB + 128 KiB at most, and as many where
   * its end is not written yet. True for one that begins: all will follow, unless the lane is over before. False: not before
   * `link.wake()`; a wake from inside of this call counts, so it comes only where the next answer may be another.
   */
  allow(lane: number, unitBytes: number, isBegun: boolean): boolean
  /** DATA up to `offset` was handed to the carrier; called at each end of a unit, in order, and where a frame ends inside one. */
  sent(lane: number, offset: bigint, isUnitEnd: boolean): void
  /** A code ends the session. `late`: it is passed over and pays for nothing, since its epoch is over and the session had no connection when it closed. */
  ack(frame: AckFrame, nowMs: number): number | 'late' | undefined
  tick(frame: TickFrame): number | 'late' | undefined
  /** An accepted lane is over; `offset` is all that was sent on it. Called once for each, and again where a resumed session sent its end again. */
  laneOver(lane: number, offset: bigint, how: LaneEnd): void
  /** Answers to `link.ping`, and to the session's own with nonce 0. */
  pong(nonce: bigint, nowMs: number): void
  /**
   * The connection is gone; the session may go on over another one (`resume`), or be over. Until then what is asked of the link does nothing, but that
   * an EPOCH is kept for the client. False: it ends now. Without these three, a session ends with its connection.
   */
  suspend?(): boolean
  /** Each chain of the epochs that are open, ascending by epoch and service; one without an acknowledgement too where its epoch is not the newest. */
  readonly chains?: readonly ChainSeq[]
  /** The client is back, and says so of each of its lanes. What is sent again is sent without a call of `allow`. A code ends the session. */
  resume?(lanes: readonly ResumedLane[], nowMs: number): number | undefined
  /** The session is over; nothing follows. */
  over(): void
  /** When `due` wants to be called; Infinity: never. Time is that of `nowMs` everywhere here. */
  readonly deadlineMs: number
  due(nowMs: number): void
}
/** What the books may do in the session. */
export interface NodeLink {
  window(frame: WindowFrame): void
  epoch(frame: EpochFrame): void
  price(frame: PriceFrame): void
  meter(frame: MeterFrame): void
  /** Sends PING behind all DATA that `sent` was called for. Nonces from 1: 0 is the keep-alive's. */
  ping(nonce: bigint): void
  /** Lanes that were not allowed to send are asked again. */
  wake(): void
  /**
   * Ends the connections whose other end has not answered the newest PING. Without connection 0 the session is suspended, or over with 16.
   * @returns whether it goes on, since connection 0 had answered and only others had not: PING again.
   */
  cut(): boolean
  /**
   * The books waited as long as they do, and nobody acknowledged. What ended on joined connections that are gone is over by 'reset-by-node', for it may be that nobody can.
   * @returns whether there was any: then wait again.
   */
  giveUp(): boolean
  /** Ends the session with GOAWAY and this code. */
  leave(code: number): void
}

/** What signs for the client. */
export interface SessionPayer {
  begin(session: PayingSession, link: ClientLink): void
  /** A code ends the session: 19 when it is too dear. Called before anything else of the node's, and before each EPOCH that changes it. */
  price(frame: PriceFrame): number | undefined
  /**
   * The node took a lane; whole bodies of its OPEN and ACCEPT, for the payer to keep. A number comes once in a session, those of joined connections (8,193 and
   * above) again when all that they were is acknowledged. `from`: of such a lane, where it begins in the newest epoch, where its holder told of it late.
   */
  lane(lane: number, serviceId: number, openBody: Uint8Array, acceptBody: Uint8Array, from?: bigint): void
  /** DATA of a lane of a joined connection is verified up to `offset`, its holder says. Of the session's own lanes it hears from whoever verifies. */
  verified?(lane: number, offset: bigint): void
  /** What came on such a lane behind its verified offset is wrong, its holder says: it is not signed for, also where the holder resets it. */
  refuse?(lane: number): void
  /**
   * A lane is over and `offset` bytes of it arrived, verified or not yet. After 'reset-by-client' its whole units are to be verified and acknowledged, and of the one behind them
   * what came, unseen: so no honest node's bytes stay unpaid, and no other's garbage is paid for beyond one unit.
   */
  laneOver(lane: number, offset: bigint, how: LaneEnd): void
  epoch(frame: EpochFrame): void
  window(frame: WindowFrame): void
  meter(frame: MeterFrame): void
  /** Answers to `link.ping`: the node has all that was sent before it. */
  pong?(nonce: bigint): void
  /**
   * The session goes on over another connection: every ACK above the named ones is sent again, as it was, before any other. Acknowledgements of epochs
   * that are not open any more are not taken. Without it a session ends with its connection.
   */
  resume?(at: ResumedChains): void
  /** The session is over; nothing follows. */
  over(): void
}
/** What the payer may do in the session. */
export interface ClientLink {
  ack(frame: AckFrame): void
  tick(frame: TickFrame): void
  /** Nonces from 1: 0 is the keep-alive's. While the session is suspended it does nothing, as all of these. */
  ping(nonce: bigint): void
  /** Ends the session with GOAWAY and this code. */
  leave(code: number): void
}
