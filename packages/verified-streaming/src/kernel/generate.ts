/**
 * The BLAKE3 kernel as WebAssembly SIMD, written by this program when it is first needed: no file to host, no toolchain.
 *
 * What makes it fast (measured, spec §4.1): byte rotations as `i8x16.swizzle` with masks held in locals (one instruction in
 * V8), the four independent G's interleaved in program order (compilers keep it), message words in locals, transposition by
 * vector shuffles, and `lanes4` as one stand-alone function that is never inlined. Tried and given up: rotations by shift
 * and or (-20 %), masks as inline constants (-15 % on Node 24), G's one after the other (-5 to -20 %).
 */
import {
  ADD,
  type Assembler,
  assemble,
  BR,
  BR_IF,
  CALL,
  ELSE,
  END,
  EQ,
  EQZ,
  type FunctionShape,
  GET,
  GT_U,
  IF,
  LOAD32,
  LOOP,
  LT_U,
  OR,
  ROTR,
  SELECT,
  SET,
  SHL,
  SHR_U,
  STORE32,
  SUB,
  TEE,
  V_ADD,
  V_CONST,
  V_LOAD,
  V_LOAD32_SPLAT,
  V_LT_U,
  V_MUL,
  V_OR,
  V_REPLACE,
  V_SHL,
  V_SHR_U,
  V_SHUFFLE,
  V_SPLAT,
  V_STORE,
  V_SUB,
  V_SWIZZLE,
  V_XOR,
  VOID,
  XOR,
  AND,
} from './assembler.ts'
import { CHUNK_END, CHUNK_START, IV, MEMORY_BYTES, PARENT, PERMUTATION } from './constants.ts'

const LANES4 = 0
const ONE = 1
const PARENTS = 3

/** Word order of each of the seven rounds. */
const SCHEDULE: readonly (readonly number[])[] = scheduleOf()

function scheduleOf(): number[][] {
  const rounds = [Array.from({ length: 16 }, (_, i) => i)]
  for (let round = 1; round < 7; round++) rounds.push(PERMUTATION.map((from) => rounds[round - 1]![from]!))
  return rounds
}

/** The byte-rotation masks of 32-bit lanes, set into two locals. */
function setMasks({ emit }: Assembler, rotate16: number, rotate8: number): void {
  emit(V_CONST, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13, SET, rotate16)
  emit(V_CONST, 1, 2, 3, 0, 5, 6, 7, 4, 9, 10, 11, 8, 13, 14, 15, 12, SET, rotate8)
}

