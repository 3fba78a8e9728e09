/** What the session core is given, and what it asks its driver to do, in order. */
import type { Greeter } from './greeter.ts'
import type { Welcome } from './greeting.ts'
import type { CoreLane } from './lane-core.ts'
import type { Role } from './rules.ts'
import type { ClockOptions } from './session-clock.ts'

export interface CoreOptions {
  readonly role: Role
  readonly greeter: Greeter
  readonly clock: ClockOptions
  /** Node: most lanes at once. The client learns it from WELCOME. */
  readonly maxLanes: number
}

export type Effect =
  | { readonly type: 'welcome'; readonly welcome: Welcome; readonly clientKey: Uint8Array; readonly account: Uint8Array | undefined }
  | { readonly type: 'request'; readonly lane: CoreLane; readonly serviceId: number; readonly metadata: Uint8Array } // node: OPEN came
  | { readonly type: 'accepted'; readonly lane: CoreLane; readonly metadata: Uint8Array } // client: ACCEPT came
  | { readonly type: 'data'; readonly lane: CoreLane; readonly bytes: Uint8Array } // a view: copy what is kept
  | { readonly type: 'end'; readonly lane: CoreLane } // the other side's half ended
  | { readonly type: 'reset'; readonly lane: CoreLane; readonly code: number; readonly reason: string } // by the other side
  | { readonly type: 'done'; readonly lane: CoreLane } // left the table: its place is free
  | { readonly type: 'draining'; readonly code: number; readonly retryAfterMs: number } // the other side takes no new lanes
  | { readonly type: 'over'; readonly why: Ending; readonly code: number; readonly message: string } // send what is left, then end the channel

/**
 * left: we said so. payment: our books or our payer did. goaway: the other side did. protocol: the other side broke it. silence: it says
 * nothing. lost: the channel is gone.
 */
export type Ending = 'left' | 'payment' | 'drained' | 'goaway' | 'protocol' | 'silence' | 'lost'
