/**
 * The header of a CARv1: the dag-cbor of `{ roots, version: 1 }`, written and read by hand. A CBOR library would be a third of what a page loads
 * to check a CAR, and of what it could read only the version is looked at: the reader of a CAR is driven by the CID that was asked.
 *
 * Source: https://ipld.io/specs/transport/car/carv1/.
 */
import type { CID } from 'multiformats/cid'
import { argumentOf } from './ipld-links.ts'

const UINT = 0
const BYTES = 2
const TEXT = 3
const LIST = 4
const MAP = 5
const TAG = 6
const CID_TAG = 42

/** The only encoding of the header, without its length. */
export function headerOf(roots: readonly CID[]): Uint8Array {
  const links = roots.map(({ bytes }) => [...headOf(TAG, CID_TAG), ...headOf(BYTES, bytes.length + 1), 0, ...bytes])
  return Uint8Array.from([...headOf(MAP, 2), ...text('roots'), ...headOf(LIST, roots.length), ...links.flat(), ...text('version'), 1])
}

const text = (value: string): number[] => [...headOf(TEXT, value.length), ...new TextEncoder().encode(value)]

/** Shortest form, as dag-cbor has it. No CAR has as many roots, nor a CID as many bytes, as do not fit into two bytes. */
function headOf(major: number, argument: number): number[] {
  if (argument > 0xffff) throw new RangeError(`a header holds at most 65535 of anything, got ${argument}`)
  const low = argument < 24 ? argument : argument < 0x100 ? 24 : 25
  const bytes = low < 24 ? [] : low === 24 ? [argument] : [argument >> 8, argument & 0xff]
  return [(major << 5) | low, ...bytes]
}

/**
 * What the header says its version is; undefined where it says nothing.
 * @throws {Error} where it is not one map whose keys are texts.
 */
export function versionIn(header: Uint8Array): number | undefined {
  const reader = new HeaderReader(header)
  const [major, entries] = reader.head()
  if (major !== MAP) throw new Error('the header is no map')
  let version: number | undefined
  for (let left = entries; left > 0; left--) {
    const key = reader.key()
    if (key !== 'version') reader.skip()
    else if (version === undefined) version = reader.uint()
    else throw new Error('the header has two versions')
  }
  if (!reader.isAtEnd) throw new Error('bytes after the header')
  return version
}

/** Past the end of the bytes its view throws. */
class HeaderReader {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  #position = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  }

  get isAtEnd(): boolean {
    return this.#position === this.#bytes.length
  }

  head(): readonly [major: number, argument: number] {
    const byte = this.#view.getUint8(this.#position++)
    const major = byte >> 5
    const [argument, size] = argumentOf(this.#view, this.#position, byte & 0x1f, major)
    this.#position += size
    return [major, argument]
  }

  uint(): number {
    const [major, value] = this.head()
    if (major !== UINT) throw new Error('the version is no number')
    return value
  }

  key(): string {
    const [major, length] = this.head()
    if (major !== TEXT) throw new Error('a key of the header is no text')
    const start = this.#position
    this.#position += length
    return new TextDecoder().decode(this.#bytes.subarray(start, this.#position))
  }

  /** One item with all that is in it; without recursion, so that nesting costs nothing. */
  skip(): void {
    for (let left = 1; left > 0; left--) {
      const [major, argument] = this.head()
      if (major === BYTES || major === TEXT) this.#position += argument
      else if (major === LIST || major === MAP) left += major === MAP ? 2 * argument : argument
      else if (major === TAG) left++
    }
  }
}
