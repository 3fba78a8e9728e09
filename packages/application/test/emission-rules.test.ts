/** What decides how much is minted, for whom, and what a lie costs: each rule by numbers that any other rule would miss. */
import { accounts, type ClaimRow, nativePrices, nodes, supplyRow } from '@selvedge/application'
import type { Payment } from '@selvedge/delivery-acknowledgement'
import { expect, test } from 'vitest'
import { emitFor } from '../src/epoch/emission.ts'
import { nativePriceRange } from '../src/epoch/native-price.ts'
import { voidFalseClaim } from '../src/node-transactions/claims-outcome.ts'
import { answerBodies, bytesFor, type Claim, claimBodies, claimOf, deliver, fromNode, runAt } from './support/delivery.ts'
import { codesOf, createWallet, NATIVE, Network, seedOf } from './support/network.ts'
import { ofKind, stepOf, type Step } from './support/step.ts'

const USD = 1_000_000n
const NOW = 40
/** Four epochs are a year. */
const QUARTER_MS = 7_889_400_000

/** What nodes earned with service 0, µUSD by node. */
function paymentsOf(...revenues: readonly bigint[]): Payment[] {
  return revenues.map((revenue, nodeIndex) => ({ nodeIndex, serviceId: 0, revenue, burnt: 0n, protocol: 0n, service: 0n, node: 0n }))
}

const emissionOf = ({ events }: Step): bigint | undefined => ofKind(events, 'emission')[0]?.total

const claimRow = (total: bigint): ClaimRow => ({
  root: seedOf('root'),
  total,
  count: 1,
  debitsDigest: seedOf('debits'),
  state: 2,
  parts: 1,
  partsHere: new Uint8Array(1),
  read: 1,
  place: { sum: 0n, pairs: 0, serviceId: 0, clientIndex: 0, left: 0 },
  points: 64,
  opened: new Uint8Array(8),
})

/** Prices from 1 to 4 dollars, the one that holds now in between. */
const STEPS = [
  { from: 0, price: 2n * USD },
  { from: 15, price: 4n * USD },
  { from: 20, price: USD },
  { from: 25, price: 2n * USD },
]

test('emission is counted at the highest native price of thirty epochs', () => {
  const step = stepOf(new Network(), { epoch: NOW })
  step.state.put(nativePrices, null, STEPS)
  emitFor(step, NOW - 2, paymentsOf(10n * USD), 10n * USD)
  expect(emissionOf(step)).toBe(30_000n) // β·κ is 1.2 %: 12 cents, at 4 dollars a token
})

test('a false claim costs ten times itself at the lowest native price of thirty epochs', () => {
  const step = stepOf(new Network(), { epoch: NOW })
  step.state.put(nativePrices, null, STEPS)
  const { stake } = step.state.get(nodes, 1)!
  voidFalseClaim(step, { epoch: NOW - 1, nodeIndex: 1 }, claimRow(100n * USD))
  expect(ofKind(step.events, 'slash')).toEqual([{ kind: 'slash', nodeIndex: 1, cause: 2, amount: 1_000n * NATIVE }]) // at 1 dollar
  expect(step.state.get(nodes, 1)!.stake).toBe(stake - 1_000n * NATIVE)
})

test('a price counts through the thirtieth epoch from the last one that it held in, and not in the next', () => {
  const { state } = stepOf(new Network())
  state.put(nativePrices, null, [
    { from: 0, price: 4n * USD },
    { from: 10, price: 2n * USD },
    { from: 11, price: 3n * USD },
  ])
  expect(nativePriceRange(state, 9 + 29)).toEqual({ lowest: 2n * USD, highest: 4n * USD }) // epochs 9 to 38
  expect(nativePriceRange(state, 9 + 30)).toEqual({ lowest: 2n * USD, highest: 3n * USD })
  expect(nativePriceRange(state, 10 + 30)).toEqual({ lowest: 3n * USD, highest: 3n * USD })
  expect(nativePriceRange(state, 10)).toEqual({ lowest: 2n * USD, highest: 4n * USD }) // what is to come counts for nothing
})

