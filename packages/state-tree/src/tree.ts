/**
 * The tree as its user sees it: entries in, root out, proofs for any key. The parts: `update.ts` walks, `groups.ts` holds what is in
 * memory, `history.ts` keeps what retained roots need, `proof.ts` and `verify.ts` are the other side's.
 */
import { assertHash, type Change, ChangeList } from './changes.ts'
import { HASH_BYTES, HASH_WORDS, MEMORY_BYTES_MAX } from './constants.ts'
import { StateTreeError } from './errors.ts'
import { GroupCache } from './groups.ts'
import { History, type RetainedRoot } from './history.ts'
import { BELOW, BRANCH, EMPTY, kindAt, leftOf, NODE_WORDS, rightOf, TOP } from './image.ts'
import type { NodeStore } from './ports.ts'
import type { Proof } from './proof.ts'
import { readWords, writeWords } from './sha256.ts'
import { bitAt } from './store-keys.ts'
import { Update } from './update.ts'

/** What a tree is made of. */
export interface StateTreeOptions {
  /** Where the nodes are kept. */
  readonly nodes: NodeStore
  /** What the root must be; checked at the first call that reads the tree. */
  readonly root?: Uint8Array
  /** Bytes of nodes kept in memory between calls; what one batch touches is there while it runs. @default 128 MiB */
  readonly memoryBytesMax?: number
}

export interface StateTree {
  /**
   * Sets and removes entries, and gives the new root. Of two changes to one key in a batch the later holds. Everything that changed has
   * been put into the store when it returns. Cost: a few hashes for each changed key, less the larger the batch.
   * If the store throws, so does this, and the tree forgets what it had in memory: abort the transaction and go on.
   * @returns 32 bytes.
   * @throws {StateTreeError} `STATE_TREE_ARGUMENT` (nothing is changed by the 2^20 it stands among), `STATE_TREE_CORRUPT`.
   */
  update(changes: Iterable<Change>): Uint8Array
  /** The root, 32 bytes; zero when there is no entry. */
  root(): Uint8Array
  /**
   * What a holder of the root needs to check one key. Of `version`, a retained one, if given.
   * @throws {StateTreeError} `STATE_TREE_NOT_RETAINED`, `STATE_TREE_ARGUMENT`, `STATE_TREE_CORRUPT`.
   */
  prove(keyHash: Uint8Array, options?: { readonly version?: number }): Proof
  /**
   * Keeps the present root provable until it is released, and gives it a version. From now on the first write to each group writes it twice.
   * @throws {StateTreeError} `STATE_TREE_RETAINED_LIMIT`.
   */
  retain(): number
  /** What is retained, the oldest first. */
  retained(): readonly RetainedRoot[]
  /**
   * Gives up `version` and all older ones at once, and deletes what was kept for them: at most `groupsMax` groups a call (default: all).
   * @returns true when nothing of them is left; until then call it again.
   */
  release(version: number, groupsMax?: number): boolean
  /** Forgets what is in memory: to be called when the transaction that an update wrote into was aborted. */
  reset(): void
}

/** Most changes that are laid out at a time, 64 bytes each: in one go a tree of a million keys is built with two hashes a key. */
const CHANGES_MAX = 2 ** 20

/**
 * Makes a tree over what `nodes` holds; reads nothing before it is asked.
 * @throws {StateTreeError} `STATE_TREE_ARGUMENT` for options out of range. Calls throw `STATE_TREE_CORRUPT` when the store has another root.
 * @example
 * const tree = createStateTree({ nodes: createMemoryNodeStore() })
 * const root = tree.update([{ keyHash: keyHash(1, key), valueHash: valueHash(value) }])
 */
