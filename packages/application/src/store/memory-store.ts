/** A store in memory, for tests, simulations, tools and the state of genesis. Snapshots copy: it is not for large states. */
import type { KeyValueStore, Space, StoreReader, StoreSnapshot, Write } from './contract.ts'
import { keyTextOf } from '../state/key-text.ts'

type Rows = Map<string, { readonly key: Uint8Array; readonly value: Uint8Array }>

class Reader implements StoreReader {
  readonly spaces: Map<Space, Rows>
  readonly #sorted = new Map<Space, readonly string[]>()

  constructor(spaces: Map<Space, Rows>) {
    this.spaces = spaces
  }

  get(space: Space, key: Uint8Array): Uint8Array | undefined {
    return this.spaces.get(space)?.get(keyTextOf(key))?.value
  }

  *range(space: Space, from: Uint8Array, to?: Uint8Array): Iterable<readonly [Uint8Array, Uint8Array]> {
    const rows = this.spaces.get(space)
    if (rows === undefined) return
    const order = this.#sorted.get(space) ?? [...rows.keys()].toSorted() // code units are bytes here, so this is the order of bytes
    this.#sorted.set(space, order)
    const first = keyTextOf(from)
    const end = to === undefined ? undefined : keyTextOf(to)
    for (let at = placeOf(order, first); at < order.length; at++) {
      const text = order[at] as string
      if (end !== undefined && text >= end) return
      const row = rows.get(text)
      if (row !== undefined) yield [row.key.slice(), row.value.slice()]
    }
  }

  changed(space: Space): void {
    this.#sorted.delete(space)
  }
}

/** Makes an empty store. `writes` hand over a copy of what they hold. */
export function createMemoryStore(): KeyValueStore {
  const reader = new Reader(new Map())
  return {
    get: (space, key) => reader.get(space, key),
    range: (space, from, to) => reader.range(space, from, to),
    commit(writes: readonly Write[]) {
      for (const { space, key, value } of writes) {
        const rows = reader.spaces.get(space) ?? new Map()
        reader.spaces.set(space, rows)
        const text = keyTextOf(key)
        if (value === undefined) rows.delete(text)
        else rows.set(text, { key: key.slice(), value: value.slice() })
        reader.changed(space)
      }
    },
    openSnapshot(): StoreSnapshot {
      const still = new Reader(new Map([...reader.spaces].map(([space, rows]) => [space, new Map(rows)])))
      return {
        get: (space, key) => still.get(space, key),
        range: (space, from, to) => still.range(space, from, to),
        close: () => undefined,
      }
    },
  }
}

/** The first place whose text is not below `text`. */
function placeOf(order: readonly string[], text: string): number {
  let low = 0
  let high = order.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((order[middle] as string) < text) low = middle + 1
    else high = middle
  }
  return low
}
