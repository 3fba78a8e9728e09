/**
 * Sessions of a node that others may join, by id (sessions.md §7). A token is judged by its MAC before anything is looked up, so a stranger learns of no session
 * whether it is there. Of one session key only the newest session can be joined.
 */
import { CODES } from './codes.ts'
import { protocolError } from './frames.ts'
import type { JoinPlace } from './joined-payment.ts'
import type { SessionConnections, TokenMint } from './session-connections.ts'

export class JoinableSessions {
  readonly mint: TokenMint
  readonly #sessions = new Map<string, SessionConnections>()
  readonly #newestOf = new Map<string, SessionConnections>()

  constructor(mint: TokenMint) {
    this.mint = mint
  }

  /** Its owner's last one is joined by nobody any more, and who has joined it goes. */
  add(connections: SessionConnections): void {
    const owner = String(connections.session.ownerKey)
    const last = this.#newestOf.get(owner)
    this.#sessions.set(idOf(connections), connections)
    this.#newestOf.set(owner, connections)
    last?.endTokens()
  }

  remove(connections: SessionConnections): void {
    const owner = String(connections.session.ownerKey)
    this.#sessions.delete(idOf(connections))
    if (this.#newestOf.get(owner) === connections) this.#newestOf.delete(owner)
  }

  /** @throws {HandshakeError} `HANDSHAKE_PROTOCOL`: 6 not a token of this node, 5 out of date, 4 its session is over, 7 it takes no more connections. */
  place(accessToken: Uint8Array): JoinPlace {
    const token = this.mint.open(accessToken)
    const connections = this.#sessions.get(String(token.sessionId))
    if (connections === undefined) throw protocolError(CODES.unknownSession, 'HELLO to join a session that is over')
    return { connections, number: connections.freeNumber(token), token }
  }
}

function idOf({ session }: SessionConnections): string {
  return String(session.welcome.sessionId)
}
