/**
 * The content of a file on a host, read in order: one request for each run of it, its body taken as it comes. A body that breaks off is
 * asked for again from where it ended, as long as each answer brings something.
 */
import type { ByteRange } from './byte-range.ts'
import { VerifyError } from './errors.ts'
import { type HostBody, type HostFile, openHostBody } from './http-host.ts'
import type { ReadAt } from './random-access.ts'

const NOTHING = new Uint8Array(0)

export class HttpContent implements ReadAt {
  readonly size: number
  readonly #file: HostFile
  readonly #signal: AbortSignal
  readonly #runs: readonly ByteRange[]
  #body: HostBody | undefined
  /** Where in the file `#rest` begins. */
  #position = 0
  #rest: Uint8Array = NOTHING

  /** @param runs - what will be read, in order: each is one request. */
  constructor(file: HostFile, size: number, runs: readonly ByteRange[], signal: AbortSignal) {
    this.#file = file
    this.size = size
    this.#runs = runs
    this.#signal = signal
  }

  /** Asks for `offset` and tells whether the host serves ranges. */
  async probe(offset: number): Promise<boolean> {
    await this.#open(offset)
    return this.#body!.isRanged
  }

  async readAt(offset: number, length: number): Promise<Uint8Array> {
    const out = new Uint8Array(length)
    let held = 0
    let isBarren = false
    while (held < length) {
      try {
        held = await this.#fill(out, offset, held)
        isBarren = false
      } catch (error) {
        this.close()
        if (isBarren || !(error instanceof VerifyError && error.code === 'VERIFY_READ_FAILED')) throw error
        isBarren = true // broken once: again from here, and no further when that brings nothing
      }
    }
    return out
  }

  /** Lets go of the connection. */
  close(): void {
    this.#body?.cancel()
    this.#body = undefined
    this.#rest = NOTHING
  }

  /** Takes what is there, or waits for more; returns how many bytes of `out` are filled now. */
  async #fill(out: Uint8Array, offset: number, held: number): Promise<number> {
    const at = offset + held
    if (this.#body === undefined || at < this.#position) await this.#open(at)
    if (this.#rest.length === 0) {
      const more = await this.#body!.next()
      if (more === undefined) {
        const { url } = this.#file
        throw new VerifyError('VERIFY_READ_FAILED', `${url} ended at byte ${this.#position}, ${this.size} were announced`, {
          url,
          offset: this.#position,
        })
      }
      this.#rest = more
    }
    const skipped = Math.min(at - this.#position, this.#rest.length)
    const taken = Math.min(out.length - held, this.#rest.length - skipped)
    out.set(this.#rest.subarray(skipped, skipped + taken), held)
    this.#rest = this.#rest.subarray(skipped + taken)
    this.#position += skipped + taken
    return held + taken
  }

  async #open(at: number): Promise<void> {
    this.close()
    const run = this.#runs.find(({ start, end = this.size }) => at >= start && at < end)
    const body = await openHostBody(this.#file, at, Math.min(run?.end ?? this.size, this.size), this.#signal)
    this.#body = body
    this.#position = body.start // a host that ignores ranges sends everything before it too: read and dropped
  }
}
