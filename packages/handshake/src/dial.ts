/** Where there is no TLS of our own (browsers), a carrier must be given. */
import type { Carrier } from './carrier.ts'
import { HandshakeError } from './errors.ts'

export interface DialOptions {
  readonly host: string
  readonly port: number
  readonly nodeKey: Uint8Array
  readonly timeoutMs: number
  readonly signal: AbortSignal | undefined
}

export function dial({ host, port }: DialOptions): Promise<Carrier> {
  return Promise.reject(new HandshakeError('HANDSHAKE_NO_CARRIER', `no TLS carrier here to reach ${host}:${port}: give a carrier`))
}