test('a lock boosts by what was left of it in the epoch that earned, not in the one that pays', () => {
  const step = stepOf(new Network(), { epoch: NOW })
  for (const [nodeIndex, lockedUntil] of [[0, NOW - 2 + 730], [1, NOW - 1], [2, NOW - 2]] as const) // biome-ignore format: pairs
    step.state.put(nodes, nodeIndex, { ...step.state.get(nodes, nodeIndex)!, lockedUntil })
  const before = [0, 1, 2].map((nodeIndex) => step.state.get(nodes, nodeIndex)!.owner)
  const natives = (): bigint[] => before.map((owner) => nativeIn(step, owner))
  const start = natives()
  emitFor(step, NOW - 2, paymentsOf(1_000n * USD, 1_000n * USD, 1_000n * USD), 3_000n * USD)
  const forNodes = (emissionOf(step)! * 8n) / 10n
  // Half of the longest lock is 2.5, one epoch of it 1 + 3/1,460, none 1.
  const boosts = [2_500_000n, 1_002_054n, 1_000_000n]
  const sum = boosts.reduce((total, boost) => total + boost, 0n)
  expect(natives().map((native, i) => native - start[i]!)).toEqual(boosts.map((boost) => (forNodes * boost) / sum))
})

function nativeIn({ state }: Step, address: Uint8Array): bigint {
  return state.get(accounts, address)?.native ?? 0n
}

test('inflation is bounded by the supply with which the year began', () => {
  const network = new Network({ genesis: { parameters: { epochMs: QUARTER_MS } } })
  const step = stepOf(network, { epoch: NOW })
  const supply = step.state.get(supplyRow, null)!
  step.state.put(supplyRow, null, { ...supply, year: 4_000n * NATIVE })
  emitFor(step, NOW - 2, paymentsOf(10n ** 15n), 10n ** 15n)
  expect(emissionOf(step)).toBe(100n * NATIVE) // a quarter of a tenth
})

test('a year’s supply is taken once, as the year begins', () => {
  const network = new Network({ genesis: { parameters: { epochMs: QUARTER_MS } } })
  const supply = (): { native: bigint; year: bigint } => network.app.state.get(supplyRow, null)!
  const first = supply().native
  const years: bigint[] = []
  for (let epoch = 1; epoch <= 9; epoch++) {
    expect(codesOf(network.send(network.transfer(network.wallets[0]!, network.wallets[1]!.address, 1n)))).toEqual([0])
    const before = supply().native
    network.closeEpoch()
    expect(before).toBeLessThan(first) // the fee is burnt
    if (epoch % 4 === 0) years.push(before)
    expect([epoch, supply().year]).toEqual([epoch, years.at(-1) ?? first])
  }
  expect(new Set([first, ...years]).size).toBe(3)
})

/** Its claim committed and answered in the running epoch, the one after it was served; the epoch is then closed. */
function passAndClose(network: Network, claim: Claim): void {
  network.run([fromNode(network, claim.nodeIndex, ...claimBodies(claim))])
  runAt(network, 31)
  expect(codesOf(network.run([fromNode(network, claim.nodeIndex, ...answerBodies(network, claim))]))).toEqual([0, 0])
  network.closeEpoch()
}

test('a service pays whom it named in the epoch that earned, whoever it names when that is settled', () => {
  const network = new Network()
  const [owner, alice] = [network.wallets[0]!, network.wallets[1]!]
  const heir = createWallet('heir').address
  network.send(network.call(alice, 'deposit', { account: alice.address, amount: 1_000n * USD }))
  const serve = (): Claim => claimOf(network, 1, [deliver(network, 1, { client: alice, bytes: bytesFor(10n * USD) })])
  const change = { serviceId: 0, manifest: seedOf('cdn'), priceMultiplePpm: 1_000_000, payees: [{ account: heir, ppm: 1_000_000 }] }
  const first = serve()
  expect(codesOf(network.send(network.call(owner, 'updateService', change)))).toEqual([0])
  network.closeEpoch()
  const second = serve()
  passAndClose(network, first)
  const [usd, native] = [network.app.balance(owner.address, 1), network.app.account(owner.address).native]
  passAndClose(network, second)
  expect(network.app.balance(owner.address, 1) - usd).toBe(2n * USD)
  const emitted = network.app.account(owner.address).native - native
  expect(emitted).toBe(24_000n) // a fifth of 12 cents
  expect([network.app.balance(heir, 1), network.app.account(heir).native]).toEqual([0n, 0n])
  network.closeEpoch()
  expect([network.app.balance(heir, 1), network.app.account(heir).native]).toEqual([2n * USD, emitted])
  expect(network.app.balance(owner.address, 1) - usd).toBe(2n * USD)
})
