import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createMemoryStore, type KeyValueStore } from '@selvedge/application'
import { createLmdbStore } from '@selvedge/application/lmdb'
import { afterEach, describe, expect, test } from 'vitest'
import { createRandom } from './support/random-actions.ts'

const folders: string[] = []
const closing: (() => Promise<void>)[] = []

function lmdb(): KeyValueStore {
  const path = mkdtempSync(join(tmpdir(), 'selvedge-store-'))
  folders.push(path)
  const store = createLmdbStore(path)
  closing.push(() => store.close())
  return store
}

afterEach(async () => {
  for (const close of closing.splice(0)) await close()
  for (const path of folders.splice(0)) rmSync(path, { recursive: true })
})

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values)

describe.each([
  ['in memory', createMemoryStore],
  ['on LMDB', lmdb],
])('a store %s', (_, create) => {
  test('gives back what was committed, until it is deleted', () => {
    const store = create()
    store.commit([{ space: 3, key: bytes(1, 0), value: bytes(7) }])
    store.commit([
      { space: 3, key: bytes(1), value: bytes() },
      { space: 4, key: bytes(1, 0), value: bytes(8) },
    ])
    expect(store.get(3, bytes(1, 0))).toEqual(bytes(7))
    expect(store.get(3, bytes(1))).toHaveLength(0)
    expect(store.get(4, bytes(1))).toBeUndefined()
    store.commit([{ space: 3, key: bytes(1, 0), value: undefined }])
    expect(store.get(3, bytes(1, 0))).toBeUndefined()
    expect(store.get(4, bytes(1, 0))).toEqual(bytes(8))
  })

  test('walks one space in the order of bytes, between two keys', () => {
    const store = create()
    const keys = [bytes(0xff, 1), bytes(2), bytes(), bytes(2, 0), bytes(0x80), bytes(1, 255)]
    store.commit(keys.map((key, i) => ({ space: 5, key, value: bytes(i) })))
    store.commit([
      { space: 6, key: bytes(0), value: bytes(9) },
      { space: 4, key: bytes(9), value: bytes(9) },
    ])
    const sorted = keys.toSorted((a, b) => Buffer.compare(a, b))
    expect([...store.range(5, bytes())].map(([key]) => key)).toEqual(sorted)
    expect([...store.range(5, bytes(2), bytes(0x80))].map(([key]) => key)).toEqual([bytes(2), bytes(2, 0)])
  })

  test('a snapshot stands still', () => {
    const store = create()
    store.commit([{ space: 3, key: bytes(1), value: bytes(1) }])
    const snapshot = store.openSnapshot()
    store.commit([
      { space: 3, key: bytes(1), value: bytes(2) },
      { space: 3, key: bytes(2), value: bytes(2) },
    ])
    expect(snapshot.get(3, bytes(1))).toEqual(bytes(1))
    expect([...snapshot.range(3, bytes())]).toEqual([[bytes(1), bytes(1)]])
    expect([...store.range(3, bytes())]).toHaveLength(2)
    snapshot.close()
  })

  test('does what a sorted map does', () => {
    const random = createRandom(5)
    const store = create()
    const reference = new Map<string, Uint8Array>()
    for (let i = 0; i < 60; i++) {
      const writes = new Map<string, { space: number; key: Uint8Array; value: Uint8Array | undefined }>()
      for (let n = random.below(20); n > 0; n--) {
        const key = Uint8Array.from({ length: 1 + random.below(3) }, () => random.below(4) * 85)
        const value = random.below(3) === 0 ? undefined : bytes(random.below(256))
        writes.set(String(key), { space: 9, key, value })
      }
      store.commit([...writes.values()])
      for (const [name, { value }] of writes) {
        if (value === undefined) reference.delete(name)
        else reference.set(name, value)
      }
      const expected = [...reference].map(([name, value]) => [Uint8Array.from(name.split(','), Number), value] as const)
      const sorted = expected.toSorted(([a], [b]) => Buffer.compare(a, b))
      expect([...store.range(9, bytes())]).toEqual(sorted)
    }
  })
})
