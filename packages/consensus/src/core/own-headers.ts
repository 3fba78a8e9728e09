/**
 * What own headers carried, until a sub-DAG orders it. A certificate that nobody names in the next round is never ordered (the DAG has no
 * weak links), so its content is proposed again: once a committed leader stands 4 rounds above it, certified or not (2.7). Execution
 * takes each batch and each system transaction once, so that it does no harm when the first comes through after all.
 */
import type { VertexContent } from './certified-vertex.ts'
import { ORPHAN_ROUNDS } from './settings.ts'

export class OwnHeaders {
  readonly #byRound = new Map<number, VertexContent>()

  add(round: number, content: VertexContent): void {
    if (content.payload.length + content.systemTransactions.length > 0) this.#byRound.set(round, content)
  }

  commit(round: number): void {
    this.#byRound.delete(round)
  }

  /** @returns what has to be proposed again now that a leader of `leaderRound` is committed, oldest first. */
  takeOrphans(leaderRound: number): VertexContent[] {
    const orphans: VertexContent[] = []
    const rounds = [...this.#byRound.keys()].filter((round) => round + ORPHAN_ROUNDS <= leaderRound).toSorted((a, b) => a - b)
    for (const round of rounds) {
      const content = this.#byRound.get(round)
      if (content !== undefined) orphans.push(content)
      this.#byRound.delete(round)
    }
    return orphans
  }
}
