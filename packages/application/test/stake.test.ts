import { delegations, nodes, queue, supplyRow } from '@selvedge/application'
import type { SystemArguments, SystemFunctionName } from '@selvedge/ledger-types'
import { expect, test } from 'vitest'
import { codesOf, NATIVE, Network, WEI, type Wallet } from './support/network.ts'

function sender(
  network: Network,
): <N extends SystemFunctionName>(wallet: Wallet, name: N, args: SystemArguments<N>, micro?: bigint) => number | undefined {
  return (wallet, name, args, micro = 0n) => codesOf(network.send(network.call(wallet, name, args, { value: micro * WEI })))[0]
}

/** Ends `count` epochs. */
function pass(network: Network, count: number): void {
  for (let i = 0; i < count; i++) {
    network.run([], 4_000)
    network.closeEpoch()
  }
}

test('stake comes from anybody and goes back to the owner, after the unbonding epochs', () => {
  const network = new Network()
  const send = sender(network)
  const [giver] = network.wallets as [Wallet]
  const { owner } = network.nodes[0]!
  expect(send(giver, 'stake', { nodeIndex: 9 }, 5n)).toBe(45)
  expect(send(giver, 'stake', { nodeIndex: 0 }, 500n * NATIVE)).toBe(0)
  expect(send(giver, 'unstake', { nodeIndex: 0, amount: WEI })).toBe(44)
  expect(send(owner, 'unstake', { nodeIndex: 0, amount: 0n })).toBe(40)
  expect(send(owner, 'unstake', { nodeIndex: 0, amount: 2_501n * NATIVE * WEI })).toBe(40)
  expect(send(owner, 'unstake', { nodeIndex: 0, amount: 2_000n * NATIVE * WEI })).toBe(40) // would leave an Active node 500
  expect(send(owner, 'unstake', { nodeIndex: 0, amount: 1_500n * NATIVE * WEI })).toBe(0)
  expect(network.app.state.rows(queue)).toMatchObject([[{ due: 5 }, { amount: 1_500n * NATIVE, place: 0 }]])
  pass(network, 5)
  expect(send(owner, 'claimUnbonded', { to: giver.address })).toBe(40)
  pass(network, 1)
  const before = network.app.account(giver.address).native
  expect(send(owner, 'claimUnbonded', { to: giver.address })).toBe(0)
  expect(network.app.account(giver.address).native).toBe(before + 1_500n * NATIVE)
  expect(send(owner, 'claimUnbonded', { to: giver.address })).toBe(40)
})

test('locked stake stays, a lock only grows', () => {
  const network = new Network()
  const send = sender(network)
  const { owner } = network.nodes[0]!
  const lock = (untilEpoch: bigint, wallet = owner): number | undefined => send(wallet, 'lock', { nodeIndex: 0, untilEpoch })
  expect([lock(5n, network.wallets[0]), lock(0n), lock(1_461n), lock(2n), lock(1n), lock(2n)]).toEqual([44, 46, 46, 0, 46, 0])
  expect(send(owner, 'unstake', { nodeIndex: 0, amount: WEI })).toBe(48)
  pass(network, 2)
  expect(send(owner, 'unstake', { nodeIndex: 0, amount: WEI })).toBe(0)
})

test('an owner has at most 32 entries in the queue', () => {
  const network = new Network()
  const { owner } = network.nodes[0]!
  const codes = Array.from({ length: 33 }, () => sender(network)(owner, 'unstake', { nodeIndex: 0, amount: WEI }))
  expect(codes).toEqual([...Array.from({ length: 32 }, () => 0), 49])
})

test('a commission rises by at most 5 % of all an epoch, and falls at will', () => {
  const network = new Network()
  const send = sender(network)
  const { owner } = network.nodes[0]!
  const set = (ppm: number, wallet = owner): number | undefined => send(wallet, 'setCommission', { nodeIndex: 0, ppm })
  expect([set(1, network.wallets[0]), set(50_001), set(50_000), set(60_000)]).toEqual([44, 46, 0, 46])
  pass(network, 1)
  expect(network.app.state.get(nodes, 0)?.commission).toBe(50_000)
  expect([set(100_000), set(0)]).toEqual([0, 0])
  pass(network, 1)
  expect(network.app.state.get(nodes, 0)?.commission).toBe(0)
})

test('delegating buys shares of a pool, at most four times the node’s own stake', () => {
  const network = new Network()
  const send = sender(network)
  const [a, b] = network.wallets as [Wallet, Wallet]
  const delegate = (wallet: Wallet, micro: bigint, nodeIndex = 0): number | undefined => send(wallet, 'delegate', { nodeIndex }, micro)
  expect([delegate(a, 0n), delegate(a, 5n, 9), delegate(a, 8_000n * NATIVE + 1n), delegate(a, 100n), delegate(b, 50n)]).toEqual([
    40, 45, 50, 0, 0,
  ])
  expect(network.app.state.get(nodes, 0)).toMatchObject({ delegated: 150n, shares: 150n })
  expect(send(b, 'undelegate', { nodeIndex: 9, shares: 1n })).toBe(45)
  expect(send(b, 'undelegate', { nodeIndex: 0, shares: 51n })).toBe(40)
  expect(send(b, 'undelegate', { nodeIndex: 0, shares: 0n })).toBe(40)
  expect(send(b, 'undelegate', { nodeIndex: 0, shares: 50n })).toBe(0)
  expect(network.app.state.get(nodes, 0)).toMatchObject({ delegated: 100n, shares: 100n })
  expect(network.app.state.get(delegations, { nodeIndex: 0, address: b.address })).toBeUndefined()
  pass(network, 6)
  const before = network.app.account(b.address).native
  expect(send(b, 'claimUnbonded', { to: b.address })).toBe(0)
  expect(network.app.account(b.address).native - before).toBeLessThan(50n) // 50 µ less the fee
  expect(network.app.state.get(supplyRow, null)?.rewards).toBe(0n)
})
