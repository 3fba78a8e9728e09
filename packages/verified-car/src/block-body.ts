/**
 * The bytes of one block, as they arrived: views into the chunks of the source, joined only when somebody asks for one piece.
 * A file's leaf can so be hashed and handed on without a copy.
 */
export class BlockBody {
  readonly length: number
  #parts: readonly Uint8Array[]
  readonly #buffer: JoinBuffer

  constructor(parts: readonly Uint8Array[], length: number, buffer: JoinBuffer) {
    this.#parts = parts
    this.length = length
    this.#buffer = buffer
  }

  get parts(): readonly Uint8Array[] {
    return this.#parts
  }

  /** The block in one piece: a view of the source's chunk where it lies whole in one, else of the walk's join buffer. */
  joined(): Uint8Array {
    if (this.#parts.length !== 1) this.#parts = [this.#buffer.join(this.#parts, this.length)]
    return this.#parts[0]!
  }
}

/** One buffer for all joins of a walk: what it holds is valid until the next block. */
export class JoinBuffer {
  #bytes: Uint8Array = new Uint8Array(0)

  join(parts: readonly Uint8Array[], length: number): Uint8Array {
    if (this.#bytes.length < length) this.#bytes = new Uint8Array(length)
    let offset = 0
    for (const part of parts) {
      this.#bytes.set(part, offset)
      offset += part.length
    }
    return this.#bytes.subarray(0, length)
  }
}

const COPIED_BYTES_MAX = 4_096
const POOL_BYTES = 65_536

/**
 * Collects the parts of one block. Small ones are copied together, so that a source which drips single bytes
 * cannot make us hold a view for each.
 */
export class PartList {
  readonly parts: Uint8Array[] = []
  #pool: Uint8Array | undefined
  #poolStart = 0
  #poolEnd = 0

  /** @returns what to hash: the same bytes, which stay as they are. */
  add(bytes: Uint8Array): Uint8Array {
    if (bytes.length >= COPIED_BYTES_MAX || this.parts.length === 0) {
      this.#poolStart = this.#poolEnd // the next copy starts a new part
      this.parts.push(bytes)
      return bytes
    }
    if (this.#pool === undefined || this.#pool.length - this.#poolEnd < bytes.length) {
      this.#pool = new Uint8Array(POOL_BYTES)
      this.#poolStart = this.#poolEnd = 0
    }
    this.#pool.set(bytes, this.#poolEnd)
    const grows = this.#poolEnd > this.#poolStart
    this.#poolEnd += bytes.length
    const part = this.#pool.subarray(this.#poolStart, this.#poolEnd)
    if (grows) this.parts[this.parts.length - 1] = part
    else this.parts.push(part)
    return part.subarray(part.length - bytes.length)
  }
}
