/**
 * Mysticeti-C on an uncertified DAG: every round starts a wave of three, and a slot (round, leader) becomes Commit or Skip.
 *
 * Directly by what the next two rounds say, else indirectly by the first slot from three rounds later on that is not Skip: what that
 * one's history holds a certificate for is committed, everything else skipped. Slots are emitted in the order of (round, rank), as far
 * as all before them are decided. Equivocation is met here: a slot holds a set of blocks, and only one of them can be certified.
 *
 * Source: docs/protocol/consensus-order.md §6; "Mysticeti: Reaching the Limits of Latency with Uncertified DAGs", Mysticeti-C.
 */
import type { Authority } from '../wire/types.ts'
import { Ballots } from './ballots.ts'
import { historyOf } from './causal-history.ts'
import type { Commit, CommitRule, InsertOutcome, OrderSetup, Vertex } from './contract.ts'
import { leadersPerRoundOf } from './leader-schedule.ts'
import { Linearizer } from './linearizer.ts'
import { OrderedRule } from './ordered-rule.ts'
import { thresholdsOf } from './quorum.ts'

const WAVE_ROUNDS = 3

interface Slot {
  readonly round: number
  readonly rank: number
  readonly author: Authority
}

type Decision = { readonly type: 'commit'; readonly block: Vertex } | { readonly type: 'skip' } | { readonly type: 'undecided' }
const SKIP: Decision = { type: 'skip' }
const UNDECIDED: Decision = { type: 'undecided' }

class MysticetiRule extends OrderedRule<'uncertified'> implements CommitRule<'uncertified'> {
  readonly mode = 'uncertified'
  readonly #ballots: Ballots
  readonly #leadersPerRound: number
  /** The first slot that is not emitted. */
  #next: { round: number; rank: number }

  constructor(order: Linearizer<'uncertified'>, setup: OrderSetup) {
    super(order)
    this.#ballots = new Ballots(order.dag, setup.stakes, thresholdsOf(setup.stakes).quorum)
    this.#leadersPerRound = leadersPerRoundOf('uncertified', setup)
    this.#next = order.lastLeader === undefined ? { round: 1, rank: 0 } : this.#after(order.lastLeader)
  }

  insert(block: Vertex): InsertOutcome {
    if (this.halted !== undefined) return 'old'
    const outcome = this.order.insert(block)
    if (outcome === 'added') this.#ballots.add(block)
    return outcome
  }

  tryCommit(limit = Number.POSITIVE_INFINITY): readonly Commit[] {
    const commits: Commit[] = []
    while (this.#emitDecided(commits, limit));
    return commits
  }

  /** Emits the longest decided prefix, up to a change of the schedule: true then, since the slots that follow have other leaders. */
  #emitDecided(commits: Commit[], limit: number): boolean {
    const slots = this.#openSlots()
    const decisions = this.#decide(slots)
    const { scheduleVersion } = this
    for (const [at, slot] of slots.entries()) {
      const decision = decisions[at]!
      if (this.halted !== undefined || decision.type === 'undecided' || commits.length === limit) return false
      this.#next = this.#after(slot)
      if (decision.type === 'skip') continue
      commits.push(this.order.commit(decision.block, slot.rank))
      this.#ballots.dropThrough(this.gcRound)
      if (this.scheduleVersion !== scheduleVersion) return true
    }
    return false
  }

  /** Slots from the first that is not emitted to the highest round, in the order of (round, rank). */
  #openSlots(): Slot[] {
    const slots: Slot[] = []
    for (let { round, rank } = this.#next; round <= this.dag.highestRound; { round, rank } = this.#after({ round, rank })) {
      const author = this.leaderOf(round, rank)
      if (author !== undefined) slots.push({ round, rank, author })
    }
    return slots
  }

  /** From the last slot back to the first, since an indirect decision asks the slots above. */
  #decide(slots: readonly Slot[]): readonly Decision[] {
    const decisions: Decision[] = slots.map(() => UNDECIDED)
    for (let at = slots.length - 1; at >= 0; at--) {
      const slot = slots[at]!
      const direct = this.#decideDirectly(slot)
      decisions[at] = direct.type === 'undecided' ? this.#decideIndirectly(slot, anchorOf(slot, slots, decisions)) : direct
    }
    return decisions
  }

  #decideDirectly({ round, author }: Slot): Decision {
    if (this.#ballots.isSkipped(round, author)) return SKIP
    return this.#only(this.#ballots.committedIn(round, author), UNDECIDED)
  }

  #decideIndirectly({ round, author }: Slot, anchor: Decision): Decision {
    if (anchor.type !== 'commit') return UNDECIDED
    const history = new Set(historyOf(this.dag, anchor.block, round + 1))
    const certified = this.dag.slot(round, author).filter((block) => this.#ballots.certifiersOf(block).some((each) => history.has(each)))
    return this.#only(certified, SKIP)
  }

  /** Commit of the one certified block; two of them break the quorum, and nothing may follow. */
  #only([block, another]: readonly Vertex[], otherwise: Decision): Decision {
    if (block === undefined) return otherwise
    if (another === undefined) return { type: 'commit', block }
    this.halted = { reason: 'two certified blocks', slot: { round: block.round, author: block.author } }
    return UNDECIDED
  }

  #after({ round, rank }: { readonly round: number; readonly rank: number }): { round: number; rank: number } {
    return rank + 1 < this.#leadersPerRound ? { round, rank: rank + 1 } : { round: round + 1, rank: 0 }
  }
}

/** The first slot from a wave later on that is not Skip. */
function anchorOf(slot: Slot, slots: readonly Slot[], decisions: readonly Decision[]): Decision {
  const at = slots.findIndex(({ round }, each) => round >= slot.round + WAVE_ROUNDS && decisions[each]!.type !== 'skip')
  return decisions[at] ?? UNDECIDED
}

/** @param snapshot - of an earlier instance of this epoch; the blocks above its gcRound are to be inserted again, by (round, author). */
export function createMysticetiRule(setup: OrderSetup, snapshot?: Uint8Array): CommitRule<'uncertified'> {
  return new MysticetiRule(new Linearizer('uncertified', setup, snapshot), setup)
}
