/**
 * The outboard of a file on a host, read by ranges: the parents that a range needs lie in few places, so they are asked for together, a
 * handful of requests for any seek, and kept, since the upper ones serve the next seek too. Nothing here is verified: the decoder is.
 */
import { CHUNK_BYTES, HEADER_BYTES, PAIR_BYTES } from './constants.ts'
import { VerifyError } from './errors.ts'
import { type HostBody, type HostFile, openHostBody } from './http-host.ts'
import type { ReadAt } from './random-access.ts'
import { groupCountOf, leftCountOf, outboardBytesOf } from './tree.ts'

/** Fetched and kept in blocks of 64 pairs, which prove 1 MiB of content at 16 KiB groups. */
const BLOCK_BYTES = 64 * PAIR_BYTES
/** Blocks nearer than this are one request: 32 KiB too many cost less than another round trip. */
const GAP_BLOCKS = 8
/** Read ahead when reading on: 128 KiB, the proof of 32 MiB. */
const AHEAD_BLOCKS = 32
/** Blocks kept: 4 MiB. */
const KEPT_BLOCKS = 1024

interface Run {
  readonly first: number
  readonly end: number
}

export class HttpOutboard {
  readonly size: number
  readonly contentSize: number
  readonly #file: HostFile
  readonly #groupBytes: number
  readonly #groups: number
  readonly #pairsAt: number
  readonly #wholeBytesMax: number
  /** By place; the one used last is last. */
  readonly #blocks = new Map<number, Uint8Array>()
  /** All of it, from a host that ignores ranges. */
  #whole: Uint8Array | undefined

  /** @param wholeBytesMax - largest outboard taken whole from a host that ignores ranges. */
  constructor(file: HostFile, contentSize: number, chunkGroupLog: number, wholeBytesMax: number) {
    this.#file = file
    this.contentSize = contentSize
    this.#groupBytes = CHUNK_BYTES * 2 ** chunkGroupLog
    this.#groups = groupCountOf(contentSize, chunkGroupLog)
    this.#pairsAt = chunkGroupLog === 0 ? HEADER_BYTES : 0 // Bao's outboard begins with its length
    this.size = this.#pairsAt + outboardBytesOf(contentSize, chunkGroupLog)
    this.#wholeBytesMax = wholeBytesMax
  }

  /** Forgets everything: it did not fit the root, and the host may have been mended. */
  clear(): void {
    this.#blocks.clear()
    this.#whole = undefined
  }

  /** Fetches at once what proves the content at `offsets`. */
  async prepare(offsets: readonly number[], signal: AbortSignal): Promise<void> {
    const wanted = new Set<number>()
    for (const offset of offsets) this.#addPath(Math.min(Math.floor(offset / this.#groupBytes), this.#groups - 1), wanted)
    await this.#fetchBlocks([...wanted], signal)
  }

  reader(signal: AbortSignal): ReadAt {
    return { size: this.size, readAt: (offset, length) => this.#read(offset, length, signal) }
  }

  /** Blocks of the pairs from the root to one group, in pre-order, each with as many as an encoder reads at once. */
  #addPath(group: number, wanted: Set<number>): void {
    let place = 0
    let first = 0
    for (let groups = this.#groups; groups > 1; ) {
      const start = this.#pairsAt + place * PAIR_BYTES
      const last = Math.min(start + Math.min(groups - 1, 64) * PAIR_BYTES, this.size) - 1
      for (let block = Math.floor(start / BLOCK_BYTES); block * BLOCK_BYTES <= last; block++) wanted.add(block)
      const left = leftCountOf(groups)
      if (group < first + left) {
        place += 1
        groups = left
      } else {
        place += left
        first += left
        groups -= left
      }
    }
  }

  async #read(offset: number, length: number, signal: AbortSignal): Promise<Uint8Array> {
    const out = new Uint8Array(length)
    for (let at = offset; at < offset + length; ) {
      const index = Math.floor(at / BLOCK_BYTES)
      const block = this.#block(index)
      if (block === undefined) {
        const count = Math.ceil(this.size / BLOCK_BYTES)
        await this.#fetchBlocks(
          Array.from({ length: Math.min(AHEAD_BLOCKS, count - index) }, (_, i) => index + i),
          signal,
        )
        continue
      }
      const from = at - index * BLOCK_BYTES
      const taken = Math.min(block.length - from, offset + length - at)
      out.set(block.subarray(from, from + taken), at - offset)
      at += taken
    }
    return out
  }

  #block(index: number): Uint8Array | undefined {
    if (this.#whole !== undefined) return this.#whole.subarray(index * BLOCK_BYTES, (index + 1) * BLOCK_BYTES)
    const block = this.#blocks.get(index)
    if (block === undefined) return undefined
    this.#blocks.delete(index)
    this.#blocks.set(index, block)
    return block
  }

  async #fetchBlocks(wanted: readonly number[], signal: AbortSignal): Promise<void> {
    const missing = wanted.filter((index) => this.#block(index) === undefined).sort((a, b) => a - b)
    const runs: Run[] = []
    for (const index of missing) {
      const last = runs.at(-1)
      if (last !== undefined && index < last.end + GAP_BLOCKS) runs[runs.length - 1] = { first: last.first, end: index + 1 }
      else runs.push({ first: index, end: index + 1 })
    }
    await Promise.all(runs.map((run) => this.#fetchRun(run, signal))) // at most three paths of a tree: some dozen
  }

  async #fetchRun({ first, end }: Run, signal: AbortSignal): Promise<void> {
    const start = first * BLOCK_BYTES
    const stop = Math.min(end * BLOCK_BYTES, this.size)
    const body = await openHostBody(this.#file, start, stop, signal)
    try {
      if (!body.isRanged && this.size > this.#wholeBytesMax) {
        throw new VerifyError(
          'VERIFY_TOO_LARGE',
          `${this.#file.url} ignores ranges, and its ${this.size} bytes are more than ${this.#wholeBytesMax}`,
          { url: this.#file.url },
        )
      }
      const bytes = await this.#gather(body, body.isRanged ? stop - start : this.size)
      if (body.isRanged) this.#keep(first, bytes)
      else this.#whole = bytes
    } finally {
      body.cancel()
    }
  }

  /** Grows with what comes, not by what was announced. */
  async #gather(body: HostBody, length: number): Promise<Uint8Array> {
    const pieces: Uint8Array[] = []
    let held = 0
    while (held < length) {
      const more = (await body.next())?.subarray(0, length - held)
      if (more === undefined) {
        const { url } = this.#file
        throw new VerifyError('VERIFY_READ_FAILED', `${url} ended at byte ${body.start + held}, ${this.size} were expected`, { url })
      }
      pieces.push(more)
      held += more.length
    }
    const bytes = new Uint8Array(length)
    let at = 0
    for (const piece of pieces) {
      bytes.set(piece, at)
      at += piece.length
    }
    return bytes
  }

  #keep(first: number, bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at += BLOCK_BYTES) this.#blocks.set(first + at / BLOCK_BYTES, bytes.slice(at, at + BLOCK_BYTES))
    for (const index of this.#blocks.keys()) {
      if (this.#blocks.size <= KEPT_BLOCKS) break
      this.#blocks.delete(index)
    }
  }
}
