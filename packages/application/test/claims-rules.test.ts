/** What makes an acknowledgement payable only grows within an epoch: nothing that a client, a service or a governor does voids an honest claim. */
import { CLAIM_STATES, claims } from '@selvedge/application'
import { encodeAction, type LedgerEvent } from '@selvedge/ledger-types'
import { expect, test } from 'vitest'
import { answerBodies, bytesFor, type Claim, claimBodies, claimOf, clientRow, deliver, fromNode, runAt } from './support/delivery.ts'
import { codesOf, createWallet, Network, seedOf } from './support/network.ts'

const USD = 1_000_000n

function claimPasses(network: Network, claim: Claim): boolean {
  const { epoch, nodeIndex } = claim
  if (network.app.lastApplied().epoch === epoch) network.closeEpoch()
  network.run([fromNode(network, nodeIndex, ...claimBodies(claim))])
  runAt(network, 30)
  network.run([fromNode(network, nodeIndex, ...answerBodies(network, claim))])
  return network.app.state.get(claims, { epoch, nodeIndex })?.state === CLAIM_STATES.passed
}

function paying(): { network: Network; client: Network['wallets'][0] } {
  const network = new Network()
  const client = network.wallets[1]!
  network.send(network.call(client, 'deposit', { account: client.address, amount: 1_000n * USD }))
  return { network, client }
}

test('a client that revokes, lowers its cap and withdraws in the epoch that it was served in still pays', () => {
  const { network, client } = paying()
  const claim = claimOf(network, 1, [deliver(network, 1, { client, bytes: bytesFor(100n * USD) })])
  for (const transaction of [
    () => network.call(client, 'raiseMinNonce', { minNonce: 5n }),
    () => network.call(client, 'setEpochCap', { amount: 1n }),
    () => network.call(client, 'requestWithdraw', { amount: 1_000n * USD }),
  ]) {
    expect(codesOf(network.send(transaction()))).toEqual([0])
  }
  expect(claimPasses(network, claim)).toBe(true)
  network.closeEpoch()
  network.closeEpoch()
  expect(clientRow(network, client).prepaid).toBe(900n * USD)
})

test('from the next epoch on the revoked delegation pays nothing: the node is told by the same rules', () => {
  const { network, client } = paying()
  expect(codesOf(network.send(network.call(client, 'raiseMinNonce', { minNonce: 5n })))).toEqual([0])
  network.closeEpoch()
  const old = claimOf(network, 1, [deliver(network, 1, { client, bytes: bytesFor(USD), nonce: 4n })])
  expect(claimPasses(network, old)).toBe(false)
  const fresh = claimOf(network, 1, [deliver(network, 1, { client, bytes: bytesFor(USD), nonce: 5n })])
  expect(claimPasses(network, fresh)).toBe(true)
})

test('a service that changes twice, or is removed, in the epoch does not void what was served', () => {
  const { network, client } = paying()
  const owner = network.wallets[0]!
  const claim = claimOf(network, 1, [deliver(network, 1, { client, bytes: bytesFor(USD) })])
  const change = { serviceId: 0, manifest: seedOf('other'), priceMultiplePpm: 1, payees: [{ account: owner.address, ppm: 1_000_000 }] }
  for (const name of ['updateService', 'updateService'] as const)
    expect(codesOf(network.send(network.call(owner, name, change)))).toEqual([0])
  expect(codesOf(network.send(network.call(owner, 'removeService', { serviceId: 0 })))).toEqual([0])
  expect(claimPasses(network, claim)).toBe(true)
})

test('prices that change with the next epoch are not those of this one', () => {
  const { network, client } = paying()
  const governor = createWallet('governor')
  const claim = claimOf(network, 1, [deliver(network, 1, { client, bytes: bytesFor(USD) })])
  network.send(network.transfer(network.wallets[0]!, governor.address, 10n * USD))
  const action = encodeAction({ kind: 'prices', bytePrice: 11n, cpuPrice: 50n })
  expect(codesOf(network.send(network.call(governor, 'govern', { action, epoch: 1n })))).toEqual([0])
  network.closeEpoch()
  expect(network.app.view().prices.bytePrice).toBe(11n)
  expect(claimPasses(network, claim)).toBe(true)
})

test('a node that leaves with the epoch claims what it earned, one that was not there cannot', () => {
  const { network, client } = paying()
  const claim = claimOf(network, 1, [deliver(network, 1, { client, bytes: bytesFor(USD) })])
  expect(codesOf(network.run([fromNode(network, 1, { kind: 'optOut' })]))).toEqual([0])
  expect(claimPasses(network, claim)).toBe(true)
  const after = claimOf(network, 1, [deliver(network, 1, { client, bytes: bytesFor(USD) })])
  network.closeEpoch()
  expect(codesOf(network.run([fromNode(network, 1, claimBodies(after)[0]!)]))).toEqual([51])
})

test('who owes more than it has pays all its nodes in proportion, and its collateral burns', () => {
  const { network, client } = paying()
  expect(codesOf(network.send(network.call(client, 'setCollateral', { amount: 300n * USD })))).toEqual([0])
  expect(codesOf(network.send(network.call(client, 'reserve', { nodeIndex: 2, perEpoch: 100n * USD, lastEpoch: 9n })))).toEqual([0])
  const owed = [1_500n, 1_000n, 500n].map((usd, nodeIndex) => {
    return claimOf(network, nodeIndex, [deliver(network, nodeIndex, { client, bytes: bytesFor(usd * USD) })])
  })
  network.closeEpoch()
  for (const claim of owed) network.run([fromNode(network, claim.nodeIndex, ...claimBodies(claim))])
  runAt(network, 30)
  for (const claim of owed) network.run([fromNode(network, claim.nodeIndex, ...answerBodies(network, claim))])
  network.closeEpoch()
  const events = network.closeEpoch().executed.flatMap((each) => each.events)
  const paid = events
    .filter((event): event is Extract<LedgerEvent, { kind: 'payment' }> => event.kind === 'payment')
    .map((event) => event.paid)
  // 100 of the reserve, then 900 for 1,500, 1,000 and 400.
  const rest = [1_500n, 1_000n, 400n].reduce<bigint[]>((sums, usd) => [...sums, (sums.at(-1) ?? 0n) + usd], [])
  const upTo = rest.map((sum) => (900n * USD * sum) / 2_900n)
  expect(paid).toEqual([upTo[0], upTo[1]! - upTo[0]!, upTo[2]! - upTo[1]! + 100n * USD])
  expect(clientRow(network, client)).toMatchObject({ prepaid: 0n, collateral: 0n })
})

test('a reserve that is made when all have served puts nobody before the others', () => {
  const { network, client } = paying()
  const owed = [1_500n, 1_500n].map((usd, nodeIndex) => {
    return claimOf(network, nodeIndex, [deliver(network, nodeIndex, { client, bytes: bytesFor(usd * USD) })])
  })
  network.closeEpoch()
  expect(codesOf(network.send(network.call(client, 'reserve', { nodeIndex: 1, perEpoch: 1_000n * USD, lastEpoch: 9n })))).toEqual([0])
  for (const claim of owed) network.run([fromNode(network, claim.nodeIndex, ...claimBodies(claim))])
  runAt(network, 30)
  for (const claim of owed) network.run([fromNode(network, claim.nodeIndex, ...answerBodies(network, claim))])
  network.closeEpoch()
  const events = network.closeEpoch().executed.flatMap((each) => each.events)
  expect(events.flatMap((event) => (event.kind === 'payment' ? [event.paid] : []))).toEqual([500n * USD, 500n * USD])
})
