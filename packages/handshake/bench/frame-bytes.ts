/** Counts the bytes of a session's frames by their type, one direction: `type u8 | flags u8 | lane u16 | length u32`, then the body. */
const HEADER_BYTES = 8

export class FrameBytes {
  readonly #ofType = new Map<number, number>()
  readonly #header = new Uint8Array(HEADER_BYTES)
  #headerBytes = 0
  /** Of the body of the frame that is under way. */
  #left = 0

  /** A stream, cut anywhere. */
  add(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) {
      if (this.#left > 0) {
        const skipped = Math.min(this.#left, bytes.length - at)
        this.#left -= skipped
        at += skipped
        continue
      }
      this.#header[this.#headerBytes++] = bytes[at++]!
      if (this.#headerBytes < HEADER_BYTES) continue
      this.#headerBytes = 0
      this.#left = new DataView(this.#header.buffer).getUint32(4, true)
      const type = this.#header[0]!
      this.#ofType.set(type, this.of(type) + HEADER_BYTES + this.#left)
    }
  }

  of(...types: readonly number[]): number {
    return types.reduce((sum, type) => sum + (this.#ofType.get(type) ?? 0), 0)
  }
}
