import { createMemoryStore, debits } from '@selvedge/application'
import { expect, test } from 'vitest'
import { pruneDebits } from '../src/epoch/pruning.ts'
import { State } from '../src/state/state.ts'
import { bytesFor, claimBodies, claimOf, deliver, fromNode } from './support/delivery.ts'
import { Network } from './support/network.ts'

const PLACE = { sum: 0n, pairs: 0, serviceId: 0, clientIndex: 0, left: 0 }

test('debits of settled epochs go with the blocks, 64 each, the oldest first, and no others', () => {
  const state = new State(createMemoryStore())
  const row = { place: PLACE, bytes: new Uint8Array(8) }
  for (const epoch of [0, 1, 2]) for (let part = 0; part < 50; part++) state.put(debits, { epoch, nodeIndex: 1, part }, row)
  const left = (): number[] => [0, 1, 2].map((epoch) => state.rows(debits).filter(([key]) => key.epoch === epoch).length)
  pruneDebits(state, 2)
  expect(left()).toEqual([50, 50, 50])
  pruneDebits(state, 4)
  expect(left()).toEqual([0, 36, 50])
  pruneDebits(state, 4)
  expect(left()).toEqual([0, 0, 50])
  pruneDebits(state, 4)
  expect(left()).toEqual([0, 0, 50])
})

test('what a claim debits is there until its epoch is settled, and goes with a block after', () => {
  const network = new Network()
  const [, alice] = network.wallets
  network.send(network.call(alice!, 'deposit', { account: alice!.address, amount: 1_000_000_000n }))
  const claim = claimOf(network, 1, [deliver(network, 1, { client: alice!, bytes: bytesFor(10_000_000n), session: 0 })])
  network.closeEpoch()
  network.run([fromNode(network, 1, ...claimBodies(claim))])
  const rows = (): number => network.app.state.rows(debits).length
  expect(rows()).toBe(1)
  network.closeEpoch()
  network.run([])
  expect(rows()).toBe(1) // disputes need it
  network.closeEpoch()
  network.run([])
  expect(rows()).toBe(0)
})
