import { createApplication, createMemoryStore, createStateImport, type ApplicationError } from '@selvedge/application'
import { createSnapshotReader, decodeCheckpoint } from '@selvedge/ledger-types'
import { verifyProof, keyHash, valueHash } from '@selvedge/state-tree'
import { expect, test } from 'vitest'
import { testEvidenceRules } from './support/evidence.ts'
import { Network, seedOf } from './support/network.ts'

function joined(pieces: Iterable<Uint8Array>): Uint8Array {
  return Buffer.concat([...pieces])
}

function busyNetwork(): Network {
  const network = new Network({ wallets: 30 })
  for (const wallet of network.wallets) network.send(network.transfer(wallet, seedOf(`${wallet.address}`).slice(0, 20), 5n))
  network.run([], 4_000)
  network.closeEpoch()
  return network
}

test('a snapshot stands still while blocks go on, and equal states have equal bytes', () => {
  const [one, other] = [busyNetwork(), busyNetwork()]
  const snapshot = one.app.openSnapshot()
  const before = joined(snapshot.pieces())
  one.send(one.transfer(one.wallets[0]!, one.wallets[1]!.address, 5n))
  expect(joined(snapshot.pieces())).toEqual(before)
  expect(joined(other.app.openSnapshot().pieces())).toEqual(before)
  snapshot.close()
})

test('a joiner that takes over a snapshot executes the same blocks to the same roots', () => {
  const network = busyNetwork()
  const snapshot = network.app.openSnapshot()
  const store = createMemoryStore()
  const importer = createStateImport({ store })
  const reader = createSnapshotReader()
  for (const piece of snapshot.pieces()) importer.add(reader.push(piece))
  reader.end()
  expect(() => createApplication({ store, evidenceRules: testEvidenceRules }, { genesis: network.genesis })).toThrow(/did not end/)
  importer.finish(reader.header!)
  const joiner = createApplication({ store, evidenceRules: testEvidenceRules }, { genesis: network.genesis })
  expect(joiner.lastApplied()).toEqual(network.app.lastApplied())
  expect(joiner.view()).toEqual({ ...network.app.view(), previous: joiner.view().previous })
  for (let i = 0; i < 3; i++) {
    const block = network.next([
      { type: 'transactions', author: 0, transactions: [network.transfer(network.wallets[2]!, network.wallets[3]!.address, 7n)] },
    ])
    expect(joiner.execute(block)).toEqual(network.app.execute(block))
  }
  expect(joiner.history.oldest()).toBe(reader.header!.height + 1)
})

test('rows that are not of the certified root are refused, and leave an empty store', () => {
  const network = busyNetwork()
  const store = createMemoryStore()
  const importer = createStateImport({ store })
  importer.add([{ table: 2, key: new Uint8Array(20), value: new Uint8Array(20) }])
  expect(() => importer.add([{ table: 27, key: new Uint8Array(1), value: new Uint8Array(0) }])).toThrow(
    expect.objectContaining({ code: 'APPLICATION_MALFORMED' } satisfies Partial<ApplicationError>),
  )
  const { height, stateRoot } = network.app.lastApplied()
  expect(() => importer.finish({ height, stateRoot })).toThrow(expect.objectContaining({ code: 'APPLICATION_WRONG_ROOT' }))
  expect([...store.range(2, new Uint8Array(0))]).toEqual([])
  expect(createApplication({ store, evidenceRules: testEvidenceRules }, { genesis: network.genesis }).lastApplied().height).toBe(0)
})

test('the checkpoint 100 blocks into an epoch names its snapshot, as soon as the root is known; the epoch goes on meanwhile', () => {
  const network = new Network()
  for (let i = 1; i < 100; i++) expect(network.run([], 20).checkpoint).toBeDefined()
  expect(network.run([], 20)).toMatchObject({ height: 100, checkpoint: undefined })
  expect(network.run([], 20).checkpoint).toBeDefined()
  const root = seedOf('snapshot of genesis')
  const completed = network.app.provideSnapshotRoot(0, root)
  expect(completed.map(({ height }) => height)).toEqual([100])
  expect(decodeCheckpoint(completed[0]!.bytes)).toMatchObject({ height: 100, snapshotRoot: root })
  expect(network.app.history.recordOf(100)).toMatchObject({ isPending: false, checkpoint: completed[0]!.bytes })
})

test('an epoch of fewer blocks names the snapshot in its final checkpoint, at once when the root is there', () => {
  const network = new Network()
  network.app.provideSnapshotRoot(0, seedOf('early'))
  network.run([], 4_000)
  const final = network.closeEpoch()
  expect(decodeCheckpoint(final.checkpoint as Uint8Array)).toMatchObject({ isFinal: true, snapshotRoot: seedOf('early') })
  network.run([], 4_000)
  expect(network.closeEpoch()).toMatchObject({ height: 4, checkpoint: undefined })
  expect(network.app.provideSnapshotRoot(final.height, seedOf('late')).map(({ height, epoch }) => [height, epoch])).toEqual([[4, 1]])
})

test('a row and the absence of one are proven against the root of the last checkpoint', () => {
  const network = busyNetwork()
  const { address } = network.wallets[0]!
  const { checkpoint } = network.run([])
  const { stateRoot } = decodeCheckpoint(checkpoint as Uint8Array)
  const found = network.app.prove(2, address)
  expect(found.stateRoot).toEqual(stateRoot)
  expect(() => verifyProof(stateRoot, keyHash(2, address), valueHash(found.value!), found.proof)).not.toThrow()
  const absent = network.app.prove(2, seedOf('nobody').slice(0, 20))
  expect(absent.value).toBeUndefined()
  expect(() => verifyProof(stateRoot, keyHash(2, seedOf('nobody').slice(0, 20)), undefined, absent.proof)).not.toThrow()
  expect(() => verifyProof(stateRoot, keyHash(2, address), undefined, absent.proof)).toThrow(
    expect.objectContaining({ name: 'StateTreeError' }),
  )
})

test('a root that comes late goes into the checkpoint of its own epoch, never into one that waits for another snapshot', () => {
  const network = new Network({ isArchive: true })
  network.app.provideSnapshotRoot(0, seedOf('genesis'))
  const ends = Array.from({ length: 3 }, () => {
    network.run([])
    return network.closeEpoch().height
  })
  const [first, second, third] = ends as [number, number, number]
  expect(network.app.provideSnapshotRoot(first, seedOf('first')).map(({ height }) => height)).toEqual([second])
  expect(network.app.provideSnapshotRoot(first, seedOf('first'))).toEqual([])
  expect(network.app.provideSnapshotRoot(second, seedOf('second')).map(({ height }) => height)).toEqual([third])
  const named = [second, third].map((height) => decodeCheckpoint(network.app.history.recordOf(height)!.checkpoint).snapshotRoot)
  expect(named).toEqual([seedOf('first'), seedOf('second')])
})

test('a root whose checkpoint is no longer kept completes nothing', () => {
  const network = new Network()
  for (let i = 0; i < 3; i++) network.closeEpoch()
  expect(network.app.history.oldest()).toBeGreaterThan(2)
  expect(network.app.provideSnapshotRoot(1, seedOf('late'))).toEqual([])
  expect(network.app.provideSnapshotRoot(2, seedOf('next')).map(({ height }) => height)).toEqual([3])
})
