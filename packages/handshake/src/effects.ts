/** What the session core is given, and what it asks its driver to do, in order. */
import type { Goaway } from './errors.ts'
import type { Greeter, ResumeTarget } from './greeter.ts'
import type { Welcome } from './greeting.ts'
import type { Again, CoreLane } from './lane-core.ts'
import type { Role } from './rules.ts'
import type { ClockOptions } from './session-clock.ts'
import type { SessionConnections } from './session-connections.ts'

export interface CoreOptions {
  readonly role: Role
  readonly greeter: Greeter
  readonly clock: ClockOptions
  /** When its connection was asked for, or came: the first greeting has its time from then on. @default now */
  readonly startedMs?: number
  /** Node: most lanes at once. The client learns it from WELCOME. */
  readonly maxLanes: number
  /** Node: where a client may go instead when this side drains or takes no sessions (GOAWAY 17). */
  readonly handOff?: (() => HandOff) | undefined
}
export type HandOff = Omit<Goaway, 'code'>

/** What WELCOME said, and to whom. */
export interface Greeting {
  readonly welcome: Welcome
  readonly clientKey: Uint8Array
  /** Who pays; undefined for a guest. */
  readonly account: Uint8Array | undefined
  /** Node: of a new session that pays. */
  readonly connections: SessionConnections | undefined
}

export type Effect =
  | ({ readonly type: 'welcome' } & Greeting)
  | { readonly type: 'request'; readonly lane: CoreLane; readonly serviceId: number; readonly metadata: Uint8Array } // node: OPEN came
  | { readonly type: 'accepted'; readonly lane: CoreLane; readonly metadata: Uint8Array } // client: ACCEPT came
  | { readonly type: 'data'; readonly lane: CoreLane; readonly bytes: Uint8Array } // a view: copy what is kept
  | { readonly type: 'end'; readonly lane: CoreLane } // the other side's half ended
  | { readonly type: 'reset'; readonly lane: CoreLane; readonly code: number; readonly reason: string } // by the other side
  | { readonly type: 'done'; readonly lane: CoreLane } // left the table: its place is free
  | { readonly type: 'resend'; readonly lane: CoreLane; readonly again: Again } // its DATA up to `again.until` is to be given again
  | { readonly type: 'draining'; readonly goaway: Goaway } // the other side takes no new lanes
  | { readonly type: 'dead' } // the other side is gone, or as good as gone: end the channel, the session may outlive it
  | { readonly type: 'suspended' } // the channel is gone: `resume` or `adopt` with another one
  | { readonly type: 'resumed' } // both sides know where they are
  | { readonly type: 'moved'; readonly to: ResumeTarget; readonly welcomeBody: Uint8Array } // node: the channel is another session's
  // send what is left, then end the channel; `goaway`: the other side's
  | { readonly type: 'over'; readonly why: Ending; readonly code: number; readonly message: string; readonly goaway: Goaway | undefined }

/**
 * left: we said so. payment: our books or our payer did. goaway: the other side did. protocol: the other side broke it. silence: it says
 * nothing. lost: the channel is gone.
 */
export type Ending = 'left' | 'payment' | 'drained' | 'goaway' | 'protocol' | 'silence' | 'lost'
