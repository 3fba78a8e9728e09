/** Stable: renaming a code is a breaking change. */
export type HandshakeErrorCode =
  | 'HANDSHAKE_BAD_ARGUMENT' // our own caller's mistake, found before anything was sent
  | 'HANDSHAKE_NO_CARRIER' // host and port were given where there is no TLS: give a carrier
  | 'HANDSHAKE_UNREACHABLE' // no connection, or it ended before the session began
  | 'HANDSHAKE_TIMEOUT' // the handshake was not over in time
  | 'HANDSHAKE_WRONG_KEY' // whoever answers does not hold the node key that was asked for
  | 'HANDSHAKE_REFUSED' // the node answered with GOAWAY instead of WELCOME; `laneCode` says why
  | 'HANDSHAKE_PROTOCOL' // the other side broke the protocol; `laneCode` is what we told it
  | 'HANDSHAKE_CLOSED' // the session is over, or goes over while this was waiting
  | 'HANDSHAKE_DRAINING' // the other side takes no new lanes
  | 'HANDSHAKE_LANES_EXHAUSTED' // all 8,191 lane numbers of the connection are taken
  | 'HANDSHAKE_LANE_RESET' // the lane was reset; `laneCode` and `reason` are the resetting side's
  | 'HANDSHAKE_LANE_ENDED' // write or end after our half of the lane was ended

/** What a side says when it goes (sessions.md §3). */
export interface Goaway {
  readonly code: number
  /** When the same node may be asked again; 0: it does not say. */
  readonly retryAfterMs: number
  /** Indices of other nodes, at most 255: hints only, to be followed within one's own list of nodes and one's own ranking. */
  readonly nodes: readonly number[]
}

/** The one error class of this package. Switch on `code`; `message` is for people and may change. */
export class HandshakeError extends Error {
  override readonly name = 'HandshakeError'
  readonly code: HandshakeErrorCode
  /** The u16 of sessions.md §8 or services.md that came or went with it, where there is one. */
  readonly laneCode: number | undefined
  /** The reason of the RESET; empty where there is none. Written by the other side: show it, never act on it. */
  readonly reason: string
  /** What the other side said when it ended the session, or when it began to drain. */
  readonly goaway: Goaway | undefined
  readonly details: Readonly<Record<string, number | string>>
  constructor(
    code: HandshakeErrorCode,
    message: string,
    details: Readonly<Record<string, number | string>> & { readonly laneCode?: number; readonly reason?: string } = {},
    options?: ErrorOptions & { readonly goaway?: Goaway | undefined },
  ) {
    super(message, options)
    this.code = code
    this.laneCode = details.laneCode
    this.reason = details.reason ?? ''
    this.goaway = options?.goaway
    this.details = details
  }
}

/** The caller's own mistake. */
export function badArgument(message: string): HandshakeError {
  return new HandshakeError('HANDSHAKE_BAD_ARGUMENT', message)
}
