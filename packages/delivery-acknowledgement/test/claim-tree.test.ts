/** The tree of a claim: its bytes by definition, order by separators, sums within bounds. */
import {
  type ClaimLeaf,
  claimKeyOf,
  createClaimTree,
  DeliveryAcknowledgementError,
  followClaimPath,
} from '@selvedge/delivery-acknowledgement'
import { expect, test } from 'vitest'
import { plainTree } from './reference/plain-tree.ts'
import { createRandom } from './support/world.ts'

function leavesOf(count: number, seed = 1, amountOf: (random: number) => bigint = (random) => 1n + BigInt(random % 1_000)): ClaimLeaf[] {
  const random = createRandom(seed)
  return Array.from({ length: count }, (_, index) => {
    const session = new Uint8Array(16)
    new DataView(session.buffer).setUint32(0, random())
    const acknowledgement = new Uint8Array(236).fill(random() & 0xff)
    return { key: claimKeyOf(index >> 4, index & 15, session), acknowledgement, tickIndex: random() & 255, amount: amountOf(random()) }
  })
}

test.each([1, 2, 3, 4, 5, 7, 8, 9, 31, 33, 100])('a tree of %i leaves is the one of the definition, and each path leads to it', (count) => {
  const leaves = leavesOf(count)
  const tree = createClaimTree(leaves)
  const plain = plainTree(leaves)
  expect({ root: tree.root, total: tree.total, count: tree.count }).toEqual({ root: plain.hash, total: plain.sum, count })
  let start = 0n
  leaves.forEach((leaf, index) => {
    expect(tree.prove(index)).toEqual(plain.paths[index])
    expect(followClaimPath(leaf, tree.prove(index))).toEqual({ root: tree.root, total: tree.total, start })
    expect([tree.indexAt(start), tree.indexAt(start + leaf.amount - 1n)]).toEqual([index, index])
    start += leaf.amount
  })
})

test('a path with a bit flipped leads elsewhere, or nowhere', () => {
  const leaves = leavesOf(21)
  const tree = createClaimTree(leaves)
  const path = tree.prove(12)
  const good = followClaimPath(leaves[12]!, path)
  const changed = path.flatMap((step, at) => [
    ...Array.from({ length: 8 * 32 }, (_, bit) => ({ ...step, sibling: flip(step.sibling, bit) })).map((bad) => path.with(at, bad)),
    ...Array.from({ length: 8 * 24 }, (_, bit) => ({ ...step, split: flip(step.split, bit) })).map((bad) => path.with(at, bad)),
    ...Array.from({ length: 64 }, (_, bit) => path.with(at, { ...step, sum: step.sum ^ (1n << BigInt(bit)) })),
    path.with(at, { ...step, isRight: !step.isRight }),
    path.toSpliced(at, 1),
  ])
  for (const bad of changed) {
    const position = followClaimPath(leaves[12]!, bad)
    if (typeof position !== 'string') expect(position.root).not.toEqual(tree.root)
    else expect(['order', 'sum']).toContain(position)
  }
  expect(good).toMatchObject({ root: tree.root })
})

test('a leaf on the wrong side of a split is out of order', () => {
  const leaves = leavesOf(4)
  const [left, right] = [createClaimTree(leaves).prove(1), createClaimTree(leaves).prove(2)]
  expect(followClaimPath(leaves[2]!, left)).toBe('order')
  expect(followClaimPath(leaves[1]!, right)).toBe('order')
})

test('a list written twice has half of its value out of order, wherever the liar puts his splits', () => {
  const leaves = leavesOf(16)
  const twice = [...leaves, ...leaves]
  const liars = [
    plainTree(twice),
    plainTree(twice, (left) => left.smallest),
    plainTree(twice, () => new Uint8Array(24)),
    plainTree(twice, () => new Uint8Array(24).fill(255)),
  ]
  for (const liar of liars) {
    const good = twice.map((leaf, index) => (typeof followClaimPath(leaf, liar.paths[index]!) === 'string' ? 0n : leaf.amount))
    expect(2n * good.reduce((sum, amount) => sum + amount, 0n)).toBeLessThanOrEqual(liar.sum)
  }
})

test('sums up to 2^63 are taken and above it refused, when built and when followed', () => {
  const at = (amounts: readonly bigint[]): ClaimLeaf[] =>
    leavesOf(amounts.length).map((leaf, index) => ({ ...leaf, amount: amounts[index]! }))
  const most = at([2n ** 62n, 2n ** 62n])
  expect(createClaimTree(most).total).toBe(2n ** 63n)
  expect(() => createClaimTree(at([2n ** 62n, 2n ** 62n, 1n]))).toThrow('above 2^63')
  expect(followClaimPath({ ...most[0]!, amount: 2n ** 62n + 1n }, createClaimTree(most).prove(0))).toBe('sum')
  expect(followClaimPath({ ...most[0]!, amount: 2n ** 64n - 1n }, [])).toBe('sum')
  const step = createClaimTree(most).prove(0)[0]!
  expect(
    followClaimPath(
      most[0]!,
      Array.from({ length: 33 }, () => ({ ...step, sum: 0n })),
    ),
  ).toBe('sum')
})

test('leaves that are none, repeat, descend, pay nothing or have other widths are refused', () => {
  const leaves = leavesOf(3)
  const bad: readonly (readonly ClaimLeaf[])[] = [
    [],
    [leaves[0]!, leaves[0]!],
    leaves.toReversed(),
    [{ ...leaves[0]!, amount: 0n }],
    [{ ...leaves[0]!, acknowledgement: new Uint8Array(235) }],
    [{ ...leaves[0]!, key: new Uint8Array(23) }],
    [{ ...leaves[0]!, tickIndex: 65_536 }],
  ]
  for (const each of bad) expect(() => createClaimTree(each)).toThrow(DeliveryAcknowledgementError)
  expect(() => claimKeyOf(2 ** 32, 0, new Uint8Array(16))).toThrow(DeliveryAcknowledgementError)
  expect(() => claimKeyOf(0, 0, new Uint8Array(15))).toThrow(DeliveryAcknowledgementError)
  const tree = createClaimTree(leaves)
  expect(() => tree.prove(3)).toThrow('has no leaf 3')
  expect(() => tree.indexAt(tree.total)).toThrow('has no point')
  expect(() => tree.indexAt(-1n)).toThrow('has no point')
})

function flip(bytes: Uint8Array, bit: number): Uint8Array {
  const flipped = bytes.slice()
  flipped[bit >> 3]! ^= 1 << (bit & 7)
  return flipped
}
