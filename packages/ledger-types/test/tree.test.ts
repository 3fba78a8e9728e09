// Goal: the trees are those of the rules, and a proof shows what is in them and nothing else.
// Method: the recursive definition as reference; every leaf of every small tree proven; every byte of a proof changed.
import { sha256 } from '@selvedge/crypto/sha256'
import { expect, test } from 'vitest'
import { concatBytes, decodeTreeProof, encodeTreeProof, isLeafProven, leafHash, proveLeaf, treeRoot } from '../src/index.ts'

const leavesOf = (count: number): Uint8Array[] => Array.from({ length: count }, (_, i) => leafHash(Uint8Array.of(i, i >> 8)))

/** Word for word: left = the largest power of two below the count. */
function referenceRoot(leaves: readonly Uint8Array[]): Uint8Array {
  if (leaves.length === 0) return new Uint8Array(32)
  if (leaves.length === 1) return leaves[0]!
  let left = 1
  while (left * 2 < leaves.length) left *= 2
  return sha256(concatBytes(Uint8Array.of(0x09), referenceRoot(leaves.slice(0, left)), referenceRoot(leaves.slice(left))))
}

test('roots are those of the definition', () => {
  for (let count = 0; count <= 70; count++) expect(treeRoot(leavesOf(count))).toEqual(referenceRoot(leavesOf(count)))
  expect(leafHash(Uint8Array.of(5))).toEqual(sha256(Uint8Array.of(0x08, 5)))
})

test('every leaf is proven at its place, and no other', () => {
  for (let count = 1; count <= 33; count++) {
    const leaves = leavesOf(count)
    const root = treeRoot(leaves)
    for (let index = 0; index < count; index++) {
      const proof = proveLeaf(leaves, index)
      expect(decodeTreeProof(encodeTreeProof(proof))).toEqual(proof)
      for (let other = 0; other < count; other++) expect(isLeafProven(root, leaves[other]!, proof)).toBe(other === index)
    }
  }
})

test('a changed proof proves nothing', () => {
  const leaves = leavesOf(13)
  const root = treeRoot(leaves)
  const proof = encodeTreeProof(proveLeaf(leaves, 6))
  for (let at = 8; at < proof.length; at++) {
    expect(isLeafProven(root, leaves[6]!, decodeTreeProof(proof.with(at, proof[at]! ^ 1)))).toBe(false)
  }
  expect(isLeafProven(root, leaves[6]!, { ...proveLeaf(leaves, 6), index: 7 })).toBe(false)
  expect(isLeafProven(root, leaves[6]!.slice(1), proveLeaf(leaves, 6))).toBe(false)
  const short = proveLeaf(leaves, 6)
  expect(isLeafProven(root, leaves[6]!, { ...short, siblings: short.siblings.map((each) => each.slice(1)) })).toBe(false)
})

test('a node is no leaf: an inner hash is not proven as one', () => {
  const leaves = leavesOf(4)
  const inner = sha256(concatBytes(Uint8Array.of(0x09), leaves[0]!, leaves[1]!))
  const forged = { index: 0, count: 2, siblings: [sha256(concatBytes(Uint8Array.of(0x09), leaves[2]!, leaves[3]!))] }
  expect(isLeafProven(treeRoot(leaves), inner, forged)).toBe(true) // as hashes they chain,
  expect(isLeafProven(treeRoot(leaves), leafHash(concatBytes(leaves[0]!, leaves[1]!)), forged)).toBe(false) // but no bytes hash to it as a leaf
})

test('absurd places and counts are refused without work', () => {
  const [leaf] = leavesOf(1)
  for (const [index, count] of [
    [1, 1],
    [0, 0],
    [-1, 1],
    [0.5, 1],
    [0, 2 ** 32],
    [2 ** 32 - 2, 2 ** 32 - 1],
  ] as const) {
    expect(isLeafProven(leaf!, leaf!, { index, count, siblings: [] })).toBe(false)
  }
  expect(() => proveLeaf(leavesOf(2), 2)).toThrow(expect.objectContaining({ code: 'LEDGER_OUT_OF_RANGE' }))
  expect(() => decodeTreeProof(new Uint8Array(8))).toThrow(expect.objectContaining({ code: 'LEDGER_MALFORMED' }))
})
