/** A node that executes blocks until it is killed, and says each one that was committed. Its first argument is the store's folder. */
import { createApplication } from '@selvedge/application'
import { createLmdbStore } from '@selvedge/application/lmdb'
import { testEvidenceRules } from './support/evidence.ts'
import { blockAfter, createGenesis } from './support/network.ts'

const { genesis, wallets } = createGenesis({ wallets: 8 })
const app = createApplication(
  { store: createLmdbStore(process.argv[2]!), evidenceRules: testEvidenceRules },
  { genesis, keepsSnapshots: true },
)
process.send?.({ opened: app.lastApplied().height })
for (;;) {
  const { height, stateRoot } = app.execute(blockAfter(app, wallets))
  process.send?.({ height, stateRoot: Buffer.from(stateRoot).toString('hex') })
}
