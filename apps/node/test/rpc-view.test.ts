import { createApplication, createMemoryStore, createStateImport } from '@selvedge/application'
import { createSnapshotReader } from '@selvedge/ledger-types'
import { expect, test } from 'vitest'
import { evidenceRules } from '../src/ledger/evidence-rules.ts'
import { createRpcView } from '../src/ledger/rpc-view.ts'
import { TestNetwork } from './ledger-network.ts'

test('a node that has just taken over a state knows its head, before the first block comes', async () => {
  const { genesis } = await TestNetwork.create('nowhere', { pace: 1 })
  const source = createApplication({ store: createMemoryStore(), evidenceRules }, { genesis })
  source.execute({ epoch: 0, index: 1, digest: new Uint8Array(32), timestampMs: genesis.timeMs + 5, items: [] })
  const snapshot = source.openSnapshot()
  const store = createMemoryStore()
  const [importer, reader] = [createStateImport({ store }), createSnapshotReader()]
  for (const piece of snapshot.pieces()) importer.add(reader.push(piece))
  importer.finish(reader.header!)
  const view = createRpcView(createApplication({ store, evidenceRules }, { genesis }), genesis.timeMs)
  const { height, blockDigest, stateRoot, timestampMs } = source.lastApplied()
  expect(view.head()).toMatchObject({ height, digest: blockDigest, stateRoot, timestampMs })
  expect(view.header(height)).toBeUndefined()
})
