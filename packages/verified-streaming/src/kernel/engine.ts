/**
 * What a kernel is: static memory and four operations on it. Addresses are bytes from the start of `memory`, counters are
 * split into two 32-bit halves because they pass through WebAssembly. `flags` go into every compression, `endFlags` and
 * `rootFlag` into the last one only. No operation allocates, none reads outside the memory for lengths within its limits.
 */
export interface Engine {
  readonly memory: Uint8Array
  /** The same memory as words. */
  readonly words: Int32Array
  /**
   * Chaining values of the chunks of `length` bytes at `input` (at most one stage; the tail of the last 64-byte block must
   * be zero), 32 bytes each at `out`. May scribble over the 96 bytes after the last one.
   */
  chunks(input: number, length: number, lo: number, hi: number, flags: number, endFlags: number, key: number, out: number): void
  /** Parents of `count` pairs of 64 bytes each; `out` may be `input`. May scribble over the 96 bytes after the last one. */
  parents(input: number, count: number, flags: number, key: number, out: number): void
  /**
   * Folds `count` consecutive chaining values at `at` level by level, in place, until no more than `limit` are left: 1 gives
   * their tree's, ceil(count / 2^k) those of its subtrees of 2^k. `rootFlag` goes into the parent of the last two.
   */
  reduce(at: number, count: number, limit: number, flags: number, rootFlag: number, key: number): void
  /** One compression with all 64 bytes of its output, for outputs longer than a chaining value. */
  output(cv: number, block: number, lo: number, hi: number, length: number, flags: number, out: number): void
}

/** A mode of BLAKE3: its key (absent: the IV) and the flag that every compression carries. */
export interface Mode {
  readonly flags: number
  readonly key: Uint8Array | undefined
}
