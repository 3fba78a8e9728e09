/**
 * Incremental hashing. At most one 16 KiB step of input is kept back, because the last bytes of a blob are hashed
 * differently from the same bytes in its middle and only the end tells which they are.
 */
import { VerifyError } from './errors.ts'
import { CHUNK_BYTES, CV_BYTES, CVS_AT } from './kernel/constants.ts'
import type { Mode } from './kernel/engine.ts'
import { finish } from './kernel/finish.ts'
import { type ModeOptions, modeOf } from './kernel/mode.ts'
import { engineFor } from './kernel/select.ts'
import { CvStack } from './kernel/stack.ts'
import { keyAt, SUBTREE_BYTES_MAX, subtreeInto } from './kernel/subtree.ts'

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
  readonly #stack = new CvStack()
  #held = new Uint8Array(CHUNK_BYTES)
  #heldBytes = 0

  constructor(mode: Mode) {
    this.#mode = mode
  }

  update(bytes: Uint8Array): this {
    checkBytes(bytes)
    let at = 0
    if (this.#heldBytes > 0) {
      at = Math.min(bytes.length, STEP_BYTES - this.#heldBytes)
      this.#hold(bytes, 0, at)
      if (at === bytes.length) return this
      this.#push(this.#held, 0, STEP_BYTES)
      this.#heldBytes = 0
    }
    // Subtrees as large as their place in the tree allows, but never the last byte.
    while (bytes.length - at > STEP_BYTES) {
      let size = SUBTREE_BYTES_MAX
      while (size >= bytes.length - at || (this.#stack.chunks * CHUNK_BYTES) % size !== 0) size /= 2
      this.#push(bytes, at, at + size)
      at += size
    }
    this.#hold(bytes, at, bytes.length)
    return this
  }

  digest(outputBytes: number = CV_BYTES): Uint8Array {
    return finish(this.#held.subarray(0, this.#heldBytes), this.#mode, this.#stack, outputLengthOf(outputBytes))
  }

  reset(): this {
    this.#held.fill(0)
    this.#heldBytes = 0
    this.#stack.clear()
    return this
  }

  #push(bytes: Uint8Array, start: number, end: number): void {
    const engine = engineFor(end - start)
    const key = keyAt(engine, this.#mode)
    const { flags } = this.#mode
    subtreeInto(engine, bytes, start, end, this.#stack.chunks, false, flags, key)
    this.#stack.push(engine, CVS_AT, (end - start) / CHUNK_BYTES, flags, key)
  }

  #hold(bytes: Uint8Array, start: number, end: number): void {
    const total = this.#heldBytes + end - start
    if (total > this.#held.length) {
      const larger = new Uint8Array(total <= 4 * CHUNK_BYTES ? 4 * CHUNK_BYTES : STEP_BYTES)
      larger.set(this.#held.subarray(0, this.#heldBytes))
      this.#held.fill(0)
      this.#held = larger
    }
    this.#held.set(start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end), this.#heldBytes)
    this.#heldBytes = total
  }
}

/** @throws {VerifyError} `VERIFY_BAD_ARGUMENT` for what JavaScript callers pass by mistake: strings, ArrayBuffers, wider arrays. */
export function checkBytes(bytes: Uint8Array): void {
  if (bytes?.BYTES_PER_ELEMENT !== 1) throw new VerifyError('VERIFY_BAD_ARGUMENT', 'bytes must be a Uint8Array')
}

/** @throws {VerifyError} `VERIFY_BAD_ARGUMENT` unless it is a positive integer. */
export function outputLengthOf(outputBytes: number): number {
  if (!Number.isSafeInteger(outputBytes) || outputBytes < 1) {
    throw new VerifyError('VERIFY_BAD_ARGUMENT', `outputBytes must be a positive integer, got ${outputBytes}`)
  }
  return outputBytes
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
