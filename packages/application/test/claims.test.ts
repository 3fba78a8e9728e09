/** A claim's whole life by transactions alone, and every way in which it ends early. */
import { CLAIM_STATES, claims, disputes, nodes, supplyRow, tokens } from '@selvedge/application'
import { nativeSupplyOf, type LedgerEvent, type NodeBody } from '@selvedge/ledger-types'
import { beforeEach, expect, test } from 'vitest'
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
  clientRow,
  deliver,
  fromNode,
  openingsOf,
  runAt,
} from './support/delivery.ts'
import { codesOf, NATIVE, Network, type Wallet, WEI } from './support/network.ts'
import type { Outcome } from '@selvedge/application'

const USD = 1_000_000n
let network: Network
let alice: Wallet
let bob: Wallet

/** Two clients with 1,000 USD each, in epoch 0. */
beforeEach(() => {
  network = new Network()
  ;[, alice, bob] = network.wallets as [Wallet, Wallet, Wallet]
  for (const wallet of [alice, bob]) {
    const { address: account } = wallet
    network.send(network.call(wallet, 'deposit', { account, amount: 1_000n * USD }))
  }
})

/** Node 1 served alice in three sessions and bob in one: 60 and 40 USD. */
function served(lie?: Parameters<typeof claimOf>[3]): Claim {
  const evidence = [
    ...[10n, 20n, 30n].map((usd, session) => deliver(network, 1, { client: alice, bytes: bytesFor(usd * USD), session })),
    deliver(network, 1, { client: bob, bytes: bytesFor(40n * USD), session: 9 }),
  ]
  return claimOf(network, 1, evidence, lie)
}

const stateOf = ({ epoch, nodeIndex }: Claim): number | undefined => network.app.state.get(claims, { epoch, nodeIndex })?.state
const eventsOf = <K extends LedgerEvent['kind']>(outcome: Outcome, kind: K): Extract<LedgerEvent, { kind: K }>[] =>
  outcome.executed.flatMap(({ events }) => events).filter((event): event is Extract<LedgerEvent, { kind: K }> => event.kind === kind)
const stakeOf = (nodeIndex: number): bigint => network.app.state.get(nodes, nodeIndex)!.stake
const bodyOf = (kind: 'claimCommit' | 'claimDebits' | 'claimAnswer', bytes: Uint8Array): NodeBody => ({ kind, bytes })
const codesFrom = (nodeIndex: number, ...bodies: NodeBody[]): number[] => codesOf(network.run([fromNode(network, nodeIndex, ...bodies)]))

/** To the draw of its points in the next epoch. */
function commitAndDraw(claim: Claim, silent: readonly number[] = []): Outcome {
  network.closeEpoch()
  const outcome = network.run([...beaconItems(network, 'beaconCommit'), fromNode(network, claim.nodeIndex, ...claimBodies(claim))])
  expect(new Set(codesOf(outcome))).toEqual(new Set([0]))
  runAt(network, 25, ...beaconItems(network, 'beaconReveal', silent))
  return runAt(network, 30)
}

function pass(claim: Claim): void {
  commitAndDraw(claim)
  expect(codesFrom(claim.nodeIndex, ...answerBodies(network, claim))).toEqual([0, 0])
  expect(stateOf(claim)).toBe(CLAIM_STATES.passed)
}

test('a claim is committed, challenged, answered and settled by transactions alone', () => {
  const claim = served()
  const service = network.wallets[0]!.address
  const owner = network.nodes[1]!.owner.address
  const [usdBefore, serviceBefore] = [network.app.balance(owner, 1), network.app.balance(service, 1)]
  network.closeEpoch()
  const committed = network.run([fromNode(network, 1, ...claimBodies(claim))])
  expect(eventsOf(committed, 'claim').map(({ state }) => state)).toEqual([CLAIM_STATES.committed, CLAIM_STATES.complete])
  const drawn = runAt(network, 30)
  expect(eventsOf(drawn, 'claim')).toMatchObject([{ epoch: 0, nodeIndex: 1, state: CLAIM_STATES.challenged }])
  const answered = network.run([fromNode(network, 1, ...answerBodies(network, claim))])
  expect(eventsOf(answered, 'claim').map(({ state }) => state)).toEqual([CLAIM_STATES.passed])
  expect(
    network
      .closeEpoch()
      .executed.flatMap(({ events }) => events)
      .some(({ kind }) => kind === 'payment'),
  ).toBe(false)
  const nativeBefore = network.app.account(owner).native
  const supplyBefore = network.app.state.get(tokens, 1)!.supply
  const settled = network.closeEpoch()
  expect(eventsOf(settled, 'claim').map(({ state }) => state)).toEqual([CLAIM_STATES.settled])
  expect(eventsOf(settled, 'payment')).toEqual([
    { kind: 'payment', epoch: 0, nodeIndex: 1, serviceId: 0, paid: 100n * USD, burnt: 10n * USD },
  ])
  expect([clientRow(network, alice).prepaid, clientRow(network, bob).prepaid]).toEqual([940n * USD, 960n * USD])
  expect(network.app.balance(owner, 1) - usdBefore).toBe(70n * USD)
  expect(network.app.balance(service, 1) - serviceBefore).toBe(20n * USD)
  expect(supplyBefore - network.app.state.get(tokens, 1)!.supply).toBe(10n * USD)
  // κ of the burn, at one dollar a token: 1.2 % of 100 USD, 80 % of it to the node, 20 % to the service.
  const [emission] = eventsOf(settled, 'emission')
  expect(emission).toMatchObject({ epoch: 0, total: emission!.nodes + emission!.services, protocol: 0n })
  expect(network.app.account(owner).native - nativeBefore).toBe(emission!.nodes)
  expect(emission!.total).toBeGreaterThan(0n)
  expect(network.app.state.get(supplyRow, null)!.minted).toBe(emission!.total)
  expect(leaksOf(network.app, nativeSupplyOf(network.genesis))).toEqual([])
})

