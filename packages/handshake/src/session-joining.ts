/** Joins a session that somebody else owns and pays for (sessions.md §3, §7): what is read is told to him, who signs for it. */
import { createKeyPair } from '@selvedge/crypto/ed25519'
import { decodeAccessToken, type AccessToken } from './access-token.ts'
import { channelOf, orDestroyed } from './client-channel.ts'
import { ClientSession, type Session } from './client-session.ts'
import { type SessionTarget, verifyTarget } from './connect-options.ts'
import { PAYING_LANE_CREDIT_BYTES } from './constants.ts'
import { HandshakeError } from './errors.ts'
import { createJoinGreeter } from './greeter.ts'
import type { HolderReport } from './holder-lanes.ts'
import type { PriceFrame } from './paying.ts'

export type JoinOptions = SessionTarget & {
  /** An access token of 48 bytes, from `requestToken` of whose session it is: the connection joins that session, within what the token allows. */
  readonly token: Uint8Array
  /**
   * Tells the owner of the session what comes on the lanes of this connection, for his `takeReport`: only he acknowledges, and where he does not the node
   * stops at the window. Called in order; throws nothing. A report may be cloned.
   */
  readonly report: (report: HolderReport) => void
}

/** A connection that joined a session. It is not resumed: it ends with its channel. */
export interface JoinedSession extends Session {
  /** DATA of one of its lanes is verified up to `offset`: the owner is to sign for it. */
  verified(laneId: number, offset: bigint): void
  /** What came on the lane behind the verified offset is wrong: the owner is to sign for nothing more of it, also when the lane is reset next. */
  refuse(laneId: number): void
  /** Who verifies the lane goes on behind its reset too, with what was in flight (`isReadOn`), and says with `giveUp` that he is done. */
  follows(laneId: number): void
  /**
   * Nobody verifies more of the lane. Where it is reset, or ended before all of it was verified, the owner is to sign for the rest of the unit in which that stopped: one unit,
   * 2 MiB + 128 KiB, at most.
   */
  giveUp(laneId: number): void
  /** The newest that the node has told: what the owner pays. */
  readonly prices: PriceFrame | undefined
}

/**
 * Joins with a token. With `host` and `port` over TLS (Node.js), else over the given carrier, as `connectSession`.
 * @throws {HandshakeError} as `connectSession`; `HANDSHAKE_REFUSED` with 4 (the session is over), 5 (the token is), 6 (it is no token of the node's) or 7
 *   (the session has its eight connections, or they owe too much).
 */
export async function joinSession(options: JoinOptions): Promise<JoinedSession> {
  const session = await orDestroyed(options, joinedSession(options))
  return await session.greet(undefined, options.signal)
}

async function joinedSession(options: JoinOptions): Promise<JoinedClientSession> {
  verifyTarget(options)
  const token = tokenIn(options.token)
  const accessToken = options.token.slice()
  const { hello, ...channel } = await channelOf(options)
  const greeter = createJoinGreeter({ identity: createKeyPair(), ...hello, accessToken, report: options.report })
  const rules = { creditMin: PAYING_LANE_CREDIT_BYTES, isReadOnly: token.scope === 'read' }
  return new JoinedClientSession({ ...channel, greeter, resumeTtlMs: 0, rules })
}

function tokenIn(token: Uint8Array): AccessToken {
  try {
    return decodeAccessToken(token)
  } catch (cause) {
    throw new HandshakeError('HANDSHAKE_BAD_ARGUMENT', `no access token, of ${token.length} bytes`, {}, { cause })
  }
}

class JoinedClientSession extends ClientSession implements JoinedSession {
  get prices(): PriceFrame | undefined {
    return this.core.wishes.prices
  }

  verified(laneId: number, offset: bigint): void {
    this.core.wishes.verified?.(laneId, offset)
  }

  refuse(laneId: number): void {
    this.core.wishes.refused?.(laneId)
  }

  follows(laneId: number): void {
    this.core.wishes.followed?.(laneId)
  }

  giveUp(laneId: number): void {
    this.core.wishes.left?.(laneId)
  }
}
