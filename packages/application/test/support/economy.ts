/** Whole epochs of an economy, drawn from a seed: clients and nodes that serve, claim, lie, fall silent and dispute. */
import { type BlockItem, CLAIM_STATES, claims, DISPUTE_STATES, disputes, nodes, type Outcome } from '@selvedge/application'
import { nativeSupplyOf } from '@selvedge/ledger-types'
import { termsIn } from '../../src/calls/deposits.ts'
import { leaksOf } from './conservation.ts'
import {
  answerBodies,
  answerOf,
  beaconItems,
  type Claim,
  claimBodies,
  claimOf,
  clientIndexOf,
  clientRow,
  deliver,
  fromNode,
  runAt,
} from './delivery.ts'
import { NATIVE, Network, type Wallet, WEI } from './network.ts'
import { ACTIONS, createRandom, type Makings, type Random } from './random-actions.ts'

export const NODES = 5
/** Prices are in 10^-12 USD: so many of them are a µUSD. */
const MICRO_PARTS = 1_000_000n

/** One ledger, what happens on it drawn from a seed. */
export class Economy {
  readonly network: Network = new Network({ nodes: NODES, genesis: { parameters: { unbondEpochs: 4 } } })
  readonly native: bigint = nativeSupplyOf(this.network.genesis)
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
    const { bytePrice } = network.app.view().prices
    return network.nodes.flatMap((_, nodeIndex) => {
      if (random.below(4) === 0) return []
      const evidence = Array.from({ length: 1 + random.below(6) }, (_each, session) => {
        const micro = random.amount(3_000n * NATIVE)
        const bytes = (micro * MICRO_PARTS + bytePrice - 1n) / bytePrice // whatever governors did to the price: less than 1 µUSD is claimed by nobody
        const client = random.pick(paying)
        const { minNonce: nonce } = termsIn(clientRow(network, client), network.app.view().epoch)
        return deliver(network, nodeIndex, { client, bytes, session, nonce })
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
      const bytes = answerOf(claim, 0, claim.openEntry(clientIndex, serviceId))
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
    this.at(26, ...beaconItems(this.network, 'beaconReveal', silent), this.actions(6))
    this.at(31)
    this.at(35, ...this.answer(served))
    this.dispute(earlier)
    this.answerDisputes(earlier)
    const standsStill = this.random.below(8) === 0 // and leaves no time to answer
    if (!standsStill) this.at(50)
    this.at(60, this.actions(6))
    if (!standsStill) this.at(90)
    const next = this.serve()
    this.keep(this.network.closeEpoch())
    return next
  }
}
