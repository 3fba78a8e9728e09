/** Content for benches, and a folder for it in the repository's ignored one, on whatever disk that is. */
import { randomFillSync } from 'node:crypto'
import { mkdirSync, mkdtempSync } from 'node:fs'
import { join } from 'node:path'

export const MIB: number = 2 ** 20

export function makeFolder(): string {
  const temporary = join(import.meta.dirname, '../../../.tmp')
  mkdirSync(temporary, { recursive: true })
  return mkdtempSync(join(temporary, 'bench-'))
}

/** Random bytes, a MiB at a time: no two of them are alike, and nothing can be made smaller. A part is valid until the next is asked for. */
export async function* randomParts(totalBytes: number): AsyncGenerator<Uint8Array, void, undefined> {
  const part = new Uint8Array(MIB)
  for (let left = totalBytes; left > 0; left -= MIB) yield randomFillSync(part).subarray(0, Math.min(left, MIB))
}