test('a false claim is voided at its first false point, slashed ten times, and nobody pays', () => {
  const claim = served((leaf) => ({ ...leaf, amount: 2n * leaf.amount }))
  const before = stakeOf(1)
  commitAndDraw(claim)
  const outcome = network.run([fromNode(network, 1, bodyOf('claimAnswer', answerOf(claim, 0, openingsOf(network, claim, 0, 1))))])
  expect(codesOf(outcome)).toEqual([0])
  expect(stateOf(claim)).toBe(CLAIM_STATES.void)
  expect(eventsOf(outcome, 'slash')).toMatchObject([{ nodeIndex: 1, cause: 2, amount: before - stakeOf(1) }])
  expect(before - stakeOf(1)).toBe(10n * 200n * USD < before ? 10n * 200n * USD : before)
  network.closeEpoch()
  expect(eventsOf(network.closeEpoch(), 'payment')).toEqual([])
  expect(clientRow(network, alice).prepaid).toBe(1_000n * USD)
  expect(leaksOf(network.app, nativeSupplyOf(network.genesis))).toEqual([])
})

test('silence voids at T2 and costs a hundredth of the claim, from the stake', () => {
  const claim = served()
  const before = stakeOf(1)
  commitAndDraw(claim)
  expect(codesFrom(1, answerBodies(network, claim)[0]!)).toEqual([0]) // half of the points are not enough
  runAt(network, 45)
  const outcome = runAt(network, 60)
  expect(stateOf(claim)).toBe(CLAIM_STATES.void)
  expect(eventsOf(outcome, 'slash')).toEqual([{ kind: 'slash', nodeIndex: 1, cause: 3, amount: USD }])
  expect(before - stakeOf(1)).toBe(USD)
  expect(codesFrom(1, answerBodies(network, claim)[1]!)).toEqual([52])
})

test('a network that stood still asked nobody anything: the claim is void, and nobody pays', () => {
  const claim = served()
  const before = stakeOf(1)
  commitAndDraw(claim)
  runAt(network, 44)
  expect(eventsOf(runAt(network, 61), 'slash')).toEqual([])
  expect(stateOf(claim)).toBe(CLAIM_STATES.void)
  expect(stakeOf(1)).toBe(before)
})

test('draw and answers due in one block slash nobody', () => {
  const claim = served()
  const before = stakeOf(1)
  network.closeEpoch()
  expect(new Set(codesFrom(1, ...claimBodies(claim)))).toEqual(new Set([0]))
  expect(eventsOf(runAt(network, 61), 'slash')).toEqual([])
  expect(stateOf(claim)).toBe(CLAIM_STATES.void)
  expect(stakeOf(1)).toBe(before)
})

test('a dispute that the network left no time to answer is dropped: its bond comes back, and the claim is paid', () => {
  const claim = served()
  pass(claim)
  network.closeEpoch()
  const before = network.app.account(alice.address).native
  expect(codesOf(network.send(disputeOf(alice)))).toEqual([0])
  expect(network.app.account(alice.address).native).toBeLessThan(before - 10n * NATIVE + NATIVE)
  runAt(network, 87)
  expect(eventsOf(runAt(network, 96), 'slash')).toEqual([])
  expect(network.app.state.rows(disputes)[0]?.[1]).toMatchObject({ state: 3, bond: 0n })
  expect(before - network.app.account(alice.address).native).toBeLessThan(NATIVE) // fees
  expect(stateOf(claim)).toBe(CLAIM_STATES.passed)
  expect(eventsOf(network.closeEpoch(), 'payment')).toHaveLength(1)
  expect(leaksOf(network.app, nativeSupplyOf(network.genesis))).toEqual([])
})

