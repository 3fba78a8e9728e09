/**
 * The claim's tree: a Merkle tree over a node's acknowledgements of one epoch that carries, in every node, the sums of both sides and a
 * separator, the smallest key on the right.
 *
 * Sums make a random point of [0, total) hit each leaf as often as its value weighs. Separators make the order global: a leaf must lie on the
 * right side of every split above it, so of two leaves with one key at least one fails when it is opened. (Proving that neighbours ascend does
 * not do it: a sorted list written twice has one pair out of order, and half its value false.)
 *
 * Shape: the left side holds the largest power of two below the count. That is pairing level by level, an odd last node moving up as it is.
 */
import { sha256 } from '@selvedge/crypto/sha256'
import { transcriptOf } from '@selvedge/crypto/transcript'
import { ACKNOWLEDGEMENT_BYTES, CLAIM_DEPTH_MAX, CLAIM_KEY_BYTES, CLAIM_SUM_MAX, DIGEST_BYTES, SESSION_ID_BYTES } from './constants.ts'
import { DeliveryAcknowledgementError, malformed } from './errors.ts'
import { compareBytes } from './wire.ts'

const LEAF_DOMAIN = transcriptOf('claimLeaf')
const NODE_DOMAIN = transcriptOf('claimNode')

/** One chain's newest acknowledgement, and what it pays. */
export interface ClaimLeaf {
  /** `claimKeyOf`, 24 bytes. */
  readonly key: Uint8Array
  /** The 236 bytes. */
  readonly acknowledgement: Uint8Array
  /** Of the tick behind it; 0: none. */
  readonly tickIndex: number
  /** µUSD, at least 1. */
  readonly amount: bigint
}

/** One level of a path. */
export interface ClaimStep {
  /** The other side's hash, 32 bytes, and sum. */
  readonly sibling: Uint8Array
  readonly sum: bigint
  /** The smallest key on the right of the two, 24 bytes. */
  readonly split: Uint8Array
  /** The way comes from the right: the sibling is the left side. */
  readonly isRight: boolean
}

export interface ClaimTree {
  /** 32 bytes. */
  readonly root: Uint8Array
  /** µUSD. */
  readonly total: bigint
  readonly count: number
  /** The path of a leaf, from the leaf upward. */
  prove(index: number): ClaimStep[]
  /** The leaf whose value holds `point`, 0 ≤ point < total. */
  indexAt(point: bigint): number
}

/** What a path leads to: `start` is the sum of everything to the left of the leaf. */
export interface ClaimPosition {
  readonly root: Uint8Array
  readonly total: bigint
  readonly start: bigint
}

export type ClaimPathFault =
  | 'order' // the leaf lies on the wrong side of a split
  | 'sum' // above 2^63

/** `serviceId u32be · clientIndex u32be · sessionId 16`: big endian, since keys are compared as bytes. */
export function claimKeyOf(serviceId: number, clientIndex: number, sessionId: Uint8Array): Uint8Array {
  if (sessionId.length !== SESSION_ID_BYTES) throw malformed(`sessionId must be ${SESSION_ID_BYTES} bytes, got ${sessionId.length}`)
  if (serviceId >>> 0 !== serviceId || clientIndex >>> 0 !== clientIndex) throw malformed('serviceId and clientIndex must be u32')
  const key = new Uint8Array(CLAIM_KEY_BYTES)
  const view = new DataView(key.buffer)
  view.setUint32(0, serviceId)
  view.setUint32(4, clientIndex)
  key.set(sessionId, 8)
  return key
}

/**
 * Builds the tree of a claim. Keeps 65 bytes a leaf twice over; 100,000 leaves take a fraction of a second.
 * @param leaves - keys strictly ascending, at least one.
 * @throws {DeliveryAcknowledgementError} `DELIVERY_ACKNOWLEDGEMENT_MALFORMED` for an empty list, keys that do not ascend, an amount of 0;
 * `DELIVERY_ACKNOWLEDGEMENT_TOO_LARGE` for a sum above 2^63.
 */
