/** Where the compiled kernel comes from: generated here. Builds for workerd put compile.workerd.ts in this file's place. */
import { generateKernel } from './generate.ts'

/** The bytes of the kernel for workers to compile, undefined where WebAssembly or its SIMD is missing. */
export function kernelBytes(): Uint8Array<ArrayBuffer> | undefined {
  const bytes = generateKernel()
  return typeof WebAssembly === 'object' && WebAssembly.validate(bytes) ? bytes : undefined
}

/** The kernel, undefined where WebAssembly or its SIMD is missing or refused. */
export function kernelModule(): WebAssembly.Module | undefined {
  try {
    return new WebAssembly.Module(generateKernel())
  } catch {
    return undefined // a content security policy, or an engine without SIMD: both mean the same to us
  }
}
