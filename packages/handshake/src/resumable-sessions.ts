/**
 * Sessions of a node that may outlive their connection, by id (sessions.md §6). Who names one must know its token, or one that a WELCOME offered since (any of
 * them may be lost, or late) until something came over the new connection, and hold its key; what is wrong is not told apart.
 *
 * Invariant: no more than `suspendedMax` wait for their client at once, and of one address no more than `suspendedPerAddressMax`.
 */
import type { ResumeTarget } from './greeter.ts'
import type { Hello, Welcome } from './greeting.ts'
import type { NodeSession } from './node-session.ts'

const SESSION_ID_BYTES = 16
/** Offered and not heard of: what a client shows is always among the first two. */
const TOKENS_MAX = 4

export interface ResumableLimits {
  readonly suspendedMax: number
  readonly suspendedPerAddressMax: number
}

export class ResumableSessions {
  readonly #limits: ResumableLimits
  readonly #sessions = new Map<string, ResumableSession>()
  readonly #suspendedOf = new Map<string, number>()
  #suspended = 0

  constructor(limits: ResumableLimits) {
    this.#limits = limits
  }

  /** Sessions that wait for their client. */
  get suspended(): number {
    return this.#suspended
  }

  add(session: ResumableSession): void {
    this.#sessions.set(String(session.welcome.sessionId), session)
  }

  /** The session that HELLO names, which is told `token` in WELCOME. HELLO's signature was checked. */
  find({ bracket, clientKey }: Hello, token: Uint8Array): ResumableSession | undefined {
    const session = this.#sessions.get(String(bracket.slice(0, SESSION_ID_BYTES)))
    const named = bracket.subarray(SESSION_ID_BYTES)
    const isKnown = session !== undefined && session.knows(named) && isEqual(session.clientKey, clientKey)
    if (!isKnown) return undefined
    session.offer(named, token)
    return session
  }

  maySuspend({ network }: ResumableSession): boolean {
    const { suspendedMax, suspendedPerAddressMax } = this.#limits
    return this.#suspended < suspendedMax && (this.#suspendedOf.get(network) ?? 0) < suspendedPerAddressMax
  }

  suspend(session: ResumableSession): void {
    if (session.isSuspended) return
    session.isSuspended = true
    this.#suspended++
    this.#suspendedOf.set(session.network, (this.#suspendedOf.get(session.network) ?? 0) + 1)
  }

  /** Its client is back, from this address or another. */
  resume(session: ResumableSession): void {
    if (!session.isSuspended) return
    session.isSuspended = false
    this.#suspended--
    const left = (this.#suspendedOf.get(session.network) ?? 1) - 1
    if (left > 0) this.#suspendedOf.set(session.network, left)
    else this.#suspendedOf.delete(session.network)
  }

  remove(session: ResumableSession): void {
    this.resume(session)
    this.#sessions.delete(String(session.welcome.sessionId))
  }
}

export class ResumableSession implements ResumeTarget {
  readonly welcome: Welcome
  readonly clientKey: Uint8Array
  readonly session: NodeSession
  /** Where its connection comes from, or came from. */
  network: string
  isSuspended = false
  #tokens: readonly Uint8Array[]

  constructor(welcome: Welcome, clientKey: Uint8Array, session: NodeSession, network: string) {
    this.welcome = welcome
    this.clientKey = clientKey
    this.session = session
    this.network = network
    this.#tokens = [welcome.resumeToken]
  }

  knows(token: Uint8Array): boolean {
    return this.#tokens.filter((each) => isEqual(each, token)).length > 0
  }

  /** The client showed `known` and is told `next`: it may not hear of it, nor may it have heard of those before. */
  offer(known: Uint8Array, next: Uint8Array): void {
    const others = this.#tokens.filter((each) => !isEqual(each, known))
    this.#tokens = [next, known.slice(), ...others].slice(0, TOKENS_MAX)
  }

  /** It did. */
  settle(): void {
    this.#tokens = this.#tokens.slice(0, 1)
  }
}

/** In a time that depends on nothing but the lengths. */
function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  let difference = a.length ^ b.length
  for (let i = 0; i < a.length; i++) difference |= a[i]! ^ (b[i] ?? 0)
  return difference === 0
}
