/**
 * A group: the nodes of `GROUP_LEVELS` levels in one run of 32-bit words, the same in memory and in the store. Word 0 is the generation in
 * which it was written (history.ts); then the nodes in pre-order, the top first. Each begins with a word whose low two bits are its kind:
 *
 *   0 empty   nothing more
 *   1 leaf    its hash, key hash, value hash
 *   2 branch  (the words of its left subtree above the kind) its hash, the left subtree, the right subtree
 *   3 below   a branch that is the top of the next group: its hash
 *
 * A subtree is one run, so an update copies what it does not touch and writes a group from front to back. With nodes as objects, or in a
 * few large arrays, the same update spent most of its time waiting for memory. Words are as the machine has them: these bytes never leave it.
 */
import { GROUP_LEVELS, HASH_WORDS, LEAF_WORDS } from './constants.ts'
import { StateTreeError } from './errors.ts'

export const EMPTY = 0
export const LEAF = 1
export const BRANCH = 2
export const BELOW = 3
/** Words of a node that is not empty before its subtrees or its entry. */
export const NODE_WORDS: number = 1 + HASH_WORDS
/** Words of a leaf. */
export const LEAF_NODE_WORDS: number = NODE_WORDS + LEAF_WORDS
/** Where the top of a group stands. */
export const TOP = 1
/** A position that stands for the empty subtree. */
export const NOWHERE: number = -1
/** Every branch, and every place at the bottom a leaf. */
export const LONGEST_IMAGE_WORDS: number = TOP + (2 ** GROUP_LEVELS - 1) * NODE_WORDS + 2 ** GROUP_LEVELS * LEAF_NODE_WORDS

/** The kind of the node at `at`. */
export function kindAt(image: Int32Array, at: number): number {
  return at === NOWHERE ? EMPTY : image[at]! & 3
}

/** Where the left subtree of the branch at `at` begins. */
export function leftOf(at: number): number {
  return at + NODE_WORDS
}

/** Where the right subtree of the branch at `at` begins. */
export function rightOf(image: Int32Array, at: number): number {
  return at + NODE_WORDS + (image[at]! >>> 2)
}

/** Where the subtree at `at` ends. */
export function endOf(image: Int32Array, at: number): number {
  let last = at
  while ((image[last]! & 3) === BRANCH) last = rightOf(image, last)
  const kind = image[last]! & 3
  return last + (kind === EMPTY ? 1 : kind === LEAF ? LEAF_NODE_WORDS : NODE_WORDS)
}

/** The group of a tree without entries. */
export function emptyImage(): Int32Array {
  return new Int32Array(TOP + 1)
}

/**
 * A group from the bytes that the store gave back, copied. Its shape is checked, so that no bytes make a later walk leave it or run for
 * ever; its hashes are not.
 * @throws {StateTreeError} `STATE_TREE_CORRUPT`.
 */
export function imageOf(bytes: Uint8Array): Int32Array {
  if (bytes.length % 4 !== 0 || bytes.length < (TOP + 1) * 4 || bytes.length > LONGEST_IMAGE_WORDS * 4) {
    throw corrupt(`no group has ${bytes.length} bytes`)
  }
  const image = new Int32Array(bytes.length / 4)
  new Uint8Array(image.buffer).set(bytes)
  if (checkNode(image, TOP, GROUP_LEVELS) !== image.length) throw corrupt('a group ends before its bytes do')
  return image
}

/** Where the subtree at `at`, `levels` above the next group, ends by its shape. */
function checkNode(image: Int32Array, at: number, levels: number): number {
  const word = image[at] // undefined beyond the end
  const kind = (word ?? EMPTY) & 3
  if (word === undefined || (kind !== BRANCH && word >>> 2 !== 0)) throw corrupt('a group is cut off or has a node of no kind')
  if (kind === EMPTY) return at + 1
  if (kind === LEAF) return checkEnd(image, at + LEAF_NODE_WORDS)
  if ((kind === BELOW) !== (levels === 0)) throw corrupt('a group has another number of levels')
  if (kind === BELOW) return checkEnd(image, at + NODE_WORDS)
  const right = checkNode(image, leftOf(at), levels - 1)
  if (right !== rightOf(image, at)) throw corrupt('a branch has a left subtree of another length')
  return checkNode(image, right, levels - 1)
}

function checkEnd(image: Int32Array, end: number): number {
  if (end > image.length) throw corrupt('a group is cut off')
  return end
}

/** What the store gave back is not what the tree wrote. */
export function corrupt(what: string): StateTreeError {
  return new StateTreeError('STATE_TREE_CORRUPT', what)
}
