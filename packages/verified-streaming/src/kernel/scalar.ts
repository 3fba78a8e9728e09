import { type Assembler, type FunctionShape, GET, SET, TEE, LOAD32, STORE32, ADD, XOR, ROTR } from './assembler.ts'
import { IV } from './constants.ts'
import { SCHEDULE } from './round.ts'
import { overBlocks, P } from './single.ts'

const S = { v: 9, m: 25, h: 41 } as const

/** One input in 32-bit integers: JavaScriptCore runs it faster than the rows. */
export const scalar: FunctionShape = {
  name: 'one',
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
