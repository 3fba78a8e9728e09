// Goal: a node that is no archive answers for the ends of the last two epochs as it answered when they were new, with proofs against the roots
// that were certified; for no other old block; and keeps nothing of those it has given up.
// Method: random epochs with everything in them, beside a copy of all rows at each epoch's end. A life lasts for some blocks, and before each block
// another dies in its commit; after each, rows, absent rows and proofs of every end so far are compared with the copies.
import {
  createApplication,
  createMemoryStore,
  createStateImport,
  EPOCH_ENDS_KEPT,
  SPACES,
  type Application,
  type ImportedRow,
  type KeyValueStore,
} from '@selvedge/application'
import { createSnapshotReader, decodeCheckpoint, type Genesis } from '@selvedge/ledger-types'
import { verifyState } from '@selvedge/ledger-types/light-client'
import { expect, test } from 'vitest'
import type { Claim } from './support/delivery.ts'
import { Economy } from './support/economy.ts'
import { testEvidenceRules } from './support/evidence.ts'
import { blockAfter, createGenesis, Network, seedOf, type Wallet } from './support/network.ts'
import { createRandom } from './support/random-actions.ts'

const FIRST = Number(process.env.SEED ?? 1)
const COUNT = Math.ceil(Number(process.env.RUNS ?? 6) / 3)
const EPOCHS = 6
/** Rows that are looked at of each end after each block. */
const ROWS_LOOKED_AT = 12
const NOTHING = new Uint8Array(0)

interface End {
  readonly height: number
  readonly stateRoot: Uint8Array
  /** By `table:key`. */
  readonly rows: ReadonlyMap<string, ImportedRow>
}

const nameOf = ({ table, key }: Pick<ImportedRow, 'table' | 'key'>): string => `${table}:${Buffer.from(key).toString('hex')}`

function opened(store: KeyValueStore, genesis: Genesis, options: { readonly isArchive?: boolean } = {}): Application {
  return createApplication({ store, evidenceRules: testEvidenceRules }, { genesis, ...options })
}

function endOf(app: Application): End {
  const snapshot = app.openSnapshot()
  const reader = createSnapshotReader()
  const rows = new Map<string, ImportedRow>()
  for (const piece of snapshot.pieces()) for (const row of reader.push(piece)) rows.set(nameOf(row), row)
  snapshot.close()
  return { height: snapshot.height, stateRoot: snapshot.stateRoot, rows }
}

/** Executes nothing: it dies while its first block is committed. */
function dying(store: KeyValueStore): KeyValueStore {
  return {
    ...store,
    commit() {
      throw new Error('killed')
    },
  }
}

/** Of a row that is named, what the state at `end` has. */
function expectRow(app: Application, end: End, { table, key }: ImportedRow): void {
  const state = app.stateAt(end.height)!
  const value = end.rows.get(nameOf({ table, key }))?.value
  expect(state.read(table, key)).toEqual(value)
  verifyState(end, { table, key, value }, state.prove(table, key))
}

const keysOf = (store: KeyValueStore, space: number): Uint8Array[] => [...store.range(space, NOTHING)].map(([key]) => key)
/** Copies that the tree keeps for roots of the past. */
const copiesIn = (store: KeyValueStore): number => keysOf(store, SPACES.tree).filter((key) => key[0] === 1).length

