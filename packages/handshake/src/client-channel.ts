/** The channel that a client's session begins on: dialled over TLS, or given. */
import { dial } from '#dial'
import type { Carrier } from './carrier.ts'
import type { SessionTarget } from './connect-options.ts'
import { CHANNEL_BINDING_BYTES, GREETING_TIMEOUT_MS } from './constants.ts'
import { badArgument } from './errors.ts'

export interface Channel {
  readonly carrier: Carrier
  /** When it was asked for, and for how long from then on connection, channel and greeting may take together. */
  readonly startedMs: number
  readonly timeoutMs: number
  /** What HELLO on it is made with, beside the client's key. */
  readonly hello: {
    readonly nodeKey: Uint8Array
    readonly chainId: number
    readonly channelBinding: Uint8Array
    readonly rand: Uint8Array
  }
}

export async function channelOf(options: SessionTarget): Promise<Channel> {
  const { nodeKey, chainId, signal, timeoutMs = GREETING_TIMEOUT_MS } = options
  signal?.throwIfAborted()
  const startedMs = performance.now()
  const carrier =
    'carrier' in options ? options.carrier : await dial({ host: options.host, port: options.port, nodeKey, timeoutMs, signal })
  const { channelBinding } = carrier
  if (channelBinding.length !== CHANNEL_BINDING_BYTES) throw badArgument('the channel binding of a carrier is 33 bytes')
  const rand = crypto.getRandomValues(new Uint8Array(16))
  return { carrier, startedMs, timeoutMs, hello: { nodeKey, chainId, channelBinding, rand } }
}

/** A given carrier is destroyed where no session comes of it: nobody else knows that it is not used. */
export async function orDestroyed<T>(options: SessionTarget, making: Promise<T>): Promise<T> {
  try {
    return await making
  } catch (error) {
    if ('carrier' in options) options.carrier.destroy()
    throw error
  }
}
