/** What the vector forms of the compression share: the message schedule, rotation masks and shuffles by 32-bit lanes. */
import { type Assembler, GET, SET, V_CONST, V_SHUFFLE } from './assembler.ts'
import { PERMUTATION } from './constants.ts'

/** Word order of each of the seven rounds. */
export const SCHEDULE: readonly (readonly number[])[] = scheduleOf()

function scheduleOf(): number[][] {
  const rounds = [Array.from({ length: 16 }, (_, i) => i)]
  for (let round = 1; round < 7; round++) rounds.push(PERMUTATION.map((from) => rounds[round - 1]![from]!))
  return rounds
}

/** The byte-rotation masks of 32-bit lanes, set into two locals. */
export function setMasks({ emit }: Assembler, rotate16: number, rotate8: number): void {
  emit(V_CONST, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13, SET, rotate16)
  emit(V_CONST, 1, 2, 3, 0, 5, 6, 7, 4, 9, 10, 11, 8, 13, 14, 15, 12, SET, rotate8)
}

/** One lane of a shuffle by 32-bit lanes: 0 to 3 of the first vector, 4 to 7 of the second. */
export function lane({ emit }: Assembler, from: number): void {
  emit(4 * from, 4 * from + 1, 4 * from + 2, 4 * from + 3)
}

export function shuffle32(asm: Assembler, a: number, b: number, l0: number, l1: number, l2: number, l3: number): void {
  asm.emit(GET, a, GET, b, V_SHUFFLE)
  lane(asm, l0)
  lane(asm, l1)
  lane(asm, l2)
  lane(asm, l3)
}
