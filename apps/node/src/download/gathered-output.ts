/**
 * Bytes that come in order in small pieces, written in large ones: a lane brings 16 KiB at a time, and each write costs a thread's turn.
 *
 * Invariant: `position` is the end of what is in the file; what came after it is in memory, at most `WRITE_BYTES`.
 */
import { Buffer } from 'node:buffer'
import type { FileHandle } from 'node:fs/promises'

const WRITE_BYTES: number = 256 * 1024
/** A slow source is written at this pace, so that whoever watches the file sees it grow. */
const WRITE_MS = 100

export class GatheredOutput {
  readonly #file: FileHandle
  readonly #held = Buffer.allocUnsafe(WRITE_BYTES)
  #heldBytes = 0
  #writtenMs = performance.now()
  position: number

  /** @param position - where in the file the first byte goes. */
  constructor(file: FileHandle, position: number) {
    this.#file = file
    this.position = position
  }

  /** Copies `bytes`; `position` tells how far what has come is in the file. */
  async add(bytes: Uint8Array): Promise<void> {
    for (let done = 0; done < bytes.length; ) {
      const piece = bytes.subarray(done, done + WRITE_BYTES - this.#heldBytes)
      this.#held.set(piece, this.#heldBytes)
      this.#heldBytes += piece.length
      done += piece.length
      if (this.#heldBytes === WRITE_BYTES) await this.flush()
    }
    if (this.#heldBytes > 0 && performance.now() - this.#writtenMs >= WRITE_MS) await this.flush()
  }

  async flush(): Promise<void> {
    await writeFully(this.#file, this.#held.subarray(0, this.#heldBytes), this.position)
    this.position += this.#heldBytes
    this.#heldBytes = 0 // not before: what could not be written is still to be
    this.#writtenMs = performance.now()
  }
}

export async function writeFully(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, position + done)
    done += bytesWritten
  }
}
