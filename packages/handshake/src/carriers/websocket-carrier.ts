/** The client's end of a session over WebSocket: Noise inside of its messages (sessions.md §2). */
export interface WebSocketOptions {
  /** `ws:` or `wss:`. */
  readonly url: string
  /** Ed25519 key of the node, 32 bytes. */
  readonly nodeKey: Uint8Array
  /** X25519 key of the node's sessions, 32 bytes, from a record that `nodeKey` signed. */
  readonly x25519: Uint8Array
  readonly chainId: number
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
}
