/**
 * Incremental hashing. The last bytes so far, at most one 16 KiB step of input, are kept back, because the last bytes of a blob are
 * hashed differently from the same bytes in its middle and only the end tells which they are.
 */
import { CHUNK_BYTES, CV_BYTES, CVS_AT } from './kernel/constants.ts'
import { Edge } from './kernel/edge.ts'
import type { Mode } from './kernel/engine.ts'
import { finish } from './kernel/finish.ts'
import { type ModeOptions, modeOf } from './kernel/mode.ts'
import { engineFor } from './kernel/select.ts'
import { keyAt, SUBTREE_BYTES_MAX, subtreeInto } from './kernel/subtree.ts'
import { Tail } from './tail.ts'
import { checkBytes, checkNumber } from './tree.ts'

const STEP_BYTES = 16_384

/** A running hash. */
export interface Hasher {
  /** Adds bytes, which are borrowed for the call. Returns the hasher. */
  update(bytes: Uint8Array): this
  /** The hash of all bytes so far, `outputBytes` long (32 by default); the hasher goes on from where it was. */
  digest(outputBytes?: number): Uint8Array
  /** Forgets all input and overwrites what was kept of it; the mode stays. */
  reset(): this
}

export type HasherOptions = ModeOptions

class TreeHasher implements Hasher {
  readonly #mode: Mode
  readonly #edge: Edge
  readonly #tail = new Tail(STEP_BYTES, (bytes, start, end) => this.#add(bytes, start, end))

  constructor(mode: Mode) {
    this.#mode = mode
    this.#edge = new Edge(mode)
  }

  update(bytes: Uint8Array): this {
    this.#tail.push(checkBytes(bytes))
    return this
  }

  digest(outputBytes: number = CV_BYTES): Uint8Array {
    return finish(this.#tail.held, this.#mode, this.#edge, checkOutputBytes(outputBytes))
  }

  reset(): this {
    this.#tail.clear()
    this.#edge.clear()
    return this
  }

  /** Subtrees as large as their place in the tree allows. */
  #add(bytes: Uint8Array, start: number, end: number): void {
    for (let at = start; at < end; ) {
      const { chunks } = this.#edge
      let size = SUBTREE_BYTES_MAX
      while (size > end - at || (chunks * CHUNK_BYTES) % size !== 0) size /= 2
      const engine = engineFor(size)
      subtreeInto(engine, bytes, at, (at += size), chunks, 0, this.#mode.flags, keyAt(engine, this.#mode))
      this.#edge.push(engine.memory, CVS_AT, size / CHUNK_BYTES)
    }
  }
}

/** @throws {VerifyError} `VERIFY_BAD_ARGUMENT` unless it is a positive integer. */
export function checkOutputBytes(outputBytes: number): number {
  return checkNumber('outputBytes', outputBytes, Number.MAX_SAFE_INTEGER, 1)
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