export function createClaimTree(leaves: readonly ClaimLeaf[]): ClaimTree {
  checkLeaves(leaves)
  const hasher = createHasher()
  const levels: Level[] = [leafLevel(leaves, hasher)]
  for (let level = levels[0]!; level.sums.length > 1; level = levels.at(-1)!) levels.push(levelAbove(level, levels.length, leaves, hasher))
  const top = levels.at(-1)!
  const total = top.sums[0]!
  return {
    root: top.hashes.slice(),
    total,
    count: leaves.length,
    prove(index) {
      if (!(index >= 0 && index < leaves.length)) throw malformed(`a claim of ${leaves.length} has no leaf ${index}`)
      return pathIn(levels, leaves, index)
    },
    indexAt(point) {
      if (point < 0n || point >= total) throw malformed(`a claim of ${total} has no point ${point}`)
      return indexIn(levels, point)
    },
  }
}

/** Where a leaf and its path lead. Total: any path of up to 32 steps with widths of `ClaimStep` has an answer. */
export function followClaimPath(leaf: ClaimLeaf, path: readonly ClaimStep[]): ClaimPosition | ClaimPathFault {
  const hasher = createHasher()
  let hash = hasher.leaf(leaf)
  let sum = leaf.amount
  let start = 0n
  if (path.length > CLAIM_DEPTH_MAX || sum > CLAIM_SUM_MAX) return 'sum'
  for (const { sibling, sum: other, split, isRight } of path) {
    if (compareBytes(leaf.key, split) >= 0 !== isRight) return 'order'
    const together = sum + other
    if (together > CLAIM_SUM_MAX) return 'sum'
    hash = isRight ? hasher.node(sibling, hash, other, sum, split) : hasher.node(hash, sibling, sum, other, split)
    if (isRight) start += other
    sum = together
  }
  return { root: hash, total: sum, start }
}

/** Hashes of one level side by side: 100,000 small arrays would cost more than their hashing. */
interface Level {
  readonly hashes: Uint8Array
  readonly sums: BigUint64Array
}

interface Hasher {
  leaf(leaf: ClaimLeaf): Uint8Array
  node(left: Uint8Array, right: Uint8Array, leftSum: bigint, rightSum: bigint, split: Uint8Array): Uint8Array
}

/** Fills two preimages again and again. */
function createHasher(): Hasher {
  const leafBytes = new Uint8Array(LEAF_DOMAIN.length + CLAIM_KEY_BYTES + DIGEST_BYTES + 10)
  const nodeBytes = new Uint8Array(NODE_DOMAIN.length + 2 * DIGEST_BYTES + 16 + CLAIM_KEY_BYTES)
  leafBytes.set(LEAF_DOMAIN)
  nodeBytes.set(NODE_DOMAIN)
  const leafView = new DataView(leafBytes.buffer, LEAF_DOMAIN.length)
  const nodeView = new DataView(nodeBytes.buffer, NODE_DOMAIN.length)
  return {
    leaf({ key, acknowledgement, tickIndex, amount }) {
      leafBytes.set(key, LEAF_DOMAIN.length)
      leafBytes.set(sha256(acknowledgement), LEAF_DOMAIN.length + CLAIM_KEY_BYTES)
      leafView.setUint16(CLAIM_KEY_BYTES + DIGEST_BYTES, tickIndex, true)
      leafView.setBigUint64(CLAIM_KEY_BYTES + DIGEST_BYTES + 2, amount, true)
      return sha256(leafBytes)
    },
    node(left, right, leftSum, rightSum, split) {
      nodeBytes.set(left, NODE_DOMAIN.length)
      nodeBytes.set(right, NODE_DOMAIN.length + DIGEST_BYTES)
      nodeView.setBigUint64(2 * DIGEST_BYTES, leftSum, true)
      nodeView.setBigUint64(2 * DIGEST_BYTES + 8, rightSum, true)
      nodeBytes.set(split, NODE_DOMAIN.length + 2 * DIGEST_BYTES + 16)
      return sha256(nodeBytes)
    },
  }
}

