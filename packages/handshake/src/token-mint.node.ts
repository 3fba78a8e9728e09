/**
 * Makes access tokens and tells its own from others (sessions.md §7): HMAC-SHA-256 under a secret of the node, new each day. The one before is taken too, so that
 * no token dies with the day; it lives ten minutes at most. Secrets are the process's: no session outlives it, and so no token.
 */
import { createHmac, timingSafeEqual } from 'node:crypto'
import { transcriptOf } from '@selvedge/crypto/transcript'
import { type AccessToken, decodeAccessToken, encodeTokenFields, TOKEN_FIELDS_BYTES } from './access-token.ts'
import { CODES } from './codes.ts'
import { TOKEN_TTL_SECONDS_MAX } from './constants.ts'
import { protocolError } from './frames.ts'
import type { TokenMint } from './session-connections.ts'

interface TokenMintComponents {
  /** Seconds since 1970. */
  readonly nowSeconds: () => number
  readonly randomBytes: (count: number) => Uint8Array
}

const SECRET_BYTES = 32
const MAC_BYTES = 16
const DAY_SECONDS = 86_400

export function createTokenMint(components: TokenMintComponents): TokenMint {
  return new HmacMint(components)
}

class HmacMint implements TokenMint {
  readonly #components: TokenMintComponents
  /** The newest, and the one before. */
  #secrets: [Uint8Array, Uint8Array]
  #sinceSeconds: number

  constructor(components: TokenMintComponents) {
    this.#components = components
    this.#sinceSeconds = components.nowSeconds()
    this.#secrets = [this.#secret(), this.#secret()] // nothing was made under the second
  }

  issue({ ttlSeconds, ...about }: Omit<AccessToken, 'expirySeconds'> & { readonly ttlSeconds: number }): Uint8Array {
    const expirySeconds = this.#rotate() + ttlSeconds
    const fields = encodeTokenFields({ ...about, expirySeconds })
    return Uint8Array.of(...fields, ...macOf(this.#secrets[0], fields))
  }

  open(token: Uint8Array): AccessToken {
    const now = this.#rotate()
    const fields = token.subarray(0, TOKEN_FIELDS_BYTES)
    const mac = token.subarray(TOKEN_FIELDS_BYTES)
    const isOurs = this.#secrets.map((secret) => mac.length === MAC_BYTES && timingSafeEqual(macOf(secret, fields), mac)) // both, always
    if (!isOurs.includes(true)) throw protocolError(CODES.notAuthorised, 'an access token that is not of this node')
    const decoded = decodeAccessToken(token)
    if (isPast(decoded, now)) throw protocolError(CODES.expiredToken, 'the access token is out of date')
    return decoded
  }

  secondsLeft(token: AccessToken): number {
    const now = this.#components.nowSeconds()
    return isPast(token, now) ? 0 : token.expirySeconds - now
  }

  /** @returns the time. */
  #rotate(): number {
    const now = this.#components.nowSeconds()
    const days = Math.floor((now - this.#sinceSeconds) / DAY_SECONDS)
    for (let day = 0; day < Math.min(days, 2); day++) {
      this.#secrets[1].fill(0)
      this.#secrets = [this.#secret(), this.#secrets[0]]
    }
    if (days > 0) this.#sinceSeconds += days * DAY_SECONDS
    return now
  }

  #secret(): Uint8Array {
    return this.#components.randomBytes(SECRET_BYTES)
  }
}

/** Also where it has longer to live than any token is given: the clock was set back, and that lengthens no life. */
function isPast({ expirySeconds }: AccessToken, nowSeconds: number): boolean {
  return nowSeconds >= expirySeconds || expirySeconds - nowSeconds > TOKEN_TTL_SECONDS_MAX
}

function macOf(secret: Uint8Array, fields: Uint8Array): Uint8Array {
  return createHmac('sha256', secret).update(transcriptOf('accessToken', fields)).digest().subarray(0, MAC_BYTES)
}
