import {
  createMemoryStore,
  leavingPools,
  nodes,
  owners,
  queue,
  unstaking,
  type Application,
  type KeyValueStore,
} from '@selvedge/application'
import { nativeSupplyOf } from '@selvedge/ledger-types'
import { expect, test } from 'vitest'
import { delegationCalls } from '../src/calls/delegation.ts'
import { slash } from '../src/epoch/slash.ts'
import { QUEUE_ENTRIES_MAX, releaseDue, RELEASED_MAX } from '../src/epoch/unbonding.ts'
import { State } from '../src/state/state.ts'
import { leaksOf } from './support/conservation.ts'
import { contextOf } from '../src/execute/execute-block.ts'
import { evidenceOf, testEvidenceRules } from './support/evidence.ts'
import { CHAIN_ID, codesOf, GENESIS_MS, NATIVE, Network, seedOf, type Wallet, WEI } from './support/network.ts'

const hashes = [seedOf('one'), seedOf('two')] as const

/** A memory store that counts how often somebody walks the queue (table 5). */
function watchedStore(): { readonly store: KeyValueStore; readonly walks: () => number } {
  const store = createMemoryStore()
  let walks = 0
  return {
    store: {
      ...store,
      range(space, from, to) {
        if (space === queue.id) walks++
        return store.range(space, from, to)
      },
    },
    walks: () => walks,
  }
}

function delegate(network: Network, wallet: Wallet, tokens: bigint, nodeIndex = 2): void {
  const bytes = network.call(wallet, 'delegate', { nodeIndex }, { value: tokens * NATIVE * WEI })
  expect(codesOf(network.send(bytes))).toEqual([0])
}

function undelegate(network: Network, wallet: Wallet, tokens: bigint, nodeIndex = 2): void {
  expect(codesOf(network.send(network.call(wallet, 'undelegate', { nodeIndex, shares: tokens * NATIVE })))).toEqual([0])
}

/** Two pointer records cost node 2 a twentieth of its stake, two headers all that can be reached. */
function equivocate(network: Network): bigint {
  const seat = network.app.view().committee.findIndex(({ nodeIndex }) => nodeIndex === 2)
  const bytes = evidenceOf(network.nodes[2]!.keys, network.app.view().epoch, seat, hashes)
  const { nonceBase } = network.app.state.get(nodes, 0)!
  const outcome = network.send(network.node(0, nonceBase, { kind: 'evidence', bytes }))
  expect(codesOf(outcome)).toEqual([0])
  const slashed = outcome.executed[0]!.events.find((event) => event.kind === 'slash')
  return slashed?.kind === 'slash' ? slashed.amount : 0n
}

const claimableOf = ({ state }: Pick<Application, 'state'>, { address }: Wallet): bigint => state.get(owners, address)?.claimable ?? 0n

test('a slash walks no queue, however long it is, and reaches all that leaves its node', () => {
  const { store, walks } = watchedStore()
  const network = new Network({ nodes: 5, store })
  const [a, b, c] = network.wallets as [Wallet, Wallet, Wallet]
  const { owner } = network.nodes[2]!
  for (const [wallet, tokens] of [[a, 100n], [b, 50n]] as const) delegate(network, wallet, tokens) // biome-ignore format: pairs
  delegate(network, c, 30n, 1)
  undelegate(network, a, 40n)
  undelegate(network, b, 50n)
  undelegate(network, c, 30n, 1)
  network.send(network.call(owner, 'unstake', { nodeIndex: 2, amount: 500n * NATIVE * WEI }))
  const native = nativeSupplyOf(network.genesis)
  const before = walks()
  expect(equivocate(network)).toBe((2_002n + 150n) * NATIVE)
  expect(walks()).toBe(before)
  expect(leaksOf(network.app, native)).toEqual([])
  for (let epoch = 0; epoch < 6; epoch++) network.closeEpoch()
  expect([a, b, c, owner].map((wallet) => claimableOf(network.app, wallet))).toEqual([0n, 0n, 30n * NATIVE, 0n])
  expect(leaksOf(network.app, native)).toEqual([])
  expect([network.app.state.rows(leavingPools), network.app.state.rows(unstaking), network.app.state.rows(queue)]).toEqual([[], [], []])
})

