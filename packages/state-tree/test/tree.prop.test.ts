// Goal: the root depends on the set of entries alone: any order, any batching, and what was deleted was never there; whatever is held in
// memory and whenever the tree is opened anew.
// Method: random batches over keys that share long prefixes, against the reference tree over a plain map, after every batch.
import { createMemoryNodeStore, createStateTree, encodeProof, type Change, verifyProof } from '@selvedge/state-tree'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { hashOf, keyWith } from './entries.ts'
import { referenceRoot } from './reference/tree.ts'

const numRuns = Number(process.env.RUNS ?? 300)
/** Bits at the borders of groups, of words and at the very end. */
const BITS = [0, 1, 3, 4, 5, 9, 10, 14, 31, 32, 63, 64, 128, 254, 255]
const key = fc.uniqueArray(fc.constantFrom(...BITS), { maxLength: 6 }).map((bits) => keyWith(...bits))
const change = fc.record({ keyHash: key, valueHash: fc.option(fc.integer({ min: 1, max: 4 }).map(hashOf), { freq: 2 }) })
const batches = fc.array(fc.array(change, { maxLength: 12 }), { maxLength: 10 })
const nameOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

type Model = Map<string, { readonly keyHash: Uint8Array; readonly valueHash: Uint8Array }>
function applyTo(model: Model, batch: readonly Change[]): void {
  for (const { keyHash, valueHash } of batch) {
    if (valueHash === null) model.delete(nameOf(keyHash))
    else model.set(nameOf(keyHash), { keyHash, valueHash })
  }
}

test(`the tree has the root of the reference after every batch, ${numRuns} runs`, () => {
  fc.assert(
    fc.property(batches, fc.constantFrom(0, 1_000, 5_000, 2 ** 20), fc.boolean(), (all, memoryBytesMax, isReopened) => {
      const nodes = createMemoryNodeStore()
      const model: Model = new Map()
      let tree = createStateTree({ nodes, memoryBytesMax })
      for (const batch of all) {
        applyTo(model, batch)
        const root = tree.update(batch)
        expect(root).toEqual(referenceRoot([...model.values()]))
        if (isReopened) tree = createStateTree({ nodes, root, memoryBytesMax })
      }
      tree.update([...model.values()].map(({ keyHash }) => ({ keyHash, valueHash: null })))
      expect(tree.root()).toEqual(new Uint8Array(32))
      expect(nodes.size).toBe(0)
    }),
    { numRuns },
  )
})

test('one batch, one change a batch, and any order give the same root and the same stored nodes', () => {
  fc.assert(
    fc.property(fc.uniqueArray(change, { selector: ({ keyHash }) => nameOf(keyHash), maxLength: 30 }), fc.integer(), (changes, turn) => {
      const whole = createMemoryNodeStore()
      const single = createMemoryNodeStore()
      const root = createStateTree({ nodes: whole }).update(changes)
      const tree = createStateTree({ nodes: single, memoryBytesMax: 0 })
      const at = Math.abs(turn) % (changes.length + 1)
      for (const each of [...changes.slice(at), ...changes.slice(0, at)].toReversed()) tree.update([each])
      expect(tree.root()).toEqual(root)
      expect(single.size).toBe(whole.size)
    }),
    { numRuns },
  )
})

test('every key is proven, present or absent, and never both', () => {
  fc.assert(
    fc.property(fc.array(change, { maxLength: 30 }), fc.array(key, { maxLength: 10 }), (changes, others) => {
      const model: Model = new Map()
      applyTo(model, changes)
      const tree = createStateTree({ nodes: createMemoryNodeStore(), memoryBytesMax: 0 })
      const root = tree.update(changes)
      for (const keyHash of [...changes.map((each) => each.keyHash), ...others]) {
        const valueHash = model.get(nameOf(keyHash))?.valueHash
        const proof = encodeProof(tree.prove(keyHash))
        verifyProof(root, keyHash, valueHash, proof)
        expect(() => verifyProof(root, keyHash, valueHash === undefined ? hashOf(1) : undefined, proof)).toThrow('which was not asked for')
        if (valueHash !== undefined) expect(() => verifyProof(root, keyHash, hashOf(9), proof)).toThrow('another root')
      }
    }),
    { numRuns },
  )
})
