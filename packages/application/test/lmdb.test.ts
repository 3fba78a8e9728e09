import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SCHEMA } from '@selvedge/application'
import { createLmdbStore, type LmdbStore } from '@selvedge/application/lmdb'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Network } from './support/network.ts'

let folder: string
let store: LmdbStore

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'selvedge-ledger-'))
  store = createLmdbStore(folder)
})
afterEach(async () => {
  await store.close()
  rmSync(folder, { recursive: true })
})

/** Everything that can be asked, so that a value which somebody overwrites later shows. */
function all(network: Network): unknown {
  const { app } = network
  const heights = Array.from({ length: app.lastApplied().height }, (_, i) => i + 1)
  return {
    rows: SCHEMA.map((table) => app.state.rows(table)),
    blocks: heights.map((height) => [app.history.recordOf(height), app.history.transactionsOf(height), app.history.receiptsOf(height)]),
    position: app.lastApplied(),
    view: app.view(),
  }
}

test('the map grows with what is written: mapBytes is where it begins, and bounds nothing', async () => {
  const path = join(folder, 'small')
  const small = createLmdbStore(path, { mapBytes: 2 ** 18 })
  const rows = Array.from({ length: 64 }, (_, i) => ({ space: 3, key: Uint8Array.of(i), value: new Uint8Array(2 ** 16).fill(i) }))
  for (let i = 0; i < rows.length; i += 8) small.commit(rows.slice(i, i + 8))
  for (const { key, value } of rows) expect(small.get(3, key)).toEqual(value)
  await small.close()
  const again = createLmdbStore(path, { mapBytes: 2 ** 18 })
  for (const { key, value } of rows) expect(again.get(3, key)).toEqual(value)
  await again.close()
})

test('what is read from disk stays what it was, and equals what memory holds', async () => {
  const [disk, memory] = [new Network({ store, isArchive: true }), new Network({ isArchive: true })]
  const [a, b] = [memory.wallets[0]!, memory.wallets[1]!]
  const steps = [
    () => [memory.transfer(a, b.address, 5n), memory.node(0, 0n, { kind: 'version', newest: 1 })],
    () => [memory.call(a, 'deposit', { account: b.address, amount: 9n })],
    () => [memory.call(b, 'stake', { nodeIndex: 2 }, { value: 10n ** 18n })],
  ]
  for (let round = 0; round < 4; round++) {
    for (const [i, step] of steps.entries()) {
      const transactions = i === 0 ? step().slice(0, round === 0 ? 2 : 1) : step()
      const block = memory.next([{ type: 'transactions', author: 0, transactions }])
      expect(disk.app.execute(block)).toEqual(memory.app.execute(block))
    }
    const before = all(disk)
    expect(before).toEqual(all(memory))
    const { epoch } = memory.app.lastApplied()
    const { endMs, committee } = memory.app.view()
    const ready = committee.map(({ authority }) => memory.system(authority, { kind: 'readyToClose', epoch }))
    const closing = memory.next(ready, endMs - memory.app.lastApplied().timestampMs)
    const kept = structuredClone(before)
    expect(disk.app.execute(closing)).toEqual(memory.app.execute(closing))
    expect(before).toEqual(kept) // handed out earlier: nobody wrote into it
  }
  const receipt = memory.app.history.receiptsOf(1)[0]!.slice(0, 32)
  expect(disk.app.history.receiptOf(receipt)).toEqual(memory.app.history.receiptOf(receipt))
  await store.close()
  store = createLmdbStore(folder)
  expect(all(new Network({ store, isArchive: true }))).toEqual(all(memory))
})
