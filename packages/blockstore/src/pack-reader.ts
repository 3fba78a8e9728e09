/** The records of a pack, read one after the other out of windows, so that what is small costs no read of its own. */
import { MIB } from './constants.ts'
import { type Fact, HEADER_BYTES, type Place, decodeFact, decodeHeader, isWhole } from './record.ts'

const WINDOW_BYTES = MIB

/** A record that proved itself. `header` and `body` are views, which the next record leaves as they are. */
export interface ReadRecord {
  readonly fact: Fact
  readonly place: Place
  readonly header: Uint8Array
  readonly body: Uint8Array
}

export type ReadBytes = (offset: number, length: number) => Promise<Uint8Array>

export class PackReader {
  readonly #read: ReadBytes
  readonly #pack: number
  readonly #size: number
  #offset: number
  #window: Uint8Array = new Uint8Array(0)
  #windowStart = 0

  /** @param size - of the pack. @param offset - where a record begins. */
  constructor(read: ReadBytes, pack: number, size: number, offset = 0) {
    this.#read = read
    this.#pack = pack
    this.#size = size
    this.#offset = offset
  }

  /** Where the next record begins; after the last one, the size of the pack, or the place of what is none. */
  get offset(): number {
    return this.#offset
  }

  /** Undefined where no whole record stands. */
  async next(): Promise<ReadRecord | undefined> {
    const place = { pack: this.#pack, offset: this.#offset }
    const start = place.offset + HEADER_BYTES
    if (start > this.#size) return undefined
    const header = await this.#bytes(place.offset, HEADER_BYTES)
    const { type, bodyBytes } = decodeHeader(header) ?? { type: 0, bodyBytes: Number.POSITIVE_INFINITY }
    if (start + bodyBytes > this.#size) return undefined
    const body = await this.#bytes(start, bodyBytes)
    if (body.length !== bodyBytes || !isWhole(header, body)) return undefined
    const fact = decodeFact(type, body, bodyBytes, place)
    if (fact === undefined) return undefined
    this.#offset = start + bodyBytes
    return { fact, place, header, body }
  }

  /** Fewer than `length` where the file ends before. */
  async #bytes(offset: number, length: number): Promise<Uint8Array> {
    const at = offset - this.#windowStart
    if (at < 0 || at + length > this.#window.length) {
      this.#window = await this.#read(offset, Math.min(Math.max(length, WINDOW_BYTES), this.#size - offset))
      this.#windowStart = offset
      return this.#window.subarray(0, length)
    }
    return this.#window.subarray(at, at + length)
  }
}
