/**
 * Partially synchronous Bullshark on a certified DAG.
 *
 * The leader of an even round is committed when vertices of stake V in the next round name it. Before it, oldest first, go the leaders
 * that it can reach. Each step is needed for safety: with less support than V, or without the path, members commit different leaders;
 * a leader that was passed over directly must still be committed indirectly, since another member may have had its support; and when a
 * commit changes the schedule, all later leaders are elected again before anything else is committed.
 *
 * Source: docs/protocol/consensus-order.md §5; "Bullshark: DAG BFT Protocols Made Practical", partially synchronous version.
 */
import { isAncestor } from './causal-history.ts'
import type { Commit, CommitRule, InsertOutcome, OrderSetup, Vertex } from './contract.ts'
import { Linearizer } from './linearizer.ts'
import { OrderedRule } from './ordered-rule.ts'
import { thresholdsOf } from './quorum.ts'

const WAVE_ROUNDS = 2

class BullsharkRule extends OrderedRule<'certified'> implements CommitRule<'certified'> {
  readonly mode = 'certified'
  readonly #validity: number

  constructor(order: Linearizer<'certified'>, validity: number) {
    super(order)
    this.#validity = validity
  }

  insert(vertex: Vertex): InsertOutcome {
    if (this.halted !== undefined) return 'old'
    const outcome = this.order.insert(vertex)
    if (outcome === 'conflict') this.halted = { reason: 'two certificates', slot: { round: vertex.round, author: vertex.author } }
    return outcome
  }

  tryCommit(limit = Number.POSITIVE_INFINITY): readonly Commit[] {
    const commits: Commit[] = []
    let round = this.lastCommittedRound + WAVE_ROUNDS
    while (this.halted === undefined && commits.length < limit && round < this.dag.highestRound) {
      const leader = this.#leaderIn(round)
      if (leader !== undefined && this.dag.supportOf(leader) >= this.#validity) {
        this.#commitThrough(leader, commits, limit)
        round = this.lastCommittedRound
      }
      round += WAVE_ROUNDS
    }
    return commits
  }

  #leaderIn(round: number): Vertex | undefined {
    const author = this.leaderOf(round)
    return author === undefined ? undefined : this.dag.slot(round, author)[0]
  }

  /** Commits the leaders between the last committed one and `leader` that it reaches, oldest first, up to a change of the schedule. */
  #commitThrough(leader: Vertex, commits: Commit[], limit: number): void {
    const chain = [leader]
    let earliest = leader
    for (let round = leader.round - WAVE_ROUNDS; round > this.lastCommittedRound; round -= WAVE_ROUNDS) {
      const earlier = this.#leaderIn(round)
      if (earlier === undefined || !isAncestor(this.dag, earlier, earliest)) continue
      chain.push(earlier)
      earliest = earlier
    }
    const { scheduleVersion } = this
    for (const next of chain.reverse()) {
      if (commits.length === limit) return
      commits.push(this.order.commit(next))
      if (this.scheduleVersion !== scheduleVersion) return
    }
  }
}

/** @param snapshot - of an earlier instance of this epoch; the vertices above its gcRound are to be inserted again, by (round, author). */
export function createBullsharkRule(setup: OrderSetup, snapshot?: Uint8Array): CommitRule<'certified'> {
  return new BullsharkRule(new Linearizer('certified', setup, snapshot), thresholdsOf(setup.stakes).validity)
}
