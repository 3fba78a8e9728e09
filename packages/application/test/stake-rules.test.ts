/** What duties are free, and what a slash can reach: each rule by amounts that another rule would not give. */
import {
  accounts,
  type ClaimRow,
  CLAIM_STATES,
  claims,
  delegations,
  leavingPools,
  nodes,
  NODE_STATES,
  queue,
  type SLASH_CAUSES,
  supplyRow,
} from '@selvedge/application'
import { expect, test } from 'vitest'
import { delegationCalls, rewardOf } from '../src/calls/delegation.ts'
import { slash } from '../src/epoch/slash.ts'
import { claimSteps } from '../src/node-transactions/claims-clock.ts'
import { codesOf, EPOCH_MS, NATIVE, Network, seedOf, type Wallet, WEI } from './support/network.ts'
import { beaconItems, runAt } from './support/delivery.ts'
import { ofKind, stepOf, type Step } from './support/step.ts'

const FALSE_CLAIM: (typeof SLASH_CAUSES)['falseClaim'] = 2

test('each whole minStake of a node’s stake makes so much more gas of duties free', () => {
  const network = new Network({ genesis: { parameters: { dutyGasBase: 5_000, dutyGasPerStake: 17_000 } } })
  const { owner } = network.nodes[0]!
  let nonce = 0n
  /** @returns what the owner paid. */
  const send = (): bigint => {
    const before = network.app.account(owner.address).native
    expect(codesOf(network.send(network.node(0, nonce++, { kind: 'version', newest: 1 })))).toEqual([0]) // 17,000 gas
    return before - network.app.account(owner.address).native
  }
  expect([send(), send(), send()]).toEqual([0n, 0n, 1_700n]) // 39,000 for twice minStake: room for two, and 5,000 more
  const more = (tokens: bigint): void => {
    expect(codesOf(network.send(network.call(network.wallets[0]!, 'stake', { nodeIndex: 0 }, { value: tokens * NATIVE * WEI })))).toEqual([
      0,
    ])
  }
  more(999n)
  expect(send()).toBe(1_700n) // 2,999 of it are no three thousand
  more(1n)
  expect([send(), send()]).toEqual([0n, 1_700n])
})

test('the gas of duties that is free is counted anew each epoch', () => {
  const network = new Network({ genesis: { parameters: { dutyGasBase: 40_000, dutyGasPerStake: 0 } } })
  const { address } = network.nodes[0]!.owner
  const paid: bigint[] = []
  for (let nonce = 0n; nonce < 9n; nonce++) {
    const before = network.app.account(address).native
    expect(codesOf(network.send(network.node(0, nonce, { kind: 'version', newest: 1 })))).toEqual([0])
    paid.push(before - network.app.account(address).native)
    if (nonce % 3n === 2n) network.closeEpoch()
  }
  expect(paid).toEqual([0n, 0n, 1_700n, 0n, 0n, 1_700n, 0n, 0n, 1_700n])
})

/** Node 1 with entries of 100, 200 and 300 tokens on their way out, asked for in that order; one has its epoch to itself. */
function unbonding(): Network {
  const network = new Network()
  const { owner } = network.nodes[1]!
  for (const amount of [100n, 200n, 300n]) {
    expect(codesOf(network.send(network.call(owner, 'unstake', { nodeIndex: 1, amount: amount * NATIVE * WEI })))).toEqual([0])
    if (amount === 100n) network.closeEpoch()
  }
  return network
}

const leavingOf = ({ state }: Step): bigint[] => state.rows(queue).map(([, { amount }]) => amount / NATIVE)

test('beyond the stake a slash takes what is unbonding, the newest entry first', () => {
  const network = unbonding()
  const { stake } = stepOf(network).state.get(nodes, 1)!
  const left = (beyond: bigint): bigint[] => {
    const step = stepOf(network)
    const { taken } = slash(step, { nodeIndex: 1, cause: FALSE_CLAIM, amount: stake + beyond * NATIVE })
    expect(taken).toBe(stake + (beyond < 600n ? beyond : 600n) * NATIVE)
    expect(step.state.get(nodes, 1)!.stake).toBe(0n)
    return leavingOf(step)
  }
  expect([left(0n), left(50n), left(300n)]).toEqual([[100n, 200n, 300n], [100n, 200n, 250n], [100n, 200n, 0n]]) // biome-ignore format: rows
  expect([left(450n), left(550n), left(700n)]).toEqual([[100n, 50n, 0n], [50n, 0n, 0n], [0n, 0n, 0n]]) // biome-ignore format: rows
})

test('delegators pay last, when stake and what is unbonding are gone', () => {
  const network = unbonding()
  const delegator = network.wallets[0] as Wallet
  expect(codesOf(network.send(network.call(delegator, 'delegate', { nodeIndex: 1 }, { value: 80n * NATIVE * WEI })))).toEqual([0])
  const step = stepOf(network)
  const { stake } = step.state.get(nodes, 1)!
  slash(step, { nodeIndex: 1, cause: FALSE_CLAIM, amount: stake + 600n * NATIVE })
  expect(step.state.get(nodes, 1)!.delegated).toBe(80n * NATIVE)
  slash(step, { nodeIndex: 1, cause: FALSE_CLAIM, amount: 30n * NATIVE })
  expect(step.state.get(nodes, 1)!.delegated).toBe(50n * NATIVE)
})

