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
    put: (key, value) => void values.set(nameOf(key), value),
    delete: (key) => void values.delete(nameOf(key)),
  }
}

function nameOf(key: Uint8Array): string {
  return String.fromCharCode(...key)
}
