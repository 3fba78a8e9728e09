/** The port to what carries a session: a secured, ordered, reliable pair of byte streams whose two ends know the same channel binding. */
export interface CarrierEvents {
  /** Bytes that arrived: a view, valid during the call. */
  onBytes(bytes: Uint8Array): void
  /** The channel is gone, once; `error` when it was not ended in order. Nothing follows. */
  onClosed(error?: Error): void
}

export interface Carrier {
  /** 33 bytes (sessions.md §2), the same at both ends and in no other channel. */
  readonly channelBinding: Uint8Array
  /** Begins to hand on what arrives. Called once. */
  start(events: CarrierEvents): void
  /** Sends the parts, in order. They stay as they are until `onFlushed`, which is called once, also when the channel ends. */
  send(parts: readonly Uint8Array[], onFlushed: () => void): void
  /** Stops and goes on handing on what arrives, so that the other side has to wait. */
  pause(): void
  resume(): void
  /** Sends what was given, then ends the channel. */
  end(): void
  /** Ends the channel now. */
  destroy(): void
}
