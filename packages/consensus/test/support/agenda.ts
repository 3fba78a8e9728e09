/** What is planned, by (time, order of planning): a binary heap. */
export interface Planned {
  readonly atMs: number
  readonly run: () => void
}

interface Ordered extends Planned {
  readonly order: number
}

export class Agenda {
  readonly #heap: Ordered[] = []
  #order = 0

  get next(): Planned | undefined {
    return this.#heap[0]
  }

  plan(atMs: number, run: () => void): void {
    const heap = this.#heap
    let at = heap.push({ atMs, order: this.#order++, run }) - 1
    for (let parent = (at - 1) >> 1; at > 0 && isBefore(heap[at]!, heap[parent]!); parent = (at - 1) >> 1) {
      swap(heap, at, parent)
      at = parent
    }
  }

  /** Takes `next` off. */
  pop(): void {
    const heap = this.#heap
    swap(heap, 0, heap.length - 1)
    heap.pop()
    for (let at = 0; ; ) {
      const left = 2 * at + 1
      let least = at
      if (left < heap.length && isBefore(heap[left]!, heap[least]!)) least = left
      if (left + 1 < heap.length && isBefore(heap[left + 1]!, heap[least]!)) least = left + 1
      if (least === at) return
      swap(heap, at, least)
      at = least
    }
  }
}

function isBefore(a: Ordered, b: Ordered): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)
}

function swap<T>(items: T[], a: number, b: number): void {
  const item = items[a]!
  items[a] = items[b]!
  items[b] = item
}
