/** Opens sessions: a client's own, as a guest or as one that pays. */
import { createKeyPair } from '@selvedge/crypto/ed25519'
import { channelOf, orDestroyed } from './client-channel.ts'
import { ClientSession, type Session } from './client-session.ts'
import * as asked from './connect-options.ts'
import type { ConnectOptions } from './connect-options.ts'
import { GREETING_BYTES_MAX, GREETING_TIMEOUT_MS, PAYING_LANE_CREDIT_BYTES, RESUME_TTL_MS } from './constants.ts'
import { createClientGreeter } from './greeter.ts'
import { reconnectionOf } from './redialer.ts'

/** Longest metadata that fits into HELLO's flight (4 KiB) beside HELLO. */
const FIRST_METADATA_BYTES_MAX: number = GREETING_BYTES_MAX - 1_096

/**
 * Opens a session with the node that holds `nodeKey`. With `host` and `port` over TLS (Node.js), else over the given carrier, which is the session's
 * from here on: it is destroyed too where no session comes of it.
 * @throws {HandshakeError} `HANDSHAKE_UNREACHABLE`, `HANDSHAKE_TIMEOUT`, `HANDSHAKE_WRONG_KEY`, `HANDSHAKE_REFUSED` (`laneCode` says why),
 *   `HANDSHAKE_PROTOCOL`, `HANDSHAKE_NO_CARRIER`, `HANDSHAKE_BAD_ARGUMENT`; the reason of the signal.
 */
export async function connectSession(options: ConnectOptions): Promise<Session> {
  const session = await orDestroyed(options, ownSession(options))
  return await session.greet(options.firstLane, options.signal)
}

/** A session that has not greeted yet. */
async function ownSession(options: ConnectOptions): Promise<ClientSession> {
  const { timeoutMs = GREETING_TIMEOUT_MS, resumeTimeoutMs = RESUME_TTL_MS, firstLane, identity = createKeyPair(), sharing } = options
  asked.verifyTarget(options)
  const paying = asked.payingOf(options, identity)
  const creditMin = paying === undefined ? 0 : PAYING_LANE_CREDIT_BYTES
  if (firstLane !== undefined) asked.verifyLaneOptions(firstLane, FIRST_METADATA_BYTES_MAX, creditMin)
  const { hello, ...channel } = await channelOf(options)
  const greeter = createClientGreeter({ identity, ...hello, ...(paying === undefined ? {} : { paying }) })
  const reconnection =
    paying === undefined || resumeTimeoutMs === 0
      ? undefined
      : reconnectionOf(options, 'carrier' in options ? undefined : options, identity, timeoutMs)
  const rules = { creditMin, isReadOnly: false }
  return new ClientSession({ ...channel, greeter, resumeTtlMs: resumeTimeoutMs, rules, reconnection, sharing })
}
