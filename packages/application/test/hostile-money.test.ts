/**
 * What hostile clients, nodes and thieves can take from others, read from the ledger when all is settled. Nodes keep to the rule of their books
 * here (a float of a fortieth of the balance, or less); that books do is tested with them, and all together in apps/node/test/hostile-money.test.ts.
 */
import { CLAIM_STATES, claims, nodes } from '@selvedge/application'
import {
  claimKeyOf,
  decodeClaimCommit,
  decodeClaimDebits,
  encodeClaimCommit,
  encodeClaimDebits,
  type Evidence,
  type Opening,
} from '@selvedge/delivery-acknowledgement'
import { nativeSupplyOf } from '@selvedge/ledger-types'
import { expect, test } from 'vitest'
import { leaksOf } from './support/conservation.ts'
import {
  answerBodies,
  answerOf,
  bytesFor,
  type Claim,
  claimBodies,
  claimOf,
  clientIndexOf,
  clientRow,
  type Delivery,
  deliver,
  fromNode,
  openingsOf,
  runAt,
} from './support/delivery.ts'
import { codesOf, Network, type Wallet } from './support/network.ts'

const USD = 1_000_000n
const DEPOSIT = 1_000n * USD
const FLOAT_PART = 4n
const CREDITORS_LEAST = 10n

function networkOf(count = 4): { readonly network: Network; readonly alice: Wallet; readonly bob: Wallet } {
  const network = new Network({ nodes: count })
  const [, alice, bob] = network.wallets as [Wallet, Wallet, Wallet]
  for (const wallet of [alice, bob]) network.send(network.call(wallet, 'deposit', { account: wallet.address, amount: DEPOSIT }))
  return { network, alice, bob }
}

/** What a node serves an account for in one epoch, by plain arithmetic. */
function floatAt(network: Network, { address }: Wallet, nodeIndex: number): bigint {
  const { free, epochCap, creditors } = network.app.clientMeans(address, nodeIndex)!
  const least = BigInt(creditors) > CREDITORS_LEAST ? BigInt(creditors) : CREDITORS_LEAST
  const float = free / (FLOAT_PART * least)
  return float < epochCap ? float : epochCap
}

/** One session of the client with each of so many nodes, for the same sum. */
const takeAtEach = (network: Network, count: number, micro: bigint, rest: Omit<Delivery, 'bytes'>): Claim[] =>
  Array.from({ length: count }, (_, nodeIndex) =>
    claimOf(network, nodeIndex, [deliver(network, nodeIndex, { ...rest, bytes: bytesFor(micro) })]),
  )

type Answers = (claim: Claim) => ReturnType<typeof answerBodies>

interface Settled {
  /** By claim, µUSD. */
  readonly paid: readonly bigint[]
  /** Of each claim when it was answered. */
  readonly states: readonly (number | undefined)[]
}

/** From the epoch in which was delivered to the end of the second after it. */
function settle(network: Network, owed: readonly Claim[], answers: Answers = (claim) => answerBodies(network, claim)): Settled {
  if (network.app.lastApplied().epoch === owed[0]!.epoch) network.closeEpoch()
  for (const claim of owed)
    expect(new Set(codesOf(network.run([fromNode(network, claim.nodeIndex, ...claimBodies(claim))])))).toEqual(new Set([0]))
  runAt(network, 30)
  for (const claim of owed) network.run([fromNode(network, claim.nodeIndex, ...answers(claim))])
  const states = owed.map(({ epoch, nodeIndex }) => network.app.state.get(claims, { epoch, nodeIndex })?.state)
  network.closeEpoch()
  const paid = new Map<number, bigint>()
  for (const event of network.closeEpoch().executed.flatMap((each) => each.events))
    if (event.kind === 'payment') paid.set(event.nodeIndex, event.paid)
  expect(leaksOf(network.app, nativeSupplyOf(network.genesis))).toEqual([])
  return { paid: owed.map(({ nodeIndex }) => paid.get(nodeIndex) ?? 0n), states }
}

const sumOf = (amounts: readonly bigint[]): bigint => amounts.reduce((sum, amount) => sum + amount, 0n)

