/**
 * Items that wait until everything they name is there: certificates for their parents, headers for parents and batches.
 *
 * Bounded for each group (an authority), so that nobody's flood costs another his place; a full group refuses, and the item is sent
 * or fetched again. An item leaves by its last arrival, or because its round has gone by.
 *
 * Invariant: `#awaited` names exactly the missing keys of the items held.
 */
export interface Parked<T> {
  readonly id: string
  readonly group: number
  readonly round: number
  readonly item: T
}

interface Waiting<T> extends Parked<T> {
  readonly missing: Set<string>
}

export class Parking<T> {
  readonly #groupMax: number
  readonly #items = new Map<string, Waiting<T>>()
  readonly #groups = new Map<number, number>()
  readonly #awaited = new Map<string, Set<string>>()

  constructor(groupMax: number) {
    this.#groupMax = groupMax
  }

  get size(): number {
    return this.#items.size
  }

  has(id: string): boolean {
    return this.#items.has(id)
  }

  get(id: string): T | undefined {
    return this.#items.get(id)?.item
  }

  /** Whether an item here waits for `key`. */
  isAwaited(key: string): boolean {
    return this.#awaited.has(key)
  }

  countOf(group: number): number {
    return this.#groups.get(group) ?? 0
  }

  isFull(group: number): boolean {
    return this.countOf(group) >= this.#groupMax
  }

  /** @returns whether there was room. An id that is here already keeps its place. */
  park(parked: Parked<T>, missing: Iterable<string>): boolean {
    const { id, group } = parked
    if (this.#items.has(id)) return true
    if (this.isFull(group)) return false
    const waiting = { ...parked, missing: new Set(missing) }
    this.#items.set(id, waiting)
    this.#groups.set(group, (this.#groups.get(group) ?? 0) + 1)
    for (const key of waiting.missing) {
      const ids = this.#awaited.get(key)
      if (ids === undefined) this.#awaited.set(key, new Set([id]))
      else ids.add(id)
    }
    return true
  }

  /** @returns the items that waited for `key` alone, in the order of parking. They are no longer here. */
  arrived(key: string): Parked<T>[] {
    const complete: Parked<T>[] = []
    for (const id of this.#awaited.get(key) ?? []) {
      const waiting = this.#items.get(id)
      if (waiting === undefined) continue
      waiting.missing.delete(key)
      if (waiting.missing.size === 0) complete.push(waiting)
    }
    this.#awaited.delete(key)
    for (const { id } of complete) this.drop(id)
    return complete
  }

  /** @returns the items of `round` and below, by round. They are no longer here, whatever they waited for. */
  takeUpTo(round: number): Parked<T>[] {
    if (this.#items.size === 0) return []
    const taken = [...this.#items.values()].filter((waiting) => waiting.round <= round).toSorted((a, b) => a.round - b.round)
    for (const { id } of taken) this.drop(id)
    return taken
  }

  /** In the order of parking. They stay. */
  all(): Parked<T>[] {
    return [...this.#items.values()]
  }

  drop(id: string): void {
    const waiting = this.#items.get(id)
    if (waiting === undefined) return
    this.#items.delete(id)
    this.#groups.set(waiting.group, (this.#groups.get(waiting.group) ?? 0) - 1)
    for (const key of waiting.missing) {
      const ids = this.#awaited.get(key)
      ids?.delete(id)
      if (ids?.size === 0) this.#awaited.delete(key)
    }
  }
}
