/** When a governed action holds, and when it does not: delay, lapse, bounds looked at again, versions, and the chain of beacons. */
import { beacons, epochRow, nativePrices, nodes, parameters, proposals, type MemberRow } from '@selvedge/application'
import { actionHash, beaconOf, CODES, encodeAction, PARAMETERS, type GovernedAction } from '@selvedge/ledger-types'
import { expect, test } from 'vitest'
import { activateVersions, applyGoverned } from '../src/epoch/governed.ts'
import { memberOf } from '../src/epoch/committee.ts'
import { committees } from '../src/state/node-tables.ts'
import { beaconItems, runAt } from './support/delivery.ts'
import { CHAIN_ID, codesOf, createWallet, NATIVE, Network, seedOf, type Wallet, type NetworkOptions } from './support/network.ts'
import { ascending, ofKind, stepOf, type Step } from './support/step.ts'

const governors = ['x', 'y'].map((name) => createWallet(`governor ${name}`)).toSorted((a, b) => Buffer.compare(a.address, b.address)) as [
  Wallet,
  Wallet,
]
const BOND: GovernedAction = { kind: 'parameter', id: PARAMETERS.disputeBond.id, value: 5n * NATIVE }

function createNetwork(parametersOf: object = {}, options: NetworkOptions = {}): Network {
  const accounts = governors.map(({ address }) => address)
  const network = new Network({ ...options, genesis: { governors: { threshold: 2, accounts }, parameters: parametersOf } })
  for (const { address } of governors) network.send(network.transfer(network.wallets[0]!, address, 100n * NATIVE))
  return network
}

/** @returns the code of each approval. */
function govern(network: Network, action: GovernedAction, epoch: number, who: readonly Wallet[] = governors): number[] {
  const args = { action: encodeAction(action), epoch: BigInt(epoch) }
  return who.flatMap((wallet) => codesOf(network.send(network.call(wallet, 'govern', args))))
}

const bondOf = (network: Network): bigint => network.app.state.get(parameters, PARAMETERS.disputeBond.id)!.value

test('an action is for an epoch that is a delay away at least, counted from each approval', () => {
  const network = createNetwork({ governDelayEpochs: 3 })
  expect(govern(network, BOND, 2)).toEqual([CODES.outOfBounds, CODES.outOfBounds])
  expect(govern(network, BOND, 3, governors.slice(0, 1))).toEqual([CODES.ok])
  network.closeEpoch()
  expect(govern(network, BOND, 3, governors.slice(1))).toEqual([CODES.outOfBounds]) // two epochs are too few to be looked at
  expect(govern(network, BOND, 4)).toEqual([CODES.ok, CODES.ok])
  for (let epoch = 2; epoch <= 3; epoch++) {
    network.closeEpoch()
    expect([epoch, bondOf(network)]).toEqual([epoch, 10n * NATIVE])
  }
  network.closeEpoch()
  expect(bondOf(network)).toBe(5n * NATIVE)
})

test('what is not approved within thirty epochs lapses, however late it would hold; what is approved waits', () => {
  const network = createNetwork()
  const late: GovernedAction = { ...BOND, value: 6n * NATIVE }
  expect(govern(network, BOND, 90, governors.slice(0, 1))).toEqual([CODES.ok])
  expect(govern(network, late, 90)).toEqual([CODES.ok, CODES.ok])
  for (let epoch = 0; epoch < 30; epoch++) network.closeEpoch()
  expect(network.app.state.rows(proposals)).toHaveLength(2)
  const closing = network.closeEpoch()
  const dropped = ofKind(closing.executed.at(-1)!.events, 'governance')
  expect(dropped).toMatchObject([{ action: actionHash(encodeAction(BOND), 90n), state: 3, approvals: 1 }])
  expect(network.app.state.rows(proposals).map(([, { action }]) => action)).toEqual([encodeAction(late)])
})

