import { decodeCheckpoint, leafHash } from '@selvedge/ledger-types'
import { expect, test } from 'vitest'
import { leafOf } from '../src/execute/block-run.ts'
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
