/** What the owner of a session does so that others join it (sessions.md §7): asks for tokens, which the node answers, and takes what their holders tell. */
import type { TokenScope } from './access-token.ts'
import { TOKEN_TTL_SECONDS_MAX } from './constants.ts'
import { badArgument, type HandshakeError } from './errors.ts'
import type { HolderReport } from './holder-lanes.ts'
import type { PayingSession, SessionPayer } from './paying.ts'
import { SessionSharing } from './session-sharing.ts'

export interface TokenOptions {
  /** The only service whose lanes the token is for. */
  readonly serviceId: number
  /** How long it can be used to join and to open lanes: 1 to 600 seconds from the node's answer. */
  readonly ttlSeconds: number
  /** read: the holder sends nothing but the metadata of OPEN. any: both ways. */
  readonly scope: TokenScope
  /**
   * The most that is signed for on account of this token, in bytes, whatever its holder tells: all that he and a node in league with him can take. It is to cover
   * what he reads, for beyond it nothing is signed, and the node stops at its window.
   */
  readonly bytesMax: number
  readonly signal?: AbortSignal
}

/** Of one session that pays. */
export interface Sharing {
  /**
   * A token of 48 bytes with which somebody else, or another tab, may join the session (`joinSession`). Whoever has it takes what the session pays for, up to
   * the window before anybody signs; so ask for one per use. It ends with its time, with the session, and when the same `identity` opens another session
   * at the node. Asked for while the connection is away, it comes with the next one.
   * @throws {HandshakeError} `HANDSHAKE_BAD_ARGUMENT` (no session has begun with it, too), `HANDSHAKE_CLOSED`; the reason of the signal.
   */
  requestToken(options: TokenOptions): Promise<Uint8Array>
  /**
   * What the holder of a token tells: its lanes are signed for as the session's own. It is believed, and may be told twice. Where a holder is gone for good,
   * `{ type: 'gone', holder }`. Nothing happens when the session is over.
   * @throws {HandshakeError} `HANDSHAKE_BAD_ARGUMENT`: no report, or no session has begun with it; or it is what no holder of its token can have seen (a lane of another service, an
   *   epoch more than 16 ahead, more than 64 lanes that are not over): nothing more of that token is believed then, and other holders go on.
   */
  takeReport(report: HolderReport): void
  /** The session's own call: it has begun. */
  begin(session: PayingSession, payer: SessionPayer, send: (body: Uint8Array) => void): SessionSharing
  /** The session's own call: it is over, or never was. */
  over(error: HandshakeError): void
}

/** For `sharing` of `connectSession`; good for one session. */
export function createSharing(): Sharing {
  return new OwnerSharing()
}

class OwnerSharing implements Sharing {
  #session: SessionSharing | undefined
  #ending: HandshakeError | undefined
  /** Callers of requestToken that wait for the node. */
  readonly #asking = new Set<(error: unknown) => void>()

  begin(session: PayingSession, payer: SessionPayer, send: (body: Uint8Array) => void): SessionSharing {
    this.#session = new SessionSharing(session, payer, send)
    return this.#session
  }

  over(error: HandshakeError): void {
    this.#ending ??= error
    for (const fail of this.#asking) fail(error)
  }

  async requestToken(options: TokenOptions): Promise<Uint8Array> {
    verifyTokenOptions(options)
    const { serviceId, ttlSeconds, scope, bytesMax, signal } = options
    signal?.throwIfAborted()
    if (this.#ending !== undefined) throw this.#ending
    const session = this.#begun
    return await new Promise((resolve, reject) => {
      const settle = (): void => {
        this.#asking.delete(fail)
        signal?.removeEventListener('abort', abort)
      }
      const fail = (error: unknown): void => {
        settle()
        reject(error as Error)
      }
      const abort = (): void => fail(signal?.reason)
      this.#asking.add(fail)
      signal?.addEventListener('abort', abort, { once: true })
      const onToken = (token: Uint8Array): void => {
        settle()
        resolve(token)
      }
      try {
        session.ask({ serviceId, ttlSeconds, scope, bytesMax }, onToken)
      } catch (error) {
        fail(error)
      }
    })
  }

  takeReport(report: HolderReport): void {
    if (this.#ending === undefined) this.#begun.holders.take(report)
  }

  get #begun(): SessionSharing {
    if (this.#session === undefined) throw badArgument('no session has begun with this sharing')
    return this.#session
  }
}

function verifyTokenOptions({ serviceId, ttlSeconds, scope, bytesMax }: TokenOptions): void {
  if (serviceId >>> 0 !== serviceId) throw badArgument(`serviceId must be a u32, got ${serviceId}`)
  if (!(Number.isInteger(ttlSeconds) && ttlSeconds > 0 && ttlSeconds <= TOKEN_TTL_SECONDS_MAX))
    throw badArgument(`ttlSeconds must be 1 to ${TOKEN_TTL_SECONDS_MAX}, got ${ttlSeconds}`)
  if (scope !== 'read' && scope !== 'any') throw badArgument(`scope must be read or any, got ${String(scope)}`)
  if (!(Number.isSafeInteger(bytesMax) && bytesMax > 0)) throw badArgument(`bytesMax must be a number of bytes above 0, got ${bytesMax}`)
}
