import {
  type Assembler,
  type FunctionShape,
  GET,
  SET,
  TEE,
  V_LOAD,
  V_STORE,
  V_CONST,
  V_SHUFFLE,
  V_SWIZZLE,
  V_SPLAT,
  V_REPLACE,
  V_OR,
  V_XOR,
  V_SHL,
  V_SHR_U,
  V_ADD,
} from './assembler.ts'
import { IV } from './constants.ts'
import { lane, SCHEDULE, setMasks, shuffle32 } from './round.ts'
import { overBlocks, P } from './single.ts'

const R = { a: 9, b: 10, c: 11, d: 12, m: 13, mask16: 17, mask8: 18, h: 19 } as const

/** One input with its state in four vectors, a row each: shortest chain of dependent instructions; best in V8. */
export const rows: FunctionShape = {
  name: 'one',
  params: 8,
  words: 1,
  vectors: 12,
  body(asm) {
    const { emit } = asm
    setMasks(asm, R.mask16, R.mask8)
    emit(GET, P.key, V_LOAD, 4, 0, SET, R.h, GET, P.key, V_LOAD, 4, 16, SET, R.h + 1)
    overBlocks(asm, () => {
      for (let i = 0; i < 4; i++) emit(GET, P.input, V_LOAD, 4, 16 * i, SET, R.m + i)
      emit(GET, R.h, SET, R.a, GET, R.h + 1, SET, R.b, V_CONST)
      for (let i = 0; i < 4; i++) emit(IV[i]! & 255, (IV[i]! >> 8) & 255, (IV[i]! >> 16) & 255, IV[i]! >>> 24)
      emit(SET, R.c, GET, P.lo, V_SPLAT, GET, P.hi, V_REPLACE, 1, GET, P.size, V_REPLACE, 2, GET, P.flags, V_REPLACE, 3, SET, R.d)
      for (const order of SCHEDULE) {
        mixRows(asm, order, 0, 0)
        turn(asm, 3, 1, 2)
        mixRows(asm, order, 8, 6) // the diagonal of column 0 now stands in lane 1
        turn(asm, 1, 3, 2)
      }
      emit(GET, R.a, GET, R.c, V_XOR, SET, R.h, GET, R.b, GET, R.d, V_XOR, SET, R.h + 1)
    })
    emit(GET, P.out, GET, R.h, V_STORE, 4, 0, GET, P.out, GET, R.h + 1, V_STORE, 4, 16)
  },
}

/** Rotates the rows a, d and c by lanes, so that diagonals stand in columns. b, last to be ready, stays where it is. */
function turn(asm: Assembler, a: number, c: number, d: number): void {
  const by = [a, c, d]
  for (const [i, row] of [R.a, R.c, R.d].entries()) {
    const first = by[i]!
    shuffle32(asm, row, row, first, (first + 1) & 3, (first + 2) & 3, (first + 3) & 3)
    asm.emit(SET, row)
  }
}

/**
 * Pushes the four message words `words` as a vector: a shuffle gathers those of the first two sources, another those of the
 * other two, a blend joins them. Sparing shuffles with blends in place was tried and gained little for more code.
 */
function gather(asm: Assembler, words: readonly number[]): void {
  const sources: number[] = []
  for (const word of words) if (!sources.includes(word >> 2)) sources.push(word >> 2)
  const two = (first: number, second: number): void => {
    asm.emit(GET, R.m + first, GET, R.m + second, V_SHUFFLE)
    for (let i = 0; i < 4; i++) lane(asm, words[i]! >> 2 === first ? words[i]! & 3 : words[i]! >> 2 === second ? 4 + (words[i]! & 3) : i)
  }
  two(sources[0]!, sources[1] ?? sources[0]!)
  if (sources.length < 3) return
  two(sources[2]!, sources[3] ?? sources[2]!)
  asm.emit(V_SHUFFLE)
  for (let i = 0; i < 4; i++) lane(asm, sources.indexOf(words[i]! >> 2) < 2 ? i : 4 + i)
}

/** Four G's, a lane each, with the words from `order[base]`; lane 0 takes the pair at `shift`, the others follow round. */
function mixRows(asm: Assembler, order: readonly number[], base: number, shift: number): void {
  const { emit, i32 } = asm
  for (let part = 0; part < 2; part++) {
    const words = [0, 2, 4, 6].map((i) => order[base + ((i + shift) & 7) + part]!)
    emit(GET, R.a)
    gather(asm, words)
    emit(V_ADD, GET, R.b, V_ADD, SET, R.a, GET, R.d, GET, R.a, V_XOR, GET, part ? R.mask8 : R.mask16, V_SWIZZLE, TEE, R.d)
    emit(GET, R.c, V_ADD, SET, R.c, GET, R.b, GET, R.c, V_XOR, TEE, R.b)
    i32(part ? 7 : 12, V_SHR_U, GET, R.b)
    i32(part ? 25 : 20, V_SHL, V_OR, SET, R.b)
  }
}
