/** The node's end of a session, over any carrier: hands each lane that a client opens to the service. */
import type { Carrier } from './carrier.ts'
import { CODES } from './codes.ts'
import { FRAME_BYTES_MAX, LANE_CREDIT_BYTES, LANE_CREDIT_BYTES_MAX } from './constants.ts'
import { HandshakeError } from './errors.ts'
import type { ResumeTarget } from './greeter.ts'
import type { CoreLane, Resend } from './lane-core.ts'
import type { Lane } from './lane.ts'
import type { CoreOptions, Effect, Greeting } from './effects.ts'
import { SessionCore } from './session-core.ts'
import { SessionDriver, type SessionEvents } from './session-driver.ts'

/** A lane that a client has opened and that waits for the service's word: `accept` or `reset`, once. */
export interface LaneRequest {
  readonly serviceId: number
  readonly metadata: Uint8Array
  /** The Ed25519 key that the client proved in HELLO; a guest may have a new one for each session, and who joins one with a token has. */
  readonly clientKey: Uint8Array
  /** 16 bytes, of the session that the lane belongs to. */
  readonly sessionId: Uint8Array
  /** 20 bytes: who pays for the lane; undefined for a guest. */
  readonly account: Uint8Array | undefined
  /** It was opened with a token for reading: nothing comes on it but what OPEN says, and END. */
  readonly isReadOnly: boolean
  /** Aborted when the lane is reset or its session ends, before and after it was accepted. */
  readonly signal: AbortSignal
  /**
   * Takes the lane; `metadata` (at most 65,530 bytes) is the answer's head. `initialCredit`: what the client may send before anything is read.
   * `resend` makes DATA again that was lost with a connection, of a client that pays; without it such a lane is reset with 24 when it comes back.
   * @throws {HandshakeError} `HANDSHAKE_LANE_RESET`, `HANDSHAKE_CLOSED` when the lane is over, `HANDSHAKE_BAD_ARGUMENT`.
   */
  accept(metadata: Uint8Array, initialCredit?: number, resend?: Resend): Lane
  /** Refuses the lane, or ends it when it was accepted. */
  reset(code: number, reason?: string): void
}

/** What takes lanes. One that throws or rejects gets its lane reset with 23. */
export type LaneListener = (request: LaneRequest) => void | Promise<void>

export interface NodeSessionEvents {
  readonly onLane: LaneListener
  /** Whether the client may open a lane now; where not it is refused with 7. */
  mayOpen?(): boolean
  /** A lane that `mayOpen` let in is over; `isAbandoned`: the client left it, or the session, before it had ended. */
  onLaneOver?(isAbandoned: boolean): void
  /** WELCOME is on its way: the connection is no longer unauthenticated. */
  onGreeted(greeted: Greeting): void
  /** HELLO named another session: `handOver` gives it the channel. Nothing of this one follows, `onOver` neither. */
  onMoved?(to: ResumeTarget, handOver: (session: NodeSession) => void): void
  /** Whether a session that pays may wait for another connection when it loses this one, see `SessionServerOptions`. @default never */
  maySuspend?(): boolean
  onSuspended?(): void
  onResumed?(): void
  onOver(error: HandshakeError | undefined): void
}

export interface NodeSession {
  leave(code: number): void
  drain(): void
}

/** Who opens lanes in a session. */
type About = Pick<LaneRequest, 'clientKey' | 'sessionId' | 'account' | 'isReadOnly'>

const ACCEPT_FIXED_BYTES = 6

const NOBODY: About = { clientKey: new Uint8Array(), sessionId: new Uint8Array(), account: undefined, isReadOnly: false }

export function runNodeSession(carrier: Carrier, options: CoreOptions, events: NodeSessionEvents, now: () => number): NodeSession {
  const { driver } = new NodeEnd(carrier, options, events, now)
  driver.start()
  return driver
}

/** What the driver tells, for a service. A class, for a node has thousands of sessions, and a function of each would be one for each of them. */
class NodeEnd implements SessionEvents {
  readonly driver: SessionDriver
  readonly #events: NodeSessionEvents
  #client = NOBODY

  constructor(carrier: Carrier, options: CoreOptions, events: NodeSessionEvents, now: () => number) {
    this.#events = events
    this.driver = new SessionDriver(new SessionCore(options, now()), carrier, this, now)
  }

  onWelcome(greeting: Greeting): void {
    const { clientKey, account, welcome } = greeting
    this.#client = { clientKey, sessionId: welcome.sessionId, account, isReadOnly: this.driver.core.wishes.isReadOnly }
    this.#events.onGreeted(greeting)
  }

  onMoved({ to, welcomeBody }: Extract<Effect, { type: 'moved' }>): void {
    this.#events.onMoved?.(to, (session) => this.driver.handOver(session as SessionDriver, welcomeBody))
  }

  maySuspend(): boolean {
    return this.#events.maySuspend?.() === true
  }

  onSuspended(): void {
    this.#events.onSuspended?.()
  }

  onResumed(): void {
    this.#events.onResumed?.()
  }

  onRequest({ lane, serviceId, metadata }: Extract<Effect, { type: 'request' }>): void {
    offer(this.driver, lane, { serviceId, metadata, ...this.#client }, this.#events)
  }

  onAccepted(): void {} // a client accepts no lanes: the core refuses ACCEPT here

  onLaneDone(): void {}

  onDraining(): void {}

  onOver(error: HandshakeError | undefined): void {
    this.#events.onOver(error)
  }
}

function offer(
  driver: SessionDriver,
  core: CoreLane,
  about: Pick<LaneRequest, 'serviceId' | 'metadata'> & About,
  events: NodeSessionEvents,
): void {
  const lane = driver.addLane(core, about.metadata)
  if (events.mayOpen?.() === false) return lane.reset(CODES.rateLimited, 'too many lanes were opened and left')
  const controller = new AbortController()
  lane.onOver(() => {
    events.onLaneOver?.(lane.failure !== undefined && !lane.isResetHere && !core.isEndSent)
    if (lane.failure !== undefined) controller.abort(lane.failure)
  })
  const request: LaneRequest = {
    ...about,
    signal: controller.signal,
    accept(metadata, initialCredit = LANE_CREDIT_BYTES, resend) {
      if (lane.failure !== undefined) throw lane.failure
      if (core.isAccepted) throw new HandshakeError('HANDSHAKE_BAD_ARGUMENT', `lane ${core.id} was accepted already`)
      if (metadata.length > FRAME_BYTES_MAX - ACCEPT_FIXED_BYTES) {
        throw new HandshakeError('HANDSHAKE_BAD_ARGUMENT', `metadata of ${metadata.length} bytes does not fit one frame`)
      }
      if (!(Number.isInteger(initialCredit) && initialCredit >= 0 && initialCredit <= LANE_CREDIT_BYTES_MAX)) {
        throw new HandshakeError('HANDSHAKE_BAD_ARGUMENT', `initialCredit must be 0 to ${LANE_CREDIT_BYTES_MAX}, got ${initialCredit}`)
      }
      driver.run(() => driver.core.accept(core, metadata, initialCredit, resend))
      return lane
    },
    reset: (code, reason) => lane.reset(code, reason),
  }
  Promise.resolve(request)
    .then(events.onLane)
    .catch(() => lane.reset(CODES.internal)) // the service's own errors are its own to report: the client learns that there was one
}
