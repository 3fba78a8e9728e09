// Goal: a proof has one encoding, and nothing else passes: each refusal of the format is met by name, and no bytes make the decoder throw
// anything but its own error.
import {
  createMemoryNodeStore,
  createStateTree,
  decodeProof,
  encodeProof,
  keyHash,
  type Proof,
  StateTreeError,
  valueHash,
  verifyProof,
} from '@selvedge/state-tree'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { expectCode, hashOf, keyWith } from './entries.ts'

const COUNT = 200
const entryOf = (i: number): { keyHash: Uint8Array; valueHash: Uint8Array } => ({
  keyHash: keyHash(3, Uint8Array.of(i)),
  valueHash: valueHash(Uint8Array.of(i, 1)),
})
const tree = createStateTree({ nodes: createMemoryNodeStore() })
const root = tree.update(Array.from({ length: COUNT }, (_, i) => entryOf(i)))
const present = entryOf(7)
const absent = Array.from({ length: 50 }, (_, i) => entryOf(COUNT + i).keyHash)

test('a proof of presence, of absence beside another leaf, and of absence where nothing is, in bytes', () => {
  const ends = new Set(absent.map((key) => tree.prove(key).end.type))
  expect(ends).toEqual(new Set(['empty', 'other']))
  for (const key of absent) verifyProof(root, key, undefined, encodeProof(tree.prove(key)))
  const bytes = encodeProof(tree.prove(present.keyHash))
  const { siblings } = decodeProof(bytes)
  expect(bytes.length).toBe(2 + Math.ceil(siblings.length / 8) + siblings.filter((each) => each !== undefined).length * 32 + 1)
  verifyProof(root, present.keyHash, present.valueHash, bytes)
})

test('the layout, byte for byte', () => {
  const proof: Proof = {
    siblings: [hashOf(1), undefined, hashOf(2)],
    end: { type: 'other', keyHash: hashOf(3), valueHash: hashOf(4) },
  }
  const bytes = encodeProof(proof)
  expect(bytes).toEqual(Uint8Array.from([3, 0, 0b101, ...hashOf(1), ...hashOf(2), 2, ...hashOf(3), ...hashOf(4)]))
  expect(decodeProof(bytes)).toEqual(proof)
})

test('each byte of a proof counts: one bit more or less and it is refused', () => {
  for (const [key, value] of [
    [present.keyHash, present.valueHash] as const,
    ...absent.slice(0, 2).map((each) => [each, undefined] as const),
  ]) {
    const bytes = encodeProof(tree.prove(key))
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const changed = bytes.slice()
      changed[bit >> 3]! ^= 1 << (bit & 7)
      expect(() => verifyProof(root, key, value, changed)).toThrow(StateTreeError)
    }
    for (let length = 0; length < bytes.length; length++) {
      expectCode(() => verifyProof(root, key, value, bytes.subarray(0, length)), 'STATE_TREE_MALFORMED')
    }
    expectCode(() => verifyProof(root, key, value, Uint8Array.from([...bytes, 0])), 'STATE_TREE_MALFORMED')
  }
})

const asked = keyWith(0, 9)
const beside = (key: Uint8Array, depth: number): Uint8Array =>
  encodeProof({ siblings: Array.from({ length: depth }, () => hashOf(5)), end: { type: 'other', keyHash: key, valueHash: hashOf(6) } })

test.each<readonly [string, Uint8Array]>([
  ['a depth over 256', Uint8Array.from([1, 1, ...new Uint8Array(33), 0])],
  ['the asked key as another leaf', beside(asked, 3)],
  ['another leaf that leaves the way', beside(keyWith(0, 1), 3)],
  ['another leaf that leaves the way at its end', beside(keyWith(0), 10)],
  ['spare bits', Uint8Array.from([1, 0, 0b11, ...hashOf(1), ...hashOf(1), 0])],
  ['a sibling that is zero', Uint8Array.from([1, 0, 1, ...new Uint8Array(32), 0])],
  ['an unknown end', Uint8Array.from([0, 0, 3])],
  ['trailing bytes', Uint8Array.from([0, 0, 0, 0])],
  ['a leaf after an end that has none', Uint8Array.from([0, 0, 1, ...hashOf(1), ...hashOf(2)])],
  ['too few bytes', Uint8Array.from([0, 0])],
])('%s is malformed', (_, bytes) => {
  expectCode(() => verifyProof(root, asked, undefined, bytes), 'STATE_TREE_MALFORMED')
})