test.each(Array.from({ length: COUNT }, (_, i) => FIRST + i))(
  'the ends of two epochs are proven as they were, seed %i',
  (seed) => {
    const economy = new Economy(seed)
    const random = createRandom(2_000 + seed)
    const { network } = economy
    const original = network.app
    const store = createMemoryStore()
    let app = opened(store, network.genesis)
    const ends: End[] = []
    const genesis = endOf(original)
    const known = new Map(genesis.rows) // every row that there was at any end
    let looked = 0
    network.app = {
      ...original,
      execute(block) {
        const outcome = original.execute(block)
        expect(() => opened(dying(store), network.genesis).execute(block)).toThrow('killed')
        if (random.below(3) === 0) app = opened(store, network.genesis)
        expect(app.execute(block).stateRoot).toEqual(outcome.stateRoot)
        if (outcome.final !== undefined) {
          const end = endOf(original)
          expect(decodeCheckpoint(original.history.recordOf(outcome.height)!.checkpoint).stateRoot).toEqual(end.stateRoot)
          ends.push(end)
          for (const [name, row] of end.rows) known.set(name, row)
        }
        const kept = ends.length === 0 ? [genesis] : ends.slice(-EPOCH_ENDS_KEPT) // in the first epoch genesis is what the one before ended with
        expect(app.statesHeld()).toEqual({
          from: outcome.height,
          epochEnds: kept.map(({ height }) => height).filter((height) => height < outcome.height),
        })
        for (const { height } of [genesis, ...ends.slice(0, -EPOCH_ENDS_KEPT)])
          expect(app.stateAt(height) === undefined).toBe(ends.length > 0)
        expect(app.stateAt(outcome.height - 1) !== undefined).toBe(kept.some(({ height }) => height === outcome.height - 1))
        for (const end of kept) {
          expect(app.stateAt(end.height)!.stateRoot()).toEqual(end.stateRoot)
          const rows = [...known.values()]
          for (let i = 0; i < ROWS_LOOKED_AT; i++) expectRow(app, end, random.pick(rows))
          looked += ROWS_LOOKED_AT
        }
        return outcome
      },
    }
    let [served, earlier]: [Claim[], Claim[]] = [[], []]
    for (let epoch = 0; epoch < EPOCHS; epoch++) [served, earlier] = [economy.epoch(served, earlier), served]
    expect([ends.length, looked > 500]).toEqual([EPOCHS, true])

    // What was given up goes a little with each block, and an archive retains nothing: its store has the state's own groups alone in the end.
    const archive = opened(store, network.genesis, { isArchive: true })
    for (let i = 0; i < 20; i++) {
      const block = network.next([])
      original.execute(block)
      archive.execute(block)
    }
    expect([copiesIn(store), keysOf(store, SPACES.rowsBefore), archive.statesHeld().epochEnds]).toEqual([0, [], []])
  },
  120_000,
)

test('in the first epoch genesis is proven as it was, in a later life too; nothing is kept for it, and it ends with the epoch', () => {
  const store = createMemoryStore()
  const network = new Network({ store })
  const [a, b] = network.wallets as [Wallet, Wallet]
  const genesis = endOf(network.app)
  expect([genesis.height, network.app.statesHeld()]).toEqual([0, { from: 0, epochEnds: [] }])
  for (let i = 0; i < 3; i++) network.send(network.transfer(a, b.address, 7n))
  for (const app of [network.app, opened(store, network.genesis)]) {
    expect(app.statesHeld()).toEqual({ from: 3, epochEnds: [0] })
    const state = app.stateAt(0)!
    expect(state.stateRoot()).toEqual(genesis.stateRoot)
    for (const row of genesis.rows.values()) expectRow(app, genesis, row)
    expectRow(app, genesis, { table: 2, key: seedOf('nobody').slice(0, 20), value: NOTHING })
    expect(state.account(b.address).native).toBe(app.account(b.address).native - 21n)
    expect(app.stateAt(1)).toBeUndefined()
  }
  expect([copiesIn(store), keysOf(store, SPACES.rowsBefore)]).toEqual([0, []])
  const { height } = network.closeEpoch()
  network.send(network.transfer(a, b.address, 7n))
  expect(network.app.statesHeld()).toEqual({ from: height + 1, epochEnds: [height] })
  expect(network.app.stateAt(0)).toBeUndefined()
})

test('old rows and copies of the tree are bounded by those of two epochs, however many have passed', () => {
  const { genesis, wallets } = createGenesis({ wallets: 8 })
  const store = createMemoryStore()
  const app = opened(store, genesis)
  const sizes: number[][] = []
  for (let i = 0; i < 200; i++) {
    app.execute(blockAfter(app, wallets)) // every 20th ends an epoch
    if (i % 20 === 10) sizes.push([copiesIn(store), keysOf(store, SPACES.rowsBefore).length])
  }
  const rows = Array.from({ length: 26 }, (_, i) => keysOf(store, i + 1).length).reduce((a, b) => a + b)
  const groups = keysOf(store, SPACES.tree).length - copiesIn(store)
  expect(sizes[0]).toEqual([0, 0]) // nothing is kept for a state that no epoch ended with
  for (const [copies, oldRows] of sizes.slice(2) as [number, number][]) {
    expect(copies).toBeGreaterThan(0)
    expect(copies).toBeLessThanOrEqual(EPOCH_ENDS_KEPT * groups)
    expect(oldRows).toBeGreaterThan(0)
    expect(oldRows).toBeLessThanOrEqual(EPOCH_ENDS_KEPT * rows)
  }
})