/** A step at whose end `action`, approved by all, is due. It stands as written, by whatever rules it was let in. */
function dueStep(action: GovernedAction): Step {
  const step = stepOf(createNetwork())
  const approvals = governors.map(({ address }) => address)
  step.state.put(proposals, seedOf('hash'), { action: encodeAction(action), epoch: 1, proposedIn: 0, approvals, delays: 0 })
  return step
}

test.each([
  ['a parameter below its least', { kind: 'parameter', id: PARAMETERS.baseFeeMin.id, value: 99n }],
  ['a price of nothing', { kind: 'nativePrice', price: 0n }],
] as const)('bounds are looked at again when an action is applied: %s', (_, action) => {
  const step = dueStep(action as GovernedAction)
  const held = (): unknown[] => [step.state.get(parameters, PARAMETERS.baseFeeMin.id)?.value, step.state.get(nativePrices, null)]
  const before = held()
  applyGoverned(step)
  expect(held()).toEqual(before)
  expect(step.state.rows(proposals)).toEqual([])
  expect(ofKind(step.events, 'governance')).toMatchObject([{ state: 3 }])
})

test('a version needs a quorum of the committee of its own epoch, not of the one that runs', () => {
  // All eight order epoch 0, the four heaviest epoch 1: six of eight are a quorum of the first only, three of four of the second only.
  const versionAfter = (...able: readonly number[]): unknown => {
    const network = createNetwork({ candidateCount: 4 }, { nodes: 8 })
    expect(govern(network, { kind: 'activateVersion', version: 2 }, 1)).toEqual([0, 0])
    const announced = able.map((nodeIndex) => network.node(nodeIndex, 0n, { kind: 'version', newest: 2 }))
    expect(new Set(codesOf(network.send(...announced)))).toEqual(new Set([0]))
    network.closeEpoch()
    const { state } = network.app
    const { committee } = network.app.view()
    expect(committee.map(({ nodeIndex }) => nodeIndex).toSorted(ascending)).toEqual([4, 5, 6, 7])
    return { version: state.get(epochRow, null)!.version, delays: state.rows(proposals).map(([, row]) => row.delays) }
  }
  expect(versionAfter(0, 1, 2, 3, 4, 5)).toEqual({ version: 1, delays: [1] })
  expect(versionAfter(5, 6, 7)).toEqual({ version: 2, delays: [] })
})

test('two thirds of the stake and one token more can run a version: two thirds alone cannot', () => {
  const activated = (...stakes: readonly bigint[]): number | undefined => {
    const step = dueStep({ kind: 'activateVersion', version: 2 })
    const members = stakes.map((stake, i): MemberRow => memberOf(i, step.state.get(nodes, i)!, stake * NATIVE))
    step.state.put(committees, 1, members)
    for (const nodeIndex of [0, 1]) step.state.put(nodes, nodeIndex, { ...step.state.get(nodes, nodeIndex)!, newestVersion: 2 })
    activateVersions(step)
    return step.state.get(epochRow, null)?.version
  }
  expect(activated(100n, 100n, 100n)).toBe(1)
  expect(activated(100n, 101n, 100n)).toBe(2)
})

test('each beacon names the one before it', () => {
  const network = new Network()
  let previous = network.genesis.hash
  for (let epoch = 0; epoch < 3; epoch++) {
    const { committee } = network.app.view()
    runAt(network, 10, ...beaconItems(network, 'beaconCommit'))
    runAt(network, 25, ...beaconItems(network, 'beaconReveal'))
    runAt(network, 31)
    const reveals = committee.map(({ authority }) => ({ author: authority, secret: seedOf(`beacon ${epoch} ${authority}`) }))
    const beacon = beaconOf(CHAIN_ID, epoch, previous, reveals)
    expect(network.app.state.get(beacons, epoch)).toEqual({ beacon, withheld: 0 })
    previous = beacon
    network.closeEpoch()
  }
})
