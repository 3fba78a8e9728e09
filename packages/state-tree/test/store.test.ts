// Goal: the tree and its store agree after a failed write, an aborted transaction and foreign bytes; memory stays within its bound.
import { createMemoryNodeStore, createStateTree, encodeProof, type NodeStore, StateTreeError, verifyProof } from '@selvedge/state-tree'
import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { createTransactionalStore, expectCode, hashOf } from './entries.ts'
import { type Entry, referenceRoot } from './reference/tree.ts'

const keyOf = (i: number): Uint8Array => new Uint8Array(createHash('sha256').update(`${i}`).digest())
const entries = (count: number, from = 0): Entry[] =>
  Array.from({ length: count }, (_, i) => ({ keyHash: keyOf(from + i), valueHash: hashOf(i) }))

test('a store that fails at any write leaves a tree that goes on from what the aborted transaction left', () => {
  const nodes = createTransactionalStore()
  const tree = createStateTree({ nodes })
  const before = tree.update(entries(300))
  const after = referenceRoot([...entries(300), ...entries(100, 1_000)])
  let failures = 0
  for (let puts = 0; ; puts++) {
    nodes.begin()
    nodes.failAfter(puts)
    try {
      expect(tree.update(entries(100, 1_000))).toEqual(after)
      break
    } catch (error) {
      expect(error).toMatchObject({ message: 'the disk is full' })
      failures++
      nodes.abort()
      expect(tree.root()).toEqual(before)
    }
  }
  expect(failures).toBeGreaterThan(20)
  expect(tree.root()).toEqual(after)
})

test('after an abort that the tree did not see, reset() reads the store anew', () => {
  const nodes = createTransactionalStore()
  const tree = createStateTree({ nodes })
  const before = tree.update(entries(50))
  nodes.begin()
  tree.update(entries(50, 100))
  nodes.abort()
  tree.reset()
  expect(tree.root()).toEqual(before)
  expect(tree.update(entries(10, 200))).toEqual(referenceRoot([...entries(50), ...entries(10, 200)]))
})

test('a store with another root than expected is refused, at every call', () => {
  const nodes = createMemoryNodeStore()
  createStateTree({ nodes }).update(entries(10))
  const tree = createStateTree({ nodes, root: hashOf(1) })
  for (const call of [() => tree.root(), () => tree.update([]), () => tree.prove(hashOf(1))]) expectCode(call, 'STATE_TREE_CORRUPT')
})

test('bytes that the tree did not write are refused or harmless, never a crash', () => {
  const written = new Map<string, Uint8Array>()
  const name = (key: Uint8Array): string => Buffer.from(key).toString('hex')
  const recorder: NodeStore = {
    get: (key) => written.get(name(key)),
    put: (key, value) => void written.set(name(key), value.slice()),
    delete: (key) => void written.delete(name(key)),
  }
  const all = entries(80)
  const root = createStateTree({ nodes: recorder }).update(all)
  let refused = 0
  for (const [key, value] of written) {
    for (let at = 0; at < value.length; at += 37) {
      const changed = value.slice()
      changed[at]! ^= 0xff
      for (const bytes of [changed, value.subarray(0, at), Uint8Array.from([...value, 0, 0, 0, 0])]) {
        const nodes: NodeStore = { ...recorder, get: (asked) => (name(asked) === key ? bytes : written.get(name(asked))) }
        const tree = createStateTree({ nodes, memoryBytesMax: 0 })
        for (const each of all.slice(0, 12)) {
          try {
            const proof = encodeProof(tree.prove(each.keyHash))
            verifyProof(root, each.keyHash, each.valueHash, proof)
          } catch (error) {
            expect(error).toBeInstanceOf(StateTreeError)
            refused++
          }
        }
      }
    }
  }
  expect(refused).toBeGreaterThan(500)
})

test('a missing group is named as such', () => {
  const inner = createMemoryNodeStore()
  createStateTree({ nodes: inner }).update(entries(200))
  const nodes: NodeStore = { ...inner, get: (key) => (key[1] === 5 ? undefined : inner.get(key)) }
  expectCode(() => entries(200).forEach(({ keyHash }) => createStateTree({ nodes }).prove(keyHash)), 'STATE_TREE_CORRUPT')
})

test('reads come from memory while it has room, and from the store again when it had none', () => {
  const inner = createMemoryNodeStore()
  let reads = 0
  const nodes: NodeStore = { put: inner.put, delete: inner.delete, get: (key) => (reads++, inner.get(key)) }
  const wide = createStateTree({ nodes })
  wide.update(entries(2_000))
  reads = 0
  for (const { keyHash } of entries(500)) wide.prove(keyHash)
  expect(reads).toBe(0)
  const narrow = createStateTree({ nodes, memoryBytesMax: 10_000 })
  for (const { keyHash } of entries(500)) narrow.prove(keyHash)
  const once = reads
  for (const { keyHash } of entries(500)) narrow.prove(keyHash)
  expect(once).toBeGreaterThan(400)
  expect(reads).toBeGreaterThan(once + 400)
})
