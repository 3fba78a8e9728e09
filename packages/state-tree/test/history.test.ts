// Goal: a retained root stays provable however the tree moves on, and costs nothing once it is released.
// Method: random batches with versions retained and released between them, against the reference root of each version.
import { createMemoryNodeStore, createStateTree, encodeProof, RETAINED_MAX, verifyProof } from '@selvedge/state-tree'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { expectCode, hashOf, keyWith } from './entries.ts'
import { type Entry, referenceRoot } from './reference/tree.ts'

const KEYS = Array.from({ length: 64 }, (_, i) => keyWith(...[0, 4, 5, 6, 10, 16].filter((__, bit) => (i >> bit) & 1)))
const numRuns = Number(process.env.RUNS ?? 150)

type Step =
  | { readonly type: 'update'; readonly changes: readonly (readonly [number, number])[] }
  | { readonly type: 'retain' | 'release' | 'beginRelease' | 'reopen' }
const step = fc.oneof<fc.Arbitrary<Step>[]>(
  fc.record({
    type: fc.constant('update' as const),
    changes: fc.array(fc.tuple(fc.nat(KEYS.length - 1), fc.nat(3)), { minLength: 1, maxLength: 20 }),
  }),
  fc.record({ type: fc.constantFrom('retain' as const, 'release' as const, 'beginRelease' as const, 'reopen' as const) }),
)

test(`every retained version is proven from its own root, ${numRuns} runs`, () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
      const nodes = createMemoryNodeStore()
      let tree = createStateTree({ nodes, memoryBytesMax: 2_000 })
      let model = new Map<number, Entry>()
      const kept: { readonly version: number; readonly model: Map<number, Entry> }[] = []
      for (const each of steps) {
        if (each.type === 'update') {
          model = new Map(model)
          for (const [key, value] of each.changes) {
            if (value === 0) model.delete(key)
            else model.set(key, { keyHash: KEYS[key]!, valueHash: hashOf(value) })
          }
          tree.update(each.changes.map(([key, value]) => ({ keyHash: KEYS[key]!, valueHash: value === 0 ? null : hashOf(value) })))
        } else if (each.type === 'retain' && kept.length < RETAINED_MAX) kept.push({ version: tree.retain(), model })
        else if (each.type === 'release' && kept.length > 0) {
          const { version } = kept.shift()!
          while (!tree.release(version, 3));
          expectCode(() => tree.prove(KEYS[0]!, { version }), 'STATE_TREE_NOT_RETAINED')
        } else if (each.type === 'beginRelease' && kept.length > 0) {
          const { version } = kept.shift()!
          tree.release(version, 1) // the rest with later releases, whatever is written in between
          expectCode(() => tree.prove(KEYS[0]!, { version }), 'STATE_TREE_NOT_RETAINED')
        } else if (each.type === 'reopen') tree = createStateTree({ nodes, root: tree.root(), memoryBytesMax: 0 })
        expect(tree.retained().map(({ version }) => version)).toEqual(kept.map(({ version }) => version))
        for (const [i, { root, version }] of tree.retained().entries()) {
          expect(root).toEqual(referenceRoot([...kept[i]!.model.values()]))
          for (const key of [0, 1, 17, 40, 63]) {
            verifyProof(root, KEYS[key]!, kept[i]!.model.get(key)?.valueHash, encodeProof(tree.prove(KEYS[key]!, { version })))
          }
        }
      }
      while (!tree.release(2 ** 32 - 1, 5));
      const fresh = createMemoryNodeStore()
      createStateTree({ nodes: fresh }).update(model.values())
      expect(nodes.size - fresh.size).toBeLessThanOrEqual(1) // the list of what is retained
    }),
    { numRuns },
  )
})

test('a release with nothing left to release writes nothing, so that it may be called with every commit', () => {
  const inner = createMemoryNodeStore()
  let writes = 0
  const nodes = {
    get: inner.get,
    put: (key: Uint8Array, value: Uint8Array): void => (writes++, inner.put(key, value)),
    delete: (key: Uint8Array): void => (writes++, inner.delete(key)),
  }
  const tree = createStateTree({ nodes })
  expect([tree.release(2 ** 32 - 1, 5), writes]).toEqual([true, 0])
  tree.update(KEYS.map((keyHash) => ({ keyHash, valueHash: hashOf(1) })))
  const [old, kept] = [tree.retain(), tree.retain()]
  tree.update(KEYS.map((keyHash) => ({ keyHash, valueHash: hashOf(2) })))
  while (!tree.release(old, 1));
  writes = 0
  expect([tree.release(old, 1), tree.release(old), writes]).toEqual([true, true, 0])
  while (!tree.release(kept, 1));
  expect(writes).toBeGreaterThan(1)
})

test('as many roots are retained as the limit says, and no more', () => {
  const tree = createStateTree({ nodes: createMemoryNodeStore() })
  for (let i = 0; i < RETAINED_MAX; i++) expect(tree.retain()).toBe(i)
  expectCode(() => tree.retain(), 'STATE_TREE_RETAINED_LIMIT')
  tree.release(0)
  expect(tree.retain()).toBe(RETAINED_MAX)
})
