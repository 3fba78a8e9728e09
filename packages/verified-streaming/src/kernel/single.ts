/** The frame of hashing one input, which has two ways to do a block: rows.ts and scalar.ts. */
import { type Assembler, LOOP, END, BR_IF, SELECT, GET, SET, TEE, LT_U, ADD, SUB, AND, OR, VOID } from './assembler.ts'
import { CHUNK_START } from './constants.ts'

/** Parameters of both, then the size of the current block; each numbers its own locals after that. */
export const P = { input: 0, length: 1, lo: 2, hi: 3, flags: 4, endFlags: 5, key: 6, out: 7, size: 8, local: 9 } as const

/** What both ways share: `size` of the next block, its flags, and the loop over blocks. `local` numbers follow. */
export function overBlocks({ emit, i32 }: Assembler, block: () => void): void {
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
