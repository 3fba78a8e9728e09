// Goal: the decree that ends an epoch after too many validators are gone slashes nobody for what nobody could answer.
// Method: a state of genesis with a claim that waits for openings and an open dispute laid into it, closed late in its windows.
import {
  accounts,
  CLAIM_STATES,
  claims,
  type ClaimRow,
  clients,
  createApplication,
  createMemoryStore,
  createStateImport,
  DISPUTE_STATES,
  disputes,
  encodeField,
  keyOf,
  nodes,
  stateRootOf,
  type Application,
  type BlockItem,
  type Table,
} from '@selvedge/application'
import { encodeSystemTransaction } from '@selvedge/consensus'
import { sha256 } from '@selvedge/crypto/sha256'
import { createSnapshotReader, type Genesis, type SnapshotEntry } from '@selvedge/ledger-types'
import { expect, test } from 'vitest'
import { evidenceRules } from '../src/ledger/evidence-rules.ts'
import { importRestart, restartStateOf } from '../src/ledger-tools/restart-state.ts'
import { CHAIN_ID, MICRO, TestNetwork } from './ledger-network.ts'
import { scratchFolder } from './harness.ts'

const BOND = 10n * MICRO

const open = (genesis: Genesis, store = createMemoryStore()): Application => createApplication({ store, evidenceRules }, { genesis })

function run(application: Application, timestampMs: number, items: readonly BlockItem[] = []): void {
  const { epoch, index, blockDigest } = application.lastApplied()
  application.execute({ epoch, index: index + 1, digest: sha256(blockDigest), timestampMs, items })
}

function closeEpoch(application: Application): void {
  const { epoch, committee, endMs } = application.view()
  const bytes = encodeSystemTransaction({ kind: 'readyToClose', epoch })
  run(
    application,
    endMs,
    committee.map((_, author) => ({ type: 'system', author, bytes })),
  )
}

function entriesOf(application: Application): SnapshotEntry[] {
  const snapshot = application.openSnapshot()
  try {
    const reader = createSnapshotReader()
    return [...snapshot.pieces()].flatMap((piece) => [...reader.push(piece)])
  } finally {
    snapshot.close()
  }
}

const row = <K, V>(table: Table<K, V>, key: K, value: V): SnapshotEntry => ({
  table: table.id,
  key: keyOf(table, key).slice(),
  value: encodeField(table.value, value),
})

/** The state with these rows put in, or put in place. */
function withRows(application: Application, genesis: Genesis, added: readonly SnapshotEntry[]): Application {
  const byName = new Map(
    [...entriesOf(application), ...added].map((entry) => [`${entry.table} ${Buffer.from(entry.key).toString('hex')}`, entry]),
  )
  const entries = [...byName.values()].toSorted((a, b) => a.table - b.table || Buffer.compare(a.key, b.key))
  const store = createMemoryStore()
  const importer = createStateImport({ store })
  importer.add(entries)
  importer.finish({ height: application.lastApplied().height, stateRoot: stateRootOf(entries) })
  return open(genesis, store)
}

// The order stands still in the second half of a window, where silence would count.
test.each([
  { percent: 59, waits: true },
  { percent: 94, waits: false },
])('still at $percent %: claims that wait are void, open disputes are dropped, and stakes stay whole', async ({ percent, waits }) => {
  const network = await TestNetwork.create(await scratchFolder(), { pace: 1 })
  const { genesis, user } = network
  const first = open(genesis)
  closeEpoch(first)
  closeEpoch(first)
  const account = first.state.get(accounts, user.address)!
  const claim = { root: new Uint8Array(32), total: 1_000n * MICRO, count: 1, debitsDigest: new Uint8Array(32), read: 0, points: 64 }
  const place = { sum: 0n, pairs: 0, serviceId: 0, clientIndex: 0, left: 0 }
  const claimRow = (state: number): ClaimRow => ({
    ...claim,
    place,
    parts: 0,
    partsHere: new Uint8Array(0),
    opened: new Uint8Array(8),
    state,
  })
  const nothing = { openedAt: 1, leaves: 0, sum: 0n, lastKey: new Uint8Array(0), spent: [] }
  const key = { epoch: 0, nodeIndex: 2, clientIndex: 1, serviceId: 0 }
  const survivor = withRows(first, genesis, [
    row(accounts, user.address, { ...account, clientIndex: 1, native: account.native - BOND }),
    row(clients, 1, { address: user.address, prepaid: 0n, pending: 0n, collateral: 0n, leaving: 0n, terms: [] }),
    row(claims, { epoch: 1, nodeIndex: 1 }, claimRow(waits ? CLAIM_STATES.challenged : CLAIM_STATES.void)),
    row(claims, { epoch: 0, nodeIndex: 2 }, claimRow(CLAIM_STATES.passed)),
    row(disputes, key, { bond: BOND, state: DISPUTE_STATES.open, ...nothing }),
  ])
  const { startMs, endMs } = survivor.view()
  run(survivor, startMs + Math.floor(((endMs - startMs) * percent) / 100))
  const stakes = genesis.nodes.map((_, index) => survivor.state.get(nodes, index)!.stake)

  const restart = restartStateOf(survivor, createMemoryStore(), { genesis, gone: [0, 3] })
  const store = createMemoryStore()
  await importRestart(store, restart.pieces(), CHAIN_ID)
  const after = open(genesis, store)
  expect(genesis.nodes.map((_, index) => after.state.get(nodes, index)!.stake)).toEqual(stakes)
  expect(after.state.get(claims, { epoch: 1, nodeIndex: 1 })?.state).toBe(CLAIM_STATES.void)
  expect(after.account(user.address).native).toBe(account.native)
})
