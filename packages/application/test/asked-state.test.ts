import { accounts, createMemoryStore, type KeyValueStore } from '@selvedge/application'
import { encodeSystemCall } from '@selvedge/ledger-types'
import { expect, test } from 'vitest'
import { ASKED_ROWS_MAX, AskedState } from '../src/state/asked-state.ts'
import { NATIVE, Network, type Wallet, WEI } from './support/network.ts'

/** A memory store that knows how often a row of table 2 was read. */
function countingStore(): { readonly store: KeyValueStore; readonly readsOf: (address: Uint8Array) => number } {
  const store = createMemoryStore()
  const reads = new Map<string, number>()
  return {
    store: {
      ...store,
      get(space, key) {
        if (space === accounts.id) reads.set(String(key), (reads.get(String(key)) ?? 0) + 1)
        return store.get(space, key)
      },
    },
    readsOf: (address) => reads.get(String(address)) ?? 0,
  }
}

const stranger = (i: number): Uint8Array => {
  const address = new Uint8Array(20).fill(0xaa)
  new DataView(address.buffer).setUint32(0, i)
  return address
}

test('what strangers ask about pushes nothing out of the executor’s memory', () => {
  const { store, readsOf } = countingStore()
  const network = new Network({ store })
  const [from, to] = network.wallets as [Wallet, Wallet]
  const transfer = (): Uint8Array => network.transfer(from, to.address, NATIVE)
  const [first, second] = [transfer(), transfer()]
  expect(second).toEqual(first)
  network.send(first)
  const before = readsOf(to.address)
  for (let i = 0; i < 100_001; i++) network.app.account(stranger(i)) // one more than the executor keeps of a table
  network.send(network.transfer(from, to.address, NATIVE))
  network.send(network.transfer(from, to.address, NATIVE))
  expect(readsOf(to.address)).toBe(before)
  expect(network.app.account(to.address).native).toBe(1_000_003n * NATIVE)
})

test('questions keep a bounded number of rows', () => {
  const asked = new AskedState(createMemoryStore())
  let most = 0
  for (let i = 0; i < 3 * ASKED_ROWS_MAX; i++) {
    asked.state.get(accounts, stranger(i))
    most = Math.max(most, asked.state.size)
  }
  expect(most).toBeLessThanOrEqual(ASKED_ROWS_MAX + 1)
  expect(most).toBeGreaterThan(1)
})

test('a question sees the last block, whatever was asked or tried before it', () => {
  const network = new Network()
  const [from, to] = network.wallets as [Wallet, Wallet]
  const native = (): bigint => network.app.account(to.address).native
  expect(native()).toBe(1_000_000n * NATIVE)
  const tried = network.app.simulate({ from: from.address, ...encodeSystemCall('stake', { nodeIndex: 0 }), value: NATIVE * WEI })
  expect(tried.code).toBe(0)
  expect(network.app.account(from.address).native).toBe(1_000_000n * NATIVE)
  network.send(network.transfer(from, to.address, NATIVE))
  expect(native()).toBe(1_000_001n * NATIVE)
})
