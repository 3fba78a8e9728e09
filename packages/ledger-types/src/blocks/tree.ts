/**
 * The binary trees over a block's transactions and receipts: leaf `H(0x08 ‖ bytes)`, node `H(0x09 ‖ left ‖ right)`, left = the largest
 * power of two below the count; the root of nothing is 32 zero bytes.
 *
 * A root does not commit to the count: a proof shows that the bytes are in the block, not at which place. A receipt carries its place.
 */
import { sha256 } from '@selvedge/crypto/sha256'
import { LEDGER_TAGS } from '@selvedge/crypto/transcript'
import { ByteWriter, decodeWhole, isSameBytes } from '../bytes.ts'
import { LedgerError } from '../errors.ts'
import { DIGEST_BYTES, type Digest, hashTagged } from '../hash.ts'

/** One leaf among `count`: the siblings from the leaf up. */
export interface TreeProof {
  readonly index: number
  readonly count: number
  readonly siblings: readonly Digest[]
}

/** `H(0x08 ‖ bytes)`. */
export function leafHash(bytes: Uint8Array): Digest {
  return hashTagged(LEDGER_TAGS.leaf, bytes)
}

/** @param leaves - hashes of the leaves, in order. */
export function treeRoot(leaves: readonly Digest[]): Digest {
  if (leaves.length === 0) return new Uint8Array(DIGEST_BYTES)
  // Level by level: an odd last node moves up, which gives the same tree as splitting at the largest power of two.
  let level = leaves
  while (level.length > 1) level = levelAbove(level)
  return level[0]!
}

/** @throws {LedgerError} `LEDGER_OUT_OF_RANGE` when there is no such leaf. */
export function proveLeaf(leaves: readonly Digest[], index: number): TreeProof {
  if (leaves[index] === undefined) throw new LedgerError('LEDGER_OUT_OF_RANGE', `leaf ${index} of ${leaves.length}`)
  const siblings: Digest[] = []
  let at = index
  for (let level = leaves; level.length > 1; level = levelAbove(level), at >>= 1) {
    const sibling = level[at ^ 1]
    if (sibling !== undefined) siblings.push(sibling)
  }
  return { index, count: leaves.length, siblings }
}

/** Whether `leaf` is under `root`. Total: what is no proof is `false`. */
export function isLeafProven(root: Digest, leaf: Digest, { index, count, siblings }: TreeProof): boolean {
  if (leaf.length !== DIGEST_BYTES || siblings.length !== siblingCount(index, count)) return false
  let hash = leaf
  let used = 0
  for (let at = index, size = count; size > 1; at >>= 1, size = Math.ceil(size / 2)) {
    if ((at ^ 1) >= size) continue // the odd last one
    const sibling = siblings[used++]!
    if (sibling.length !== DIGEST_BYTES) return false
    hash = at % 2 === 0 ? nodeHash(hash, sibling) : nodeHash(sibling, hash)
  }
  return isSameBytes(hash, root)
}

/** `index u32 · count u32 · siblings`, as many as index and count demand. */
export function encodeTreeProof({ index, count, siblings }: TreeProof): Uint8Array {
  const out = new ByteWriter(8 + siblings.length * DIGEST_BYTES).u32(index).u32(count)
  if (siblings.length !== siblingCount(index, count)) throw new LedgerError('LEDGER_OUT_OF_RANGE', 'siblings do not fit index and count')
  for (const sibling of siblings) out.raw(sibling, DIGEST_BYTES)
  return out.finish()
}

export function decodeTreeProof(bytes: Uint8Array): TreeProof {
  return decodeWhole(bytes, (reader) => {
    const index = reader.u32()
    const count = reader.u32()
    if (index >= count) throw new LedgerError('LEDGER_MALFORMED', `leaf ${index} of ${count}`)
    const siblings = Array.from({ length: siblingCount(index, count) }, () => reader.raw(DIGEST_BYTES))
    return { index, count, siblings }
  })
}

/** -1 when there is no such leaf. */
function siblingCount(index: number, count: number): number {
  if (index >>> 0 !== index || count >>> 0 !== count || index >= count) return -1
  let siblings = 0
  for (let at = index, size = count; size > 1; at = Math.floor(at / 2), size = Math.ceil(size / 2)) {
    if (at % 2 === 1 || at + 1 < size) siblings++
  }
  return siblings
}

function levelAbove(level: readonly Digest[]): Digest[] {
  const above: Digest[] = []
  for (let i = 0; i + 1 < level.length; i += 2) above.push(nodeHash(level[i]!, level[i + 1]!))
  if (level.length % 2 === 1) above.push(level.at(-1)!)
  return above
}

function nodeHash(left: Digest, right: Digest): Digest {
  const bytes = new Uint8Array(1 + 2 * DIGEST_BYTES)
  bytes[0] = LEDGER_TAGS.node
  bytes.set(left, 1)
  bytes.set(right, 1 + DIGEST_BYTES)
  return sha256(bytes)
}
