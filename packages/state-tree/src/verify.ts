/** Checking a proof: pure, needs nothing but the root. */
import { assertHash } from './changes.ts'
import { HASH_WORDS } from './constants.ts'
import { StateTreeError } from './errors.ts'
import { hashBranch, hashLeaf } from './hashes.ts'
import { decodeProof, malformed, type Proof } from './proof.ts'
import { readWords, writeWords } from './sha256.ts'
import { bitAt } from './store-keys.ts'

const KEY = 0
const NODE = KEY + HASH_WORDS
const SIBLING = NODE + HASH_WORDS
const OTHER_KEY = SIBLING + HASH_WORDS
const VALUE = OTHER_KEY + HASH_WORDS

/**
 * Proves that under `root` the key has this value, or (`valueHash` undefined) that there is no such key. Returns, or throws.
 *
 * @param root - 32 bytes that are trusted already.
 * @param keyHash - 32 bytes, of `keyHash(tableId, key)`.
 * @param valueHash - 32 bytes, of `valueHash(value)`, or `undefined` to prove absence.
 * @param proof - as it came over the wire (`encodeProof`), trusted in nothing.
 * @throws {StateTreeError} `STATE_TREE_MALFORMED` for a proof that is not in its one encoding, or whose other leaf is the asked key or does
 * not lie on the way to it; `STATE_TREE_MISMATCH` for one that leads to another root or shows presence when absence was asked, or the
 * reverse; `STATE_TREE_ARGUMENT` for hashes that are not 32 bytes.
 */
export function verifyProof(root: Uint8Array, keyHash: Uint8Array, valueHash: Uint8Array | undefined, proof: Uint8Array): void {
  assertHash('a root', root)
  assertHash('a key hash', keyHash)
  if (valueHash !== undefined) assertHash('a value hash', valueHash)
  const { siblings, end } = decodeProof(proof)
  const words = new Int32Array(VALUE + HASH_WORDS)
  readWords(keyHash, 0, words, KEY)
  if (end.type === 'other') checkOther(end, words, siblings.length)
  if ((end.type === 'leaf') !== (valueHash !== undefined)) {
    const shown = end.type === 'leaf' ? 'presence' : 'absence'
    throw new StateTreeError('STATE_TREE_MISMATCH', `the proof shows ${shown}, which was not asked for`)
  }
  if (end.type === 'leaf') {
    readWords(valueHash!, 0, words, VALUE)
    hashLeaf(words, KEY, VALUE, words, NODE)
  } else if (end.type === 'other') hashLeaf(words, OTHER_KEY, VALUE, words, NODE)
  for (let d = siblings.length - 1; d >= 0; d--) {
    const sibling = siblings[d]
    if (sibling === undefined) words.fill(0, SIBLING, SIBLING + HASH_WORDS)
    else readWords(sibling, 0, words, SIBLING)
    if (bitAt(words, KEY, d) === 0) hashBranch(words, NODE, words, SIBLING, words, NODE)
    else hashBranch(words, SIBLING, words, NODE, words, NODE)
  }
  const reached = new Uint8Array(root.length)
  writeWords(words, NODE, reached, 0)
  if (!reached.every((byte, i) => byte === root[i])) throw new StateTreeError('STATE_TREE_MISMATCH', 'the proof leads to another root')
}

/** Reads the other leaf; it must lie on the way to the asked key, and be another. */
function checkOther(end: Extract<Proof['end'], { type: 'other' }>, words: Int32Array, depth: number): void {
  readWords(end.keyHash, 0, words, OTHER_KEY)
  readWords(end.valueHash, 0, words, VALUE)
  let shared = 0
  while (shared < 256 && bitAt(words, KEY, shared) === bitAt(words, OTHER_KEY, shared)) shared++
  if (shared === 256) throw malformed('the other leaf is the asked key')
  if (shared < depth) throw malformed(`the other leaf leaves the way at depth ${shared}, the proof has ${depth}`)
}