test('who leaves after a slash does not pay for what was before it, and the last to go leaves nothing behind', () => {
  const network = new Network({ nodes: 5 })
  const [a, b] = network.wallets as [Wallet, Wallet]
  for (const wallet of [a, b]) delegate(network, wallet, 100n, 1)
  undelegate(network, a, 100n, 1)
  const state = new State(network.store)
  const block = contextOf(state, { chainId: CHAIN_ID, genesisHash: network.genesis.hash, evidenceRules: testEvidenceRules }, GENESIS_MS)
  const emit = (): void => undefined
  const { taken } = slash({ state, block, emit }, { nodeIndex: 1, cause: 2, amount: (2_001n + 50n) * NATIVE + 1n })
  expect(taken).toBe((2_001n + 50n) * NATIVE + 1n) // 50 and 1 µ more from who stays and who leaves, by halves
  const key = { nodeIndex: 1, due: 5 }
  const first = { from: 0, total: 100n * NATIVE, left: 75n * NATIVE - 1n }
  expect(state.get(leavingPools, key)).toEqual([first])
  const leave = (): number =>
    delegationCalls.undelegate!({ state, block, emit, sender: b.address, value: 0n }, { nodeIndex: 1, shares: 40n * NATIVE })
  expect([leave(), leave()]).toEqual([0, 0])
  expect(state.get(leavingPools, key)).toEqual([first, { from: 1, total: 60n * NATIVE, left: 60n * NATIVE }])
  slash({ state, block, emit }, { nodeIndex: 1, cause: 2, amount: 1n })
  releaseDue({ state, block: { ...block, epoch: 5 }, emit })
  const claimable = [a, b].map(({ address }) => state.get(owners, address)?.claimable ?? 0n)
  expect(claimable[0]! + claimable[1]! + state.get(nodes, 1)!.delegated).toBe(150n * NATIVE - 2n)
  expect(claimable[1]! + 1n).toBeGreaterThanOrEqual(60n * NATIVE)
  expect([state.rows(leavingPools), state.rows(queue)]).toEqual([[], []])
})

test('what is due is released a bounded number of entries a block, all of it in the end', () => {
  const wallets = Math.ceil(RELEASED_MAX / QUEUE_ENTRIES_MAX) + 1
  const network = new Network({ wallets })
  const fill = (wallet: Wallet): Uint8Array[] => [
    network.call(wallet, 'delegate', { nodeIndex: 0 }, { value: NATIVE * WEI }),
    ...Array.from({ length: QUEUE_ENTRIES_MAX }, (_, i) =>
      network.call(wallet, 'undelegate', { nodeIndex: 0, shares: 1_000n }, { nonce: network.nonceOf(wallet) + BigInt(i + 1) }),
    ),
  ]
  const codes = codesOf(network.send(...network.wallets.flatMap(fill)))
  expect(codes).toEqual(codes.map(() => 0))
  const total = wallets * QUEUE_ENTRIES_MAX
  const left = (): number => network.app.state.rows(queue).length
  const native = nativeSupplyOf(network.genesis)
  for (let epoch = 0; epoch < 5; epoch++) network.closeEpoch()
  expect(left()).toBe(total)
  network.closeEpoch()
  expect(left()).toBe(total - RELEASED_MAX)
  expect(leaksOf(network.app, native)).toEqual([])
  network.run([])
  expect(left()).toBe(0)
  expect(leaksOf(network.app, native)).toEqual([])
  const owed = BigInt(QUEUE_ENTRIES_MAX) * 1_000n
  expect(network.wallets.every((wallet) => claimableOf(network.app, wallet) === owed)).toBe(true)
  expect(network.app.state.rows(leavingPools)).toEqual([])
})
