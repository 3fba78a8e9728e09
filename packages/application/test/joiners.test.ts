import { createApplication, createMemoryStore, createStateImport, type Application, type KeyValueStore } from '@selvedge/application'
import { createSnapshotReader } from '@selvedge/ledger-types'
import { expect, test } from 'vitest'
import { type Claim } from './support/delivery.ts'
import { Economy } from './support/economy.ts'
import { testEvidenceRules } from './support/evidence.ts'
import { NATIVE, type Network, WEI } from './support/network.ts'

const FIRST = Number(process.env.SEED ?? 1)
const COUNT = Math.ceil(Number(process.env.RUNS ?? 6) / 3)
const EPOCHS = 8

// Goal: however a node came to its state (there all along, taken over from a snapshot at any epoch, opened again before any block), it executes
// the same block to the same root and receipts.
// Method: random epochs with everything in them on one ledger; each block is executed by two more: one that is imported anew from the snapshot
// of every epoch's end, and one that is opened anew from its store for every block.
test.each(Array.from({ length: COUNT }, (_, i) => FIRST + i))(
  'a joiner and a node that restarts reach what a node that was there reaches, seed %i',
  (seed) => {
    const economy = new Economy(seed)
    const { network } = economy
    const original = network.app
    const store = createMemoryStore()
    let joiner = importedFrom(network)
    network.app = {
      ...original,
      execute(block) {
        const outcome = original.execute(block)
        for (const other of [joiner, opened(network, store)]) {
          const reached = other.execute(block)
          expect({ ...reached, checkpoint: undefined, final: undefined }).toEqual({ ...outcome, checkpoint: undefined, final: undefined })
          expect(other.history.receiptsOf(outcome.height)).toEqual(original.history.receiptsOf(outcome.height))
          expect(other.lastApplied()).toEqual(original.lastApplied())
          expect({ ...other.view(), previous: undefined }).toEqual({ ...original.view(), previous: undefined })
        }
        if (outcome.final !== undefined) joiner = importedFrom(network)
        return outcome
      },
    }
    for (const wallet of network.wallets) {
      economy.keep(
        network.send(network.call(wallet, 'deposit', { account: wallet.address, amount: economy.random.amount(9_000n * NATIVE) })),
      )
      const value = economy.random.amount(3_000n * NATIVE) * WEI
      economy.keep(network.send(network.call(wallet, 'delegate', { nodeIndex: economy.random.below(5) }, { value })))
    }
    let [served, earlier]: [Claim[], Claim[]] = [[], []]
    for (let epoch = 0; epoch < EPOCHS; epoch++) [served, earlier] = [economy.epoch(served, earlier), served]
    const kinds = new Set(economy.outcomes.flatMap(({ executed }) => executed.flatMap(({ events }) => events.map(({ kind }) => kind))))
    expect([...kinds]).toEqual(expect.arrayContaining(['claim', 'payment', 'emission', 'slash', 'beacon', 'epoch']))
  },
  120_000,
)

function opened({ genesis }: Network, store: KeyValueStore): Application {
  return createApplication({ store, evidenceRules: testEvidenceRules }, { genesis })
}

function importedFrom(network: Network): Application {
  const snapshot = network.app.openSnapshot()
  const store = createMemoryStore()
  const importer = createStateImport({ store })
  const reader = createSnapshotReader()
  for (const piece of snapshot.pieces()) importer.add(reader.push(piece))
  reader.end()
  importer.finish(reader.header!)
  snapshot.close()
  return opened(network, store)
}
