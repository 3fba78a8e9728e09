/** Finds the node again for a session that lost its channel: at once, then at growing intervals, until one serves or the session is over. */
import type { KeyPair } from '@selvedge/crypto/ed25519'
import { dial } from '#dial'
import type { Carrier } from './carrier.ts'
import { CHANNEL_BINDING_BYTES, REDIAL_MS_MAX, REDIAL_MS_MIN } from './constants.ts'
import { createResumeGreeter, type Greeter } from './greeter.ts'
import type { Welcome } from './greeting.ts'

export interface ReconnectionOptions {
  readonly nodeKey: Uint8Array
  readonly chainId: number
  readonly redial?: (signal: AbortSignal) => Promise<Carrier>
}

export interface Reconnection {
  readonly redial: (signal: AbortSignal) => Promise<Carrier>
  readonly greet: (carrier: Carrier, welcome: Welcome, resumeToken: Uint8Array) => Greeter
}

/** @param at - where the node is, over TLS. Undefined: there is no way to dial again. */
export function reconnectionOf(
  { nodeKey, chainId, ...options }: ReconnectionOptions,
  at: { readonly host: string; readonly port: number } | undefined,
  identity: KeyPair,
  timeoutMs: number,
): Reconnection | undefined {
  const again = at === undefined ? undefined : (signal: AbortSignal) => dial({ ...at, nodeKey, timeoutMs, signal })
  const redial = options.redial ?? again
  if (redial === undefined) return undefined
  return {
    redial,
    greet: ({ channelBinding }, welcome, resumeToken) => {
      const rand = crypto.getRandomValues(new Uint8Array(16))
      return createResumeGreeter({ identity, nodeKey, chainId, channelBinding, rand, welcome, resumeToken })
    },
  }
}

/** The session that is found a new channel. */
export interface RedialedSession {
  use(carrier: Carrier, greeter: Greeter): void
  giveUp(message: string): void
}

export class Redialer {
  readonly #reconnection: Reconnection
  readonly #session: RedialedSession
  readonly #ending = new AbortController()
  #welcome: Welcome | undefined
  #token: Uint8Array = new Uint8Array()
  #tries = 0
  #timer: ReturnType<typeof setTimeout> | undefined
  resumes = 0

  constructor(reconnection: Reconnection, session: RedialedSession) {
    this.#reconnection = reconnection
    this.#session = session
  }

  /** Each WELCOME has a new token. */
  welcome(welcome: Welcome): void {
    this.#welcome ??= welcome
    this.#token = welcome.resumeToken
  }

  resumed(): void {
    this.resumes++
    this.#tries = 0
  }

  /** The channel is gone, or the new one was none. */
  lost(): void {
    if (this.#ending.signal.aborted) return
    const delayMs = this.#tries === 0 ? 0 : Math.min(REDIAL_MS_MAX, REDIAL_MS_MIN * 2 ** (this.#tries - 1))
    this.#tries++
    this.#timer = setTimeout(() => void this.#dial(), delayMs)
  }

  stop(): void {
    clearTimeout(this.#timer)
    this.#ending.abort()
  }

  async #dial(): Promise<void> {
    const { signal } = this.#ending
    let carrier: Carrier
    try {
      carrier = await this.#reconnection.redial(signal)
    } catch (error) {
      if (isRefused(error)) return this.#session.giveUp('the node is not there any more') // and no session outlives its process
      return this.lost() // as a network that is not there yet: the session's time bounds the tries
    }
    const isUsable = !signal.aborted && this.#welcome !== undefined && carrier.channelBinding.length === CHANNEL_BINDING_BYTES
    if (!isUsable) carrier.destroy()
    if (isUsable) this.#session.use(carrier, this.#reconnection.greet(carrier, this.#welcome!, this.#token))
    else this.lost()
  }
}

/** There is a host, and nobody listens. */
function isRefused(error: unknown): boolean {
  for (let each = error; each instanceof Error; each = each.cause) if ((each as { code?: unknown }).code === 'ECONNREFUSED') return true
  return false
}
