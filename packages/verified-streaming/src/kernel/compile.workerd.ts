/** workerd compiles no WebAssembly from bytes, but imports modules: the build writes the same kernel beside the bundle. */
import module from './kernel.wasm'

/** There are no workers to hand it to. */
export const kernelBytes = (): undefined => undefined

export const kernelModule = (): WebAssembly.Module => module
