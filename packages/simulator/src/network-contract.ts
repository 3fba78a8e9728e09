/** What a network is and can be told: the types of network.ts. */
import type { EventKind, TimerId } from './engine.ts'
import type { Latency } from './latency.ts'
import type { Random } from './random.ts'
import type { Trace } from './trace.ts'

/** Where a network lives: a simulator, or whatever has these parts of one. */
export interface NetworkWorld {
  readonly engine: {
    now(): number
    kind<P>(name: string, run: (a: number, b: number, payload: P) => void): EventKind<P>
    schedule<P>(atMs: number, kind: EventKind<P>, a: number, b: number, payload: P): TimerId
  }
  readonly trace: Pick<Trace, 'record'>
  stream(...path: readonly (number | string)[]): Random
}

/** What may differ from link to link, each direction by itself. */
export interface LinkOptions {
  /** Replaces the latency of the network. @default the network's */
  readonly latency?: Latency
  /** Added to every delay: a slow link. @default 0 */
  readonly extraDelayMs?: number
  /** @default the network's */
  readonly lossShare?: number
  /** @default the network's */
  readonly duplicateShare?: number
  /** @default the network's */
  readonly reorderShare?: number
  /** @default the network's */
  readonly isOrdered?: boolean
}

export interface NetworkOptions {
  readonly nodes: number
  readonly latency: Latency
  /** Share of messages lost; on an ordered link each loss delays instead. @default 0 */
  readonly lossShare?: number
  /** Share of messages that come twice; never on an ordered link. @default 0 */
  readonly duplicateShare?: number
  /** Share of messages held back by up to `reorderMs`, so that later ones overtake them; never on an ordered link. @default 0 */
  readonly reorderShare?: number
  /** @default 100 */
  readonly reorderMs?: number
  /** @default false */
  readonly isOrdered?: boolean
  /** First time-out of an ordered link after a loss; each further one is twice as long. @default 200 */
  readonly retransmitMs?: number
  /** Whether ordered links keep what meets a cut, and send it when the cut heals. @default false */
  readonly holdsOnCut?: boolean
  /** Messages that one link holds; beyond them the oldest is dropped and counted as cut. @default 10_000 */
  readonly heldMax?: number
  /** @default Infinity */
  readonly uplinkBytesPerSecond?: number
}

/** What happened to messages. `sent` counts calls of `send` by nodes that are up. */
export interface NetworkCounts {
  sent: number
  delivered: number
  lost: number
  retransmitted: number
  duplicated: number
  reordered: number
  cut: number
  held: number
  filtered: number
  down: number
}

export interface Outgoing<M> {
  readonly to: number
  readonly message: M
  readonly bytes: number
  /** Waits this long before it enters the uplink. */
  readonly delayMs: number
}

/** Sees what one node sends, before anything else does; what it returns is sent instead. */
export type Intercept<M> = (outgoing: Outgoing<M>) => readonly Outgoing<M>[]

export interface Network<M> {
  readonly counts: Readonly<NetworkCounts>
  /** Sends `message`; `bytes` is its size for uplink and trace. A node that is down sends nothing. */
  send(from: number, to: number, message: M, bytes: number): void
  /** Sets one direction of one link; `undefined` makes it like all others again. */
  setLink(from: number, to: number, options: LinkOptions | undefined): void
  setUplink(node: number, bytesPerSecond: number): void
  /** How long a message sent now would wait for the uplink. */
  uplinkDelayMs(node: number): number
  /** Cuts every link between different groups; nodes in none of them form one more. Replaces the partition before. */
  partition(groups: readonly (readonly number[])[]): void
  /** Cuts one direction; the other stays. */
  cut(from: number, to: number): void
  mend(from: number, to: number): void
  /** Ends the partition and all cuts. */
  heal(): void
  isCut(from: number, to: number): boolean
  /** A node that is down gets nothing. Going down and up again ends its ordered connections with all that is on the way. */
  setUp(node: number, isUp: boolean): void
  /** Behind a NAT a node hears only whom it wrote to within `windowMs`; `undefined` opens it. */
  setNat(node: number, windowMs: number | undefined): void
  /** Lets `hook` see and change what `node` sends; `undefined` ends it. */
  intercept(node: number, hook: Intercept<M> | undefined): void
}
