/**
 * The content of a file on a host, read in order, its bodies taken as they come. Each request asks for twice as much as the one before, so
 * that a reader who stops early (a player that seeks away) has cost at most about twice what was read, however much browser and system
 * hold on the way: one open request was measured to run 66 MB ahead of its reader. A body that breaks off is asked for again from where it
 * ended, as long as each answer brings something.
 */
import { VerifyError } from './errors.ts'
import { type HostBody, type HostFile, openHostBody } from './http-host.ts'
import type { ReadAt } from './random-access.ts'

const NOTHING = new Uint8Array(0)
/** Asked for at first. */
const REQUEST_BYTES = 2 ** 20

export class HttpContent implements ReadAt {
  readonly size: number
  readonly #file: HostFile
  readonly #signal: AbortSignal
  readonly #endOf: (offset: number) => number
  #requestBytes = REQUEST_BYTES
  #body: HostBody | undefined
  /** Where in the file `#rest` begins. */
  #position = 0
  #rest: Uint8Array = NOTHING
  /** Where the body in hand ends; a host that ignores ranges goes on to the end. */
  #bodyEnd = 0

  /** @param endOf - where reading on from an offset ends: no request goes beyond. */
  constructor(file: HostFile, size: number, endOf: (offset: number) => number, signal: AbortSignal) {
    this.#file = file
    this.size = size
    this.#endOf = endOf
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
        const filled = await this.#fill(out, offset, held)
        if (filled > held) isBarren = false
        held = filled
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
    if (this.#body === undefined || at < this.#position || at >= this.#bodyEnd) await this.#open(at)
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
    const end = Math.min(at + this.#requestBytes, this.#endOf(at), this.size)
    const body = await openHostBody(this.#file, at, end, this.#signal)
    this.#requestBytes *= 2
    this.#body = body
    this.#bodyEnd = body.isRanged ? end : this.size
    this.#position = body.start // a host that ignores ranges sends everything before it too: read and dropped
  }
}
