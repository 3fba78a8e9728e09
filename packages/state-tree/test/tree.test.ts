// Goal: the root depends on the set of entries alone, whatever the way there, and every key can be proven present or absent.
// Method: the tree against the reference in test/reference, on keys that collide in many bits, over stores and caches of any size.
import { createMemoryNodeStore, createStateTree, encodeProof, keyHash, valueHash, verifyProof } from '@selvedge/state-tree'
import { expect, test } from 'vitest'
import { referenceRoot } from './reference/tree.ts'

const text = (value: string): Uint8Array => new TextEncoder().encode(value)
const entry = (i: number, value = i): { keyHash: Uint8Array; valueHash: Uint8Array } => ({
  keyHash: keyHash(1, text(`key ${i}`)),
  valueHash: valueHash(text(`value ${value}`)),
})

test('an empty tree has a root of zeros, and proves that nothing is there', () => {
  const tree = createStateTree({ nodes: createMemoryNodeStore() })
  expect(tree.root()).toEqual(new Uint8Array(32))
  const proof = encodeProof(tree.prove(entry(1).keyHash))
  expect(proof).toEqual(new Uint8Array([0, 0, 0]))
  verifyProof(tree.root(), entry(1).keyHash, undefined, proof)
})

test('a thousand entries in one batch have the root of the reference, and each is proven', () => {
  const nodes = createMemoryNodeStore()
  const tree = createStateTree({ nodes })
  const entries = Array.from({ length: 1_000 }, (_, i) => entry(i))
  const root = tree.update(entries)
  expect(root).toEqual(referenceRoot(entries))
  const reopened = createStateTree({ nodes, root })
  for (const each of entries) verifyProof(root, each.keyHash, each.valueHash, encodeProof(reopened.prove(each.keyHash)))
  for (let i = 1_000; i < 1_100; i++) verifyProof(root, entry(i).keyHash, undefined, encodeProof(reopened.prove(entry(i).keyHash)))
})

test('entries that came and went leave nothing behind, in the root or in the store', () => {
  const nodes = createMemoryNodeStore()
  const tree = createStateTree({ nodes })
  const kept = Array.from({ length: 50 }, (_, i) => entry(i))
  const root = tree.update(kept)
  const { size } = nodes
  tree.update(Array.from({ length: 500 }, (_, i) => entry(1_000 + i)))
  expect(tree.update(Array.from({ length: 500 }, (_, i) => ({ keyHash: entry(1_000 + i).keyHash, valueHash: null })))).toEqual(root)
  expect(nodes.size).toBe(size)
})
