/**
 * How sessions are made: over TLS where there is one, else over WebSocket, under the key for sessions that the node has signed for this chain.
 */
import { type Carrier, connectSession, type Session } from '@selvedge/handshake'
import { connectWebSocket } from '@selvedge/handshake/websocket'
import { decodeNoiseRecord, isNoiseRecordSigned, type NoiseRecord } from '@selvedge/ledger-types/noise-record'
import { ClientError } from './errors.ts'
import type { ConnectOptions } from './ports.ts'

/** The default: TLS, and where there is none (a page) `connectOverWebSocket`. */
export async function connectToNode(options: ConnectOptions): Promise<Session> {
  try {
    return await connectSession(options)
  } catch (error) {
    const hasNoTls = (error as { code?: unknown }).code === 'HANDSHAKE_NO_CARRIER'
    if (!hasNoTls || options.websocket === undefined) throw error
  }
  return await connectOverWebSocket(options)
}

/** For `ClientOptions.connect`, where WebSocket is wanted though there is TLS. @throws {ClientError} `CLIENT_BAD_ARGUMENT` */
export async function connectOverWebSocket(options: ConnectOptions): Promise<Session> {
  const { nodeKey, chainId, signal, identity, delegation, payer, sharing } = options
  const redial = webSocketDialOf(options)
  const carrier = await redial(signal)
  const paying = identity === undefined || delegation === undefined || payer === undefined ? {} : { identity, delegation, payer }
  const shared = sharing === undefined ? {} : { sharing }
  const abort = signal === undefined ? {} : { signal }
  return await connectSession({ carrier, redial, nodeKey, chainId, ...abort, ...paying, ...shared })
}

/** Opens the WebSocket that the node's address names, under the key that the node has signed. @throws {ClientError} `CLIENT_BAD_ARGUMENT` */
export function webSocketDialOf({ websocket, nodeKey, chainId }: ConnectOptions): (signal: AbortSignal | undefined) => Promise<Carrier> {
  if (websocket === undefined) throw new ClientError('CLIENT_BAD_ARGUMENT', 'the address of the node names no WebSocket')
  const { x25519 } = recordOf(websocket.noiseRecord, nodeKey, chainId)
  return async (signal) =>
    await connectWebSocket({ url: websocket.url, nodeKey, x25519, chainId, ...(signal === undefined ? {} : { signal }) })
}

/** Its last epoch is not looked at: a client knows no epoch, and the node that is reached proves the key by holding it. */
function recordOf(bytes: Uint8Array, nodeKey: Uint8Array, chainId: number): NoiseRecord {
  const wrong = (why: string, cause?: unknown): ClientError =>
    new ClientError('CLIENT_BAD_ARGUMENT', `the node's record of its key for sessions ${why}`, {}, { cause })
  let record: NoiseRecord
  try {
    record = decodeNoiseRecord(bytes)
  } catch (cause) {
    throw wrong('is none', cause)
  }
  if (!record.nodeKey.every((byte, i) => byte === nodeKey[i])) throw wrong("is another node's")
  if (!isNoiseRecordSigned(chainId, record)) throw wrong('is not signed by the node for this chain')
  return record
}
