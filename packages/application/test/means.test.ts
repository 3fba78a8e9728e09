/** What a node is told about those whom it serves: the ledger's own rules, and what stands behind an account. */
import { checkAcknowledgement } from '@selvedge/delivery-acknowledgement'
import { encodeAction } from '@selvedge/ledger-types'
import { expect, test } from 'vitest'
import { answerBodies, bytesFor, claimBodies, claimOf, clientIndexOf, deliver, fromNode, runAt } from './support/delivery.ts'
import { codesOf, createWallet, Network } from './support/network.ts'

const USD = 1_000_000n
const UNBOUNDED = 2n ** 64n - 1n

function paying(): { network: Network; client: Network['wallets'][0] } {
  const network = new Network()
  const client = network.wallets[1]!
  network.send(network.call(client, 'deposit', { account: client.address, amount: 1_000n * USD }))
  return { network, client }
}

test('the rules of the running epoch judge what was delivered in it, and no other node’s', () => {
  const { network, client } = paying()
  const evidence = deliver(network, 1, { client, bytes: bytesFor(USD) })
  expect(checkAcknowledgement(evidence, network.app.epochRules(0, 1)!)).toMatchObject({ isPayable: true, amount: USD })
  expect(checkAcknowledgement(evidence, network.app.epochRules(0, 2)!)).toMatchObject({ isPayable: false })
  expect(network.app.epochRules(0, 99)).toBe(undefined)
})

test('the rules of an epoch stay what they were when it is over, until it is settled', () => {
  const { network, client } = paying()
  const governor = createWallet('governor')
  const evidence = deliver(network, 1, { client, bytes: bytesFor(USD) })
  network.send(network.transfer(network.wallets[0]!, governor.address, 10n * USD))
  const action = encodeAction({ kind: 'prices', bytePrice: 11n, cpuPrice: 50n })
  expect(codesOf(network.send(network.call(governor, 'govern', { action, epoch: 1n })))).toEqual([0])
  expect(codesOf(network.send(network.call(client, 'raiseMinNonce', { minNonce: 5n })))).toEqual([0])
  for (let epoch = 0; epoch < 2; epoch++) {
    network.closeEpoch()
    expect(checkAcknowledgement(evidence, network.app.epochRules(0, 1)!)).toMatchObject({ isPayable: true })
  }
  expect(network.app.epochRules(1, 1)?.prices.bytePrice).toBe(11n)
  expect(network.app.epochRules(1, 1)?.clientOf(client.address)?.minNonce).toBe(5n)
})

test('means follow deposits, withdrawals, caps and reserves as the rules have them: more counts now, less with the next epoch', () => {
  const { network, client } = paying()
  const means = (nodeIndex = 1): unknown => network.app.clientMeans(client.address, nodeIndex)
  const whole = {
    clientIndex: clientIndexOf(network, client),
    free: 1_000n * USD,
    epochCap: UNBOUNDED,
    minNonce: 0n,
    reserve: 0n,
    creditors: 0,
  }
  expect(means()).toEqual(whole)
  expect(network.app.clientMeans(createWallet('nobody').address, 1)).toBe(undefined)
  for (const transaction of [
    () => network.call(client, 'requestWithdraw', { amount: 100n * USD }),
    () => network.call(client, 'setEpochCap', { amount: 50n * USD }),
    () => network.call(client, 'raiseMinNonce', { minNonce: 3n }),
    () => network.call(client, 'reserve', { nodeIndex: 2, perEpoch: 7n * USD, lastEpoch: 9n }),
  ]) {
    expect(codesOf(network.send(transaction()))).toEqual([0])
  }
  expect(means()).toEqual({ ...whole, free: 900n * USD })
  network.closeEpoch()
  expect(means()).toEqual({ ...whole, free: 900n * USD, epochCap: 50n * USD, minNonce: 3n })
  expect(means(2)).toMatchObject({ reserve: 7n * USD })
})

test('creditors are the nodes that an account paid in the epoch that was settled last', () => {
  const { network, client } = paying()
  const creditors = (): number | undefined => network.app.clientMeans(client.address, 1)?.creditors
  expect(creditors()).toBe(0)
  const owed = [0, 1, 2].map((nodeIndex) => claimOf(network, nodeIndex, [deliver(network, nodeIndex, { client, bytes: bytesFor(USD) })]))
  network.closeEpoch()
  for (const claim of owed) network.run([fromNode(network, claim.nodeIndex, ...claimBodies(claim))])
  runAt(network, 30)
  for (const claim of owed.slice(1)) network.run([fromNode(network, claim.nodeIndex, ...answerBodies(network, claim))]) // node 0 is silent
  network.closeEpoch()
  expect(creditors()).toBe(0)
  network.closeEpoch()
  expect(creditors()).toBe(2)
  network.run([])
  network.closeEpoch()
  expect(creditors()).toBe(0)
})
