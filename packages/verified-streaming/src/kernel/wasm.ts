/** The generated kernel as an engine, and the shortest ways into it. */
import { BLOCK_BYTES, CHUNK_END, CHUNK_START, CV_BYTES, IV, IV_AT, OUT_AT, PAIR_AT, PARENT, ROOT, STAGE_AT } from './constants.ts'
import type { Engine } from './engine.ts'
import { compress } from './portable.ts'

/** `OUT_AT` as the index of a word. */
const OUT: number = OUT_AT / 4

interface KernelExports {
  readonly memory: WebAssembly.Memory
  readonly one: Engine['chunks']
  readonly chunks: Engine['chunks']
  readonly parents: Engine['parents']
  readonly reduce: Engine['reduce']
}

/**
 * One compression or chunk at a time, where a call costs as much as the work. These exist apart from `Engine` so that the
 * places that call them only ever see one function there, which engines can inline down to the WebAssembly call.
 */
export interface Shortcuts {
  /** The plain hash of at most one chunk. */
  rootOfChunk(bytes: Uint8Array): Uint8Array
  /** As `parentCv` of the kernel. */
  parentCv(pair: Uint8Array, pairOffset: number, isRoot: boolean, out: Uint8Array, outOffset: number): void
  /** As `parentMatches` of the kernel. */
  parentMatches(pair: Uint8Array, pairOffset: number, isRoot: boolean, expected: Int32Array, index: number): boolean
}

export interface WasmKernel {
  readonly engine: Engine
  readonly shortcuts: Shortcuts
}

/** An instance of the module with its own memory. */
export function createWasmKernel(module: WebAssembly.Module): WasmKernel {
  const exports = new WebAssembly.Instance(module).exports as unknown as KernelExports
  const { one, chunks, parents, reduce } = exports
  const memory = new Uint8Array(exports.memory.buffer)
  const words = new Int32Array(exports.memory.buffer)
  words.set(IV, IV_AT / 4)
  const engine: Engine = {
    memory,
    words,
    chunks,
    parents,
    reduce,
    output(cv, block, lo, hi, length, flags, out) {
      compress(words, cv >> 2, block >> 2, lo, hi, length, flags, out >> 2, true)
    },
  }
  function parent(pair: Uint8Array, pairOffset: number, isRoot: boolean): void {
    memory.set(pairOffset === 0 && pair.length === BLOCK_BYTES ? pair : pair.subarray(pairOffset, pairOffset + BLOCK_BYTES), PAIR_AT)
    one(PAIR_AT, BLOCK_BYTES, 0, 0, isRoot ? PARENT | ROOT : PARENT, 0, IV_AT, OUT_AT)
  }
  const shortcuts: Shortcuts = {
    rootOfChunk(bytes) {
      const { length } = bytes
      memory.set(bytes, STAGE_AT)
      const rest = length % BLOCK_BYTES
      if (rest !== 0 || length === 0) memory.fill(0, STAGE_AT + length, STAGE_AT + length - rest + BLOCK_BYTES)
      one(STAGE_AT, length, 0, 0, CHUNK_START, CHUNK_END | ROOT, IV_AT, OUT_AT)
      return memory.slice(OUT_AT, OUT_AT + CV_BYTES)
    },
    parentCv(pair, pairOffset, isRoot, out, outOffset) {
      parent(pair, pairOffset, isRoot)
      for (let i = 0; i < CV_BYTES; i++) out[outOffset + i] = memory[OUT_AT + i]!
    },
    parentMatches(pair, pairOffset, isRoot, expected, index) {
      parent(pair, pairOffset, isRoot)
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
    },
  }
  return { engine, shortcuts }
}