function checkLeaves(leaves: readonly ClaimLeaf[]): void {
  if (leaves.length === 0) throw malformed('a claim has at least one leaf')
  let sum = 0n
  leaves.forEach(({ key, acknowledgement, tickIndex, amount }, index) => {
    if (key.length !== CLAIM_KEY_BYTES || acknowledgement.length !== ACKNOWLEDGEMENT_BYTES)
      throw malformed(`leaf ${index} has wrong widths`)
    if ((tickIndex & 0xffff) !== tickIndex || amount < 1n) throw malformed(`leaf ${index} has no amount, or a tick that is no u16`)
    if (index > 0 && compareBytes(leaves[index - 1]!.key, key) >= 0) throw malformed(`the key of leaf ${index} does not ascend`)
    sum += amount
    if (sum > CLAIM_SUM_MAX) throw new DeliveryAcknowledgementError('DELIVERY_ACKNOWLEDGEMENT_TOO_LARGE', 'the claim is above 2^63')
  })
}

function leafLevel(leaves: readonly ClaimLeaf[], hasher: Hasher): Level {
  const hashes = new Uint8Array(leaves.length * DIGEST_BYTES)
  const sums = new BigUint64Array(leaves.length)
  leaves.forEach((leaf, index) => {
    hashes.set(hasher.leaf(leaf), index * DIGEST_BYTES)
    sums[index] = leaf.amount
  })
  return { hashes, sums }
}

const hashAt = ({ hashes }: Level, index: number): Uint8Array => hashes.subarray(index * DIGEST_BYTES, (index + 1) * DIGEST_BYTES)

/** `height`: of the level that is made; its right children begin at odd multiples of 2^(height − 1) leaves. */
function levelAbove(below: Level, height: number, leaves: readonly ClaimLeaf[], hasher: Hasher): Level {
  const count = Math.ceil(below.sums.length / 2)
  const above: Level = { hashes: new Uint8Array(count * DIGEST_BYTES), sums: new BigUint64Array(count) }
  for (let index = 0; index < count; index++) {
    const left = 2 * index
    const right = left + 1
    const leftSum = below.sums[left]!
    const isPair = right < below.sums.length
    const rightSum = isPair ? below.sums[right]! : 0n
    const hash = isPair
      ? hasher.node(hashAt(below, left), hashAt(below, right), leftSum, rightSum, splitAt(leaves, right, height - 1))
      : hashAt(below, left)
    above.hashes.set(hash, index * DIGEST_BYTES)
    above.sums[index] = leftSum + rightSum
  }
  return above
}

/** The smallest key under the node `index` of the level `height`. */
const splitAt = (leaves: readonly ClaimLeaf[], index: number, height: number): Uint8Array => leaves[index * 2 ** height]!.key

function pathIn(levels: readonly Level[], leaves: readonly ClaimLeaf[], leafIndex: number): ClaimStep[] {
  const path: ClaimStep[] = []
  let index = leafIndex
  levels.slice(0, -1).forEach((level, height) => {
    const sibling = index ^ 1
    if (sibling < level.sums.length) {
      const right = Math.max(index, sibling)
      const split = splitAt(leaves, right, height).slice()
      path.push({ sibling: hashAt(level, sibling).slice(), sum: level.sums[sibling]!, split, isRight: index === right })
    }
    index >>= 1
  })
  return path
}

function indexIn(levels: readonly Level[], point: bigint): number {
  let index = 0
  let left = point
  for (let height = levels.length - 2; height >= 0; height--) {
    index *= 2
    const sum = levels[height]!.sums[index]!
    if (left >= sum) {
      left -= sum
      index += 1
    }
  }
  return index
}
