/** What a client asks for: its options, and what is wrong with them before anything is sent. */
import { type KeyPair, PUBLIC_KEY_BYTES } from '@selvedge/crypto/ed25519'
import type { Carrier } from './carrier.ts'
import { LANE_CREDIT_BYTES_MAX } from './constants.ts'
import { badArgument } from './errors.ts'
import type { ClientGreeterOptions } from './greeter.ts'
import { sessionKeyIn } from './greeting.ts'
import type { Resend } from './lane-core.ts'
import type { Sharing } from './owner-sharing.ts'
import type { SessionPayer } from './paying.ts'

export interface OpenLaneOptions {
  readonly serviceId: number
  /** What the service reads first, at most 65,526 bytes (in `firstLane`: 3,000). Borrowed until the promise settles. */
  readonly metadata: Uint8Array
  /**
   * What the node may send ahead of the reader, in bytes, at most 16 MiB. @default 2 MiB + 128 KiB; where a payer is given 2 MiB + 256 KiB,
   * and not less: a promise to receive, verify and acknowledge so much, also while the reader is paused. There the first 2 MiB + 128 KiB, one unit, are granted with OPEN and
   * the rest with what is read first.
   */
  readonly initialCredit?: number
  /**
   * Credit goes back by `lane.release`, not when `source` gives the bytes: so they can be verified and acknowledged while who wants them pauses,
   * and no more than the credit is ever held. @default false
   */
  readonly isCreditHeld?: boolean
  /**
   * With `isCreditHeld`: bytes that `lane.release` gives back, in the order in which they came, are overwritten by what comes next, so that a large
   * answer makes no garbage. For a reader that copies what he keeps. @default false: bytes are the reader's to keep
   */
  readonly isMemoryReused?: boolean
  /**
   * Of a lane that is paid for: after this side's reset (and the signal's) `source` goes on with what was in flight, until the node has answered or the session is over, and
   * fails only then. So whoever verifies can verify that too, and sign for no more than was true. To be read until it fails, or to be left by `return()`. @default false
   */
  readonly isReadOn?: boolean
  /** Nothing is sent on the lane but what OPEN says: END goes with it, in the same flight. @default false */
  readonly isRequestOnly?: boolean
  /** Covers the lane's whole life: its abort resets the lane with 25, and reader and writers get its reason. */
  readonly signal?: AbortSignal
  /** Makes DATA that this side sent again, where it was lost with a connection; without it the lane is reset with 24 when the session goes on. */
  readonly resend?: Resend
}

/** Which node it is to be, and how it is reached. */
export type SessionTarget = ConnectTargetOptions & ({ readonly host: string; readonly port: number } | { readonly carrier: Carrier })

interface ConnectTargetOptions {
  /** The Ed25519 key, 32 bytes, that the node must prove. */
  readonly nodeKey: Uint8Array
  readonly chainId: number
  readonly signal?: AbortSignal
  /** For connection, channel and greeting together; where a session goes on, each dial and each greeting has it anew. @default 5,000 */
  readonly timeoutMs?: number
}

export interface ConnectCommonOptions extends ConnectTargetOptions {
  /** @default a fresh key, known to nobody */
  readonly identity?: KeyPair
  /** A lane whose OPEN travels with HELLO: the first byte comes one round trip sooner. */
  readonly firstLane?: OpenLaneOptions
  /** An account's word for `identity`, as bytes (142 + 4n); without it, and without `payer`, the client is a guest. */
  readonly delegation?: Uint8Array
  /** Signs for what is delivered. Called synchronously and in order; it is to be told what was verified by whoever verifies. */
  readonly payer?: SessionPayer
  /**
   * A new channel to the same node, for a session that pays and lost its own: it then goes on where it was. Called again, at growing intervals, until
   * one serves or `resumeTimeoutMs` is over. The signal aborts when the session ends. @default with `host` and `port` the same again, with `carrier` none
   */
  readonly redial?: (signal: AbortSignal) => Promise<Carrier>
  /** How long that is tried for; 0: the session ends with its channel. @default 60,000 */
  readonly resumeTimeoutMs?: number
  /** So that others may join the session, where it pays: `createSharing()` of `@selvedge/handshake/sharing`, another one for each session. @default nobody may */
  readonly sharing?: Sharing
}
export type ConnectOptions = ConnectCommonOptions & SessionTarget

export function verifyLaneOptions(options: OpenLaneOptions, metadataBytesMax: number, creditMin: number): void {
  const { serviceId, metadata, initialCredit = creditMin, isCreditHeld = false, isMemoryReused = false } = options
  if (serviceId >>> 0 !== serviceId) throw badArgument(`serviceId must be a u32, got ${serviceId}`)
  if (metadata.length > metadataBytesMax) throw badArgument(`metadata of ${metadata.length} bytes, at most ${metadataBytesMax} fit`)
  if (isMemoryReused && !isCreditHeld) throw badArgument('isMemoryReused goes with isCreditHeld')
  if (!(Number.isInteger(initialCredit) && initialCredit >= creditMin && initialCredit <= LANE_CREDIT_BYTES_MAX)) {
    throw badArgument(`initialCredit must be ${creditMin} to ${LANE_CREDIT_BYTES_MAX}, got ${initialCredit}`)
  }
}

/** What makes the client one that pays, checked: an account's word for this very key, and who signs. */
export function payingOf({ delegation, payer, sharing }: ConnectOptions, { publicKey }: KeyPair): ClientGreeterOptions['paying'] {
  if (delegation === undefined && payer === undefined && sharing === undefined) return undefined
  if (delegation === undefined || payer === undefined) throw badArgument('delegation and payer go together, and sharing with them')
  const sessionKey = sessionKeyIn(delegation)
  if (sessionKey === undefined) throw badArgument(`a delegation of ${delegation.length} bytes is none`)
  if (!publicKey.every((byte, i) => byte === sessionKey[i])) throw badArgument('identity is not the session key of the delegation')
  return { delegation, payer, sharing }
}

/** The keys of who is asked. */
export function verifyTarget({ nodeKey, chainId }: ConnectTargetOptions): void {
  if (nodeKey.length !== PUBLIC_KEY_BYTES) throw badArgument(`nodeKey must be ${PUBLIC_KEY_BYTES} bytes, got ${nodeKey.length}`)
  if (chainId >>> 0 !== chainId || chainId === 0) throw badArgument(`chainId must be a u32 above 0, got ${chainId}`)
}
