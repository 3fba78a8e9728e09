/**
 * The input of a decoder, node by node: views of what was pushed, and the few nodes that come in several inputs put together in memory
 * of our own, which grows with what has really come, at most eightfold, never by what was announced.
 */
import { PAIR_BYTES } from './constants.ts'
import { refuse } from './errors.ts'

export class NodeInput {
  readonly #nodeBytesMax: number
  #carry = new Uint8Array(PAIR_BYTES) as Uint8Array
  #carried = 0
  /** The last input, and how much of it was used. */
  bytes: Uint8Array = new Uint8Array(0)
  position = 0
  /** Octets of the inputs before it. */
  #before = 0
  /** Where the node gathered last lies. */
  item: Uint8Array = this.bytes
  at = 0

  constructor(nodeBytesMax: number) {
    this.#nodeBytesMax = nodeBytesMax
  }

  /** What was not used of the last input. */
  get rest(): Uint8Array {
    return this.bytes.subarray(this.position)
  }

  /** Octets used so far of all inputs. */
  get offset(): number {
    return this.#before + this.position
  }

  push(bytes: Uint8Array): void {
    if (this.position < this.bytes.length) refuse('push() after the last input was used up', 'it before')
    this.#before += this.bytes.length
    this.bytes = bytes
    this.position = 0
  }

  /** Whether so many bytes are there at `position`, with nothing before them still to be put together. */
  has(bytes: number): boolean {
    return this.#carried === 0 && this.position + bytes <= this.bytes.length
  }

  /** Whether a node of `need` bytes is whole now, at `item[at]`. What there is of it has been used up if not. */
  gather(need: number): boolean {
    const bytes = this.bytes
    const from = (this.at = this.position)
    this.item = bytes
    if (this.has(need)) {
      this.position += need
      return true
    }
    const held = this.#carried
    const total = Math.min(held + bytes.length - from, need)
    if (total > this.#carry.length) {
      const before = this.#carry
      this.#carry = new Uint8Array(8 * total > this.#nodeBytesMax ? this.#nodeBytesMax : 4 * total)
      this.#carry.set(before)
    }
    this.position += total - held
    this.#carry.set(bytes.subarray(from, this.position), held)
    this.item = this.#carry
    this.at = 0
    this.#carried = total % need
    return total === need
  }
}
