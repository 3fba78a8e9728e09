/**
 * The vertices of one epoch above gcRound, by key and by slot (round, author).
 *
 * Invariants: of every vertex the parents above gcRound are here too; a certified slot holds one vertex, an uncertified one the set of what
 * its author signed. `mode` is a field so that a `DagStore<'uncertified'>` is no `DagStore<'certified'>`.
 */
import type { Authority } from '../wire/types.ts'
import type { DagView, InsertOutcome, Mode, Vertex } from './contract.ts'
import { assert } from './invariant.ts'

interface Round {
  readonly slots: Vertex[][]
  stake: number
}

const NONE: readonly Vertex[] = []

export class DagStore<M extends Mode> implements DagView<M> {
  readonly mode: M
  readonly #stakes: readonly number[]
  readonly #totalStake: number
  readonly #byKey = new Map<string, Vertex>()
  readonly #rounds = new Map<number, Round>()
  #lowestRound = 1
  #highestRound = 0

  constructor(mode: M, stakes: readonly number[]) {
    this.mode = mode
    this.#stakes = stakes
    this.#totalStake = stakes.reduce((sum, stake) => sum + stake, 0)
  }

  get size(): number {
    return this.#byKey.size
  }

  get highestRound(): number {
    return this.#highestRound
  }

  get(key: string): Vertex | undefined {
    return this.#byKey.get(key)
  }

  slot(round: number, author: Authority): readonly Vertex[] {
    return this.#rounds.get(round)?.slots[author] ?? NONE
  }

  round(round: number): readonly Vertex[] {
    return this.#rounds.get(round)?.slots.flat() ?? NONE
  }

  stakeAt(round: number): number {
    return round === 0 ? this.#totalStake : (this.#rounds.get(round)?.stake ?? 0)
  }

  supportOf(vertex: Vertex): number {
    const next = this.#rounds.get(vertex.round + 1)
    if (next === undefined) return 0
    let stake = 0
    for (let author = 0; author < this.#stakes.length; author++) {
      if ((next.slots[author] as Vertex[]).some((child) => isParent(vertex, child))) stake += this.#stakes[author] as number
    }
    return stake
  }

  insert(vertex: Vertex, gcRound: number): InsertOutcome {
    if (vertex.round <= gcRound) return 'old'
    if (this.#byKey.has(vertex.key)) return 'known'
    const round = this.#roundOf(vertex.round)
    const slot = round.slots[vertex.author] as Vertex[]
    if (this.mode === 'certified' && slot.length > 0) return 'conflict'
    for (const parent of vertex.parents) {
      assert(parent.round <= gcRound || this.#byKey.has(parent.key), `a parent of ${vertex.key} is missing: ${parent.key}`)
    }
    if (slot.length === 0) round.stake += this.#stakes[vertex.author] as number
    slot.push(vertex)
    this.#byKey.set(vertex.key, vertex)
    this.#highestRound = Math.max(this.#highestRound, vertex.round)
    return 'added'
  }

  /** Forgets all rounds up to and including `gcRound`. */
  dropThrough(gcRound: number): void {
    for (; this.#lowestRound <= gcRound; this.#lowestRound++) {
      for (const slot of this.#rounds.get(this.#lowestRound)?.slots ?? []) for (const { key } of slot) this.#byKey.delete(key)
      this.#rounds.delete(this.#lowestRound)
    }
  }

  #roundOf(round: number): Round {
    let found = this.#rounds.get(round)
    if (found === undefined) {
      found = { slots: this.#stakes.map(() => []), stake: 0 }
      this.#rounds.set(round, found)
    }
    return found
  }
}

/** Authors are compared first: two short numbers instead of two long strings. */
export function isParent(parent: { readonly author: Authority; readonly key: string }, child: Vertex): boolean {
  return child.parents.some(({ author, key }) => author === parent.author && key === parent.key)
}