test('one balance at twenty nodes, each up to its float, is half of it: all are paid, and in the next epoch it is a quarter of the rest', () => {
  const { network, alice } = networkOf(20)
  const float = floatAt(network, alice, 0)
  expect(float).toBe(DEPOSIT / 40n)
  expect(settle(network, takeAtEach(network, 20, float, { client: alice })).paid).toEqual(Array.from({ length: 20 }, () => float))
  const left = clientRow(network, alice).prepaid
  expect(left).toBe(DEPOSIT / 2n)
  expect(floatAt(network, alice, 7) * 20n).toBe(left / 4n)
})

test('a cap that twenty nodes reach at once leaves each with less, and none loses more than its float; what stands behind it burns', () => {
  const { network, alice } = networkOf(20)
  const [cap, collateral] = [DEPOSIT / 40n, 100n * USD]
  for (const transaction of [
    () => network.call(alice, 'setEpochCap', { amount: cap }),
    () => network.call(alice, 'setCollateral', { amount: collateral }),
  ])
    expect(codesOf(network.send(transaction()))).toEqual([0])
  network.closeEpoch() // a lower cap counts from the next epoch on
  const float = floatAt(network, alice, 0)
  expect(float).toBe(cap)
  const { paid } = settle(network, takeAtEach(network, 20, float, { client: alice }))
  expect(sumOf(paid)).toBe(cap)
  for (const each of paid) expect(float - each).toBeLessThanOrEqual(float)
  expect(new Set(paid)).toEqual(new Set([cap / 20n]))
  expect(clientRow(network, alice)).toMatchObject({ prepaid: DEPOSIT - cap, collateral: 0n })
})

test('nodes that serve three times their float are paid in proportion: what each loses is what it gave beyond', () => {
  const { network, alice } = networkOf(20)
  const float = floatAt(network, alice, 0)
  const { paid } = settle(network, takeAtEach(network, 20, 3n * float, { client: alice }))
  expect(paid).toEqual(Array.from({ length: 20 }, () => 2n * float))
  expect(clientRow(network, alice).prepaid).toBe(0n)
})

/** The claim as one of another epoch or node: its leaves stay what they are. */
function asOf(claim: Claim, change: { readonly epoch?: number; readonly nodeIndex?: number }): Claim {
  const { epoch = claim.epoch, nodeIndex = claim.nodeIndex } = change
  const place = { epoch: BigInt(epoch), nodeIndex }
  return {
    ...claim,
    epoch,
    nodeIndex,
    commit: encodeClaimCommit({ ...decodeClaimCommit(claim.commit), ...place }),
    parts: claim.parts.map((part) => encodeClaimDebits({ ...decodeClaimDebits(part), ...place })),
  }
}

/** What the answer of a liar puts in place of what was asked for. */
const answering =
  (network: Network, exchange: (opening: Opening) => Opening): Answers =>
  (claim) => {
    const openings = openingsOf(network, claim, 0, 32).map(exchange)
    return [{ kind: 'claimAnswer', bytes: answerOf(claim, 0, openings) }]
  }

/** The key right behind another one. */
function keyAfter(key: Uint8Array): Uint8Array {
  const next = key.slice()
  for (let at = next.length - 1; at >= 0; at--) {
    next[at] = (next[at]! + 1) & 0xff
    if (next[at] !== 0) break
  }
  return next
}

interface Cheat {
  readonly claim: Claim
  readonly answers?: Answers
}

/** Node 1 cheats: alice signed for 60 USD there, and for 5 at node 2; bob for nothing. */
const CHEATS: Readonly<Record<string, (network: Network, alice: Wallet, bob: Wallet) => Cheat>> = {
  'claims twice what was signed': (network, alice) => ({
    claim: claimOf(network, 1, [deliver(network, 1, { client: alice, bytes: bytesFor(60n * USD) })], (leaf) => ({
      ...leaf,
      amount: 2n * leaf.amount,
    })),
  }),
  'claims one acknowledgement as two sessions': (network, alice) => {
    const evidence = deliver(network, 1, { client: alice, bytes: bytesFor(60n * USD) })
    return {
      claim: claimOf(network, 1, [evidence, evidence], (leaf, index) => (index === 0 ? leaf : { ...leaf, key: keyAfter(leaf.key) })),
    }
  },
  'claims what was signed for another node': (network, alice) => ({
    claim: asOf(claimOf(network, 2, [deliver(network, 2, { client: alice, bytes: bytesFor(5n * USD) })]), { nodeIndex: 1 }),
  }),
  'debits somebody who signed nothing': (network, alice, bob) => {
    const evidence = deliver(network, 1, { client: alice, bytes: bytesFor(60n * USD) })
    const key = claimKeyOf(0, clientIndexOf(network, bob), evidence.acknowledgement.sessionId)
    return { claim: claimOf(network, 1, [evidence], (leaf) => ({ ...leaf, key })) }
  },
  'signs itself': (network, alice) => {
    const { acknowledgement, ...rest } = deliver(network, 1, { client: alice, bytes: bytesFor(60n * USD) })
    return { claim: claimOf(network, 1, [{ ...rest, acknowledgement: { ...acknowledgement, signature: new Uint8Array(64).fill(1) } }]) }
  },
  'answers with what another session signed': (network, alice) => {
    const [shown, asked] = [0, 1].map((session) => deliver(network, 1, { client: alice, bytes: bytesFor(60n * USD), session })) as [
      Evidence,
      Evidence,
    ]
    return { claim: claimOf(network, 1, [asked]), answers: answering(network, ({ path }) => ({ ...shown, path })) }
  },
}

