/**
 * A group as bytes: `generation u32 little endian`, then its nodes in pre-order, the top first, each led by a byte: 0 empty; 1 leaf, key
 * hash 32, value hash 32; 2 branch, hash 32, then its two subtrees; 3 the top of the next group below, hash 32. Hashes of branches could
 * be computed anew, and were in the first draft: a group half as large, but thirty hashes each time one comes back from the disk.
 */
import { GROUP_LEVELS, HASH_BYTES, HASH_WORDS } from './constants.ts'
import { StateTreeError } from './errors.ts'
import { hashLeaf } from './hashes.ts'
import { EMPTY, type NodeSlab } from './node-slab.ts'
import { readWords, writeWords } from './sha256.ts'

const NOTHING = 0
const LEAF = 1
const BRANCH = 2
const BELOW = 3
/** Every branch with its hash and every bottom place a leaf: 4 + 31 · 33 + 32 · 65. */
const GROUP_BYTES_MAX = 4 + (2 ** GROUP_LEVELS - 1) * (1 + HASH_BYTES) + 2 ** GROUP_LEVELS * (1 + 2 * HASH_BYTES)

const scratch = new Uint8Array(GROUP_BYTES_MAX)

/** The bytes of the group whose top is `top` at `depth`. */
export function encodeGroup(slab: NodeSlab, top: number, generation: number): Uint8Array {
  scratch[0] = generation
  scratch[1] = generation >>> 8
  scratch[2] = generation >>> 16
  scratch[3] = generation >>> 24
  return scratch.slice(0, encodeNode(slab, top, GROUP_LEVELS, 4))
}

/** Writes `node` and what is below it at `at`; gives where it ended. `levels` are left until the next group begins. */
function encodeNode(slab: NodeSlab, node: number, levels: number, at: number): number {
  if (node === EMPTY) {
    scratch[at] = NOTHING
    return at + 1
  }
  if (slab.isLeaf(node)) {
    const leaf = slab.leafAt(node)
    scratch[at] = LEAF
    writeWords(slab.leaves, leaf, scratch, at + 1)
    writeWords(slab.leaves, leaf + HASH_WORDS, scratch, at + 1 + HASH_BYTES)
    return at + 1 + 2 * HASH_BYTES
  }
  scratch[at] = levels === 0 ? BELOW : BRANCH
  writeWords(slab.hashes, node * HASH_WORDS, scratch, at + 1)
  const end = at + 1 + HASH_BYTES
  if (levels === 0) return end
  return encodeNode(slab, slab.rights[node]!, levels - 1, encodeNode(slab, slab.lefts[node]!, levels - 1, end))
}

/** The generation in which a group was written. */
export function generationOf(bytes: Uint8Array): number {
  if (bytes.length < 5) throw corrupt('a group is longer than its head')
  return (bytes[0]! | (bytes[1]! << 8) | (bytes[2]! << 16) | (bytes[3]! << 24)) >>> 0
}

/**
 * Reads a group into the slab and gives its top.
 * @throws {StateTreeError} `STATE_TREE_CORRUPT` when these are not bytes of `encodeGroup`.
 */
export function decodeGroup(slab: NodeSlab, bytes: Uint8Array): number {
  const generation = generationOf(bytes)
  const reading = { bytes, at: 4 }
  const top = decodeNode(slab, reading, GROUP_LEVELS)
  if (reading.at !== bytes.length) throw corrupt('a group ends before its bytes do')
  slab.generations[top] = generation
  return top
}

function decodeNode(slab: NodeSlab, reading: { readonly bytes: Uint8Array; at: number }, levels: number): number {
  const { bytes, at } = reading
  const kind = bytes[at]
  if (kind === NOTHING) {
    reading.at = at + 1
    return EMPTY
  }
  reading.at = at + 1 + (kind === LEAF ? 2 * HASH_BYTES : HASH_BYTES)
  if (reading.at > bytes.length) throw corrupt('a group is cut off')
  if (kind === LEAF) {
    const node = slab.newLeaf()
    const leaf = slab.leafAt(node)
    readWords(bytes, at + 1, slab.leaves, leaf)
    readWords(bytes, at + 1 + HASH_BYTES, slab.leaves, leaf + HASH_WORDS)
    hashLeaf(slab.leaves, leaf, leaf + HASH_WORDS, slab.hashes, node * HASH_WORDS)
    return node
  }
  if (kind !== (levels === 0 ? BELOW : BRANCH)) throw corrupt(`no node of a group begins with ${kind} here`)
  const node = slab.newStub()
  readWords(bytes, at + 1, slab.hashes, node * HASH_WORDS)
  if (levels === 0) return node
  const left = decodeNode(slab, reading, levels - 1)
  const right = decodeNode(slab, reading, levels - 1) // before the array is named: reading may have grown the slab
  slab.lefts[node] = left
  slab.rights[node] = right
  return node
}

/** What the store gave back is not what the tree wrote. */
export function corrupt(what: string): StateTreeError {
  return new StateTreeError('STATE_TREE_CORRUPT', what)
}
