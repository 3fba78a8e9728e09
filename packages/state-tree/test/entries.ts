/** Entries for tests: few bits differ, so that keys share long prefixes and cross the borders of groups. */
import { createMemoryNodeStore, type MemoryNodeStore, StateTreeError, type StateTreeErrorCode } from '@selvedge/state-tree'
import { expect } from 'vitest'

/** A key hash that is zero but for the given bits, counted from the root. */
export function keyWith(...bits: readonly number[]): Uint8Array {
  const key = new Uint8Array(32)
  for (const at of bits) key[at >> 3]! |= 0x80 >> (at & 7)
  return key
}

export function hashOf(number: number): Uint8Array {
  return new Uint8Array(32).fill(number & 0xff).fill(number >>> 8, 16)
}

export function expectCode(call: () => unknown, code: StateTreeErrorCode): void {
  try {
    call()
  } catch (error) {
    expect(error).toBeInstanceOf(StateTreeError)
    expect((error as StateTreeError).code).toBe(code)
    return
  }
  expect.unreachable(`expected ${code}`)
}

/** A store with a transaction: what was put since `begin` can be taken back. */
export function createTransactionalStore(): MemoryNodeStore & { begin(): void; abort(): void; failAfter(puts: number): void } {
  const inner = createMemoryNodeStore()
  let undo: (() => void)[] = []
  let left = Number.POSITIVE_INFINITY
  const remember = (key: Uint8Array): void => {
    if (left-- <= 0) throw new Error('the disk is full')
    const old = inner.get(key)?.slice()
    undo.push(() => (old === undefined ? inner.delete(key) : inner.put(key, old)))
  }
  return {
    get size() {
      return inner.size
    },
    get: (key) => inner.get(key),
    put(key, value) {
      remember(key)
      inner.put(key, value)
    },
    delete(key) {
      remember(key)
      inner.delete(key)
    },
    begin() {
      undo = []
      left = Number.POSITIVE_INFINITY
    },
    abort() {
      for (const step of undo.toReversed()) step()
      undo = []
      left = Number.POSITIVE_INFINITY
    },
    failAfter(puts) {
      left = puts
    },
  }
}
