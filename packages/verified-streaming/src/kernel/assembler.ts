/**
 * Just enough of a WebAssembly assembler: tokens in, module bytes out, into one buffer. A token below 256 is a byte as it
 * stands; above, it is a SIMD instruction (`SIMD` plus its number); `[n]` is `i32.const n`. Sizes are written as padded LEB128 so
 * that they can be filled in afterwards. Bytes are cut to eight bits by the buffer. Nothing is validated here: the engine that
 * compiles the module does that.
 */

const SIMD = 256

// Control and integers.
export const LOOP = 0x03
export const END = 0x0b
export const BR_IF = 0x0d
export const SELECT = 0x1b
export const GET = 0x20
export const SET = 0x21
export const TEE = 0x22
export const LT_U = 0x49
export const GT_S = 0x4a
export const ADD = 0x6a
export const SUB = 0x6b
export const AND = 0x71
export const OR = 0x72
export const SHR_U = 0x76
/** Block type of a block without a result. */
export const VOID = 0x40

// Vectors.
export const V_LOAD: number = SIMD + 0x00
export const V_LOAD32_SPLAT: number = SIMD + 0x09
export const V_STORE: number = SIMD + 0x0b
export const V_CONST: number = SIMD + 0x0c
export const V_SHUFFLE: number = SIMD + 0x0d
export const V_SWIZZLE: number = SIMD + 0x0e
export const V_SPLAT: number = SIMD + 0x11
export const V_REPLACE: number = SIMD + 0x1c
export const V_LT_U: number = SIMD + 0x3a
export const V_OR: number = SIMD + 0x50
export const V_XOR: number = SIMD + 0x51
export const V_LOAD32_LANE: number = SIMD + 0x56
export const V_STORE32_LANE: number = SIMD + 0x5a
export const V_SHL: number = SIMD + 0xab
export const V_SHR_U: number = SIMD + 0xad
export const V_ADD: number = SIMD + 0xae
export const V_SUB: number = SIMD + 0xb1
export const V_MUL: number = SIMD + 0xb5

const I32 = 0x7f
const V128 = 0x7b
const PARAMETERS = 9

export type Token = number | readonly [number]
/** Appends tokens. */
export type Emit = (...tokens: readonly Token[]) => void

/** A function of nine i32 and no result. Its locals are numbered after those, i32 before v128. */
export interface FunctionShape {
  readonly words: number
  readonly vectors: number
  readonly body: (emit: Emit) => void
}

/** Assembles a module of two functions, exported as `l` and `o`, and a memory of `pages`, exported as `m`. */
export function assemble(pages: number, functions: readonly [FunctionShape, FunctionShape]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(32_768)
  let at = 0

  const emit: Emit = (...tokens) => {
    for (const token of tokens) {
      if (typeof token !== 'number') {
        let rest = token[0] | 0
        bytes[at++] = 0x41
        for (; rest < -64 || rest > 63; rest >>= 7) bytes[at++] = rest | 0x80
        bytes[at++] = rest & 0x7f
      } else {
        if (token >= SIMD) bytes[at++] = 0xfd
        bytes[at++] = token
        if (token >= SIMD + 0x80) bytes[at++] = 1 // every number here is below 0x100, and bit 7 is LEB128's own mark
      }
    }
  }
  function sized(body: () => void): void {
    const start = (at += 3)
    body()
    const size = at - start
    bytes[start - 3] = size | 0x80
    bytes[start - 2] = (size >> 7) | 0x80
    bytes[start - 1] = size >> 14
  }

  emit(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0)
  emit(1, 4 + PARAMETERS, 1, 0x60, PARAMETERS, ...new Array<number>(PARAMETERS).fill(I32), 0) // one type
  emit(3, 3, 2, 0, 0, 5, 3, 1, 0, pages) // two functions of it; a memory
  emit(7, 13, 3, 1, 0x6d, 2, 0, 1, 0x6c, 0, 0, 1, 0x6f, 0, 1) // exports m, l and o
  emit(10)
  sized(() => {
    emit(2)
    for (const { words, vectors, body } of functions) {
      sized(() => {
        emit(2, words, I32, vectors, V128)
        body(emit)
        emit(END)
      })
    }
  })
  return bytes.slice(0, at)
}
