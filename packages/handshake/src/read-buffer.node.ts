/**
 * What a TLS client reads into, again and again, instead of a buffer of V8's for each record. Bytes are handed on as views that are valid during the call, as
 * `CarrierEvents` says, so the memory is free when it returns.
 *
 * Short records are read into memory that all connections of this thread share, and handed on before anything else can be read: an idle session holds nothing.
 * With the first whole record a connection gets a buffer of its own, for as long as it lives; what comes there in one turn of the event loop is handed on
 * together, unless it is little: of a large answer in a quarter of the steps.
 *
 * Invariants: the socket reads at `end` and nowhere else; what lies between `start` and `end` was not handed on; all is handed on once and in order.
 */
import type { OnReadOpts } from 'node:net'

/** What Node hands on at once, at most: a whole record. */
const RECORD_BYTES = 16 * 1024
const BUFFER_BYTES = 256 * 1024
/** So little, and then a short record, which ends what the other side had to say: it does not wait for more. */
const LITTLE_BYTES = 64 * 1024

let shared: Uint8Array | undefined

export class ReadBuffer {
  /** For the socket. Node asks for the place to read to when it is made, and again behind each call back. */
  readonly onread: OnReadOpts = {
    buffer: () => (this.#own === undefined ? (shared ??= new Uint8Array(RECORD_BYTES)) : this.#own.subarray(this.#end)),
    callback: (count, bytes) => this.#take(count, bytes),
  }
  readonly #onFull: () => void
  #own: Uint8Array | undefined
  #start = 0
  #end = 0
  #onBytes: ((bytes: Uint8Array) => void) | undefined
  #isDue = false

  /** @param onFull - the socket went on where it was told to wait (before `begin`): it is to be given up. */
  constructor(onFull: () => void) {
    this.#onFull = onFull
  }

  /** Hands on what has come, if anything has, and what comes. Until then the socket is told to wait. */
  begin(onBytes: (bytes: Uint8Array) => void): void {
    this.#onBytes = onBytes
    if (this.#start < this.#end) this.#handOnSoon()
  }

  /** Hands on what waits. */
  flush(): void {
    const own = this.#own
    if (own === undefined || this.#start === this.#end) return
    const bytes = own.subarray(this.#start, this.#end)
    if (this.#end === own.length) this.#end = 0 // only called there when the socket is about to ask where to read
    this.#start = this.#end
    this.#onBytes?.(bytes)
  }

  /** @returns whether the socket may go on. */
  #take(count: number, bytes: Uint8Array): boolean {
    if (this.#own === undefined) {
      if (count < RECORD_BYTES && this.#onBytes !== undefined) {
        this.#onBytes(bytes.subarray(0, count))
        return true
      }
      this.#own = new Uint8Array(BUFFER_BYTES)
      this.#own.set(bytes.subarray(0, count))
    }
    this.#end += count
    if (this.#onBytes === undefined) {
      if (this.#end === BUFFER_BYTES) {
        this.#end = 0
        this.#onFull()
      }
      return false
    }
    if (this.#end === BUFFER_BYTES || (count < RECORD_BYTES && this.#end - this.#start < LITTLE_BYTES)) this.flush()
    else this.#handOnSoon()
    return true
  }

  #handOnSoon(): void {
    if (this.#isDue) return
    this.#isDue = true
    setImmediate(() => {
      this.#isDue = false
      this.flush()
    })
  }
}
