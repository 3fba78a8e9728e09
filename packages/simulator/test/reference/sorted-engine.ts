/** The obvious engine: a list that is searched for the least (time, sequence). What the heap is held against. */
interface Entry {
  readonly atMs: number
  readonly sequence: number
  readonly label: number
}

export class SortedEngine {
  nowMs = 0
  #sequence = 0
  #entries: Entry[] = []

  get pending(): number {
    return this.#entries.length
  }

  schedule(atMs: number, label: number): number {
    this.#entries.push({ atMs, sequence: this.#sequence, label })
    return this.#sequence++
  }

  cancel(sequence: number): boolean {
    const before = this.#entries.length
    this.#entries = this.#entries.filter((each) => each.sequence !== sequence)
    return this.#entries.length < before
  }

  next(untilMs: number): { readonly atMs: number; readonly label: number } | undefined {
    const [first] = this.#entries.toSorted((a, b) => a.atMs - b.atMs || a.sequence - b.sequence)
    if (first === undefined || first.atMs > untilMs) return undefined
    this.cancel(first.sequence)
    this.nowMs = first.atMs
    return first
  }
}
