// A joiner takes over a state of a million rows: from a pinned committee, over TCP from two nodes in this process, bytes on disk, rows and
// the rebuilt tree in LMDB; and what making and hashing the snapshot costs the node that serves it.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { committeeRoot, encodeCommittee, encodeSnapshotEntry, encodeSnapshotHeader, type SnapshotEntry } from '@selvedge/ledger-types'
import { encodeEpochProof } from '@selvedge/ledger-types/light-client'
import { type Change, createMemoryNodeStore, createStateTree, keyHash, type NodeStore, valueHash } from '@selvedge/state-tree'
import {
  createJoiner,
  createSnapshotServer,
  type SnapshotServer,
  type StateImporter,
  type StoredSnapshot,
  type SyncSource,
} from '@selvedge/synchronizer'
import { openSnapshotCache, openSnapshotFolder } from '@selvedge/synchronizer/folder'
import { dialSync, listenSync } from '@selvedge/synchronizer/net'
import { open } from 'lmdb'
import type { Bench } from '../../../tools/bench/bench.ts'
import { certify, CHAIN_ID, committeeOf } from '../test/ledger.ts'

const ROWS = 1_000_000
const BATCH = 20_000
/** Changes are kept for the tree until there are so many: it is built with far fewer hashes than in small batches. */
const TREE_BATCH = 500_000
const HEIGHT = 1_000
const EPOCH = 3

/** Accounts: a key of 20 bytes and a value of 20, ascending as a snapshot is. */
function rowOf(index: number): SnapshotEntry {
  const key = new Uint8Array(20)
  new DataView(key.buffer).setUint32(0, index * 4_000)
  return { table: 2, key, value: new Uint8Array(20).fill(index) }
}

const changeOf = ({ table, key, value }: SnapshotEntry): Change => ({ keyHash: keyHash(table, key), valueHash: valueHash(value) })

const rootOf = (): Uint8Array =>
  createStateTree({ nodes: createMemoryNodeStore() }).update(Array.from({ length: ROWS }, (_, i) => changeOf(rowOf(i))))

function* stream(stateRoot: Uint8Array): Generator<Uint8Array, void, undefined> {
  yield encodeSnapshotHeader({ chainId: CHAIN_ID, height: HEIGHT, stateRoot })
  for (let at = 0; at < ROWS; at += 1_000) {
    yield Buffer.concat(Array.from({ length: 1_000 }, (_, i) => encodeSnapshotEntry(rowOf(at + i))))
  }
}

/** Rows and tree in one LMDB transaction a batch, as a node has them. */
function createImporter(path: string): StateImporter & { close(): Promise<void> } {
  const database = open<Buffer, Buffer>({ path, encoding: 'binary', keyEncoding: 'binary' })
  const keyOf = (space: number, key: Uint8Array): Buffer => Buffer.concat([Uint8Array.of(space), key])
  const nodes: NodeStore = {
    get: (key) => database.getBinary(keyOf(0, key)),
    put: (key, value) => database.putSync(keyOf(0, key), Buffer.from(value.buffer, value.byteOffset, value.length)),
    delete: (key) => database.removeSync(keyOf(0, key)),
  }
  const tree = createStateTree({ nodes })
  let waiting: SnapshotEntry[] = []
  let changes: Change[] = []
  const flush = (isLast: boolean): void =>
    database.transactionSync(() => {
      for (const { table, key, value } of waiting)
        database.putSync(keyOf(table, key), Buffer.from(value.buffer, value.byteOffset, value.length))
      changes.push(...waiting.map(changeOf))
      waiting = []
      if (changes.length < TREE_BATCH && !isLast) return
      tree.update(changes)
      changes = []
    })
  return {
    add(rows) {
      waiting.push(...rows)
      if (waiting.length >= BATCH) flush(false)
    },
    async finish({ stateRoot }) {
      flush(true)
      await database.flushed
      if (Buffer.compare(tree.root(), stateRoot) !== 0) throw new Error('another root')
    },
    close: () => database.close(),
  }
}

interface Served {
  readonly path: string
  readonly server: SnapshotServer
  readonly stored: StoredSnapshot
  readonly stateRoot: Uint8Array
}

async function serve(): Promise<Served> {
  const path = mkdtempSync(join(tmpdir(), 'selvedge-bench-'))
  const server = createSnapshotServer({ files: await openSnapshotFolder(join(path, 'served')) })
  const stateRoot = rootOf()
  return { path, server, stored: await server.add(HEIGHT, stream(stateRoot)), stateRoot }
}

const zero = new Uint8Array(32)
function sourceOf({ server, stored, stateRoot }: Served): SyncSource {
  const place = {
    chainId: CHAIN_ID,
    epoch: EPOCH,
    height: HEIGHT + 100,
    timestampMs: 1,
    isFinal: false,
    committeeRoot: committeeRoot(committeeOf(EPOCH)),
  }
  const roots = { blockDigest: zero, txRoot: zero, stateRoot, receiptsRoot: zero, nextCommitteeRoot: zero, snapshotRoot: stored.root }
  const final = certify({
    ...place,
    ...roots,
    epoch: EPOCH - 1,
    height: HEIGHT,
    isFinal: true,
    nextCommitteeRoot: place.committeeRoot,
    snapshotRoot: zero,
  })
  return {
    name: 'node',
    epochProof: async (epoch) =>
      epoch === EPOCH - 1 ? encodeEpochProof({ certificate: final, committee: encodeCommittee(committeeOf(EPOCH)) }) : undefined,
    snapshotCertificate: async () => certify({ ...place, ...roots }),
    snapshotSlice: (root, ranges, asking) => server.slice(root, ranges, asking),
    async *blocks() {},
  }
}

export const benches: readonly Bench[] = [
  {
    name: 'state sync, 1,000,000 rows',
    unit: 'ms',
    subjects: {
      ours: async () => {
        const served = await serve()
        const listeners = [await listenSync(sourceOf(served)), await listenSync(sourceOf(served))]
        const sources = listeners.map(({ port }, i) => dialSync({ host: '127.0.0.1', port }, { name: `node ${i}` }))
        const figure = async (): Promise<number> => {
          const cache = await openSnapshotCache(join(served.path, 'cache'))
          const importer = createImporter(join(served.path, 'state'))
          const pinned = { chainId: CHAIN_ID, epoch: EPOCH, committee: committeeOf(EPOCH) }
          const executor = { execute: () => zero }
          const started = performance.now()
          const joining = createJoiner({ sources, cache, executor }, { pinned }).join(importer)
          const { rows } = await joining
          const took = performance.now() - started
          if (rows !== ROWS) throw new Error(`${rows} rows came`)
          await cache.close()
          await importer.close()
          return took
        }
        return {
          figure,
          close: async () => {
            for (const listener of listeners) await listener.stop()
            rmSync(served.path, { recursive: true, force: true })
          },
        }
      },
    },
    note: '49 MB over loopback from two nodes in the same process, so serving is in the figure; rows and tree nodes in LMDB, flushed. Goal: 30,000 ms.',
  },
  {
    name: 'snapshot written and hashed, 1,000,000 rows',
    unit: 'ms',
    subjects: {
      ours: () => {
        const path = mkdtempSync(join(tmpdir(), 'selvedge-bench-'))
        const figure = async (): Promise<number> => {
          const server = createSnapshotServer({ files: await openSnapshotFolder(path) })
          const started = performance.now()
          await server.add(HEIGHT, stream(zero))
          return performance.now() - started
        }
        return { figure, close: () => rmSync(path, { recursive: true, force: true }) }
      },
    },
    note: 'encoding of the rows is in it; the file is synced.',
  },
]
