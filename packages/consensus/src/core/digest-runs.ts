/**
 * A set of digests that only grows, at 32 bytes each: the newest as strings, all others sorted in runs that are merged as they become
 * equally long. Nothing in it depends on a hash that others could aim at. Runs are not merged without end, since a merge is one pause.
 */
import { DIGEST_BYTES } from '../wire/limits.ts'

/** Digests that are kept as strings until they make a run. */
const RECENT_MAX = 1_024
/** Digests in the longest run: a merge of two halves of it takes some milliseconds. */
const RUN_MAX = 65_536

export class DigestRuns {
  #recent = new Set<string>()
  /** Each sorted; none shorter than the next. */
  readonly #runs: Uint8Array[] = []

  /** @param key - a digest in hex. */
  has(key: string): boolean {
    if (this.#recent.has(key)) return true
    if (this.#runs.length === 0) return false
    const digest = new Uint8Array(DIGEST_BYTES)
    writeHex(key, digest, 0)
    return this.#runs.some((run) => isIn(run, digest))
  }

  add(key: string): void {
    if (this.has(key)) return
    this.#recent.add(key)
    if (this.#recent.size === RECENT_MAX) this.#seal()
  }

  #seal(): void {
    const run = new Uint8Array(RECENT_MAX * DIGEST_BYTES)
    for (const [i, key] of [...this.#recent].toSorted().entries()) writeHex(key, run, i * DIGEST_BYTES) // hex sorts as its bytes do
    this.#recent = new Set()
    this.#runs.push(run)
    for (let last = this.#runs.at(-1)!, other = this.#runs.at(-2); other?.length === last.length; other = this.#runs.at(-2)) {
      if (2 * last.length > RUN_MAX * DIGEST_BYTES) return
      last = merged(other, last)
      this.#runs.splice(-2, 2, last)
    }
  }
}

function merged(a: Uint8Array, b: Uint8Array): Uint8Array {
  const out = new Uint8Array(a.length + b.length)
  let fromA = 0
  let fromB = 0
  for (let to = 0; to < out.length; to += DIGEST_BYTES) {
    const isA = fromB === b.length || (fromA < a.length && compareAt(a, fromA, b, fromB) < 0)
    if (isA) out.set(a.subarray(fromA, (fromA += DIGEST_BYTES)), to)
    else out.set(b.subarray(fromB, (fromB += DIGEST_BYTES)), to)
  }
  return out
}

function isIn(run: Uint8Array, digest: Uint8Array): boolean {
  let low = 0
  for (let high = run.length / DIGEST_BYTES; low < high; ) {
    const middle = (low + high) >>> 1
    const comparison = compareAt(run, middle * DIGEST_BYTES, digest, 0)
    if (comparison === 0) return true
    if (comparison < 0) low = middle + 1
    else high = middle
  }
  return false
}

function compareAt(a: Uint8Array, aOffset: number, b: Uint8Array, bOffset: number): number {
  for (let i = 0; i < DIGEST_BYTES; i++) {
    const difference = a[aOffset + i]! - b[bOffset + i]!
    if (difference !== 0) return difference
  }
  return 0
}

function writeHex(key: string, out: Uint8Array, offset: number): void {
  for (let i = 0; i < DIGEST_BYTES; i++) out[offset + i] = 16 * nibbleOf(key.charCodeAt(2 * i)) + nibbleOf(key.charCodeAt(2 * i + 1))
}

/** Of a lower-case digit. */
const nibbleOf = (code: number): number => (code < 58 ? code - 48 : code - 87)