/** Two-vector shuffle of 32-bit lanes: 0 to 3 of the first, 4 to 7 of the second. */
function shuffle32({ emit }: Assembler, a: number, b: number, l0: number, l1: number, l2: number, l3: number): void {
  emit(GET, a, GET, b, V_SHUFFLE)
  for (const lane of [l0, l1, l2, l3]) emit(4 * lane, 4 * lane + 1, 4 * lane + 2, 4 * lane + 3)
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
const lanes4: FunctionShape = {
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

// One input: the same interface for the two ways to do it. Locals after the parameters.
const P = { input: 0, length: 1, lo: 2, hi: 3, flags: 4, endFlags: 5, key: 6, out: 7, size: 8, local: 9 } as const

/** What both ways share: `size` of the next block, its flags, and the loop over blocks. `local` numbers follow. */
function overBlocks({ emit, i32 }: Assembler, block: () => void): void {
  emit(LOOP, VOID)
  // size = min(64, length); in the last block the end flags are added
  emit(GET, P.length)
  i32(64, GET, P.length)
  i32(65, LT_U, SELECT, SET, P.size)
  emit(GET, P.flags, GET, P.endFlags)
  i32(0, GET, P.length)
  i32(65, LT_U, SELECT, OR, SET, P.flags)
  block()
  emit(GET, P.flags)
  i32(~CHUNK_START, AND, SET, P.flags, GET, P.input)
  i32(64, ADD, SET, P.input, GET, P.length, GET, P.size, SUB, TEE, P.length, BR_IF, 0, END)
}

const R = { a: 9, b: 10, c: 11, d: 12, m: 13, x: 17, mask16: 18, mask8: 19, h: 20 } as const

/** One input with its state in four vectors, a row each: shortest chain of dependent instructions; best in V8. */
const rows: FunctionShape = {
  params: 8,
  words: 1,
  vectors: 13,
  body(asm) {
    const { emit, i32 } = asm
    setMasks(asm, R.mask16, R.mask8)
    emit(GET, P.key, V_LOAD, 4, 0, SET, R.h, GET, P.key, V_LOAD, 4, 16, SET, R.h + 1)
    overBlocks(asm, () => {
      for (let i = 0; i < 4; i++) emit(GET, P.input, V_LOAD, 4, 16 * i, SET, R.m + i)
      emit(GET, R.h, SET, R.a, GET, R.h + 1, SET, R.b, V_CONST)
      for (let i = 0; i < 4; i++) emit(IV[i]! & 255, (IV[i]! >> 8) & 255, (IV[i]! >> 16) & 255, IV[i]! >>> 24)
      emit(SET, R.c, GET, P.lo, V_SPLAT, GET, P.hi, V_REPLACE, 1, GET, P.size, V_REPLACE, 2, GET, P.flags, V_REPLACE, 3, SET, R.d)
      for (const order of SCHEDULE) {
        mixRows(
          asm,
          [0, 2, 4, 6].map((i) => order[i]!),
          R.mask16,
          12,
        )
        mixRows(
          asm,
          [1, 3, 5, 7].map((i) => order[i]!),
          R.mask8,
          7,
        )
        turn(asm, 3, 1, 2)
        mixRows(
          asm,
          [14, 8, 10, 12].map((i) => order[i]!),
          R.mask16,
          12,
        )
        mixRows(
          asm,
          [15, 9, 11, 13].map((i) => order[i]!),
          R.mask8,
          7,
        )
        turn(asm, 1, 3, 2)
      }
      emit(GET, R.a, GET, R.c, V_XOR, SET, R.h, GET, R.b, GET, R.d, V_XOR, SET, R.h + 1)
    })
    emit(GET, P.out, GET, R.h, V_STORE, 4, 0, GET, P.out, GET, R.h + 1, V_STORE, 4, 16)
  },
}

/** Rotates the rows a, d and c by lanes, so that diagonals stand in columns. b, last to be ready, stays where it is. */
function turn(asm: Assembler, a: number, c: number, d: number): void {
  for (const [row, by] of [
    [R.a, a],
    [R.d, d],
    [R.c, c],
  ] as const) {
    shuffle32(asm, row, row, by, (by + 1) & 3, (by + 2) & 3, (by + 3) & 3)
    asm.emit(SET, row)
  }
}

/** Pushes the four message words `words` as a vector: at most two gathering shuffles and a blend. */
function gather(asm: Assembler, words: readonly number[]): void {
  const vectors = [...new Set(words.map((word) => word >> 2))]
  const half = (first: number, second: number): void => {
    const lane = (word: number, i: number): number => (word >> 2 === first ? word & 3 : word >> 2 === second ? 4 + (word & 3) : i)
    shuffle32(asm, R.m + first, R.m + second, lane(words[0]!, 0), lane(words[1]!, 1), lane(words[2]!, 2), lane(words[3]!, 3))
  }
  half(vectors[0]!, vectors[1] ?? vectors[0]!)
  if (vectors.length <= 2) return
  asm.emit(SET, R.x)
  half(vectors[2]!, vectors[3] ?? vectors[2]!)
  const isFirst = words.map((word) => vectors.indexOf(word >> 2) < 2)
  // stack: second half; blend with the first, lane by lane
  asm.emit(GET, R.x, V_SHUFFLE)
  for (let i = 0; i < 4; i++) for (let byte = 0; byte < 4; byte++) asm.emit((isFirst[i] ? 16 : 0) + 4 * i + byte)
}

function mixRows(asm: Assembler, words: readonly number[], mask: number, shift: number): void {
  const { emit, i32 } = asm
  emit(GET, R.a)
  gather(asm, words)
  emit(V_ADD, GET, R.b, V_ADD, SET, R.a, GET, R.d, GET, R.a, V_XOR, GET, mask, V_SWIZZLE, TEE, R.d)
  emit(GET, R.c, V_ADD, SET, R.c, GET, R.b, GET, R.c, V_XOR, TEE, R.b)
  i32(shift, V_SHR_U, GET, R.b)
  i32(32 - shift, V_SHL, V_OR, SET, R.b)
}

const S = { v: 9, m: 25, h: 41 } as const

/** One input in 32-bit integers: JavaScriptCore runs it faster than the rows. */
const scalar: FunctionShape = {
  params: 8,
  words: 41,
  vectors: 0,
  body(asm) {
    const { emit, i32 } = asm
    for (let i = 0; i < 8; i++) emit(GET, P.key, LOAD32, 2, 4 * i, SET, S.h + i)
    overBlocks(asm, () => {
      for (let i = 0; i < 16; i++) emit(GET, P.input, LOAD32, 2, 4 * i, SET, S.m + i)
      for (let i = 0; i < 8; i++) emit(GET, S.h + i, SET, S.v + i)
      for (let i = 0; i < 4; i++) i32(IV[i]!, SET, S.v + 8 + i)
      emit(GET, P.lo, SET, S.v + 12, GET, P.hi, SET, S.v + 13, GET, P.size, SET, S.v + 14, GET, P.flags, SET, S.v + 15)
      for (const order of SCHEDULE) {
        for (let g = 0; g < 8; g++) mix1(asm, g, order)
      }
      for (let i = 0; i < 8; i++) emit(GET, S.v + i, GET, S.v + 8 + i, XOR, SET, S.h + i)
    })
    for (let i = 0; i < 8; i++) emit(GET, P.out, GET, S.h + i, STORE32, 2, 4 * i)
  },
}

function mix1({ emit, i32 }: Assembler, g: number, order: readonly number[]): void {
  const half = g >> 2
  const [a, b, c, d] = [0, 1, 2, 3].map((row) => S.v + 4 * row + ((g + row * half) & 3)) as [number, number, number, number]
  for (let part = 0; part < 2; part++) {
    emit(GET, a, GET, S.m + order[2 * g + part]!, ADD, GET, b, ADD, SET, a, GET, d, GET, a, XOR)
    i32(part ? 8 : 16, ROTR, TEE, d, GET, c, ADD, SET, c, GET, b, GET, c, XOR)
    i32(part ? 7 : 12, ROTR, SET, b)
  }
}

/** Engine.chunks. Two or three whole chunks still go through four lanes, idle lanes being cheaper than chunks one by one. */
const chunks: FunctionShape = {
  name: 'chunks',
  params: 8,
  words: 1,
  vectors: 0,
  body({ emit, i32 }) {
    const [input, length, lo, hi, flags, endFlags, key, out, count] = [0, 1, 2, 3, 4, 5, 6, 7, 8] as const
    emit(LOOP, VOID, GET, length)
    i32(2047, GT_U, IF, VOID)
    {
      i32(4, GET, length)
      i32(10, SHR_U, TEE, count, GET, count)
      i32(4, GT_U, SELECT, SET, count)
      emit(GET, input)
      i32(1024)
      i32(0)
      i32(16, GET, lo, GET, hi)
      i32(1, GET, flags)
      i32(CHUNK_START, OR, GET, endFlags)
      i32(CHUNK_END, OR, GET, key, GET, out, CALL, LANES4)
    }
    emit(ELSE)
    {
      i32(1, SET, count)
      emit(GET, input)
      i32(1024, GET, length, GET, length)
      i32(1024, GT_U, SELECT, GET, lo, GET, hi, GET, flags)
      i32(CHUNK_START, OR, GET, endFlags)
      i32(CHUNK_END, OR, GET, key, GET, out, CALL, ONE)
    }
    emit(END, GET, lo, GET, count, ADD, TEE, lo, GET, count, LT_U, GET, hi, ADD, SET, hi)
    emit(GET, out, GET, count)
    i32(5, SHL, ADD, SET, out, GET, count)
    i32(10, SHL, TEE, count, GET, input, ADD, SET, input)
    // The last chunk may be short: then count is above length.
    emit(GET, length, GET, count, GT_U, IF, VOID, GET, length, GET, count, SUB, SET, length, BR, 1, END, END)
  },
}

/** Engine.parents. Three pairs still go through four lanes. */
const parents: FunctionShape = {
  name: 'parents',
  params: 5,
  words: 0,
  vectors: 0,
  body({ emit, i32 }) {
    const [input, count, flags, key, out] = [0, 1, 2, 3, 4] as const
    emit(GET, flags)
    i32(PARENT, OR, SET, flags, LOOP, VOID, GET, count)
    i32(2, GT_U, IF, VOID, GET, input)
    i32(64)
    i32(0)
    i32(1)
    i32(0)
    i32(0)
    i32(0, GET, flags)
    i32(0, GET, key, GET, out, CALL, LANES4)
    emit(GET, input)
    i32(256, ADD, SET, input, GET, out)
    i32(128, ADD, SET, out)
    emit(GET, count)
    i32(4, GT_U, IF, VOID, GET, count)
    i32(4, SUB, SET, count, BR, 2, END)
    emit(ELSE, GET, count, IF, VOID, GET, input)
    i32(64)
    i32(0)
    i32(0, GET, flags)
    i32(0, GET, key, GET, out, CALL, ONE, GET, input)
    i32(64, ADD, SET, input, GET, out)
    i32(32, ADD, SET, out, GET, count)
    i32(1, SUB, SET, count, BR, 2, END, END, END)
  },
}

/** Engine.reduce: a level at a time; a CV without a sibling rises as it is. */
const reduce: FunctionShape = {
  name: 'reduce',
  params: 5,
  words: 1,
  vectors: 0,
  body({ emit, i32 }) {
    const [at, count, flags, rootFlag, key, odd] = [0, 1, 2, 3, 4, 5] as const
    emit(LOOP, VOID, GET, count)
    i32(1, GT_U, IF, VOID, GET, at, GET, count)
    i32(1, SHR_U, GET, flags, GET, flags, GET, rootFlag, OR, GET, count)
    i32(2, GT_U, SELECT, GET, key, GET, at, CALL, PARENTS)
    emit(GET, count)
    i32(1, AND, IF, VOID)
    {
      // odd: address of the last CV; it moves to just after the new level
      emit(GET, at, GET, count)
      i32(5, SHL, ADD)
      i32(32, SUB, SET, odd)
      for (const half of [0, 16]) {
        emit(GET, at, GET, count)
        i32(1, SHR_U)
        i32(5, SHL, ADD, GET, odd, V_LOAD, 4, half, V_STORE, 4, half)
      }
    }
    emit(END, GET, count)
    i32(1, ADD)
    i32(1, SHR_U, SET, count, BR, 1, END, END)
  },
}

/** The kernel's module. `inRows` says which way a single input is done; both give the same bytes. */
export function generateKernel(inRows: boolean): Uint8Array<ArrayBuffer> {
  return assemble(MEMORY_BYTES / 65_536, [lanes4, inRows ? rows : scalar, chunks, parents, reduce])
}
