import { clients, reserves } from '@selvedge/application'
import type { SystemArguments, SystemFunctionName } from '@selvedge/ledger-types'
import { expect, test } from 'vitest'
import { codesOf, createWallet, Network, type Wallet } from './support/network.ts'

function sender(network: Network): <N extends SystemFunctionName>(wallet: Wallet, name: N, args: SystemArguments<N>) => number | undefined {
  return (wallet, name, args) => codesOf(network.send(network.call(wallet, name, args)))[0]
}

function pass(network: Network, count: number): void {
  for (let i = 0; i < count; i++) {
    network.run([], 4_000)
    network.closeEpoch()
  }
}

test('the first deposit makes a client; a withdrawal waits until what it could have paid for is settled', () => {
  const network = new Network()
  const send = sender(network)
  const [a] = network.wallets as [Wallet]
  expect(send(a, 'requestWithdraw', { amount: 1n })).toBe(45)
  expect(send(a, 'deposit', { account: a.address, amount: 0n })).toBe(40)
  expect(send(a, 'deposit', { account: a.address, amount: 2n ** 64n })).toBe(40)
  expect(send(a, 'deposit', { account: a.address, amount: 1_000n })).toBe(0)
  const friend = createWallet('friend')
  expect(send(a, 'deposit', { account: friend.address, amount: 500n })).toBe(0)
  expect(network.app.account(a.address).clientIndex).toBe(1)
  expect(network.app.account(friend.address).clientIndex).toBe(2)
  expect(send(a, 'requestWithdraw', { amount: 1_001n })).toBe(40)
  expect(send(a, 'requestWithdraw', { amount: 400n })).toBe(0)
  expect(send(a, 'requestWithdraw', { amount: 601n })).toBe(40)
  const before = network.app.balance(a.address, 1)
  pass(network, 3)
  expect(network.app.state.get(clients, 1)).toMatchObject({ prepaid: 1_000n, pending: 400n })
  pass(network, 1)
  expect(network.app.state.get(clients, 1)).toMatchObject({ prepaid: 600n, pending: 0n })
  expect(network.app.balance(a.address, 1)).toBe(before + 400n)
})

test('a client has at most 32 withdrawals waiting', () => {
  const network = new Network()
  const [a] = network.wallets as [Wallet]
  sender(network)(a, 'deposit', { account: a.address, amount: 100n })
  const codes = Array.from({ length: 33 }, () => sender(network)(a, 'requestWithdraw', { amount: 1n }))
  expect(codes.filter((code) => code === 0)).toHaveLength(32)
  expect(codes.at(-1)).toBe(49)
})

test('a higher cap counts at once, a lower one and a higher minNonce with the next epoch; four versions are kept', () => {
  const network = new Network()
  const send = sender(network)
  const [a] = network.wallets as [Wallet]
  expect(send(a, 'setEpochCap', { amount: 5n })).toBe(45)
  expect(send(a, 'raiseMinNonce', { minNonce: 5n })).toBe(45)
  send(a, 'deposit', { account: a.address, amount: 100n })
  expect(send(a, 'setEpochCap', { amount: 2n ** 64n })).toBe(40)
  expect(send(a, 'setEpochCap', { amount: 50n })).toBe(0)
  expect(network.app.state.get(clients, 1)?.terms).toEqual([{ epoch: 1, epochCap: 50n, minNonce: 0n }])
  pass(network, 1)
  expect(send(a, 'setEpochCap', { amount: 80n })).toBe(0)
  expect(send(a, 'setEpochCap', { amount: 20n })).toBe(0)
  expect(send(a, 'raiseMinNonce', { minNonce: 7n })).toBe(0)
  expect(send(a, 'raiseMinNonce', { minNonce: 7n })).toBe(46)
  expect(network.app.state.get(clients, 1)?.terms).toEqual([
    { epoch: 1, epochCap: 80n, minNonce: 0n },
    { epoch: 2, epochCap: 20n, minNonce: 7n },
  ])
  for (let i = 0; i < 6; i++) {
    pass(network, 1)
    expect(send(a, 'setEpochCap', { amount: BigInt(10 - i) })).toBe(0)
  }
  const { epoch } = network.app.lastApplied()
  expect(network.app.state.get(clients, 1)?.terms.map((terms) => terms.epoch)).toEqual([epoch - 2, epoch - 1, epoch, epoch + 1])
})

test('collateral is put down at once and leaves through the queue, as often as it is changed', () => {
  const network = new Network()
  const send = sender(network)
  const [a] = network.wallets as [Wallet]
  expect(send(a, 'setCollateral', { amount: 5n })).toBe(45)
  send(a, 'deposit', { account: a.address, amount: 1n })
  const start = network.app.balance(a.address, 1)
  expect(send(a, 'setCollateral', { amount: start + 1n })).toBe(40)
  expect(send(a, 'setCollateral', { amount: 100n })).toBe(0)
  expect(send(a, 'setCollateral', { amount: 40n })).toBe(0)
  expect(send(a, 'setCollateral', { amount: 70n })).toBe(0)
  expect(network.app.state.get(clients, 1)).toMatchObject({ collateral: 130n, leaving: 60n })
  pass(network, 4)
  expect(network.app.state.get(clients, 1)).toMatchObject({ collateral: 70n, leaving: 0n })
  expect(network.app.balance(a.address, 1)).toBe(start - 70n)
})

test('reserves are within what is prepaid, at most 64, and fall only later', () => {
  const network = new Network()
  const send = sender(network)
  const [a] = network.wallets as [Wallet]
  const reserve = (nodeIndex: number, perEpoch: bigint, lastEpoch = 9n): number | undefined =>
    send(a, 'reserve', { nodeIndex, perEpoch, lastEpoch })
  expect(reserve(0, 1n)).toBe(45)
  send(a, 'deposit', { account: a.address, amount: 100n })
  expect([reserve(9, 1n), reserve(0, 101n), reserve(0, 60n), reserve(1, 41n), reserve(1, 40n)]).toEqual([45, 40, 0, 40, 0])
  pass(network, 1)
  expect([reserve(0, 1n, 0n), reserve(0, 1n, 2n ** 32n)]).toEqual([46, 46])
  expect(reserve(0, 20n)).toBe(0)
  const row = () => network.app.state.get(reserves, { clientIndex: 1, nodeIndex: 0 })
  expect(row()).toEqual([
    { from: 0, amount: 60n, lastEpoch: 3 },
    { from: 4, amount: 20n, lastEpoch: 9 },
  ])
  pass(network, 3)
  expect([reserve(0, 20n, 8n), reserve(0, 5n)]).toEqual([0, 0])
  expect(row()).toEqual([
    { from: 0, amount: 60n, lastEpoch: 3 }, // epochs 2 and 3 are not settled, and a node served them under 60
    { from: 4, amount: 20n, lastEpoch: 6 },
    { from: 7, amount: 5n, lastEpoch: 9 },
  ])
  expect(reserve(0, 30n)).toBe(0)
  expect(row()?.slice(1)).toEqual([{ from: 4, amount: 30n, lastEpoch: 9 }])
  pass(network, 10)
  expect(reserve(2, 1n, 20n)).toBe(0)
  expect(network.app.state.rows(reserves).map(([{ nodeIndex }]) => nodeIndex)).toEqual([2]) // what is over is gone
})
