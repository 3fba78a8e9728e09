/**
 * Incremental hashing. The last bytes so far, at most one 16 KiB step of input, are kept back, because the last bytes of a blob are
 * hashed differently from the same bytes in its middle and only the end tells which they are.
 */
import { checkOutputBytes } from './hash.ts'
import { addSubtrees, Edge } from './kernel/edge.ts'
import type { Mode } from './kernel/engine.ts'
import { finish } from './kernel/finish.ts'
import { type ModeOptions, modeOf } from './kernel/mode.ts'
import { Tail } from './tail.ts'
import { checkBytes } from './tree.ts'

const STEP_BYTES = 16_384

/** A running hash. */
export interface Hasher {
  /** Adds bytes, which are borrowed for the call. Returns the hasher. */
  update(bytes: Uint8Array): this
  /** The hash of all bytes so far, `outputBytes` long (32 by default); the hasher goes on from where it was. */
  digest(outputBytes?: number): Uint8Array<ArrayBuffer>
  /** Forgets all input and overwrites what was kept of it; the mode stays. */
  reset(): this
}

export type HasherOptions = ModeOptions

class TreeHasher implements Hasher {
  readonly #mode: Mode
  #edge: Edge
  #tail: Tail

  constructor(mode: Mode) {
    this.#mode = mode
    this.#edge = new Edge(mode)
    this.#tail = this.#newTail()
  }

  update(bytes: Uint8Array): this {
    this.#tail.push(checkBytes(bytes))
    return this
  }

  digest(outputBytes?: number): Uint8Array<ArrayBuffer> {
    const { cvs, sizes, depth, chunks } = this.#edge
    const edge = new Edge(this.#mode)
    edge.cvs.set(cvs)
    edge.sizes.set(sizes)
    edge.depth = depth
    edge.chunks = chunks
    return finish(this.#tail.held, this.#mode, edge, checkOutputBytes(outputBytes))
  }

  reset(): this {
    this.#edge.cvs.fill(0) // in keyed modes these are secret
    this.#tail.bytes.fill(0)
    this.#edge = new Edge(this.#mode)
    this.#tail = this.#newTail()
    return this
  }

  #newTail(): Tail {
    return new Tail(STEP_BYTES, (bytes, start, end) => addSubtrees(this.#edge, this.#mode, bytes, start, end))
  }
}

/**
 * Hashes bytes as they come. Any number of hashers may run at once; each holds at most 18 KiB.
 *
 * @param options - `key` (32 bytes) for the keyed mode, `context` for the derive-key mode; neither for the plain hash.
 * @throws {VerifyError} `VERIFY_BAD_ARGUMENT` when the key is not 32 bytes, or both are given.
 * @example const root = createHasher().update(head).update(tail).digest()
 */
export function createHasher(options: HasherOptions = {}): Hasher {
  return new TreeHasher(modeOf(options))
}
