/**
 * What blocks say of the blocks one and two rounds before them. Each block's word is found once, when it is accepted.
 *
 *   vote(b, B): b is of the next round and the FIRST of its ancestors in B's slot is B
 *   cert(c, B): c is two rounds later, and its ancestors that vote for B are by authors of stake Q
 *
 * Source: docs/protocol/consensus-order.md §6.
 */
import type { Authority } from '../wire/types.ts'
import type { Vertex } from './contract.ts'
import type { DagStore } from './dag-store.ts'

interface Ballot {
  /** By author: the key of the block of the round before that this one votes for. */
  readonly votes: readonly (string | undefined)[]
  /** Blocks two rounds later that hold a certificate for this one. */
  readonly certifiers: Vertex[]
}

export class Ballots {
  readonly #dag: DagStore<'uncertified'>
  readonly #stakes: readonly number[]
  readonly #quorum: number
  readonly #rounds = new Map<number, Map<string, Ballot>>()
  #lowestRound = 1
  /** By author: the call of `#stakeOf` that counted it last. A set that needs no clearing. */
  readonly #countedIn: number[]
  #call = 0

  constructor(dag: DagStore<'uncertified'>, stakes: readonly number[], quorum: number) {
    this.#dag = dag
    this.#stakes = stakes
    this.#quorum = quorum
    this.#countedIn = stakes.map(() => 0)
  }

  /** Counts a block that was just added to the DAG. */
  add(block: Vertex): void {
    const votes: (string | undefined)[] = this.#stakes.map(() => undefined)
    for (const parent of block.parents) {
      const { round, author } = parent
      const key = this.#dag.get(parent.key)?.key ?? parent.key // the DAG's own string: equal ones are the same one then
      if (round === block.round - 1) votes[author] ??= key
    }
    let round = this.#rounds.get(block.round)
    if (round === undefined) this.#rounds.set(block.round, (round = new Map()))
    round.set(block.key, { votes, certifiers: [] })
    this.#certify(block)
  }

  /** Whether authors of stake Q have a block of the next round that passes the slot over. */
  isSkipped(round: number, author: Authority): boolean {
    const ballots = this.#rounds.get(round + 1)
    if (ballots === undefined) return false
    const passes = ({ key }: Vertex): boolean => ballots.get(key)!.votes[author] === undefined
    let stake = 0
    for (let voter = 0; voter < this.#stakes.length; voter++) {
      if (this.#dag.slot(round + 1, voter).some(passes)) stake += this.#stakes[voter]!
    }
    return stake >= this.#quorum
  }

  /** The blocks of a slot for which authors of stake Q hold certificates. More than one: more than a third of the stake is faulty. */
  committedIn(round: number, author: Authority): readonly Vertex[] {
    return this.#dag.slot(round, author).filter((block) => this.#stakeOf(this.certifiersOf(block)) >= this.#quorum)
  }

  certifiersOf(block: Vertex): readonly Vertex[] {
    return this.#ballotOf(block)?.certifiers ?? []
  }

  dropThrough(gcRound: number): void {
    for (; this.#lowestRound <= gcRound; this.#lowestRound++) this.#rounds.delete(this.#lowestRound)
  }

  #ballotOf({ round, key }: { readonly round: number; readonly key: string }): Ballot | undefined {
    return this.#rounds.get(round)?.get(key)
  }

  #certify(certifier: Vertex): void {
    const voters = certifier.parents.filter(({ round }) => round === certifier.round - 1)
    const votings = voters.map((voter) => ({ author: voter.author, ballot: this.#ballotOf(voter) }))
    for (let author = 0; author < this.#stakes.length; author++) {
      for (const block of this.#dag.slot(certifier.round - 2, author)) {
        const inFavour = votings.filter(({ ballot }) => ballot?.votes[author] === block.key)
        if (this.#stakeOf(inFavour) >= this.#quorum) this.#ballotOf(block)?.certifiers.push(certifier)
      }
    }
  }

  /** Stake of distinct authors. */
  #stakeOf(blocks: readonly { readonly author: Authority }[]): number {
    let stake = 0
    this.#call += 1
    for (const { author } of blocks) {
      if (this.#countedIn[author] === this.#call) continue
      this.#countedIn[author] = this.#call
      stake += this.#stakes[author]!
    }
    return stake
  }
}