export function createStateTree(options: StateTreeOptions): StateTree {
  const { nodes, root: expectedRoot, memoryBytesMax = MEMORY_BYTES_MAX } = options
  if (expectedRoot !== undefined) assertHash('a root', expectedRoot)
  if (!Number.isSafeInteger(memoryBytesMax) || memoryBytesMax < 0) {
    throw new StateTreeError('STATE_TREE_ARGUMENT', `memoryBytesMax is a whole number from 0, got ${memoryBytesMax}`)
  }
  const groups = new GroupCache((key) => nodes.get(key))
  const history = new History(nodes)
  const changes = new ChangeList()
  const applying = new Update({ nodes, groups, history }, changes)
  let isChecked = expectedRoot === undefined

  const reset = (): void => {
    groups.reset()
    history.reset()
  }
  /** Runs one call; what it leaves in memory is bounded, and nothing if it failed. */
  const run = <Result>(call: () => Result): Result => {
    try {
      groups.clock++
      groups.open()
      if (!isChecked) checkRoot(rootOf(groups), expectedRoot!)
      isChecked = true
      const result = call()
      groups.trim(memoryBytesMax)
      return result
    } catch (error) {
      reset()
      throw error
    }
  }
  return {
    update: (source) =>
      run(() => {
        const iterator = source[Symbol.iterator]()
        const most = Math.min(CHANGES_MAX, Math.max(256, Math.floor(memoryBytesMax / 128)))
        for (;;) {
          const isMore = changes.fill(iterator, most)
          applying.run()
          if (!isMore) {
            changes.shrink()
            return rootOf(groups)
          }
          groups.trim(memoryBytesMax)
          groups.clock++
        }
      }),
    root: () => run(() => rootOf(groups)),
    prove(keyHash, { version } = {}) {
      assertHash('a key hash', keyHash)
      return run(() => {
        if (version === undefined) return prove(groups, keyHash)
        const old = new GroupCache(history.readerAt(version))
        const { root } = history.retained.find((each) => each.version === version)!
        if (root.every((byte) => byte === 0)) return { siblings: [], end: { type: 'empty' } } // nothing was stored that could have been kept
        old.open()
        return prove(old, keyHash)
      })
    },
    retain: () => run(() => history.retain(rootOf(groups))),
    retained: () => run(() => history.retained),
    release: (version, groupsMax = Number.POSITIVE_INFINITY) => run(() => history.release(version, groupsMax)),
    reset,
  }
}

function rootOf({ root: { image } }: GroupCache): Uint8Array {
  return kindAt(image, TOP) === EMPTY ? new Uint8Array(HASH_BYTES) : hashAt(image, TOP + 1)
}

function checkRoot(root: Uint8Array, expected: Uint8Array): void {
  if (!root.every((byte, i) => byte === expected[i]))
    throw new StateTreeError('STATE_TREE_CORRUPT', 'the store holds a tree with another root')
}

/** Walks from the root towards the key, noting what stands beside the way. */
function prove(groups: GroupCache, keyHash: Uint8Array): Proof {
  const words = new Int32Array(HASH_WORDS)
  readWords(keyHash, 0, words, 0)
  const siblings: (Uint8Array | undefined)[] = []
  let group = groups.root
  let at = TOP
  for (let depth = 0; ; depth++) {
    if (kindAt(group.image, at) === BELOW) {
      group = groups.below(group, at + 1, depth, words, 0)
      at = TOP
    }
    const { image } = group
    if (kindAt(image, at) !== BRANCH) break
    const isRight = bitAt(words, 0, depth) === 1
    const sibling = isRight ? leftOf(at) : rightOf(image, at)
    siblings.push(kindAt(image, sibling) === EMPTY ? undefined : hashAt(image, sibling + 1))
    at = isRight ? rightOf(image, at) : leftOf(at)
  }
  const { image } = group
  if (kindAt(image, at) === EMPTY) return { siblings, end: { type: 'empty' } }
  const entry = at + NODE_WORDS
  if (words.every((word, i) => word === image[entry + i])) return { siblings, end: { type: 'leaf' } }
  return { siblings, end: { type: 'other', keyHash: hashAt(image, entry), valueHash: hashAt(image, entry + HASH_WORDS) } }
}

function hashAt(words: Int32Array, at: number): Uint8Array {
  const hash = new Uint8Array(HASH_BYTES)
  writeWords(words, at, hash, 0)
  return hash
}
