/** The generated kernel as an engine, and the shortest ways into it. */
import { BLOCK_BYTES, CHUNK_END, CHUNK_START, CV_BYTES, IV, IV_AT, OUT_AT, PAIR_AT, ROOT, STAGE_AT } from './constants.ts'
import type { Engine, Hashing } from './engine.ts'

/** `OUT_AT` as the index of a word. */
const OUT: number = OUT_AT / 4

/**
 * The compiled kernel. What comes beside the engine is one compression or chunk at a time, where a call costs as much as the work:
 * closures of their own, whose memory and functions are constants to the compiler that optimises them.
 */
export interface WasmKernel {
  readonly engine: Engine
  /** The plain hash of at most one chunk. */
  readonly rootOfChunk: (bytes: Uint8Array) => Uint8Array<ArrayBuffer>
  /** Leaves the value of a parent at `OUT_AT`. */
  readonly parent: (pair: Uint8Array, pairOffset: number, flags: number, key: number) => void
  /** As `parentMatches` of the kernel. */
  readonly parentMatches: (pair: Uint8Array, pairOffset: number, flags: number, expected: Int32Array, index: number) => boolean
}

/** An instance of the module with its own memory. */
export function createWasmKernel(module: WebAssembly.Module): WasmKernel {
  const { m, l, o } = new WebAssembly.Instance(module).exports as {
    readonly m: WebAssembly.Memory
    readonly l: Hashing
    readonly o: Hashing
  }
  const engine = engineOf(m.buffer, l, o)
  const { memory, words } = engine
  const rootOfChunk: WasmKernel['rootOfChunk'] = (bytes) => {
    const { length } = bytes
    memory.set(bytes, STAGE_AT)
    if (length % BLOCK_BYTES || !length) memory.fill(0, STAGE_AT + length, STAGE_AT + (length | (BLOCK_BYTES - 1)) + 1)
    o(STAGE_AT, length, 0, 0, CHUNK_START, CHUNK_END | ROOT, IV_AT, OUT_AT, 1)
    return memory.slice(OUT_AT, OUT_AT + CV_BYTES)
  }
  const parent: WasmKernel['parent'] = (pair, pairOffset, flags, key) => {
    memory.set(pairOffset === 0 && pair.length === BLOCK_BYTES ? pair : pair.subarray(pairOffset, pairOffset + BLOCK_BYTES), PAIR_AT)
    o(PAIR_AT, BLOCK_BYTES, 0, 0, flags, 0, key, OUT_AT, 1)
  }
  const parentMatches: WasmKernel['parentMatches'] = (pair, pairOffset, flags, expected, index) => {
    parent(pair, pairOffset, flags, IV_AT)
    // Without a loop and a branch for each word: a check is so short that those show in it.
    const differences =
      (words[OUT]! ^ expected[index]!) |
      (words[OUT + 1]! ^ expected[index + 1]!) |
      (words[OUT + 2]! ^ expected[index + 2]!) |
      (words[OUT + 3]! ^ expected[index + 3]!) |
      (words[OUT + 4]! ^ expected[index + 4]!) |
      (words[OUT + 5]! ^ expected[index + 5]!) |
      (words[OUT + 6]! ^ expected[index + 6]!) |
      (words[OUT + 7]! ^ expected[index + 7]!)
    return differences === 0
  }
  return { engine, rootOfChunk, parent, parentMatches }
}

/** An engine over `buffer`, with the IV in it. */
export function engineOf(buffer: ArrayBuffer, lanes: Hashing, one: Hashing): Engine {
  const words = new Int32Array(buffer)
  words.set(IV, IV_AT / 4)
  return { memory: new Uint8Array(buffer), words, lanes, one }
}
