/**
 * Frames on a byte stream: u32 length (little endian), then the frame. An empty one says only that the sender lives.
 *
 * A frame is copied once, into bytes of its own that whoever gets it may keep. Of a frame that is not whole yet no more is held than
 * its length, which is checked first.
 */
import { FRAME_BYTES_MAX } from '../wire/limits.ts'

export const LENGTH_BYTES = 4

export function lengthPrefix(length: number): Uint8Array {
  const prefix = Buffer.allocUnsafeSlow(LENGTH_BYTES)
  prefix.writeUInt32LE(length)
  return prefix
}

export type TakenFrame = Uint8Array | 'incomplete' | 'oversize'

/** Chunks in, frames out, one at a time: whoever reads may stop between two, and the rest waits here. */
export class FrameSplitter {
  #chunks: Uint8Array[] = []
  /** Of the first chunk, what was taken. */
  #offset = 0
  #bytes = 0
  /** Of the frame that is being gathered, and how much of it is there. */
  #frame: Uint8Array | undefined
  #filled = 0

  /** Bytes that are held. */
  get bytes(): number {
    return this.#bytes + this.#filled
  }

  push(chunk: Uint8Array): void {
    this.#chunks.push(chunk)
    this.#bytes += chunk.length
  }

  /** After `oversize` the stream is of no use. */
  take(): TakenFrame {
    if (this.#frame === undefined) {
      if (this.#bytes < LENGTH_BYTES) return 'incomplete'
      const length = Buffer.from(this.#read(new Uint8Array(LENGTH_BYTES), 0).buffer).readUInt32LE()
      if (length > FRAME_BYTES_MAX) return 'oversize'
      const own = Buffer.allocUnsafeSlow(length)
      this.#frame = new Uint8Array(own.buffer, own.byteOffset, length) // no Buffer, whose slice is a view
      this.#filled = 0
    }
    const frame = this.#frame
    const before = this.#bytes
    this.#read(frame, this.#filled)
    this.#filled += before - this.#bytes
    if (this.#filled < frame.length) return 'incomplete'
    this.#frame = undefined
    this.#filled = 0
    return frame
  }

  /** Fills `target` from `offset` with what is there. */
  #read(target: Uint8Array, offset: number): Uint8Array {
    let at = offset
    while (at < target.length) {
      const chunk = this.#chunks[0]
      if (chunk === undefined) break
      const part = chunk.subarray(this.#offset, this.#offset + target.length - at)
      target.set(part, at)
      at += part.length
      this.#offset += part.length
      this.#bytes -= part.length
      if (this.#offset < chunk.length) break
      this.#chunks.shift()
      this.#offset = 0
    }
    return target
  }
}
