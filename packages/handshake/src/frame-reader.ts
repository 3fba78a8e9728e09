/**
 * Cuts a byte stream into frames. DATA is handed on piece by piece as it arrives, as views, so that nothing waits for 64 KiB; other bodies
 * are handed on whole. A header is judged before its body is waited for, and nothing is held but one body of at most 64 KiB.
 */
import { HEADER_BYTES } from './constants.ts'
import { decodeHeader, FRAME, type FrameHeader } from './frames.ts'

/** What receives the frames. Each may throw a protocol error: the reader is then not used again. */
export interface FrameSink {
  /** Called once for each header, before any of its body is waited for: it must throw unless the length is one that it will take. */
  onHeader(header: FrameHeader): void
  /** A part of a DATA body; the last one (perhaps empty) says so. The view is valid during the call. */
  onData(header: FrameHeader, piece: Uint8Array, isLast: boolean): void
  /** The whole body of any other frame. The view is valid during the call. */
  onFrame(header: FrameHeader, body: Uint8Array): void
}

const NOTHING = new Uint8Array()

export class FrameReader {
  readonly #sink: FrameSink
  readonly #head = new Uint8Array(HEADER_BYTES)
  #headBytes = 0
  #header: FrameHeader | undefined
  #body: Uint8Array = NOTHING
  #bodyBytes = 0

  constructor(sink: FrameSink) {
    this.#sink = sink
  }

  /** Bytes held of a frame that is not whole. */
  get heldBytes(): number {
    return this.#headBytes + (this.#header?.type === FRAME.data ? 0 : this.#bodyBytes)
  }

  push(bytes: Uint8Array): void {
    let offset = 0
    while (offset < bytes.length) {
      if (this.#header === undefined) {
        offset = this.#readHead(bytes, offset)
        if (this.#header === undefined) continue // not whole yet, or a frame without a body
      }
      const header: FrameHeader = this.#header
      offset = header.type === FRAME.data ? this.#readData(header, bytes, offset) : this.#readBody(header, bytes, offset)
    }
  }

  #readHead(bytes: Uint8Array, offset: number): number {
    const end = Math.min(bytes.length, offset + HEADER_BYTES - this.#headBytes)
    this.#head.set(bytes.subarray(offset, end), this.#headBytes)
    this.#headBytes += end - offset
    if (this.#headBytes < HEADER_BYTES) return end
    const header = decodeHeader(this.#head)
    this.#sink.onHeader(header)
    this.#header = header
    this.#bodyBytes = 0
    if (header.type === FRAME.data && header.length === 0) this.#endFrame(() => this.#sink.onData(header, bytes.subarray(end, end), true))
    return end
  }

  #readData(header: FrameHeader, bytes: Uint8Array, offset: number): number {
    const end = Math.min(bytes.length, offset + header.length - this.#bodyBytes)
    this.#bodyBytes += end - offset
    const piece = bytes.subarray(offset, end)
    if (this.#bodyBytes === header.length) this.#endFrame(() => this.#sink.onData(header, piece, true))
    else this.#sink.onData(header, piece, false)
    return end
  }

  #readBody(header: FrameHeader, bytes: Uint8Array, offset: number): number {
    const end = Math.min(bytes.length, offset + header.length - this.#bodyBytes)
    const part = bytes.subarray(offset, end)
    if (part.length === header.length) {
      this.#endFrame(() => this.#sink.onFrame(header, part)) // whole in one piece: no copy
      return end
    }
    if (this.#bodyBytes === 0) this.#body = new Uint8Array(header.length)
    this.#body.set(part, this.#bodyBytes)
    this.#bodyBytes += part.length
    if (this.#bodyBytes === header.length) {
      const body = this.#body
      this.#body = NOTHING
      this.#endFrame(() => this.#sink.onFrame(header, body))
    }
    return end
  }

  #endFrame(handOn: () => void): void {
    this.#header = undefined
    this.#headBytes = 0
    this.#bodyBytes = 0
    handOn()
  }
}
