/**
 * A node's address in one line: `selvedge://HOST:PORT/<its Ed25519 key, 64 hex digits>`, and for pages `?ws=<URL>&noise=<record, 272 hex digits>`
 * behind it. The key is what a client trusts, not the host; the record is signed by it.
 */
import { ClientError } from './errors.ts'

export interface NodeAddress {
  readonly host: string
  readonly port: number
  /** The node's Ed25519 public key, 32 bytes. */
  readonly nodeKey: Uint8Array
  /** Where a page reaches the node: where there is no TLS of our own. */
  readonly websocket?: WebSocketAddress | undefined
  /** Its place in the node registry, where it is known: what other nodes name it by when they hand a client on. */
  readonly nodeIndex?: number | undefined
}

export interface WebSocketAddress {
  /** `ws:` or `wss:`. */
  readonly url: string
  /** The node's signed key for sessions, 136 bytes (`encodeNoiseRecord` of `@selvedge/ledger-types`). */
  readonly noiseRecord: Uint8Array
}

const NOISE_RECORD_BYTES = 136

/** @throws {ClientError} `CLIENT_BAD_ARGUMENT` */
export function parseNodeAddress(text: string): NodeAddress {
  const match = /^selvedge:\/\/(\[[0-9a-fA-F:.]+\]|[^/:\s]+):(\d{1,5})\/([0-9a-fA-F]{64})(\?\S+)?$/.exec(text.trim())
  const port = Number(match?.[2])
  if (match === null || port === 0 || port > 65_535) {
    throw new ClientError(
      'CLIENT_BAD_ARGUMENT',
      `not a node address: "${text.slice(0, 120)}" (expected selvedge://HOST:PORT/KEY, KEY of 64 hex digits)`,
    )
  }
  const websocket = match[4] === undefined ? undefined : webSocketIn(match[4])
  const address = { host: match[1]!.replace(/^\[|\]$/g, ''), port, nodeKey: fromHex(match[3]!) }
  return websocket === undefined ? address : { ...address, websocket }
}

/** @throws {ClientError} `CLIENT_BAD_ARGUMENT` */
function webSocketIn(query: string): WebSocketAddress {
  const fields = new URLSearchParams(query)
  const [url, noise] = [fields.get('ws'), fields.get('noise')]
  const isWhole = url !== null && /^wss?:\/\//.test(url) && noise !== null && /^[0-9a-fA-F]*$/.test(noise)
  if (!isWhole || noise.length !== 2 * NOISE_RECORD_BYTES || [...fields].length !== 2)
    throw new ClientError('CLIENT_BAD_ARGUMENT', `not the address of a WebSocket: "${query.slice(0, 120)}" (expected ?ws=URL&noise=RECORD)`)
  return { url, noiseRecord: fromHex(noise) }
}

/** Names the node; what a page needs besides is not in it. */
export function formatNodeAddress({ host, port, nodeKey }: NodeAddress): string {
  return `selvedge://${host.includes(':') ? `[${host}]` : host}:${port}/${toHex(nodeKey)}`
}

export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

export function fromHex(text: string): Uint8Array {
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))
}
