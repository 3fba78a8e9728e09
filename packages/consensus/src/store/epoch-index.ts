/**
 * What an epoch's records are, by kind and key: the newest of each, with its place. Certificates and blocks are listed by round too.
 * Holds no bytes but what the caller puts into `T`.
 */
import type { RecordKind } from '../core/contract.ts'

export interface Indexed {
  readonly kind: RecordKind
  readonly key: string
  readonly round: number | undefined
  readonly author: number | undefined
}

const isByRound = (kind: RecordKind): boolean => kind === 'certificate' || kind === 'block'

export class EpochIndex<T extends Indexed> {
  readonly #kinds = new Map<RecordKind, Map<string, T>>()
  readonly #rounds = new Map<RecordKind, Map<number, T[]>>()
  #highest = 0

  get(kind: RecordKind, key: string): T | undefined {
    return this.#kinds.get(kind)?.get(key)
  }

  /** Takes the place of an earlier entry of the same kind and key, and moves to the end of the order of writing. */
  set(entry: T): void {
    const { kind, key, round } = entry
    let keys = this.#kinds.get(kind)
    if (keys === undefined) this.#kinds.set(kind, (keys = new Map()))
    const before = keys.get(key)
    if (before !== undefined) {
      keys.delete(key)
      if (before.round !== undefined && isByRound(kind)) this.#leaveRound(before, before.round)
    }
    keys.set(key, entry)
    if (round !== undefined && isByRound(kind)) this.#enterRound(entry, round)
  }

  /** By (round, author) for certificates and blocks of rounds above `afterRound`; all of another kind in the order of writing. */
  *entries(kind: RecordKind, afterRound = -1): Iterable<T> {
    if (!isByRound(kind)) {
      yield* this.#kinds.get(kind)?.values() ?? []
      return
    }
    const rounds = this.#rounds.get(kind)
    if (rounds === undefined) return
    const isSparse = this.#highest - afterRound > 2 * rounds.size
    const ascending = isSparse ? [...rounds.keys()].filter((round) => round > afterRound).toSorted((a, b) => a - b) : undefined
    if (ascending !== undefined) for (const round of ascending) yield* rounds.get(round) ?? []
    else for (let round = afterRound + 1; round <= this.#highest; round++) yield* rounds.get(round) ?? []
  }

  *values(): Iterable<T> {
    for (const keys of this.#kinds.values()) yield* keys.values()
  }

  #enterRound(entry: T, round: number): void {
    let rounds = this.#rounds.get(entry.kind)
    if (rounds === undefined) this.#rounds.set(entry.kind, (rounds = new Map()))
    let entries = rounds.get(round)
    if (entries === undefined) rounds.set(round, (entries = []))
    const author = entry.author ?? -1
    const at = entries.findIndex((other) => (other.author ?? -1) > author)
    if (at === -1) entries.push(entry)
    else entries.splice(at, 0, entry)
    if (round > this.#highest) this.#highest = round
  }

  #leaveRound(entry: T, round: number): void {
    const entries = this.#rounds.get(entry.kind)?.get(round)
    const at = entries?.indexOf(entry) ?? -1
    if (at !== -1) entries?.splice(at, 1)
  }
}
