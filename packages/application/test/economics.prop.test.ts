/**
 * The economy over whole epochs of the real state machine: clients deposit, reserve, cap, overspend and withdraw; nodes claim, lie, fall silent and are
 * disputed; delegators come and go between slashes. After every block each µ is somewhere, once.
 */
import { clients, delegations, nodes, type Outcome, supplyRow } from '@selvedge/application'
import type { LedgerEvent } from '@selvedge/ledger-types'
import { expect, test } from 'vitest'
import { answerBodies, bytesFor, type Claim, claimBodies, claimOf, deliver, fromNode, runAt } from './support/delivery.ts'
import { Economy, NODES } from './support/economy.ts'
import { NATIVE, Network, seedOf, type Wallet, WEI } from './support/network.ts'
import { createRandom } from './support/random-actions.ts'

const FIRST = Number(process.env.SEED ?? 1)
const COUNT = Math.ceil(Number(process.env.RUNS ?? 6) / 2)
const EPOCHS = 8

const eventsOf = (outcomes: readonly Outcome[]): LedgerEvent[] =>
  outcomes.flatMap(({ executed }) => executed.flatMap(({ events }) => events))

test.each(Array.from({ length: COUNT }, (_, i) => FIRST + i))(
  'no µ is lost or made over epochs of claims, seed %i',
  (seed) => {
    const economy = new Economy(seed)
    const { network } = economy
    for (const wallet of network.wallets) {
      const amount = economy.random.amount(9_000n * NATIVE)
      economy.keep(network.send(network.call(wallet, 'deposit', { account: wallet.address, amount })))
      const args = { nodeIndex: economy.random.below(NODES) }
      economy.keep(network.send(network.call(wallet, 'delegate', args, { value: economy.random.amount(3_000n * NATIVE) * WEI })))
    }
    let served: Claim[] = []
    let earlier: Claim[] = []
    for (let epoch = 0; epoch < EPOCHS; epoch++) {
      const next = economy.epoch(served, earlier)
      earlier = served
      served = next
    }
    const events = eventsOf(economy.outcomes)
    const payments = events.filter((event) => event.kind === 'payment')
    expect(payments.length).toBeGreaterThan(0)
    expect(economy.disputed).toBeGreaterThan(0)
    for (const { paid, burnt } of payments) expect(burnt).toBe((paid + 9n) / 10n) // β is a tenth, rounded up
    const perEpoch = new Map<number, bigint>()
    for (const { epoch, paid } of payments) perEpoch.set(epoch, (perEpoch.get(epoch) ?? 0n) + paid)
    for (const { epoch, total, nodes: forNodes, services, protocol } of events.filter((event) => event.kind === 'emission')) {
      expect(forNodes + services + protocol).toBe(total)
      expect(total <= ((perEpoch.get(epoch) ?? 0n) * 12n) / 1_000n).toBe(true) // β·κ, at a dollar a token
    }
    drawAllRewards(economy)
  },
  120_000,
)

/** When every delegator has drawn, all that is left of rewards is what rounding kept back: under 2 µ for each time that somebody drew. */
function drawAllRewards(economy: Economy): void {
  const { network } = economy
  const holders = [...network.wallets, ...network.nodes.map(({ owner }) => owner)]
  for (const [{ nodeIndex, address }, { shares }] of network.app.state.rows(delegations)) {
    const wallet = holders.find((each) => Buffer.compare(each.address, address) === 0)!
    economy.keep(network.send(network.call(wallet, 'undelegate', { nodeIndex, shares })))
  }
  expect(network.app.state.rows(delegations)).toEqual([])
  expect(network.app.state.get(supplyRow, null)!.rewards).toBeLessThan(64n)
}

/** All that an owner of node 1 has, at a dollar a token, µ. */
function worthOf(network: Network, { address }: Wallet): bigint {
  const { state } = network.app
  const { native, clientIndex } = network.app.account(address)
  const { stake, delegated, rewardPerShare } = state.get(nodes, 1)!
  const held = state.get(delegations, { nodeIndex: 1, address })
  const earned = held === undefined ? 0n : ((held.shares * rewardPerShare) >> 64n) - held.rewardDebt
  return native + stake + delegated + earned + network.app.balance(address, 1) + (state.get(clients, clientIndex)?.prepaid ?? 0n)
}

test.each(Array.from({ length: COUNT }, (_, i) => FIRST + i))(
  'who owns node, service, client and delegate and pays himself loses, seed %i',
  (seed) => {
    const random = createRandom(seed)
    const network = new Network()
    const owner = network.nodes[1]!.owner
    const other = network.wallets[1]!
    const { address } = owner
    const ok = (transaction: Uint8Array): void => expect(network.send(transaction).executed[0]!.code).toBe(0)
    ok(network.call(owner, 'deposit', { account: address, amount: 9_000n * NATIVE }))
    ok(network.call(other, 'deposit', { account: other.address, amount: 9_000n * NATIVE }))
    ok(network.call(owner, 'lock', { nodeIndex: 1, untilEpoch: 1_460n }))
    ok(network.call(owner, 'delegate', { nodeIndex: 1 }, { value: 3_000n * NATIVE * WEI }))
    const service = { manifest: seedOf('own'), priceMultiplePpm: 1_000_000, payees: [{ account: address, ppm: 1_000_000 }] }
    ok(network.call(owner, 'addService', service, { value: 100n * NATIVE * WEI }))
    network.closeEpoch()
    const before = worthOf(network, owner)
    const paid = random.amount(800n * NATIVE)
    const own = random.amount(10n * paid)
    const lines = [1n, 3n, 7n].map((part) => (own * part) / 11n + 1n)
    const served = [
      claimOf(network, 0, [deliver(network, 0, { client: other, bytes: bytesFor(paid) })]),
      claimOf(
        network,
        1,
        lines.map((line, session) => deliver(network, 1, { client: owner, serviceId: 1, bytes: bytesFor(line), session })),
      ),
    ]
    network.closeEpoch()
    network.run(served.map((claim) => fromNode(network, claim.nodeIndex, ...claimBodies(claim))))
    runAt(network, 31)
    network.run(served.map((claim) => fromNode(network, claim.nodeIndex, ...answerBodies(network, claim))))
    network.closeEpoch()
    const events = eventsOf([network.closeEpoch()])
    const payments = events.filter((event) => event.kind === 'payment')
    expect(payments.map(({ nodeIndex, serviceId }) => [nodeIndex, serviceId])).toEqual([
      [0, 0],
      [1, 1],
    ])
    expect(worthOf(network, owner) < before).toBe(true)
    expect(before - worthOf(network, owner) >= payments[1]!.burnt / 2n).toBe(true)
  },
)
