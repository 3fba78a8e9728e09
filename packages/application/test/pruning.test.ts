import { claims, CLAIM_STATES, createMemoryStore, debits, disputes, DISPUTE_STATES, reports } from '@selvedge/application'
import { expect, test } from 'vitest'
import { PRUNED_ROWS_MAX, pruneDebits, pruneOldRows } from '../src/epoch/pruning.ts'
import { State } from '../src/state/state.ts'
import { bytesFor, claimBodies, claimOf, deliver, fromNode } from './support/delivery.ts'
import { Network, seedOf } from './support/network.ts'
import { stepOf } from './support/step.ts'

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

test('an epoch’s end deletes so many old rows and no more, table by table, and the next one the rest', () => {
  const step = stepOf(new Network(), { epoch: 5 })
  const { state } = step
  const [root, nothing] = [seedOf('root'), new Uint8Array(0)]
  const claim = {
    root,
    total: 1n,
    count: 1,
    debitsDigest: root,
    parts: 0,
    partsHere: nothing,
    read: 0,
    place: PLACE,
    points: 0,
    opened: nothing,
  }
  const dispute = { bond: 0n, state: DISPUTE_STATES.answered, openedAt: 1, leaves: 0, sum: 0n, lastKey: nothing, spent: [] }
  const oldClaims = PRUNED_ROWS_MAX - 2
  for (let nodeIndex = 0; nodeIndex < oldClaims; nodeIndex++)
    state.put(claims, { epoch: 1, nodeIndex }, { ...claim, state: CLAIM_STATES.settled })
  for (const epoch of [2, 3]) state.put(claims, { epoch, nodeIndex: 1 }, { ...claim, state: CLAIM_STATES.settled }) // 2 is old, 3 is not
  for (const epoch of [3, 4]) state.put(disputes, { epoch, nodeIndex: 1, clientIndex: 1, serviceId: 0 }, dispute)
  for (const epoch of [3, 4, 5]) state.put(reports, { epoch, nodeIndex: 1 }, { commit: root, opened: false, rows: nothing })
  const epochs = (rows: readonly (readonly [{ readonly epoch: number }, unknown])[]): number[] => rows.map(([{ epoch }]) => epoch)
  const left = (): number[][] => [epochs(state.rows(claims)), epochs(state.rows(disputes)), epochs(state.rows(reports))]
  pruneOldRows(step)
  expect(left()).toEqual([[3], [4], [3, 4, 5]])
  pruneOldRows(step)
  expect(left()).toEqual([[3], [4], [5]])
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
