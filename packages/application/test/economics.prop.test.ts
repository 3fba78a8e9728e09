/**
 * The economy over whole epochs of the real state machine: clients deposit, reserve, cap, overspend and withdraw; nodes claim, lie, fall silent and are
 * disputed; delegators come and go between slashes. After every block each µ is somewhere, once.
 */
import {
  type BlockItem,
  CLAIM_STATES,
  claims,
  clients,
  delegations,
  DISPUTE_STATES,
  disputes,
  nodes,
  type Outcome,
  supplyRow,
} from '@selvedge/application'
import { nativeSupplyOf, type LedgerEvent } from '@selvedge/ledger-types'
import { expect, test } from 'vitest'
import { leaksOf } from './support/conservation.ts'
import {
  answerBodies,
  answerOf,
  beaconItems,
  bytesFor,
  type Claim,
  claimBodies,
  claimOf,
  clientIndexOf,
  deliver,
  fromNode,
  runAt,
} from './support/delivery.ts'
import { NATIVE, Network, seedOf, type Wallet, WEI } from './support/network.ts'
import { ACTIONS, createRandom, type Makings, type Random } from './support/random-actions.ts'

const FIRST = Number(process.env.SEED ?? 1)
const COUNT = Math.ceil(Number(process.env.RUNS ?? 6) / 2)
const EPOCHS = 8
const NODES = 5

const eventsOf = (outcomes: readonly Outcome[]): LedgerEvent[] =>
  outcomes.flatMap(({ executed }) => executed.flatMap(({ events }) => events))

/** One ledger, what happens on it drawn from a seed. */
class Economy {
  readonly network = new Network({ nodes: NODES, genesis: { parameters: { unbondEpochs: 4 } } })
  readonly native = nativeSupplyOf(this.network.genesis)
  readonly outcomes: Outcome[] = []
  readonly random: Random
  disputed = 0

  constructor(seed: number) {
    this.random = createRandom(seed)
  }

  keep(outcome: Outcome): void {
    this.outcomes.push(outcome)
    const leaks = leaksOf(this.network.app, this.native)
    if (leaks.length > 0) throw new Error(leaks.join(', '))
  }

  at(percent: number, ...items: readonly BlockItem[]): void {
    this.keep(runAt(this.network, percent, ...items))
  }

  /** Some of what accounts do. */
  actions(count: number): BlockItem {
    const used = new Map<string, bigint>()
    const take = (name: string, first: bigint): bigint => {
      const nonce = used.get(name) ?? first
      used.set(name, nonce + 1n)
      return nonce
    }
    const makings: Makings = {
      network: this.network,
      random: this.random,
      nonceOf: (wallet: Wallet) => take(String(wallet.address), this.network.nonceOf(wallet)),
      nodeNonceOf: (nodeIndex) => take(`node ${nodeIndex}`, this.network.app.state.get(nodes, nodeIndex)!.nonceBase),
    }
    const transactions = Array.from({ length: count }, () => this.random.pick(Object.values(ACTIONS))(makings))
    return { type: 'transactions', author: 0, transactions: transactions.filter((each) => each !== undefined) }
  }

  /** What was served in the running epoch, by node: from 1 µUSD to more than anybody has. */
  serve(): Claim[] {
    const { network, random } = this
    const paying = network.wallets.filter((wallet) => clientIndexOf(network, wallet) !== 0)
    if (paying.length === 0) return []
    return network.nodes.flatMap((_, nodeIndex) => {
      if (random.below(4) === 0) return []
      const evidence = Array.from({ length: 1 + random.below(6) }, (_each, session) => {
        const bytes = bytesFor(random.amount(3_000n * NATIVE))
        return deliver(network, nodeIndex, { client: random.pick(paying), bytes, session })
      })
      const isLie = random.below(8) === 0
      return [
        claimOf(network, nodeIndex, evidence, (leaf) =>
          isLie ? { ...leaf, amount: leaf.amount + 1n + random.amount(leaf.amount) } : leaf,
        ),
      ]
    })
  }

  commit(served: readonly Claim[]): BlockItem[] {
    return served.map((claim) =>
      fromNode(this.network, claim.nodeIndex, ...claimBodies(claim).slice(0, this.random.below(10) === 0 ? 1 : 99)),
    )
  }

  answer(served: readonly Claim[]): BlockItem[] {
    const challenged = served.filter((claim) => this.stateOf(claim) === CLAIM_STATES.challenged && this.random.below(8) > 0)
    return challenged.map((claim) => fromNode(this.network, claim.nodeIndex, ...answerBodies(this.network, claim)))
  }

  /** One claim in two is disputed by somebody who stands in it. */
  dispute(served: readonly Claim[]): void {
    const { network, random } = this
    for (const claim of served.filter((each) => this.stateOf(each) === CLAIM_STATES.passed && random.below(2) === 0)) {
      const { clientIndex, serviceId } = random.pick(claim.debits)
      const wallet = network.wallets.find((each) => clientIndexOf(network, each) === clientIndex)!
      const args = { epoch: BigInt(claim.epoch), nodeIndex: claim.nodeIndex, serviceId }
      this.keep(network.send(network.call(wallet, 'dispute', args, { value: 10n * NATIVE * WEI })))
      if (network.app.state.rows(disputes).length > 0) this.disputed += 1
    }
  }

  /** All but one node in five shows what is disputed. */
  answerDisputes(served: readonly Claim[]): void {
    for (const [key, row] of this.network.app.state.rows(disputes)) {
      const claim = served.find(({ epoch, nodeIndex }) => epoch === key.epoch && nodeIndex === key.nodeIndex)
      if (claim === undefined || row.state !== DISPUTE_STATES.open || this.random.below(5) === 0) continue
      const { clientIndex, serviceId } = key
      const bytes = answerOf(claim, 0, claim.leavesOf(clientIndex, serviceId))
      this.keep(this.network.run([fromNode(this.network, key.nodeIndex, { kind: 'disputeAnswer', clientIndex, serviceId, bytes })]))
    }
  }

  stateOf({ epoch, nodeIndex }: Claim): number | undefined {
    return this.network.app.state.get(claims, { epoch, nodeIndex })?.state
  }

  /** One epoch: `served` in the one before, `earlier` in the one before that. @returns what is served in this one. */
  epoch(served: readonly Claim[], earlier: readonly Claim[]): Claim[] {
    const silent = this.random.below(4) === 0 ? [this.random.below(4)] : []
    this.at(1, this.actions(6))
    this.at(5, ...beaconItems(this.network, 'beaconCommit'), ...this.commit(served))
    this.at(22, ...beaconItems(this.network, 'beaconReveal', silent), this.actions(6))
    this.at(31)
    this.at(35, ...this.answer(served))
    this.dispute(earlier)
    this.answerDisputes(earlier)
    this.at(60, this.actions(6))
    const next = this.serve()
    this.keep(this.network.closeEpoch())
    return next
  }
}

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
