/**
 * The BLAKE3 kernel as WebAssembly SIMD, written by this program when it is first needed: no file to host, no toolchain.
 *
 * What makes it fast (spec §4.1): byte rotations as `i8x16.swizzle` with masks held in locals (one instruction in
 * V8), the four independent G's interleaved in program order (compilers keep it), message words in locals, transposition by
 * vector shuffles, and `lanes4` as one stand-alone function that is never inlined. Slower in every engine
 * tried: rotations by shift and or, masks as inline constants, G's one after the other.
 */
import {
  type FunctionShape,
  assemble,
  LOOP,
  IF,
  ELSE,
  END,
  BR,
  CALL,
  SELECT,
  GET,
  SET,
  TEE,
  LT_U,
  GT_U,
  ADD,
  SUB,
  AND,
  OR,
  SHL,
  SHR_U,
  VOID,
  V_LOAD,
  V_STORE,
} from './assembler.ts'
import { CHUNK_END, CHUNK_START, MEMORY_BYTES, PARENT } from './constants.ts'
import { lanes4 } from './lanes4.ts'
import { rows } from './rows.ts'
import { scalar } from './scalar.ts'

// Functions by their place in the module.
const LANES4 = 0
const ONE = 1
const PARENTS = 3

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

/** Engine.parents. Two or three pairs still go through four lanes: four cost as much as two alone. */
const parents: FunctionShape = {
  name: 'parents',
  params: 5,
  words: 0,
  vectors: 0,
  body({ emit, i32 }) {
    const [input, count, flags, key, out] = [0, 1, 2, 3, 4] as const
    emit(GET, flags)
    i32(PARENT, OR, SET, flags, LOOP, VOID, GET, count)
    i32(1, GT_U, IF, VOID, GET, input)
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
  params: 6,
  words: 1,
  vectors: 0,
  body({ emit, i32 }) {
    const [at, count, limit, flags, rootFlag, key, odd] = [0, 1, 2, 3, 4, 5, 6] as const
    emit(LOOP, VOID, GET, count, GET, limit, GT_U, IF, VOID, GET, at, GET, count)
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
