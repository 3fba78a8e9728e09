/**
 * The owner's end of a session that others may join (sessions.md §7): asks for tokens, and answers in their order; what holders tell. Asks that a lost connection
 * took with it are made again on the next one.
 */
import { decodeAccessToken, encodeTokenAsk, type TokenAsk, tokenNameOf } from './access-token.ts'
import { CODES } from './codes.ts'
import { TOKEN_ASKS_MAX } from './constants.ts'
import { HandshakeError } from './errors.ts'
import { protocolError } from './frames.ts'
import { HolderLanes } from './holder-lanes.ts'
import type { PayingSession, SessionPayer } from './paying.ts'

/** What the node is asked for, and how much is signed for on account of it: the owner's own affair. */
interface OwnAsk extends TokenAsk {
  readonly bytesMax: number
}
interface Asked {
  readonly ask: OwnAsk
  readonly onToken: (token: Uint8Array) => void
}

export class SessionSharing {
  readonly holders: HolderLanes
  readonly #sessionId: Uint8Array
  readonly #send: (body: Uint8Array) => void
  readonly #asked: Asked[] = []
  /** Services that a token was ever asked for: others may have lanes of them. */
  readonly #services = new Set<number>()

  constructor({ sessionId, epoch }: PayingSession, payer: SessionPayer, send: (body: Uint8Array) => void) {
    this.holders = new HolderLanes(payer, epoch)
    this.#sessionId = sessionId
    this.#send = send
  }

  /** @throws {HandshakeError} `HANDSHAKE_BAD_ARGUMENT` while 16 are asked for. */
  ask(ask: OwnAsk, onToken: Asked['onToken']): void {
    if (this.#asked.length >= TOKEN_ASKS_MAX)
      throw new HandshakeError('HANDSHAKE_BAD_ARGUMENT', `${TOKEN_ASKS_MAX} tokens are asked for already`)
    this.#asked.push({ ask, onToken })
    this.#services.add(ask.serviceId)
    this.#send(encodeTokenAsk(ask))
  }

  /** On a new connection: nothing that was asked on the last one is answered now. */
  askAgain(): void {
    for (const { ask } of this.#asked) this.#send(encodeTokenAsk(ask))
  }

  hasAsked(serviceId: number): boolean {
    return this.#services.has(serviceId)
  }

  answered(token: Uint8Array): undefined {
    const asked = this.#asked.shift()
    const { sessionId, serviceId, scope } = decodeAccessToken(token)
    const isIt = asked !== undefined && serviceId === asked.ask.serviceId && scope === asked.ask.scope
    if (!isIt || sessionId.some((byte, i) => byte !== this.#sessionId[i]))
      throw protocolError(CODES.badFrame, 'TOKEN that was not asked for')
    const name = tokenNameOf(token)
    // Who got the first would have what the second allows.
    if (this.holders.isAllowed(name)) throw protocolError(CODES.badFrame, 'TOKEN that was given before')
    this.holders.allow(name, asked.ask)
    asked.onToken(token.slice())
  }
}
