/** A node's address in one line: `selvedge://HOST:PORT/<its Ed25519 key, 64 hex digits>`. The key is what a client trusts, not the host. */
import { ClientError } from './errors.ts'

export interface NodeAddress {
  readonly host: string
  readonly port: number
  /** The node's Ed25519 public key, 32 bytes. */
  readonly nodeKey: Uint8Array
}

/** @throws {ClientError} `CLIENT_BAD_ARGUMENT` */
export function parseNodeAddress(text: string): NodeAddress {
  const match = /^selvedge:\/\/(\[[0-9a-fA-F:.]+\]|[^/:\s]+):(\d{1,5})\/([0-9a-fA-F]{64})$/.exec(text.trim())
  const port = Number(match?.[2])
  if (match === null || port === 0 || port > 65_535) {
    throw new ClientError(
      'CLIENT_BAD_ARGUMENT',
      `not a node address: "${text.slice(0, 120)}" (expected selvedge://HOST:PORT/KEY, KEY of 64 hex digits)`,
    )
  }
  return { host: match[1]!.replace(/^\[|\]$/g, ''), port, nodeKey: fromHex(match[3]!) }
}

export function formatNodeAddress({ host, port, nodeKey }: NodeAddress): string {
  return `selvedge://${host.includes(':') ? `[${host}]` : host}:${port}/${toHex(nodeKey)}`
}

export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

export function fromHex(text: string): Uint8Array {
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))
}
