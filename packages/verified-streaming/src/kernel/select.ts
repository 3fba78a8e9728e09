/**
 * Which engine does the work. Portable JavaScript at first: most programs that hash one short string never pay for a
 * compiled module. Once enough work has come by, WebAssembly, if the host lets us have it.
 */
import { kernelModule } from './compile.ts'
import type { Engine } from './engine.ts'
import { createPortableEngine } from './portable.ts'
import { createWasmKernel, type WasmKernel } from './wasm.ts'

/** Bytes of work after which generating and compiling (about 4 ms) pays; each call counts as `CALL_BYTES` more. */
const WORK_BYTES = 65_536
const CALL_BYTES = 256

/** Set once the WebAssembly kernel runs: for places that only ever see one function there, which engines can inline down to the call. */
export let compiled: WasmKernel | undefined

let engine: Engine | undefined
let isSettled = false
let workBytes = 0

/** The engine for a call over `bytes` bytes. Its memory is shared by all callers and holds nothing between calls. */
export function engineFor(bytes: number): Engine {
  if (isSettled) return engine!
  workBytes += bytes + CALL_BYTES
  if (workBytes > WORK_BYTES) {
    isSettled = true
    const module = kernelModule()
    if (module) ({ engine } = compiled = createWasmKernel(module))
  }
  engine ??= createPortableEngine()
  return engine
}
