import { decodeCheckpoint, encodeReceipt, EVENTS, leafHash, type LedgerEvent } from '@selvedge/ledger-types'
import { expect, test } from 'vitest'
import { leafOf } from '../src/execute/block-run.ts'
import { receiptBytes } from '../src/execute/receipt-bytes.ts'
import { codesOf, Network } from './support/network.ts'

test('a transfer moves money, burns its fee, and is in the receipts', () => {
  const network = new Network()
  const [a, b] = network.wallets as [(typeof network.wallets)[0], (typeof network.wallets)[0]]
  const before = network.app.account(a.address).native
  const outcome = network.send(network.transfer(a, b.address, 5_000_000n))
  expect(codesOf(outcome)).toEqual([0])
  expect(network.app.account(a.address)).toMatchObject({ nonce: 1n, native: before - 5_000_000n - 2_100n })
  expect(network.app.account(b.address).native).toBe(before + 5_000_000n)
  const receipt = network.app.history.receiptOf(outcome.executed[0]!.id)
  expect(receipt).toMatchObject({ height: 1, index: 0, receipt: { code: 0, gasUsed: 21_000, fee: 2_100n } })
  expect(decodeCheckpoint(outcome.checkpoint as Uint8Array)).toMatchObject({ height: 1, epoch: 0, isFinal: false })
})

test('the epoch changes when a quorum is ready, and what follows is not seen', () => {
  const network = new Network()
  const [a, b] = network.wallets as [(typeof network.wallets)[0], (typeof network.wallets)[0]]
  for (const outcome of [network.run([], 2_000), network.run([], 4_000)]) expect(outcome.final).toBeUndefined()
  const late = network.transfer(a, b.address, 1n)
  const closing = network.closeEpoch()
  expect(closing.final?.view).toMatchObject({ epoch: 1 })
  expect(network.app.lastApplied()).toMatchObject({ epoch: 1, index: 0, height: 3 })
  expect(codesOf(network.send(late))).toEqual([0])
})

test('the same blocks give the same roots in a second store, and a restart is exactly where it was', () => {
  const [one, other] = [new Network(), new Network()]
  const [a, b] = one.wallets as [(typeof one.wallets)[0], (typeof one.wallets)[0]]
  for (let i = 0; i < 5; i++) {
    const block = one.next([{ type: 'transactions', author: 0, transactions: [one.transfer(a, b.address, 10n)] }])
    expect(other.app.execute(block)).toEqual(one.app.execute(block))
  }
  const again = new Network({ store: one.store })
  expect(again.app.lastApplied()).toEqual(one.app.lastApplied())
  expect(again.app.view()).toEqual(one.app.view())
})

test('leaves of receipts and transactions are those of ledger-types, whatever their length', () => {
  for (const size of [0, 1, 4_094, 4_095, 4_096, 60_000, 5]) {
    const bytes = new Uint8Array(size).fill(size)
    expect(leafOf(bytes)).toEqual(leafHash(bytes))
  }
})

test('receipts are those of ledger-types, for every kind of event and its extremes', () => {
  const values = {
    u8: [0, 255],
    u16: [0, 65_535],
    u32: [0, 2 ** 32 - 1],
    u64: [0, 2 ** 53 - 1],
    epoch: [0, 2 ** 32 - 1],
    amount: [0n, 2n ** 64n - 1n],
    bytes20: [new Uint8Array(20), new Uint8Array(20).fill(255)],
    bytes32: [new Uint8Array(32), new Uint8Array(32).fill(255)],
    bytes: [new Uint8Array(0), new Uint8Array(64).fill(1)],
  }
  const events = Object.entries(EVENTS).flatMap(([kind, { fields }]) =>
    [0, 1].map(
      (i) => ({ kind, ...Object.fromEntries(Object.entries(fields).map(([name, type]) => [name, values[type][i]])) }) as LedgerEvent,
    ),
  )
  const receipt = { id: new Uint8Array(32).fill(3), index: 7, code: 45, gasUsed: 2 ** 40, fee: 2n ** 63n, firstEvent: 2 ** 33 } as const
  expect(receiptBytes({ ...receipt, events })).toEqual(encodeReceipt({ ...receipt, events }))
  expect(receiptBytes({ ...receipt, events: [] })).toEqual(encodeReceipt({ ...receipt, events: [] }))
})
