import { CID } from 'multiformats/cid'

/**
 * The links of one node, packed: what waits on the stack of a walk is 36 bytes a link and its offset, not an object
 * with four views into the block (which would pin it).
 */
export class Links {
  readonly #cids: Uint8Array
  readonly #ends: Uint32Array
  constructor(cids: readonly CID[]) {
    this.#ends = new Uint32Array(cids.length)
    let end = 0
    for (let index = 0; index < cids.length; index++) {
      end += cids[index]!.bytes.length
      this.#ends[index] = end
    }
    this.#cids = new Uint8Array(end)
    for (let index = 0; index < cids.length; index++) this.#cids.set(cids[index]!.bytes, index === 0 ? 0 : this.#ends[index - 1]!)
  }
  get length(): number {
    return this.#ends.length
  }
  /** What this costs while it waits. */
  get heldBytes(): number {
    return this.#cids.length + this.#ends.length * 12
  }
  at(index: number): CID {
    return CID.decode(this.#cids.slice(index === 0 ? 0 : this.#ends[index - 1]!, this.#ends[index]!))
  }
}