test.each(Object.keys(CHEATS))('a node that %s gets nothing, takes nothing, and loses ten times its claim', (name) => {
  const { network, alice, bob } = networkOf()
  const owner = network.nodes[1]!.owner.address
  const before = { usd: network.app.balance(owner, 1), stake: network.app.state.get(nodes, 1)!.stake }
  const { claim, answers } = CHEATS[name]!(network, alice, bob)
  expect(settle(network, [claim], answers)).toEqual({ paid: [0n], states: [CLAIM_STATES.void] })
  expect([clientRow(network, alice).prepaid, clientRow(network, bob).prepaid]).toEqual([DEPOSIT, DEPOSIT])
  const lost = before.stake - network.app.state.get(nodes, 1)!.stake
  const wanted = 10n * claim.tree.total // a native micro-unit is worth a µUSD in this genesis
  expect([network.app.balance(owner, 1) - before.usd, lost]).toEqual([0n, wanted < before.stake ? wanted : before.stake])
})

test('a node that claims the last epoch’s acknowledgements once more is paid for them once', () => {
  const { network, alice } = networkOf()
  const honest = claimOf(network, 1, [deliver(network, 1, { client: alice, bytes: bytesFor(60n * USD) })])
  network.closeEpoch()
  network.run([fromNode(network, 1, ...claimBodies(honest))])
  runAt(network, 30)
  network.run([fromNode(network, 1, ...answerBodies(network, honest))])
  network.closeEpoch()
  settle(network, [asOf(honest, { epoch: 1 })]) // in the epoch at whose end the honest one is paid
  expect(network.app.state.get(nodes, 1)!.stake).toBeLessThan(2_001n * USD)
  expect(clientRow(network, alice).prepaid).toBe(DEPOSIT - 60n * USD)
})

test('a stolen session key costs its cap at each node, and an account’s own cap in all', () => {
  const { network, alice } = networkOf()
  const spendCap = 7n * USD
  expect(settle(network, takeAtEach(network, 3, spendCap, { client: alice, spendCap })).paid).toEqual([spendCap, spendCap, spendCap])
  expect(DEPOSIT - clientRow(network, alice).prepaid).toBe(3n * spendCap)
  const capped = networkOf()
  expect(codesOf(capped.network.send(capped.network.call(capped.alice, 'setEpochCap', { amount: 10n * USD })))).toEqual([0])
  capped.network.closeEpoch()
  settle(capped.network, takeAtEach(capped.network, 3, spendCap, { client: capped.alice, spendCap }))
  expect(DEPOSIT - clientRow(capped.network, capped.alice).prepaid).toBe(10n * USD)
})

test.each<[string, Partial<Delivery>]>([
  ['beyond its cap', { spendCap: 6n * USD }],
  ['when its time is over', { notAfterEpoch: 0n }],
  ['when the account has ended it', { nonce: 4n }],
])('what a thief signs %s is no claim: the account loses nothing', (_, delivery) => {
  const { network, alice } = networkOf()
  expect(codesOf(network.send(network.call(alice, 'raiseMinNonce', { minNonce: 5n })))).toEqual([0])
  network.closeEpoch()
  expect(settle(network, takeAtEach(network, 1, 7n * USD, { client: alice, nonce: 5n, ...delivery })).paid).toEqual([0n])
  expect(clientRow(network, alice).prepaid).toBe(DEPOSIT)
})
