/**
 * Just enough of a WebAssembly assembler: tokens in, module bytes out, into one preallocated buffer. A token below 256 is a
 * byte as it stands; above, it is a SIMD instruction (`SIMD` plus its number). Sizes are written as padded LEB128 so that
 * they can be filled in afterwards. Nothing is validated here: the engine that compiles the module does that.
 */

const SIMD = 256

// Control and integers.
export const LOOP = 0x03
export const IF = 0x04
export const ELSE = 0x05
export const END = 0x0b
export const BR = 0x0c
export const BR_IF = 0x0d
export const CALL = 0x10
export const SELECT = 0x1b
export const GET = 0x20
export const SET = 0x21
export const TEE = 0x22
export const LOAD32 = 0x28
export const STORE32 = 0x36
export const EQ = 0x46
export const LT_U = 0x49
export const GT_U = 0x4b
export const ADD = 0x6a
export const SUB = 0x6b
export const AND = 0x71
export const OR = 0x72
export const XOR = 0x73
export const SHL = 0x74
export const SHR_U = 0x76
export const ROTR = 0x78
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
export const V_SHL: number = SIMD + 0xab
export const V_SHR_U: number = SIMD + 0xad
export const V_ADD: number = SIMD + 0xae
export const V_SUB: number = SIMD + 0xb1
export const V_MUL: number = SIMD + 0xb5

const I32 = 0x7f
const V128 = 0x7b

/** A function of i32 parameters; `results` 0 or 1 (i32). Locals are numbered after the parameters, i32 before v128. */
export interface FunctionShape {
  readonly name?: string
  readonly params: number
  readonly results?: number
  readonly words: number
  readonly vectors: number
  readonly body: (asm: Assembler) => void
}

export interface Assembler {
  /** Appends tokens. */
  emit(...tokens: number[]): void
  /** `i32.const value`, then tokens. */
  i32(value: number, ...tokens: number[]): void
}

/** Assembles a module with one exported memory of `pages` and the given functions, in order; those with a name are exported. */
export function assemble(pages: number, functions: readonly FunctionShape[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(32_768)
  let at = 0

  function emit(...tokens: number[]): void {
    for (let i = 0; i < tokens.length; i++) {
      const token = tokens[i]!
      if (token < SIMD) bytes[at++] = token
      else {
        bytes[at++] = 0xfd
        if (token >= SIMD + 0x80) {
          bytes[at++] = token & 0xff // every number here is below 0x100, and bit 7 is LEB128's own mark
          bytes[at++] = 1
        } else bytes[at++] = token & 0x7f
      }
    }
  }
  function i32(value: number, ...tokens: number[]): void {
    let rest = value | 0
    bytes[at++] = 0x41
    for (; rest < -64 || rest > 63; rest >>= 7) bytes[at++] = (rest & 0x7f) | 0x80
    bytes[at++] = rest & 0x7f
    emit(...tokens)
  }
  function sized(body: () => void): void {
    const sizeAt = at
    at += 3
    body()
    const size = at - sizeAt - 3
    bytes[sizeAt] = (size & 0x7f) | 0x80
    bytes[sizeAt + 1] = ((size >> 7) & 0x7f) | 0x80
    bytes[sizeAt + 2] = size >> 14
  }
  function section(id: number, count: number, body: () => void): void {
    emit(id)
    sized(() => {
      emit(count)
      body()
    })
  }
  function exported(name: string, kind: number, index: number): void {
    emit(name.length)
    for (let i = 0; i < name.length; i++) emit(name.charCodeAt(i))
    emit(kind, index)
  }

  const asm = { emit, i32 }
  emit(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0)
  section(1, functions.length, () => {
    for (const { params, results = 0 } of functions)
      emit(0x60, params, ...new Array<number>(params).fill(I32), results, ...(results ? [I32] : []))
  })
  section(3, functions.length, () => functions.forEach((_, index) => emit(index)))
  section(5, 1, () => emit(0, pages))
  const named = functions.filter(({ name }) => name)
  section(7, named.length + 1, () => {
    exported('memory', 2, 0)
    for (const shape of named) exported(shape.name!, 0, functions.indexOf(shape))
  })
  section(10, functions.length, () => {
    for (const { words, vectors, body } of functions) {
      sized(() => {
        emit(2, words, I32, vectors, V128)
        body(asm)
        emit(END)
      })
    }
  })
  return bytes.slice(0, at)
}
