/**
 * The BLAKE3 kernel as WebAssembly SIMD, written by this program when it is first needed: no file to host, no toolchain.
 *
 * What makes it fast (spec §4.1): byte rotations as `i8x16.swizzle` with masks held in locals (one instruction in
 * V8), the four independent G's interleaved in program order (compilers keep it), message words in locals, transposition by
 * vector shuffles, and lanes as one stand-alone function that is never inlined. Slower in every engine
 * tried: rotations by shift and or, masks as inline constants, G's one after the other; in lanes, words loaded lane by lane.
 */
import { assemble } from './assembler.ts'
import { MEMORY_BYTES } from './constants.ts'
import { lanes } from './lanes.ts'
import { rows } from './rows.ts'

/** The kernel's module. */
export function generateKernel(): Uint8Array<ArrayBuffer> {
  return assemble(MEMORY_BYTES / 65_536, [lanes, rows])
}
