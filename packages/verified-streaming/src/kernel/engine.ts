/**
 * What a kernel is: static memory and two operations on it. Addresses are bytes from the start of `memory`, counters are
 * split into two 32-bit halves because they pass through WebAssembly. Nothing allocates, and nothing reads outside the memory for
 * lengths within its limits.
 */
export interface Engine {
  readonly memory: Uint8Array
  /** The same memory as words. */
  readonly words: Int32Array
  /**
   * Chaining values of `count` inputs of `length` bytes each, 1024 (chunks, whose counters rise) or 64 (parents, whose do not), that
   * follow each other at `input`; 32 bytes each at `out`, which may be `input` for parents. May scribble over the 96 bytes after the
   * last one. `flags` go into every compression but for `CHUNK_START`, which goes into the first; `endFlags` into the last.
   */
  readonly lanes: Hashing
  /** The same of a single input of any length up to a chunk, whose last block must be filled up with zeros; `count` means nothing. */
  readonly one: Hashing
}

export type Hashing = (
  input: number,
  length: number,
  lo: number,
  hi: number,
  flags: number,
  endFlags: number,
  key: number,
  out: number,
  count: number,
) => void

/** A mode of BLAKE3: its key (absent: the IV) and the flag that every compression carries. */
export interface Mode {
  readonly flags: number
  readonly key: Uint8Array | undefined
}

export const PLAIN: Mode = { flags: 0, key: undefined }