test('half of a slash goes to who reported it; where that is the node’s owner, or nobody, all of it ends', () => {
  const network = new Network()
  const step = stepOf(network)
  const { state } = step
  const { owner } = state.get(nodes, 1)!
  const stranger = seedOf('stranger').slice(0, 20)
  const nativeOf = (address: Uint8Array): bigint => state.get(accounts, address)?.native ?? 0n
  /** @returns what of 101 µ the reporter was given, by the slash's word and by his account, and what was burnt. */
  const reported = (reporter?: Uint8Array): bigint[] => {
    const [before, { burnt }] = [nativeOf(reporter ?? stranger), state.get(supplyRow, null)!]
    const fault = { nodeIndex: 1, cause: FALSE_CLAIM, amount: 101n }
    const { taken, rewarded } = slash(step, reporter === undefined ? fault : { ...fault, reporter })
    return [taken, rewarded, nativeOf(reporter ?? stranger) - before, state.get(supplyRow, null)!.burnt - burnt]
  }
  expect(reported(stranger)).toEqual([101n, 50n, 50n, 51n])
  expect(reported(owner)).toEqual([101n, 0n, 0n, 101n])
  expect(reported()).toEqual([101n, 0n, 0n, 101n])
})

const HALF: bigint = 2n ** 63n // of a µ, as rewards of a share are counted

test('what shares earned before they were bought is rounded up: no part of a µ that is another’s is paid', () => {
  const step = stepOf(new Network())
  const { state } = step
  const supply = state.get(supplyRow, null)!
  state.put(supplyRow, null, { ...supply, rewards: 100n })
  const setReward = (halves: bigint): void => state.put(nodes, 1, { ...state.get(nodes, 1)!, rewardPerShare: halves * HALF })
  const address = seedOf('delegator').slice(0, 20)
  const held = (): bigint => rewardOf(state.get(nodes, 1)!, state.get(delegations, { nodeIndex: 1, address })!)
  setReward(3n)
  state.put(accounts, address, { nonce: 0n, native: NATIVE, clientIndex: 0 })
  expect(delegationCalls.delegate!({ ...step, sender: address, value: 1n }, { nodeIndex: 1 })).toBe(0)
  expect(state.get(delegations, { nodeIndex: 1, address })).toEqual({ shares: 1n, rewardDebt: 2n })
  const owed = [3n, 4n, 5n, 6n, 8n].map((halves) => (setReward(halves), held()))
  expect(owed).toEqual([0n, 0n, 0n, 1n, 2n]) // 0, ½, 1, 1½ and 2½ are due to it
})

const claimRow = (total: bigint): ClaimRow => ({
  root: seedOf('root'),
  total,
  count: 1,
  debitsDigest: seedOf('debits'),
  state: CLAIM_STATES.challenged,
  parts: 1,
  partsHere: new Uint8Array(1),
  read: 1,
  place: { sum: 0n, pairs: 0, serviceId: 0, clientIndex: 0, left: 0 },
  points: 64,
  opened: new Uint8Array(8),
})

test('silence reaches a node’s stake and nothing else of it, however large the claim', () => {
  const network = unbonding()
  const delegator = network.wallets[0] as Wallet
  for (const nodeIndex of [1, 2])
    expect(codesOf(network.send(network.call(delegator, 'delegate', { nodeIndex }, { value: 80n * NATIVE * WEI })))).toEqual([0])
  expect(codesOf(network.send(network.call(delegator, 'undelegate', { nodeIndex: 1, shares: 30n * NATIVE })))).toEqual([0])
  runAt(network, 50)
  const step = stepOf(network, { timestampMs: network.app.lastApplied().start.timestampMs + EPOCH_MS * 0.6 })
  const { state } = step
  const { stake } = state.get(nodes, 1)!
  state.put(claims, { epoch: 0, nodeIndex: 1 }, claimRow(10n ** 15n)) // a hundredth is ten million tokens
  claimSteps.answers.run(step)
  expect(ofKind(step.events, 'slash')).toEqual([{ kind: 'slash', nodeIndex: 1, cause: 3, amount: stake }])
  expect(state.get(nodes, 1)).toMatchObject({ stake: 0n, delegated: 50n * NATIVE })
  expect(leavingOf(step)).toEqual([100n, 200n, 300n, 30n])
  expect(state.rows(leavingPools).map(([, pools]) => pools.map(({ left }) => left))).toEqual([[30n * NATIVE]])
})

/** In the running epoch node `nodeIndex` commits to the beacon and does not reveal, which costs it 100 tokens. */
function withhold(network: Network, nodeIndex: number): void {
  const seat = network.app.view().committee.find((each) => each.nodeIndex === nodeIndex)!
  runAt(network, 10, ...beaconItems(network, 'beaconCommit'))
  runAt(network, 25, ...beaconItems(network, 'beaconReveal', [seat.authority]))
  runAt(network, 31)
}

test('a node that a slash took under the least stake serves to the epoch’s end, and is Idle from then on', () => {
  const network = new Network({ nodes: 6 })
  const unstake = network.call(network.nodes[5]!.owner, 'unstake', { nodeIndex: 5, amount: 1_005n * NATIVE * WEI })
  expect(codesOf(network.send(unstake))).toEqual([0])
  withhold(network, 5)
  expect(network.app.state.get(nodes, 5)).toMatchObject({ state: NODE_STATES.active, stake: 1_000n * NATIVE })
  const closing = network.closeEpoch()
  expect(network.app.state.get(nodes, 5)).toMatchObject({ state: NODE_STATES.idle, stake: 900n * NATIVE, since: 1 })
  expect(ofKind(closing.executed.at(-1)!.events, 'node')).toEqual([{ kind: 'node', nodeIndex: 5, state: 0, stake: 900n * NATIVE }])
  expect(closing.final!.view.nodes.map(({ index }) => index)).toEqual([0, 1, 2, 3, 4])
})
