/** The order in which an epoch ends, seen in what each step leaves to the next: in any other order another amount or another node comes out. */
import { clients, nodes, NODE_STATES, parameters } from '@selvedge/application'
import { encodeAction, PARAMETERS, type ParameterName } from '@selvedge/ledger-types'
import { expect, test } from 'vitest'
import {
  answerBodies,
  beaconItems,
  bytesFor,
  type Claim,
  claimBodies,
  claimOf,
  clientRow,
  deliver,
  fromNode,
  runAt,
} from './support/delivery.ts'
import { codesOf, createWallet, NATIVE, Network, type NetworkOptions, type Wallet, WEI } from './support/network.ts'
import { ascending, ofKind } from './support/step.ts'
import type { Outcome } from '@selvedge/application'

const USD = 1_000_000n

/** The governor has what his transactions cost. */
function createNetwork(options: NetworkOptions = {}): Network {
  const network = new Network(options)
  network.send(network.transfer(network.wallets[0]!, createWallet('governor').address, 100n * NATIVE))
  return network
}

/** For the next epoch. */
function govern(network: Network, name: ParameterName, value: bigint): void {
  const action = encodeAction({ kind: 'parameter', id: PARAMETERS[name].id, value })
  const epoch = BigInt(network.app.view().epoch + 1)
  expect(codesOf(network.send(network.call(createWallet('governor'), 'govern', { action, epoch })))).toEqual([0])
}

const ok = (network: Network, ...transactions: readonly Uint8Array[]): void =>
  expect(new Set(codesOf(network.send(...transactions)))).toEqual(new Set([0]))

/** In the epoch after it was served: committed, drawn, answered. */
function pass(network: Network, claim: Claim): void {
  network.run([fromNode(network, claim.nodeIndex, ...claimBodies(claim))])
  runAt(network, 31)
  expect(codesOf(network.run([fromNode(network, claim.nodeIndex, ...answerBodies(network, claim))]))).toEqual([0, 0])
}

const blockEvents = (outcome: Outcome) => outcome.executed.at(-1)!.events

test('an epoch is settled before withdrawals of the same moment: what was spent is paid, the rest goes out', () => {
  const network = createNetwork()
  const alice = network.wallets[1] as Wallet
  ok(network, network.call(alice, 'deposit', { account: alice.address, amount: 100n * USD }))
  ok(network, network.call(alice, 'requestWithdraw', { amount: 100n * USD })) // in epoch 0, so due at the end of 3
  network.closeEpoch()
  const claim = claimOf(network, 1, [deliver(network, 1, { client: alice, bytes: bytesFor(60n * USD) })]) // of epoch 1, settled at the end of 3
  network.closeEpoch()
  pass(network, claim)
  network.closeEpoch()
  const before = network.app.balance(alice.address, 1)
  expect(clientRow(network, alice)).toMatchObject({ prepaid: 100n * USD, pending: 100n * USD })
  const closing = network.closeEpoch()
  expect(ofKind(blockEvents(closing), 'payment')).toMatchObject([{ epoch: 1, nodeIndex: 1, paid: 60n * USD }])
  expect(network.app.balance(alice.address, 1) - before).toBe(40n * USD)
  expect(network.app.state.rows(clients).map(([, { prepaid, pending }]) => [prepaid, pending])).toEqual([[0n, 0n]])
})

test('collateral burns for what a client owes before it leaves', () => {
  const network = createNetwork()
  const alice = network.wallets[1] as Wallet
  ok(network, network.call(alice, 'deposit', { account: alice.address, amount: 50n * USD }))
  ok(network, network.call(alice, 'setCollateral', { amount: 30n * USD }))
  ok(network, network.call(alice, 'setCollateral', { amount: 0n }))
  network.closeEpoch()
  const claim = claimOf(network, 1, [deliver(network, 1, { client: alice, bytes: bytesFor(60n * USD) })])
  network.closeEpoch()
  pass(network, claim)
  network.closeEpoch()
  const before = network.app.balance(alice.address, 1)
  network.closeEpoch()
  expect(network.app.balance(alice.address, 1) - before).toBe(20n * USD) // ten were missing
  expect(clientRow(network, alice)).toMatchObject({ prepaid: 0n, collateral: 0n, leaving: 0n })
})

test('the beacon slashes before it is decided who is Active', () => {
  const network = createNetwork({ nodes: 6 })
  ok(network, network.call(network.nodes[5]!.owner, 'unstake', { nodeIndex: 5, amount: 1_005n * NATIVE * WEI }))
  const seat = network.app.view().committee.find(({ nodeIndex }) => nodeIndex === 5)!
  runAt(network, 10, ...beaconItems(network, 'beaconCommit'))
  runAt(network, 25, ...beaconItems(network, 'beaconReveal', [seat.authority]))
  runAt(network, 31)
  const { view } = network.closeEpoch().final!
  expect(network.app.state.get(nodes, 5)).toMatchObject({ stake: 900n * NATIVE, state: NODE_STATES.idle })
  expect(view.nodes.map(({ index }) => index)).toEqual([0, 1, 2, 3, 4])
  expect(view.committee).toHaveLength(4)
})

test('who is Active is decided by the parameters that held, who orders by those that will', () => {
  const network = createNetwork({ nodes: 8 })
  govern(network, 'minStake', 2_002n * NATIVE)
  govern(network, 'candidateCount', 4n)
  const { view } = network.closeEpoch().final!
  expect(view.nodes.map(({ index }) => index)).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
  expect(view.committee.map(({ nodeIndex }) => nodeIndex).toSorted(ascending)).toEqual([4, 5, 6, 7])
  expect(network.closeEpoch().final!.view.nodes.map(({ index }) => index)).toEqual([2, 3, 4, 5, 6, 7])
})

test('an epoch is settled by the shares that held before governed actions of the same moment', () => {
  const network = createNetwork()
  const alice = network.wallets[1] as Wallet
  ok(network, network.call(alice, 'deposit', { account: alice.address, amount: 100n * USD }))
  const claim = claimOf(network, 1, [deliver(network, 1, { client: alice, bytes: bytesFor(10n * USD) })])
  network.closeEpoch()
  pass(network, claim)
  network.closeEpoch()
  govern(network, 'burnPpm', 300_000n)
  const closing = network.closeEpoch()
  expect(network.app.state.get(parameters, PARAMETERS.burnPpm.id)!.value).toBe(300_000n)
  expect(ofKind(blockEvents(closing), 'payment')).toMatchObject([{ paid: 10n * USD, burnt: USD }])
})

test('who goes out or in with the epoch’s end is out of, or not yet in, the committee that it draws', () => {
  const network = createNetwork({ nodes: 6 })
  ok(network, network.call(network.nodes[5]!.owner, 'optOut', { nodeIndex: 5 }))
  for (let epoch = 1; epoch < 4; epoch++) {
    const { view } = network.closeEpoch().final!
    expect(view.nodes.map(({ index }) => index)).toEqual([0, 1, 2, 3, 4])
    expect(view.committee.map(({ nodeIndex }) => nodeIndex)).not.toContain(5)
  }
})