test('who took a state over proves what it took over and no block before it', () => {
  const source = new Network()
  const [a, b] = source.wallets as [Wallet, Wallet]
  const step = (network: Pick<Network, 'app'>): void => void network.app.execute(source.next([]))
  source.send(source.transfer(a, b.address, 7n))
  const first = source.closeEpoch().height
  source.send(source.transfer(a, b.address, 7n))
  const { height } = source.closeEpoch()
  const end = endOf(source.app)
  const store = createMemoryStore()
  const importer = createStateImport({ store })
  importer.add(end.rows.values())
  importer.finish(end)
  const joiner = { app: opened(store, source.genesis) }
  expect(joiner.app.statesHeld()).toEqual({ from: height, epochEnds: [] })
  const taken = [...end.rows.values()].slice(0, 40)
  for (const row of taken) expectRow(joiner.app, end, row)
  const next = source.next([{ type: 'transactions', author: 0, transactions: [source.transfer(a, b.address, 7n)] }])
  joiner.app.execute(next)
  source.app.execute(next)
  expect(joiner.app.statesHeld()).toEqual({ from: height + 1, epochEnds: [height] })
  for (const row of taken) expectRow(joiner.app, end, row)
  expect(joiner.app.stateAt(height)!.account(b.address)).toEqual(source.app.stateAt(height)!.account(b.address))
  expect(joiner.app.stateAt(height)!.account(b.address)).not.toEqual(source.app.account(b.address))
  expect([joiner.app.stateAt(first), source.app.stateAt(first) === undefined]).toEqual([undefined, false])
  joiner.app = opened(store, source.genesis)
  for (const row of taken) expectRow(joiner.app, end, row)
  for (let epoch = 0; epoch < EPOCH_ENDS_KEPT; epoch++) {
    step(joiner)
    step(source)
    const block = source.next([], 0)
    const { endMs, committee } = source.app.view()
    const ready = committee.map(({ authority }) => source.system(authority, { kind: 'readyToClose', epoch: block.epoch }))
    const last = { ...block, timestampMs: Math.max(block.timestampMs, endMs), items: ready }
    joiner.app.execute(last)
    source.app.execute(last)
  }
  expect(joiner.app.stateAt(height)).toBeUndefined()
  expect(joiner.app.statesHeld()).toEqual(source.app.statesHeld())
})

test('a life that retains nothing leaves a gap, and nothing from before it is believed', () => {
  const store = createMemoryStore()
  const network = new Network({ store })
  const [a, b] = network.wallets as [Wallet, Wallet]
  const { height } = network.closeEpoch()
  network.send(network.transfer(a, b.address, 7n))
  expect(network.app.stateAt(height)).toBeDefined()
  const archive = new Network({ store, isArchive: true })
  expect(archive.app.stateAt(height)).toBeUndefined()
  archive.send(archive.transfer(a, b.address, 7n))
  const again = new Network({ store })
  expect(again.app.stateAt(height)).toBeUndefined()
  const next = again.closeEpoch().height
  again.send(again.transfer(a, b.address, 7n))
  expect(again.app.statesHeld()).toEqual({ from: next + 1, epochEnds: [next] })
  expect(again.app.stateAt(next)!.account(b.address).native).toBe(again.app.account(b.address).native - 7n)
})

test('only rows of the state are shown of an old one, whatever number a stranger gives a table', () => {
  const network = new Network()
  const [a, b] = network.wallets as [Wallet, Wallet]
  const { height } = network.closeEpoch()
  network.send(network.transfer(a, b.address, 7n))
  const state = network.app.stateAt(height)!
  expect(state.read(2, b.address)).not.toEqual(network.app.read(2, b.address))
  for (const [table, key] of [
    [SPACES.local, new TextEncoder().encode('stateRoot')],
    [0, NOTHING],
    [2, NOTHING],
    [2, new Uint8Array(257)],
    [2, seedOf('nobody')],
    [2 + 256, b.address],
  ] as const)
    expect(state.read(table, key)).toBeUndefined()
})
