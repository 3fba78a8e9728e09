/** A session over any ordered stream of bytes, such as a relay's: Noise inside of frames with a u16 length. */
export interface Duplex {
  readonly source: AsyncIterable<Uint8Array>
  /** Resolves when more may be written. */
  write(bytes: Uint8Array): Promise<void>
  end(): Promise<void>
}
