import {
  type Emit,
  type FunctionShape,
  GET,
  SET,
  TEE,
  ADD,
  V_LOAD,
  V_LOAD32_SPLAT,
  V_STORE,
  V_SHUFFLE,
  V_SWIZZLE,
  V_SPLAT,
  V_REPLACE,
  V_OR,
  V_XOR,
  V_LOAD32_LANE,
  V_SHL,
  V_SHR_U,
  V_ADD,
} from './assembler.ts'
import { overBlocks, overRounds, P, setMasks } from './blocks.ts'
import { IV_AT } from './constants.ts'

const R = { a: 12, b: 13, c: 14, d: 15, mask16: 16, mask8: 17, h: 18 } as const

/**
 * `Engine.one`: one input with its state in four vectors, a row each, the shortest chain of dependent instructions. Message words are
 * loaded lane by lane, which costs the chain nothing. Slower: gathering them with shuffles (a tenth in V8, nearly half in JavaScriptCore)
 * and integers instead of vectors (40 % in V8, a quarter in JavaScriptCore).
 */
export const rows: FunctionShape = {
  words: R.a - P.left,
  vectors: 8,
  body(emit) {
    setMasks(emit, R.mask16, R.mask8)
    emit(GET, P.key, V_LOAD, 4, 0, SET, R.h, GET, P.key, V_LOAD, 4, 16, SET, R.h + 1)
    overBlocks(emit, () => {
      emit(GET, R.h, SET, R.a, GET, R.h + 1, SET, R.b, [IV_AT], V_LOAD, 4, 0, SET, R.c)
      emit(GET, P.lo, V_SPLAT, GET, P.hi, V_REPLACE, 1, GET, P.size, V_REPLACE, 2, GET, P.now, V_REPLACE, 3, SET, R.d)
      overRounds((order) => {
        mix(emit, order, 0, 0)
        turn(emit, 3, 1, 2)
        mix(emit, order, 8, 6) // the diagonal of column 0 now stands in lane 1
        turn(emit, 1, 3, 2)
      })
      emit(GET, R.a, GET, R.c, V_XOR, SET, R.h, GET, R.b, GET, R.d, V_XOR, SET, R.h + 1, GET, P.input, [64], ADD, SET, P.input)
    })
    emit(GET, P.out, GET, R.h, V_STORE, 4, 0, GET, P.out, GET, R.h + 1, V_STORE, 4, 16)
  },
}

/** Rotates the rows a, d and c by lanes, so that diagonals stand in columns. b, last to be ready, stays where it is. */
function turn(emit: Emit, a: number, c: number, d: number): void {
  for (const [row, by] of [
    [R.a, a],
    [R.c, c],
    [R.d, d],
  ] as const) {
    emit(GET, row, GET, row, V_SHUFFLE)
    for (let i = 0; i < 16; i++) emit((4 * by + i) & 15)
    emit(SET, row)
  }
}

/** Four G's, a lane each, with the words from `order[base]`; lane 0 takes the pair at `shift`, the others follow round. */
function mix(emit: Emit, order: readonly number[], base: number, shift: number): void {
  for (let part = 0; part < 2; part++) {
    const word = (lane: number): number => 4 * order[base + ((2 * lane + shift) & 7) + part]!
    emit(GET, R.a, GET, P.input, GET, P.input, GET, P.input, GET, P.input, V_LOAD32_SPLAT, 2, word(0))
    for (let lane = 1; lane < 4; lane++) emit(V_LOAD32_LANE, 2, word(lane), lane)
    emit(V_ADD, GET, R.b, V_ADD, SET, R.a, GET, R.d, GET, R.a, V_XOR, GET, part ? R.mask8 : R.mask16, V_SWIZZLE, TEE, R.d)
    emit(GET, R.c, V_ADD, SET, R.c, GET, R.b, GET, R.c, V_XOR, TEE, R.b)
    emit([part ? 7 : 12], V_SHR_U, GET, R.b, [part ? 25 : 20], V_SHL, V_OR, SET, R.b)
  }
}
