/** Four compressions side by side, one in each 32-bit lane: where nearly all time of a large hash goes. */
import {
  type Emit,
  type FunctionShape,
  LOOP,
  END,
  BR_IF,
  GET,
  SET,
  TEE,
  LT_U,
  GT_S,
  ADD,
  SUB,
  SHR_U,
  VOID,
  V_LOAD,
  V_LOAD32_SPLAT,
  V_CONST,
  V_SHUFFLE,
  V_SWIZZLE,
  V_SPLAT,
  V_LT_U,
  V_OR,
  V_XOR,
  V_STORE32_LANE,
  V_SHL,
  V_SHR_U,
  V_ADD,
  V_SUB,
  V_MUL,
} from './assembler.ts'
import { overBlocks, overRounds, P, setMasks } from './blocks.ts'
import { IV_AT } from './constants.ts'

// Locals: where the lanes read, state, message, the lanes' counters, masks.
const AT = P.local
const V = 16
const M = 32
const LO = 48
const HI = 49
const MASK16 = 50
const MASK8 = 51

/** `Engine.lanes`. */
export const lanes: FunctionShape = {
  words: V - P.left,
  vectors: MASK8 - V + 1,
  body(emit) {
    setMasks(emit, MASK16, MASK8)
    emit(GET, P.input, SET, AT + 3, LOOP, VOID)
    // Four inputs follow each other, and the next four follow those.
    emit(GET, AT + 3, SET, AT)
    for (let lane = 0; lane < 3; lane++) emit(GET, AT + lane, GET, P.length, ADD, SET, AT + lane + 1)
    // The lanes' counters, with the carry into the high half: chunks count on, parents do not.
    emit(V_CONST, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, GET, P.length, [10], SHR_U, V_SPLAT, V_MUL)
    emit(GET, P.lo, V_SPLAT, V_ADD, SET, LO, GET, P.hi, V_SPLAT, GET, LO, GET, P.lo, V_SPLAT, V_LT_U, V_SUB, SET, HI)
    for (let i = 0; i < 8; i++) emit(GET, P.key, V_LOAD32_SPLAT, 2, 4 * i, SET, V + i)
    overBlocks(emit, () => {
      for (let i = 0; i < 16; i++) {
        emit(GET, AT + (i & 3), V_LOAD, 4, 4 * (i & 12), SET, M + i)
        if ((i & 3) === 3) transpose(emit, M + i - 3)
      }
      for (let lane = 0; lane < 4; lane++) emit(GET, AT + lane, [64], ADD, SET, AT + lane)
      for (let i = 0; i < 4; i++) emit([IV_AT], V_LOAD32_SPLAT, 2, 4 * i, SET, V + 8 + i)
      emit(GET, LO, SET, V + 12, GET, HI, SET, V + 13, GET, P.size, V_SPLAT, SET, V + 14, GET, P.now, V_SPLAT, SET, V + 15)
      overRounds((order) => round(emit, order))
      for (let i = 0; i < 8; i++) emit(GET, V + i, GET, V + 8 + i, V_XOR, SET, V + i)
    })
    for (let i = 0; i < 32; i++) emit(GET, P.out, GET, V + (i & 7), V_STORE32_LANE, 2, 4 * i, i >> 3)
    emit(GET, P.lo, GET, P.length, [8], SHR_U, TEE, P.left, ADD, TEE, P.lo, GET, P.left, LT_U, GET, P.hi, ADD, SET, P.hi)
    emit(GET, P.out, [128], ADD, SET, P.out, GET, P.count, [4], SUB, TEE, P.count, [0], GT_S, BR_IF, 0, END)
  },
}

/** Transposes the 4×4 words in four locals, by way of those where the third row of the state will be. */
function transpose(emit: Emit, m: number): void {
  const t = V + 8
  for (let i = 0; i < 8; i++) {
    const [a, b, second, third] = i < 4 ? [m + (i & 2), m + (i & 2) + 1, 4, 1] : [t + ((i >> 1) & 1), t + ((i >> 1) & 1) + 2, 1, 4]
    emit(GET, a, GET, b, V_SHUFFLE)
    for (const word of [0, second, third, 5]) for (let byte = 0; byte < 4; byte++) emit(4 * (word + 2 * (i & 1)) + byte)
    emit(SET, (i < 4 ? t : m) + (i & 3))
  }
}

/** Columns, then diagonals, each four G's in step: compilers keep the order of the program. */
function round(emit: Emit, order: readonly number[]): void {
  for (let half = 0; half < 2; half++) {
    const at = (row: number, i: number): number => V + 4 * row + ((i + row * half) & 3)
    for (let part = 0; part < 2; part++) {
      const by = part ? 7 : 12
      for (let i = 0; i < 4; i++) emit(GET, at(0, i), GET, M + order[8 * half + 2 * i + part]!, V_ADD, GET, at(1, i), V_ADD, SET, at(0, i))
      for (let i = 0; i < 4; i++) emit(GET, at(3, i), GET, at(0, i), V_XOR, GET, part ? MASK8 : MASK16, V_SWIZZLE, SET, at(3, i))
      for (let i = 0; i < 4; i++) emit(GET, at(2, i), GET, at(3, i), V_ADD, SET, at(2, i))
      for (let i = 0; i < 4; i++) {
        emit(GET, at(1, i), GET, at(2, i), V_XOR, TEE, at(1, i), [by], V_SHR_U, GET, at(1, i), [32 - by], V_SHL, V_OR, SET, at(1, i))
      }
    }
  }
}
