/** Four compressions side by side, one in each 32-bit lane: where nearly all time of a large hash goes. */
import {
  type Assembler,
  type FunctionShape,
  LOOP,
  END,
  BR_IF,
  SELECT,
  GET,
  SET,
  TEE,
  EQ,
  ADD,
  SUB,
  AND,
  OR,
  VOID,
  V_LOAD,
  V_LOAD32_SPLAT,
  V_STORE,
  V_CONST,
  V_SWIZZLE,
  V_SPLAT,
  V_LT_U,
  V_OR,
  V_XOR,
  V_SHL,
  V_SHR_U,
  V_ADD,
  V_SUB,
  V_MUL,
} from './assembler.ts'
import { CHUNK_START, IV } from './constants.ts'
import { SCHEDULE, setMasks, shuffle32 } from './round.ts'

// lanes4: four inputs side by side, one a lane. Parameters, then locals.
const L = {
  input: 0,
  stride: 1,
  gap: 2,
  blocks: 3,
  lo: 4,
  hi: 5,
  step: 6,
  flags: 7,
  endFlags: 8,
  key: 9,
  out: 10,
  pointer: 11,
  v: 15,
  m: 31,
  lo4: 47,
  hi4: 48,
  mask16: 49,
  mask8: 50,
} as const

/**
 * CVs of four inputs of `blocks` whole blocks at `input`, `stride` bytes apart (with `gap` more before the third and
 * fourth), counters from `lo, hi` in steps of `step` (0 or 1); 128 bytes at `out`.
 */
export const lanes4: FunctionShape = {
  params: 11,
  words: 4,
  vectors: 36,
  body(asm) {
    const { emit, i32 } = asm
    setMasks(asm, L.mask16, L.mask8)
    emit(GET, L.input, SET, L.pointer)
    for (let lane = 1; lane < 4; lane++) {
      emit(GET, L.pointer + lane - 1, GET, L.stride, ADD)
      if (lane === 2) emit(GET, L.gap, ADD)
      emit(SET, L.pointer + lane)
    }
    // The lanes' counters, with the carry into the high half.
    emit(V_CONST, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, GET, L.step, V_SPLAT, V_MUL, GET, L.lo, V_SPLAT, V_ADD, SET, L.lo4)
    emit(GET, L.hi, V_SPLAT, GET, L.lo4, GET, L.lo, V_SPLAT, V_LT_U, V_SUB, SET, L.hi4)
    for (let i = 0; i < 8; i++) emit(GET, L.key, V_LOAD32_SPLAT, 2, 4 * i, SET, L.v + i)
    emit(LOOP, VOID)
    for (let quarter = 0; quarter < 4; quarter++) {
      for (let lane = 0; lane < 4; lane++) emit(GET, L.pointer + lane, V_LOAD, 4, 16 * quarter, SET, L.m + 4 * quarter + lane)
      transpose(asm, L.m + 4 * quarter, L.v + 8)
    }
    for (let lane = 0; lane < 4; lane++) {
      emit(GET, L.pointer + lane)
      i32(64, ADD, SET, L.pointer + lane)
    }
    for (let i = 0; i < 4; i++) i32(IV[i]!, V_SPLAT, SET, L.v + 8 + i)
    emit(GET, L.lo4, SET, L.v + 12, GET, L.hi4, SET, L.v + 13)
    i32(64, V_SPLAT, SET, L.v + 14)
    // flags, and endFlags with the last block; the start flag leaves `flags` after the first.
    emit(GET, L.flags, GET, L.endFlags)
    i32(0, GET, L.blocks)
    i32(1, EQ, SELECT, OR, V_SPLAT, SET, L.v + 15)
    emit(GET, L.flags)
    i32(~CHUNK_START, AND, SET, L.flags)
    for (const order of SCHEDULE) round4(asm, order)
    for (let i = 0; i < 8; i++) emit(GET, L.v + i, GET, L.v + 8 + i, V_XOR, SET, L.v + i)
    emit(GET, L.blocks)
    i32(1, SUB, TEE, L.blocks, BR_IF, 0, END)
    transpose(asm, L.v, L.m)
    transpose(asm, L.v + 4, L.m)
    for (let i = 0; i < 8; i++) emit(GET, L.out, GET, L.v + i, V_STORE, 4, (i & 3) * 32 + (i >> 2) * 16)
  },
}

/** One round over four lanes: columns, then diagonals, each four G's in step. */
function round4(asm: Assembler, order: readonly number[]): void {
  for (let half = 0; half < 2; half++) {
    for (let part = 0; part < 2; part++)
      mix4(asm, half, part ? L.mask8 : L.mask16, part ? 7 : 12, (i) => L.m + order[8 * half + 2 * i + part]!)
  }
}

function mix4({ emit, i32 }: Assembler, half: number, mask: number, shift: number, message: (i: number) => number): void {
  const a = (i: number): number => L.v + i
  const b = (i: number): number => L.v + 4 + ((i + half) & 3)
  const c = (i: number): number => L.v + 8 + ((i + 2 * half) & 3)
  const d = (i: number): number => L.v + 12 + ((i + 3 * half) & 3)
  for (let i = 0; i < 4; i++) emit(GET, a(i), GET, message(i), V_ADD, GET, b(i), V_ADD, SET, a(i))
  for (let i = 0; i < 4; i++) emit(GET, d(i), GET, a(i), V_XOR, GET, mask, V_SWIZZLE, SET, d(i))
  for (let i = 0; i < 4; i++) emit(GET, c(i), GET, d(i), V_ADD, SET, c(i))
  for (let i = 0; i < 4; i++) {
    emit(GET, b(i), GET, c(i), V_XOR, TEE, b(i))
    i32(shift, V_SHR_U, GET, b(i))
    i32(32 - shift, V_SHL, V_OR, SET, b(i))
  }
}

/** Transposes the 4×4 words in the locals `v` to `v + 3`, by way of those from `t`. */
function transpose(asm: Assembler, v: number, t: number): void {
  const { emit } = asm
  shuffle32(asm, v, v + 1, 0, 4, 1, 5)
  emit(SET, t)
  shuffle32(asm, v, v + 1, 2, 6, 3, 7)
  emit(SET, t + 1)
  shuffle32(asm, v + 2, v + 3, 0, 4, 1, 5)
  emit(SET, t + 2)
  shuffle32(asm, v + 2, v + 3, 2, 6, 3, 7)
  emit(SET, t + 3)
  for (let i = 0; i < 4; i++) {
    const low = i & 1 ? 2 : 0
    shuffle32(asm, t + (i >> 1), t + 2 + (i >> 1), low, low + 1, low + 4, low + 5)
    emit(SET, v + i)
  }
}