test('without all its parts at T1 a claim is void, for nothing', () => {
  const claim = served()
  const before = stakeOf(1)
  network.closeEpoch()
  expect(claim.parts.length).toBeGreaterThan(0)
  expect(codesFrom(1, bodyOf('claimCommit', claim.commit))).toEqual([0])
  expect(eventsOf(runAt(network, 20), 'claim').map(({ state }) => state)).toEqual([CLAIM_STATES.void])
  expect(codesFrom(1, bodyOf('claimDebits', claim.parts[0]!))).toEqual([52])
  expect(stakeOf(1)).toBe(before)
})

test('each withheld reveal asks for 64 points more', () => {
  const claim = served()
  commitAndDraw(claim, [0, 2])
  expect(network.app.state.get(claims, { epoch: 0, nodeIndex: 1 })!.points).toBe(192)
  const bodies = answerBodies(network, claim)
  expect(bodies.length).toBe(6)
  expect(codesFrom(1, ...bodies.slice(0, 5))).toEqual([0, 0, 0, 0, 0])
  expect(stateOf(claim)).toBe(CLAIM_STATES.challenged)
  expect(codesFrom(1, bodies[5]!)).toEqual([0])
  expect(stateOf(claim)).toBe(CLAIM_STATES.passed)
})

test('commits are checked: owner, epoch, time, count, total, and only the first one counts', () => {
  const claim = served()
  expect(codesFrom(1, bodyOf('claimCommit', claim.commit))).toEqual([52]) // its epoch runs still
  network.closeEpoch()
  expect(codesFrom(2, bodyOf('claimCommit', claim.commit))).toEqual([46]) // of another node
  expect(codesFrom(1, bodyOf('claimCommit', claim.commit.slice(1)))).toEqual([46])
  const view = new DataView(claim.commit.slice().buffer)
  for (const [offset, value] of [
    [44, 0n], // no total
    [44, 2n ** 63n + 1n],
  ] as const) {
    view.setBigUint64(offset, value, true)
    expect(codesFrom(1, bodyOf('claimCommit', new Uint8Array(view.buffer)))).toEqual([46])
  }
  expect(codesFrom(1, bodyOf('claimCommit', claim.commit), bodyOf('claimCommit', claim.commit))).toEqual([0, 51])
  runAt(network, 20)
  expect(
    codesFrom(2, bodyOf('claimCommit', claimOf(network, 2, [deliver(network, 2, { client: bob, bytes: bytesFor(USD) }, 0)]).commit)),
  ).toEqual([52])
})

test('an answer is checked before it is judged: place, time, and each point once', () => {
  const claim = served()
  network.closeEpoch()
  const early = bodyOf('claimAnswer', answerOf(claim, 0, [claim.open(0)]))
  expect(codesFrom(1, early)).toEqual([52])
  expect(codesFrom(1, ...claimBodies(claim), early)).toEqual([0, 0, 52])
  runAt(network, 30)
  const openings = openingsOf(network, claim, 0, 64)
  expect(codesFrom(2, bodyOf('claimAnswer', answerOf(claim, 0, openings.slice(0, 2))))).toEqual([46])
  expect(codesFrom(1, bodyOf('claimAnswer', answerOf(claim, 63, openings.slice(0, 2))))).toEqual([46])
  expect(codesFrom(1, bodyOf('claimAnswer', Uint8Array.of(1)))).toEqual([46])
  expect(codesFrom(1, bodyOf('claimAnswer', answerOf(claim, 0, openings.slice(0, 3))))).toEqual([0])
  expect(codesFrom(1, bodyOf('claimAnswer', answerOf(claim, 2, openings.slice(2, 5))))).toEqual([51])
  expect(stateOf(claim)).toBe(CLAIM_STATES.challenged)
})

const disputeOf = (wallet: Wallet, fields: { epoch?: bigint; nodeIndex?: number; serviceId?: number; bond?: bigint } = {}): Uint8Array => {
  const { epoch = 0n, nodeIndex = 1, serviceId = 0, bond = 10n } = fields
  return network.call(wallet, 'dispute', { epoch, nodeIndex, serviceId }, { value: bond * NATIVE * WEI })
}
const disputeRow = (wallet: Wallet) =>
  network.app.state.get(disputes, { epoch: 0, nodeIndex: 1, clientIndex: clientIndexOf(network, wallet), serviceId: 0 })
const disputeAnswer = (claim: Claim, wallet: Wallet, first: number, count: number): NodeBody => {
  const clientIndex = clientIndexOf(network, wallet)
  const openings = claim.openEntry(clientIndex, 0).slice(first, first + count)
  return { kind: 'disputeAnswer', clientIndex, serviceId: 0, bytes: answerOf(claim, first, openings) }
}

