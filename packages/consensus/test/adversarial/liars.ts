/**
 * Byzantine members. They see everything that exists, choose parents for the harm, equivocate to disjoint sets, withhold, and lie about
 * the time as far as honest voters let them. What they make is valid: the rule never sees anything else.
 */
import type { Random } from '@selvedge/simulator'
import type { Vertex } from '../../src/dag/contract.ts'
import type { Config } from './config.ts'
import { type Pool, referenceOf } from './pool.ts'
import { liarParents } from './proposals.ts'

/** What a liar's clock may be ahead or behind, before its duty not to fall below its parents. */
const LIE_MS = 500

export interface Sent {
  readonly vertex: Vertex
  readonly receivers: readonly number[]
}

export class Liars {
  readonly #config: Config
  readonly #pool: Pool
  readonly #random: Random
  /** By key: the camp that a liar's vertex plays its part for. */
  readonly #parts = new Map<string, number>()
  readonly #lastRounds: number[]
  equivocations = 0

  constructor(config: Config, pool: Pool, random: Random) {
    this.#config = config
    this.#pool = pool
    this.#random = random
    this.#lastRounds = config.setup.stakes.map(() => 0)
  }

  /** What `liar` makes next, with those who get it; nothing where it cannot or will not. Rounds of an author ascend: voters see to it. */
  lie(liar: number, leaderOf: (round: number) => number | undefined, clockMs: number): readonly Sent[] {
    const round = this.#drawRound(liar)
    if (round === undefined) return []
    const copies = this.#drawCopies()
    const isLoyal = copies > 1 && this.#random.chance(this.#config.loyalShare)
    const drafts = Array.from({ length: isLoyal ? 2 : copies }, (_, copy) => {
      const part = isLoyal ? copy : undefined
      const lie = { liar, round, own: this.#ownBefore(liar, part), leaderOf, isFit: (vertex: Vertex) => this.#isFit(vertex, part) }
      return liarParents(lie, this.#config, this.#pool, this.#random)
    }).filter((parents) => parents !== undefined)
    if (drafts.length === 0 || (isLoyal && drafts.length < 2)) return []
    this.#lastRounds[liar] = round
    this.equivocations += drafts.length - 1
    const { honest, camps } = this.#config
    const receiving = honest.map((self) => (isLoyal ? camps[self]! : this.#random.below(copies)))
    return drafts.map((parents, copy) => {
      const vertex = this.#pool.create(round, liar, parents, clockMs + this.#random.below(2 * LIE_MS) - LIE_MS)
      if (isLoyal) this.#parts.set(vertex.key, copy)
      return { vertex, receivers: honest.filter((_, at) => (isLoyal ? receiving[at] === copy : this.#isSentTo(receiving[at] === copy))) }
    })
  }

  #isSentTo(isMeant: boolean): boolean {
    const { withholdShare, overlapShare } = this.#config
    return this.#random.chance(isMeant ? 1 - withholdShare / 2 : overlapShare)
  }

  #drawRound(liar: number): number | undefined {
    const last = this.#lastRounds[liar]!
    const top = Math.min(this.#pool.highestRound + 1, this.#config.roundMax)
    if (last >= top) return undefined
    return this.#random.chance(0.7) ? last + 1 : last + 1 + this.#random.below(top - last)
  }

  #drawCopies(): number {
    const { mode, isOverBudget, equivocateShare } = this.#config
    const canEquivocate = mode === 'uncertified' || isOverBudget
    return canEquivocate && this.#random.chance(equivocateShare) ? 2 + this.#random.below(2) : 1
  }

  #ownBefore(liar: number, part: number | undefined): Vertex | ReturnType<Pool['genesis']> {
    const last = this.#lastRounds[liar]!
    if (last === 0) return this.#pool.genesis(liar)
    const blocks = this.#pool.slot(last, liar)
    return referenceOf(blocks.find((block) => part !== undefined && this.#parts.get(block.key) === part) ?? this.#random.pick(blocks))
  }

  /** A part for one camp names what that camp made, and what plays a part for no other. */
  #isFit({ author, key }: Vertex, part: number | undefined): boolean {
    if (part === undefined) return true
    return this.#config.honest.includes(author) ? this.#config.camps[author] === part : (this.#parts.get(key) ?? part) === part
  }
}
