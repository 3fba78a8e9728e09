import { nodes, type BlockItem, type Outcome } from '@selvedge/application'
import {
  beaconCommitment,
  callOf,
  decodeTransaction,
  nativeSupplyOf,
  nodeKindOf,
  SYSTEM_FUNCTIONS,
  transactionId,
} from '@selvedge/ledger-types'
import { afterAll, expect, test } from 'vitest'
import { leaksOf } from './support/conservation.ts'
import { createWallet, Network, seedOf, type Wallet } from './support/network.ts'
import { ACTIONS, createRandom, type Makings, type Random } from './support/random-actions.ts'

const FIRST = Number(process.env.SEED ?? 1)
const COUNT = Number(process.env.RUNS ?? 12)
const EPOCHS = 9
const BLOCKS_AN_EPOCH = 4
const SEEDS_THAT_DO_ALL = 12
/** Both with the key that `bridgeMint` of random blocks signs with. */
const TOKENS = ['USD', 'EUR'].map((symbol) => {
  return { symbol, name: symbol, keys: { threshold: 1, accounts: [createWallet('bridge').address] }, cap: 10n ** 12n }
})

/** What was taken, in whatever seed; and how many of them were played. */
const taken = new Set<string>()
let played = 0

// Goal: whatever accounts, nodes and members do, no µ appears or vanishes.
// Method: blocks of random actions over epochs (members commit to beacons, and some do not reveal), sums over all tables after each block.
test.each(Array.from({ length: COUNT }, (_, i) => FIRST + i))('value is conserved after every block, seed %i', (seed) => {
  const random = createRandom(seed)
  const network = new Network({ nodes: 5, genesis: { tokens: TOKENS, parameters: { unbondEpochs: 4, gasTargetPerSecond: 2_100_000 } } })
  const native = nativeSupplyOf(network.genesis)
  const seen = new Map<number, number>()
  const look = (items: readonly BlockItem[], outcome: Outcome): void => {
    for (const { code } of outcome.executed) seen.set(code, (seen.get(code) ?? 0) + 1)
    for (const name of namesTaken(items, outcome)) taken.add(name)
    expect(leaksOf(network.app, native)).toEqual([])
  }
  const run = (items: readonly BlockItem[], afterMs: number): void => look(items, network.run(items, afterMs))
  for (let epoch = 0; epoch < EPOCHS; epoch++) {
    run([...beaconItems(network, random, 'beaconCommit'), actionsOf(network, random)], 1_000)
    run([...beaconItems(network, random, 'beaconReveal'), actionsOf(network, random)], 2_000)
    for (let i = 0; i < BLOCKS_AN_EPOCH; i++) run([actionsOf(network, random)], 500 + random.below(500))
    const last = actionsOf(network, random)
    look([last], network.closeEpoch(last))
  }
  expect(seen.get(0)).toBeGreaterThan(100)
  played++
})

// A random block that can never do a thing proves nothing about it. A node's details move no money, and disputes are in `economics.prop.test.ts`.
afterAll(() => {
  if (played < SEEDS_THAT_DO_ALL) return
  const functions = Object.keys(SYSTEM_FUNCTIONS).filter((name) => name !== 'setNode' && name !== 'dispute')
  const wanted = ['transfer', 'transfer of token 1', 'transfer of token 2', 'evidence', ...functions]
  const never = wanted.filter((name) => !taken.has(name))
  if (never.length > 0) throw new Error(`never taken in ${played} seeds: ${never.join(', ')}`)
})

/** Functions, kinds and transfers of `items` that were taken. */
function namesTaken(items: readonly BlockItem[], { executed }: Outcome): string[] {
  const good = new Set(executed.filter(({ code }) => code === 0).map(({ id }) => String(id)))
  const all = items.flatMap((item) => (item.type === 'transactions' ? item.transactions : []))
  return all.filter((bytes) => good.has(String(transactionId(bytes)))).map((bytes) => nameOf(bytes))
}

function nameOf(bytes: Uint8Array): string {
  const decoded = decodeTransaction(bytes)
  if (!decoded.ok) return ''
  const { transaction } = decoded
  if (transaction.form === 'node') return nodeKindOf(transaction.kind) ?? ''
  const call = callOf(transaction)
  if (call.target === 'system') return call.name
  return call.target === 'token' ? `transfer of token ${call.token}` : 'transfer'
}

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
