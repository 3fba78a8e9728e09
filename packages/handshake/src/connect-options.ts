/** What a client asks for: its options, and what is wrong with them before anything is sent. */
import { type KeyPair, PUBLIC_KEY_BYTES } from '@selvedge/crypto/ed25519'
import { type AccessToken, decodeAccessToken, type TokenScope } from './access-token.ts'
import type { Carrier } from './carrier.ts'
import { LANE_CREDIT_BYTES_MAX, TOKEN_TTL_SECONDS_MAX } from './constants.ts'
import { HandshakeError } from './errors.ts'
import type { ClientGreeterOptions } from './greeter.ts'
import { sessionKeyIn } from './greeting.ts'
import type { HolderReport } from './holder-lanes.ts'
import type { Resend } from './lane-core.ts'
import type { SessionPayer } from './paying.ts'

export interface OpenLaneOptions {
  readonly serviceId: number
  /** What the service reads first, at most 65,526 bytes (in `firstLane`: 3,000). Borrowed until the promise settles. */
  readonly metadata: Uint8Array
  /**
   * What the node may send before anything is read, in bytes, at most 16 MiB. @default 2 MiB + 128 KiB; where a payer is given 2 MiB + 256 KiB,
   * and not less: a promise to receive, verify and acknowledge so much, also while the reader is paused.
   */
  readonly initialCredit?: number
  /**
   * Credit goes back by `lane.release`, not when `source` gives the bytes: so they can be verified and acknowledged while who wants them pauses,
   * and no more than the credit is ever held. @default false
   */
  readonly isCreditHeld?: boolean
  /** Covers the lane's whole life: its abort resets the lane with 25, and reader and writers get its reason. */
  readonly signal?: AbortSignal
  /** Makes DATA that this side sent again, where it was lost with a connection; without it the lane is reset with 24 when the session goes on. */
  readonly resend?: Resend
}

export interface ConnectCommonOptions {
  /** The Ed25519 key, 32 bytes, that the node must prove. */
  readonly nodeKey: Uint8Array
  readonly chainId: number
  /** @default a fresh key, known to nobody */
  readonly identity?: KeyPair
  readonly signal?: AbortSignal
  /** For connection, channel and greeting together. @default 5,000 */
  readonly timeoutMs?: number
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
  /**
   * An access token of 48 bytes, from `requestToken` of whose session it is: the connection joins that session, within what the token allows. Only
   * with `report`, and without `identity`, `delegation`, `payer` and `firstLane`.
   */
  readonly join?: Uint8Array
  /**
   * Tells the owner of the session what comes on the lanes of this connection, for his `takeReport`: only he acknowledges, and where he does not the node
   * stops at the window. `verified` of the session goes the same way. Called in order; throws nothing.
   */
  readonly report?: (report: HolderReport) => void
}
export type ConnectOptions = ConnectCommonOptions & ({ readonly host: string; readonly port: number } | { readonly carrier: Carrier })

export interface TokenOptions {
  /** The only service whose lanes the token is for. */
  readonly serviceId: number
  /** How long it can be used to join and to open lanes: 1 to 600 seconds from the node's answer. */
  readonly ttlSeconds: number
  /** read: the holder sends nothing but the metadata of OPEN. any: both ways. */
  readonly scope: TokenScope
  readonly signal?: AbortSignal
}

export function verifyLaneOptions(options: OpenLaneOptions, metadataBytesMax: number, creditMin: number): void {
  const { serviceId, metadata, initialCredit = creditMin } = options
  if (serviceId >>> 0 !== serviceId) throw badArgument(`serviceId must be a u32, got ${serviceId}`)
  if (metadata.length > metadataBytesMax) throw badArgument(`metadata of ${metadata.length} bytes, at most ${metadataBytesMax} fit`)
  if (!(Number.isInteger(initialCredit) && initialCredit >= creditMin && initialCredit <= LANE_CREDIT_BYTES_MAX)) {
    throw badArgument(`initialCredit must be ${creditMin} to ${LANE_CREDIT_BYTES_MAX}, got ${initialCredit}`)
  }
}

/** What makes the client one that pays, checked: an account's word for this very key, and who signs. */
export function payingOf({ delegation, payer }: ConnectOptions, { publicKey }: KeyPair): ClientGreeterOptions['paying'] {
  if (delegation === undefined && payer === undefined) return undefined
  if (delegation === undefined || payer === undefined) throw badArgument('delegation and payer go together')
  const sessionKey = sessionKeyIn(delegation)
  if (sessionKey === undefined) throw badArgument(`a delegation of ${delegation.length} bytes is none`)
  if (!publicKey.every((byte, i) => byte === sessionKey[i])) throw badArgument('identity is not the session key of the delegation')
  return { delegation, payer }
}

/** The keys of who is asked. */
export function verifyTarget({ nodeKey, chainId }: ConnectCommonOptions): void {
  if (nodeKey.length !== PUBLIC_KEY_BYTES) throw badArgument(`nodeKey must be ${PUBLIC_KEY_BYTES} bytes, got ${nodeKey.length}`)
  if (chainId >>> 0 !== chainId || chainId === 0) throw badArgument(`chainId must be a u32 above 0, got ${chainId}`)
}

interface Joining {
  readonly accessToken: Uint8Array
  readonly token: AccessToken
  readonly report: (report: HolderReport) => void
}

/** What makes it a connection that joins a session. */
export function joiningOf({ join, report, identity, delegation, payer, firstLane }: ConnectOptions): Joining | undefined {
  if (join === undefined && report === undefined) return undefined
  if (join === undefined || report === undefined) throw badArgument('join and report go together')
  if (identity !== undefined || delegation !== undefined || payer !== undefined || firstLane !== undefined)
    throw badArgument('who joins a session has no identity, delegation, payer or firstLane')
  try {
    return { accessToken: join.slice(), token: decodeAccessToken(join), report }
  } catch (cause) {
    throw new HandshakeError('HANDSHAKE_BAD_ARGUMENT', `join is no access token, of ${join.length} bytes`, {}, { cause })
  }
}

export function verifyTokenOptions({ serviceId, ttlSeconds, scope }: TokenOptions): void {
  if (serviceId >>> 0 !== serviceId) throw badArgument(`serviceId must be a u32, got ${serviceId}`)
  if (!(Number.isInteger(ttlSeconds) && ttlSeconds > 0 && ttlSeconds <= TOKEN_TTL_SECONDS_MAX))
    throw badArgument(`ttlSeconds must be 1 to ${TOKEN_TTL_SECONDS_MAX}, got ${ttlSeconds}`)
  if (scope !== 'read' && scope !== 'any') throw badArgument(`scope must be read or any, got ${String(scope)}`)
}

export function badArgument(message: string): HandshakeError {
  return new HandshakeError('HANDSHAKE_BAD_ARGUMENT', message)
}