test('another leaf on the way, with siblings that somebody made up, leads to another root', () => {
  expectCode(() => verifyProof(root, asked, undefined, beside(keyWith(0), 9)), 'STATE_TREE_MISMATCH')
})

test('a proof of the deepest leaf there can be has 256 siblings, all but two of them empty', () => {
  const deep = createStateTree({ nodes: createMemoryNodeStore(), memoryBytesMax: 0 })
  const entries = [keyWith(), keyWith(255), keyWith(0)].map((key, i) => ({ keyHash: key, valueHash: hashOf(i + 1) }))
  const deepRoot = deep.update(entries)
  const proof = deep.prove(keyWith(255))
  expect(proof.siblings.length).toBe(256)
  expect(encodeProof(proof).length).toBe(2 + 32 + 2 * 32 + 1)
  verifyProof(deepRoot, keyWith(255), hashOf(2), encodeProof(proof))
})

test('no bytes make the decoder throw anything but its error, and what it takes it would write', () => {
  const shaped = fc
    .tuple(fc.integer({ min: 0, max: 20 }), fc.uint8Array({ maxLength: 3 }), fc.uint8Array({ maxLength: 400 }))
    .map(([depth, bitmap, rest]) => Uint8Array.from([depth, 0, ...bitmap, ...rest]))
  const near = fc.tuple(fc.constantFrom(present.keyHash, ...absent), fc.nat(), fc.nat(255), fc.nat(80)).map(([key, at, byte, cut]) => {
    const bytes = encodeProof(tree.prove(key))
    bytes[at % bytes.length] = byte
    return cut > 60 ? bytes.subarray(0, bytes.length - cut + 60) : bytes
  })
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 600 }), shaped, near), (bytes) => {
      try {
        expect(encodeProof(decodeProof(bytes))).toEqual(bytes)
      } catch (error) {
        expect((error as StateTreeError).code).toBe('STATE_TREE_MALFORMED')
      }
    }),
    { numRuns: Number(process.env.RUNS ?? 2_000) },
  )
})

test('what an encoder cannot write and a caller must not ask is an argument error', () => {
  const short = new Uint8Array(31)
  expectCode(() => encodeProof({ siblings: Array<undefined>(257).fill(undefined), end: { type: 'empty' } }), 'STATE_TREE_ARGUMENT')
  expectCode(() => encodeProof({ siblings: [new Uint8Array(32)], end: { type: 'empty' } }), 'STATE_TREE_ARGUMENT')
  expectCode(() => encodeProof({ siblings: [short], end: { type: 'empty' } }), 'STATE_TREE_ARGUMENT')
  expectCode(() => encodeProof({ siblings: [], end: { type: 'other', keyHash: short, valueHash: short } }), 'STATE_TREE_ARGUMENT')
  expectCode(() => verifyProof(short, present.keyHash, undefined, new Uint8Array(3)), 'STATE_TREE_ARGUMENT')
  expectCode(() => verifyProof(root, short, undefined, new Uint8Array(3)), 'STATE_TREE_ARGUMENT')
  expectCode(() => verifyProof(root, present.keyHash, short, new Uint8Array(3)), 'STATE_TREE_ARGUMENT')
  expectCode(() => tree.prove(short), 'STATE_TREE_ARGUMENT')
  expectCode(() => tree.update([{ keyHash: short, valueHash: null }]), 'STATE_TREE_ARGUMENT')
  expectCode(() => keyHash(256, short), 'STATE_TREE_ARGUMENT')
  expectCode(() => createStateTree({ nodes: createMemoryNodeStore(), memoryBytesMax: -1 }), 'STATE_TREE_ARGUMENT')
  expectCode(() => createStateTree({ nodes: createMemoryNodeStore(), root: short }), 'STATE_TREE_ARGUMENT')
  expect(tree.root()).toEqual(root)
})
