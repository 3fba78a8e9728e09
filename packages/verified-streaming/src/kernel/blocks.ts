/** What all ways to compress have in common: parameters, the loop over an input's blocks, the order of message words. */
import { type Emit, LOOP, END, BR_IF, SELECT, GET, SET, TEE, LT_U, SUB, AND, OR, VOID, V_CONST } from './assembler.ts'
import { CHUNK_START, PERMUTATION } from './constants.ts'

/** Parameters of `Engine.lanes` and `Engine.one`, then what the loop holds; each way numbers its own locals from `local`. */
export const P = {
  input: 0,
  length: 1,
  lo: 2,
  hi: 3,
  flags: 4,
  endFlags: 5,
  key: 6,
  out: 7,
  count: 8,
  left: 9,
  size: 10,
  now: 11,
  local: 12,
} as const

/** Runs `round` for each of the seven, with its order of message words. */
export function overRounds(round: (order: readonly number[]) => void): void {
  let order = PERMUTATION.map((_, i) => i)
  for (let i = 0; i < 7; i++) {
    round(order)
    order = PERMUTATION.map((from) => order[from]!)
  }
}

/** Runs `block` for each 64 bytes, with the `size` of the block (the last may be short) and its flags in `now`. */
export function overBlocks(emit: Emit, block: () => void): void {
  emit(GET, P.length, SET, P.left, GET, P.flags, SET, P.now, LOOP, VOID)
  emit(GET, P.left, [64], GET, P.left, [65], LT_U, SELECT, SET, P.size)
  emit(GET, P.now, GET, P.endFlags, [0], GET, P.left, [65], LT_U, SELECT, OR, SET, P.now)
  block()
  emit(GET, P.now, [~CHUNK_START], AND, SET, P.now, GET, P.left, GET, P.size, SUB, TEE, P.left, BR_IF, 0, END)
}

/** The masks that rotate each 32-bit lane by 16 and by 8 bits, in locals: V8 makes one instruction of a swizzle with them. */
export function setMasks(emit: Emit, mask16: number, mask8: number): void {
  for (const [mask, by] of [
    [mask16, 2],
    [mask8, 1],
  ] as const) {
    emit(V_CONST)
    for (let i = 0; i < 16; i++) emit((i & 12) | ((i + by) & 3))
    emit(SET, mask)
  }
}