test('a disputed entry that the node opens, in two parts, costs the client its bond', () => {
  const claim = served()
  pass(claim)
  network.closeEpoch()
  expect(codesOf(network.send(disputeOf(alice)))).toEqual([0])
  const burnt = network.app.state.get(supplyRow, null)!.burnt
  expect(codesFrom(1, disputeAnswer(claim, alice, 0, 2))).toEqual([0])
  expect(disputeRow(alice)).toMatchObject({ state: 0, leaves: 2 })
  expect(codesFrom(1, disputeAnswer(claim, alice, 0, 1))).toEqual([51])
  const outcome = network.run([fromNode(network, 1, disputeAnswer(claim, alice, 2, 1))])
  expect(codesOf(outcome)).toEqual([0])
  expect(disputeRow(alice)).toMatchObject({ state: 1, bond: 0n })
  expect(network.app.state.get(supplyRow, null)!.burnt - burnt).toBeGreaterThan(10n * NATIVE)
  expect(codesFrom(1, disputeAnswer(claim, alice, 2, 1))).toEqual([51])
  expect(eventsOf(network.closeEpoch(), 'payment')).toHaveLength(1)
  expect(leaksOf(network.app, nativeSupplyOf(network.genesis))).toEqual([])
})

test('an entry that is not opened in time voids the claim: half of the slash and all bonds go to the clients', () => {
  const claim = served()
  pass(claim)
  network.closeEpoch()
  expect(codesOf(network.send(disputeOf(alice)))).toEqual([0])
  expect(codesOf(network.send(disputeOf(bob)))).toEqual([0])
  const [aliceBefore, bobBefore, stake] = [alice, bob].map(({ address }) => network.app.account(address).native).concat(stakeOf(1)) as [
    bigint,
    bigint,
    bigint,
  ]
  runAt(network, 88)
  const outcome = runAt(network, 95)
  const [slashed] = eventsOf(outcome, 'slash')
  expect(slashed).toMatchObject({ nodeIndex: 1, cause: 2, amount: stake - stakeOf(1) })
  const gains = [network.app.account(alice.address).native - aliceBefore, network.app.account(bob.address).native - bobBefore]
  expect(gains).toEqual([slashed!.amount / 2n + 10n * NATIVE, 10n * NATIVE])
  expect(stateOf(claim)).toBe(CLAIM_STATES.void)
  expect(codesFrom(1, disputeAnswer(claim, alice, 0, 3))).toEqual([52])
  expect(eventsOf(network.closeEpoch(), 'payment')).toEqual([])
  expect(leaksOf(network.app, nativeSupplyOf(network.genesis))).toEqual([])
})

test('an opening that is false loses the dispute at once', () => {
  const claim = served()
  pass(claim)
  expect(codesOf(network.send(disputeOf(alice)))).toEqual([0]) // in the claim's own next epoch too
  const clientIndex = clientIndexOf(network, alice)
  const [first] = claim.openEntry(clientIndex, 0)
  const bytes = answerOf(claim, 0, [{ ...first!, session: { ...first!.session, laneNonce: 77n } }])
  expect(codesFrom(1, { kind: 'disputeAnswer', clientIndex, serviceId: 0, bytes })).toEqual([0])
  expect(stateOf(claim)).toBe(CLAIM_STATES.void)
  expect(disputeRow(alice)).toMatchObject({ state: 2, bond: 0n })
})

test('disputes are checked: phase, entry, bond, once', () => {
  const claim = served()
  network.closeEpoch()
  network.run([fromNode(network, 1, ...claimBodies(claim))])
  expect(codesOf(network.send(disputeOf(alice)))).toEqual([52]) // not passed
  runAt(network, 30)
  expect(codesFrom(1, ...answerBodies(network, claim))).toEqual([0, 0])
  expect(codesOf(network.send(disputeOf(network.wallets[3]!)))).toEqual([45]) // no client
  expect(codesOf(network.send(disputeOf(alice, { serviceId: 1 })))).toEqual([45])
  expect(codesOf(network.send(disputeOf(alice, { nodeIndex: 2 })))).toEqual([52])
  expect(codesOf(network.send(disputeOf(alice, { bond: 9n })))).toEqual([40])
  expect(codesFrom(1, disputeAnswer(claim, alice, 0, 1))).toEqual([45]) // nobody asked
  expect(codesOf(network.send(disputeOf(alice)))).toEqual([0])
  expect(codesOf(network.send(disputeOf(alice)))).toEqual([51])
  expect(codesOf(network.send(disputeOf(bob, { epoch: 2n ** 32n })))).toEqual([52])
  network.closeEpoch()
  runAt(network, 80)
  expect(codesOf(network.send(disputeOf(bob)))).toEqual([52])
})
