/** A tree through its whole life; returns what must be equal in every runtime. */
import { createMemoryNodeStore, createStateTree, encodeProof, keyHash, valueHash, verifyProof } from '@selvedge/state-tree'

const hex = (bytes: Uint8Array): string => [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('')

export default function run(): { readonly root: string; readonly proof: string; readonly groups: number } {
  const nodes = createMemoryNodeStore()
  const entryOf = (i: number): { keyHash: Uint8Array; valueHash: Uint8Array } => ({
    keyHash: keyHash(2, Uint8Array.of(i, i >> 8)),
    valueHash: valueHash(new Uint8Array(i % 100).fill(i)),
  })
  const tree = createStateTree({ nodes, memoryBytesMax: 100_000 })
  for (let batch = 0; batch < 20; batch++) tree.update(Array.from({ length: 250 }, (_, i) => entryOf(batch * 200 + i)))
  const version = tree.retain()
  const before = tree.root()
  tree.update(Array.from({ length: 300 }, (_, i) => ({ keyHash: entryOf(i * 3).keyHash, valueHash: null })))
  const { keyHash: key, valueHash: value } = entryOf(3)
  verifyProof(before, key, value, encodeProof(tree.prove(key, { version })))
  verifyProof(tree.root(), key, undefined, encodeProof(tree.prove(key)))
  while (!tree.release(version, 100));
  return { root: hex(tree.root()), proof: hex(valueHash(encodeProof(tree.prove(entryOf(500).keyHash)))), groups: nodes.size }
}
