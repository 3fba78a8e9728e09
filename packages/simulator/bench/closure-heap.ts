/** The engine that one writes first: a binary heap of objects, each with a closure. */
interface Entry {
  readonly atMs: number
  readonly sequence: number
  readonly run: () => void
}

const isBefore = (one: Entry, other: Entry): boolean => one.atMs < other.atMs || (one.atMs === other.atMs && one.sequence < other.sequence)

export class ClosureHeap {
  nowMs = 0
  #sequence = 0
  readonly #heap: Entry[] = []

  schedule(atMs: number, run: () => void): void {
    const heap = this.#heap
    const entry = { atMs, sequence: this.#sequence++, run }
    let at = heap.push(entry) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (isBefore(heap[parent]!, entry)) break
      heap[at] = heap[parent]!
      at = parent
    }
    heap[at] = entry
  }

  step(): void {
    const heap = this.#heap
    const first = heap[0]!
    const last = heap.pop()!
    if (heap.length > 0) this.#sink(last)
    this.nowMs = first.atMs
    first.run()
  }

  #sink(entry: Entry): void {
    const heap = this.#heap
    let at = 0
    for (;;) {
      let child = at * 2 + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child += 1
      if (isBefore(entry, heap[child]!)) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = entry
  }
}
