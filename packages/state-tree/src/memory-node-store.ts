/** A node store in memory, for tests, light use and as the obvious reading of the port. */
import type { NodeStore } from './ports.ts'

export interface MemoryNodeStore extends NodeStore {
  /** How many values it holds. */
  readonly size: number
}

/** Makes a store that keeps what it is given until it is collected. */
export function createMemoryNodeStore(): MemoryNodeStore {
  const values = new Map<string, Uint8Array>()
  return {
    get size() {
      return values.size
    },
    get: (key) => values.get(nameOf(key)),
    put(key, value) {
      const name = nameOf(key)
      const held = values.get(name)
      if (held?.length === value.length) held.set(value)
      else values.set(name, value.slice())
    },
    delete: (key) => void values.delete(nameOf(key)),
  }
}

function nameOf(key: Uint8Array): string {
  return String.fromCharCode.apply(undefined, key as unknown as number[])
}
