// Updates of random keys in batches of a thousand, proofs and their checks, over 100,000 keys in memory, beside the Merkle Patricia trie that
// an Ethereum-like chain would take.
import { createMPT, createMerkleProof, type MerklePatriciaTrie } from '@ethereumjs/mpt'
import { MapDB } from '@ethereumjs/util'
import { createMemoryNodeStore, createStateTree, encodeProof, keyHash, type StateTree, valueHash, verifyProof } from '@selvedge/state-tree'
import type { Bench, Prepared } from '../../../tools/bench/bench.ts'

const KEYS = 100_000
const BATCH = 1_000
const TABLE = 2

interface Row {
  readonly key: Uint8Array
  readonly value: Uint8Array
}

/** What an account costs in the ledger: a key of 20 bytes, a value of 20. */
function rowOf(index: number, turn: number): Row {
  const key = new Uint8Array(20)
  new DataView(key.buffer).setUint32(16, index)
  const value = new Uint8Array(20)
  new DataView(value.buffer).setUint32(0, turn)
  value[19] = 1
  return { key, value }
}

let state = 1
function draw(below: number): number {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
  return Math.floor((state / 2 ** 32) * below)
}

const batchOf = (turn: number): Row[] => Array.from({ length: BATCH }, () => rowOf(draw(KEYS), turn))
const all = (): Row[][] =>
  Array.from({ length: KEYS / BATCH }, (_, batch) => Array.from({ length: BATCH }, (__, i) => rowOf(batch * BATCH + i, 0)))
/** The hashes of key and value are part of the job. */
const changeOf = ({ key, value }: Row): { keyHash: Uint8Array; valueHash: Uint8Array } => ({
  keyHash: keyHash(TABLE, key),
  valueHash: valueHash(value),
})

function filledTree(): StateTree {
  const tree = createStateTree({ nodes: createMemoryNodeStore() })
  for (const batch of all()) tree.update(batch.map(changeOf))
  return tree
}

async function filledTrie(): Promise<MerklePatriciaTrie> {
  const trie = await createMPT({ db: new MapDB(), useKeyHashing: true })
  for (const batch of all()) await trie.batch(batch.map(({ key, value }) => ({ type: 'put' as const, key, value })))
  return trie
}

/**
 * Keys updated for each second of processor time, all threads, over `batches` batches after as many as warm-up: the work is on one
 * thread, and a busy machine takes the clock from everybody.
 */
const rate = (update: (batch: Row[]) => unknown, batches: number): Prepared => ({
  figure: async () => {
    const work = Array.from({ length: batches }, (_, turn) => batchOf(turn + 1))
    for (const batch of work.toReversed()) await update(batch)
    const started = process.cpuUsage()
    for (const batch of work) await update(batch)
    const { user, system } = process.cpuUsage(started)
    return (batches * BATCH * 1e6) / (user + system)
  },
})

export const benches: readonly Bench[] = [
  {
    name: 'update, 100,000 keys, batches of 1,000',
    unit: '/s',
    subjects: {
      ours: () => {
        const tree = filledTree()
        return rate((batch) => tree.update(batch.map(changeOf)), 100)
      },
      '@ethereumjs/mpt': async () => {
        const trie = await filledTrie()
        return rate((batch) => trie.batch(batch.map(({ key, value }) => ({ type: 'put' as const, key, value }))), 3)
      },
    },
    goals: { '@ethereumjs/mpt': 15 },
    note: 'keys drawn evenly, one thread, both over a map in memory and with the hashes of keys and values; for each second of processor time; goal of ours alone: 60,000/s.',
  },
  {
    name: 'proof, 100,000 keys',
    unit: 'B',
    subjects: {
      ours: () => {
        const tree = filledTree()
        const sizes = Array.from({ length: 1_000 }, (_, i) => encodeProof(tree.prove(changeOf(rowOf(i * 97, 0)).keyHash)).length)
        return { figure: () => sizes.reduce((sum, size) => sum + size, 0) / sizes.length }
      },
      '@ethereumjs/mpt': async () => {
        const trie = await filledTrie()
        const sizes: number[] = []
        for (let i = 0; i < 1_000; i++) {
          const proof = await createMerkleProof(trie, rowOf(i * 97, 0).key)
          sizes.push(proof.reduce((sum, node) => sum + node.length, 0))
        }
        return { figure: () => sizes.reduce((sum, size) => sum + size, 0) / sizes.length }
      },
    },
    goals: { '@ethereumjs/mpt': 2.9 },
    samples: 1, // the same keys in the same trees: every process gives the same number
    note: 'mean of 1,000 keys, the same in every run; the trie proves the value itself, ours its hash.',
  },
  {
    name: 'verify a proof',
    unit: 'ns',
    subjects: {
      ours: () => {
        const tree = filledTree()
        const root = tree.root()
        const { keyHash: key, valueHash: value } = changeOf(rowOf(4_711, 0))
        const proof = encodeProof(tree.prove(key))
        return { each: () => verifyProof(root, key, value, proof) }
      },
    },
    note: 'goal of ours alone: 60,000 ns.',
  },
  {
    name: 'make a proof, nodes in memory',
    unit: 'ns',
    subjects: {
      ours: () => {
        const tree = filledTree()
        const keys = Array.from({ length: 1_024 }, (_, i) => changeOf(rowOf(i * 97, 0)).keyHash)
        let turn = 0
        return { each: () => encodeProof(tree.prove(keys[turn++ & 1_023]!)) }
      },
    },
  },
]
