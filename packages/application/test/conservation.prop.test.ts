import { nodes, type BlockItem } from '@selvedge/application'
import { beaconCommitment, nativeSupplyOf } from '@selvedge/ledger-types'
import { expect, test } from 'vitest'

import { leaksOf } from './support/conservation.ts'
import { Network, seedOf, type Wallet } from './support/network.ts'
import { ACTIONS, createRandom, type Makings, type Random } from './support/random-actions.ts'

const FIRST = Number(process.env.SEED ?? 1)
const COUNT = Number(process.env.RUNS ?? 12)
const EPOCHS = 9
const BLOCKS_AN_EPOCH = 4

// Goal: whatever accounts, nodes and members do, no µ appears or vanishes.
// Method: blocks of random actions over epochs (members commit to beacons, and some do not reveal), sums over all tables after each block.
test.each(Array.from({ length: COUNT }, (_, i) => FIRST + i))('value is conserved after every block, seed %i', (seed) => {
  const random = createRandom(seed)
  const network = new Network({ nodes: 5, genesis: { parameters: { unbondEpochs: 4, gasTargetPerSecond: 2_100_000 } } })
  const native = nativeSupplyOf(network.genesis)
  const seen = new Map<number, number>()
  const run = (items: readonly BlockItem[], afterMs: number): void => {
    for (const { code } of network.run(items, afterMs).executed) seen.set(code, (seen.get(code) ?? 0) + 1)
    expect(leaksOf(network.app, native)).toEqual([])
  }
  for (let epoch = 0; epoch < EPOCHS; epoch++) {
    run([...beaconItems(network, random, 'beaconCommit'), actionsOf(network, random)], 1_000)
    run([...beaconItems(network, random, 'beaconReveal'), actionsOf(network, random)], 2_000)
    for (let i = 0; i < BLOCKS_AN_EPOCH; i++) run([actionsOf(network, random)], 500 + random.below(500))
    network.closeEpoch(actionsOf(network, random))
    expect(leaksOf(network.app, native)).toEqual([])
  }
  expect(seen.get(0)).toBeGreaterThan(100)
})

function actionsOf(network: Network, random: Random): BlockItem {
  const used = new Map<string, bigint>()
  const take = (name: string, first: bigint): bigint => {
    const nonce = used.get(name) ?? first
    used.set(name, nonce + 1n)
    return nonce
  }
  const makings: Makings = {
    network,
    random,
    nonceOf: (wallet: Wallet) => take(String(wallet.address), network.nonceOf(wallet)),
    nodeNonceOf: (nodeIndex) => take(`node ${nodeIndex}`, network.app.state.get(nodes, nodeIndex)!.nonceBase),
  }
  const transactions = Array.from({ length: 1 + random.below(12) }, () => random.pick(Object.values(ACTIONS))(makings))
  return { type: 'transactions', author: random.below(4), transactions: transactions.filter((each) => each !== undefined) }
}

/** All members commit; at the reveal one in six stays silent. */
function beaconItems(network: Network, random: Random, kind: 'beaconCommit' | 'beaconReveal'): BlockItem[] {
  const { epoch } = network.app.lastApplied()
  return network.app.view().committee.flatMap(({ authority }) => {
    const secret = seedOf(`secret ${epoch} ${authority}`)
    if (kind === 'beaconCommit') {
      return [network.system(authority, { kind, commitment: beaconCommitment(network.genesis.chainId, epoch, authority, secret) })]
    }
    return random.below(6) === 0 ? [] : [network.system(authority, { kind, secret })]
  })
}
