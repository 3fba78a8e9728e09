/**
 * Access tokens and the frame that asks for one (sessions.md §3, §7). A token carries what its MAC covers, so a node keeps nothing for each; who holds it may
 * join its session. The MAC is the node's own affair (`token-mint.node.ts`): a client reads what a token says and cannot tell whether it is good.
 *
 *   `sessionId 16 · serviceId u32 · expiry u32 (seconds) · scope u8 · serial u32 · zero 3 · MAC 16`: 48 bytes, one form
 */
import { sha256 } from '@selvedge/crypto/sha256'
import { CODES } from './codes.ts'
import { TOKEN_TTL_SECONDS_MAX } from './constants.ts'
import { protocolError, viewOf } from './frames.ts'

/** read: nothing is sent on a lane but its OPEN. any: both halves. Of the token's service both. */
export type TokenScope = 'read' | 'any'

export interface AccessToken {
  /** 16 bytes, of the session's first WELCOME. */
  readonly sessionId: Uint8Array
  readonly serviceId: number
  /** Seconds since 1970 by the node's clock: from this one on it is no good. */
  readonly expirySeconds: number
  readonly scope: TokenScope
  /** u32: no two tokens of a session have the same, so that each has its own places. */
  readonly serial: number
}

/** What the owner of a session asks for. */
export interface TokenAsk {
  readonly serviceId: number
  /** 1 to 600 seconds, from when the node answers. */
  readonly ttlSeconds: number
  readonly scope: TokenScope
}

const ACCESS_TOKEN_BYTES = 48
const TOKEN_ASK_BYTES = 9
const TOKEN_NAME_BYTES = 16
/** What the MAC covers, after its domain. */
export const TOKEN_FIELDS_BYTES = 32
const SERVICE_OFFSET = 16
const EXPIRY_OFFSET = 20
const SCOPE_OFFSET = 24
const SERIAL_OFFSET = 25
const ZERO_OFFSET = 29
const SCOPES: readonly TokenScope[] = ['read', 'any']

/** The 32 bytes before the MAC. */
export function encodeTokenFields({ sessionId, serviceId, expirySeconds, scope, serial }: AccessToken): Uint8Array {
  const out = new Uint8Array(TOKEN_FIELDS_BYTES)
  const view = viewOf(out)
  out.set(sessionId)
  view.setUint32(SERVICE_OFFSET, serviceId, true)
  view.setUint32(EXPIRY_OFFSET, expirySeconds, true)
  out[SCOPE_OFFSET] = SCOPES.indexOf(scope)
  view.setUint32(SERIAL_OFFSET, serial, true)
  return out
}

/** What a token says, whoever made it. @throws {HandshakeError} `HANDSHAKE_PROTOCOL`, code 1, where it is not of the one form. */
export function decodeAccessToken(token: Uint8Array): AccessToken {
  const scope = SCOPES[token[SCOPE_OFFSET] ?? SCOPES.length]
  const isZero = token.subarray(ZERO_OFFSET, TOKEN_FIELDS_BYTES).every((byte) => byte === 0)
  if (token.length !== ACCESS_TOKEN_BYTES || scope === undefined || !isZero) throw protocolError(CODES.badFrame, 'no access token')
  const view = viewOf(token)
  return {
    sessionId: token.slice(0, SERVICE_OFFSET),
    serviceId: view.getUint32(SERVICE_OFFSET, true),
    expirySeconds: view.getUint32(EXPIRY_OFFSET, true),
    scope,
    serial: view.getUint32(SERIAL_OFFSET, true),
  }
}

/** The name under which a holder tells of what he takes by a token: 32 hex digits, of which nobody makes the token. */
export function tokenNameOf(token: Uint8Array): string {
  return Array.from(sha256(token).subarray(0, TOKEN_NAME_BYTES), (byte) => byte.toString(16).padStart(2, '0')).join('')
}

export function encodeTokenAsk({ serviceId, ttlSeconds, scope }: TokenAsk): Uint8Array {
  const out = new Uint8Array(TOKEN_ASK_BYTES)
  const view = viewOf(out)
  view.setUint32(0, serviceId, true)
  view.setUint32(4, ttlSeconds, true)
  out[8] = SCOPES.indexOf(scope)
  return out
}

/** The body of TOKEN without its flag. */
export function decodeTokenAsk(body: Uint8Array): TokenAsk {
  const view = viewOf(body)
  const ttlSeconds = view.getUint32(4, true)
  const scope = SCOPES[body[8]!]
  if (scope === undefined || ttlSeconds === 0 || ttlSeconds > TOKEN_TTL_SECONDS_MAX)
    throw protocolError(CODES.badFrame, `TOKEN for ${ttlSeconds} s with scope ${body[8]}`)
  return { serviceId: view.getUint32(0, true), ttlSeconds, scope }
}
