/** A planted bug, as a patch of a shipped source. */
import type { Mode } from '../../src/dag/contract.ts'
import { tokensOf } from './tokens.ts'

export interface Mutant {
  readonly id: string
  /** Which rule must be seen to break. */
  readonly mode: Mode
  /** Under `src/`. */
  readonly file: string
  /** Tokens that occur exactly once in the file. */
  readonly find: string
  readonly put: string
  /**
   * `safety`: every member runs it, and an invariant breaks. `format`: one honest member does not, and I1, I2 or I12 breaks.
   * `equivalent`: nothing can break, for the reason given; it is run for a while and counts for nothing.
   */
  readonly class: 'safety' | 'format' | 'equivalent'
  readonly reason?: string
}

/** @throws {Error} where `find` does not occur exactly once. */
export function applyPatch(source: string, { id, find, put }: Pick<Mutant, 'id' | 'find' | 'put'>): string {
  const tokens = tokensOf(source)
  const wanted = tokensOf(find).map(({ text }) => text)
  const places = tokens.flatMap((_, at) => (wanted.every((text, offset) => tokens[at + offset]?.text === text) ? [at] : []))
  if (wanted.length === 0 || places.length !== 1) throw new Error(`mutant ${id}: its tokens occur ${places.length} times, not once`)
  const first = tokens[places[0]!]!
  const last = tokens[places[0]! + wanted.length - 1]!
  return source.slice(0, first.start) + put + source.slice(last.end)
}
