/** The generated kernel as an engine. */
import { IV, IV_AT } from './constants.ts'
import type { Engine } from './engine.ts'
import { compress } from './portable.ts'

interface KernelExports {
  readonly memory: WebAssembly.Memory
  readonly chunks: Engine['chunks']
  readonly parents: Engine['parents']
  readonly reduce: Engine['reduce']
}

/** An engine over an instance of the module with its own memory. */
export function createWasmEngine(module: WebAssembly.Module): Engine {
  const { memory: pages, chunks, parents, reduce } = new WebAssembly.Instance(module).exports as unknown as KernelExports
  const memory = new Uint8Array(pages.buffer)
  const words = new Int32Array(pages.buffer)
  words.set(IV, IV_AT / 4)
  return {
    memory,
    words,
    chunks,
    parents,
    reduce,
    output(cv, block, lo, hi, length, flags, out) {
      compress(words, cv >> 2, block >> 2, lo, hi, length, flags, out >> 2, true)
    },
  }
}
