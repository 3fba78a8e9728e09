/**
 * What is committed already, by digest, above gcRound.
 *
 * A set of digests and not a watermark for each author: with a watermark, a certificate that arrives after its author's later one was
 * committed is ordered by some members and not by others, and the logs fork.
 */
import type { Authority, Digest } from '../wire/types.ts'

export interface DoneVertex {
  readonly round: number
  readonly author: Authority
  readonly digest: Digest
  readonly key: string
}

export class DoneSet {
  readonly #rounds = new Map<number, Map<string, DoneVertex>>()
  #lowestRound = 1
  #size = 0

  get size(): number {
    return this.#size
  }

  has({ round, key }: { readonly round: number; readonly key: string }): boolean {
    return this.#rounds.get(round)?.has(key) ?? false
  }

  add({ round, author, digest, key }: DoneVertex): void {
    let vertices = this.#rounds.get(round)
    if (vertices === undefined) this.#rounds.set(round, (vertices = new Map()))
    vertices.set(key, { round, author, digest, key })
    this.#size += 1
  }

  dropThrough(gcRound: number): void {
    for (; this.#lowestRound <= gcRound; this.#lowestRound++) {
      this.#size -= this.#rounds.get(this.#lowestRound)?.size ?? 0
      this.#rounds.delete(this.#lowestRound)
    }
  }

  /** In the order of (round, author, digest): the same on every member after the same commits. */
  sorted(): DoneVertex[] {
    const rounds = [...this.#rounds].sort(([a], [b]) => a - b)
    return rounds.flatMap(([, vertices]) => [...vertices.values()].sort(byPlace))
  }
}

/** The order of everything committed: (round, author, digest). Keys are hex of equal length, so they compare as the bytes do. */
export function byPlace(a: DoneVertex, b: DoneVertex): number {
  return a.round - b.round || a.author - b.author || (a.key < b.key ? -1 : a.key > b.key ? 1 : 0)
}
