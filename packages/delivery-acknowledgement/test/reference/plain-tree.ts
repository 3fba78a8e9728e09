/** The claim's tree by its definition, recursively and without a single check: what the fast one is held against, and what a liar builds. */
import { createHash } from 'node:crypto'
import type { ClaimLeaf, ClaimStep } from '@selvedge/delivery-acknowledgement'

interface Node {
  readonly hash: Uint8Array
  readonly sum: bigint
  readonly smallest: Uint8Array
  readonly paths: readonly (readonly ClaimStep[])[]
}

const hashOf = (domain: string, ...parts: readonly (Uint8Array | string)[]): Uint8Array => {
  const hash = createHash('sha256').update(`${domain}\0`)
  for (const part of parts) hash.update(part)
  return new Uint8Array(hash.digest())
}

function number(value: bigint | number, width: 2 | 8): Uint8Array {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(BigInt(value))
  return bytes.subarray(0, width)
}

/** `splitOf`: the separator between two sides, by default the smallest key on the right. */
export function plainTree(leaves: readonly ClaimLeaf[], splitOf = (_left: Node, right: Node): Uint8Array => right.smallest): Node {
  const [first] = leaves
  if (first !== undefined && leaves.length === 1) {
    const { key, acknowledgement, tickIndex, amount } = first
    const digest = createHash('sha256').update(acknowledgement).digest()
    const hash = hashOf('selvedge/claim-leaf/1', key, digest, number(tickIndex, 2), number(amount, 8))
    return { hash, sum: amount, smallest: key, paths: [[]] }
  }
  let half = 1
  while (2 * half < leaves.length) half *= 2
  const left = plainTree(leaves.slice(0, half), splitOf)
  const right = plainTree(leaves.slice(half), splitOf)
  const split = splitOf(left, right)
  const hash = hashOf('selvedge/claim-node/1', left.hash, right.hash, number(left.sum, 8), number(right.sum, 8), split)
  const paths = [
    ...left.paths.map((path) => [...path, { sibling: right.hash, sum: right.sum, split, isRight: false }]),
    ...right.paths.map((path) => [...path, { sibling: left.hash, sum: left.sum, split, isRight: true }]),
  ]
  return { hash, sum: left.sum + right.sum, smallest: left.smallest, paths }
}
