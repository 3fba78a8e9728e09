/**
 * A point of the economy: parameters, prices of thirty epochs, locks, payees, what others pay and what an attacker pays to itself, and what that leaves
 * the attacker with, through the real settlement and emission. A slip is one of the rules left out, around the real code.
 */
import {
  boostOf,
  type ClaimedDebit,
  emissionOf,
  type Payment,
  settle,
  shareEmission,
  shareOut,
  splitNodeReward,
} from '@selvedge/delivery-acknowledgement'
import { createRandom } from './world.ts'

const PPM = 1_000_000n
const U64_END = 2n ** 64n

export interface Line {
  readonly node: number
  readonly service: number
  /** µUSD, at least 1. */
  readonly amount: bigint
}

export interface Payee {
  readonly ppm: bigint
  readonly isOwn: boolean
}

export interface Point {
  readonly burnPpm: bigint
  readonly servicePpm: bigint
  readonly protocolPpm: bigint
  readonly kappaPpm: bigint
  readonly boostMaxPpm: bigint
  readonly nodesPpm: bigint
  readonly servicesPpm: bigint
  /** Native µ that the year allows in this epoch. */
  readonly inflation: bigint
  /** µUSD a native token, as governed in each of the last epochs, the running one last: 1 to 30. */
  readonly prices: readonly bigint[]
  /** As the market says: at most twice the highest that was governed. */
  readonly truePrice: bigint
  readonly maxLock: bigint
  /** Epochs beyond the one that earned for which nodes are locked when it is settled, two epochs later. */
  readonly ownLock: bigint
  readonly othersLock: bigint
  /** Whom service 1 pays, with the version of the epoch that earned: 1 to 16, their ppm 10^6 together. */
  readonly payees: readonly Payee[]
  readonly ownsDelegate: boolean
  readonly commissionPpm: bigint
  readonly delegated: bigint
  readonly others: readonly Line[]
  readonly own: readonly Line[]
}

export type Slip =
  | 'none'
  | 'no κ-rule'
  | 'κ·b_max = 1.04'
  | 'price 10 % low'
  | 'price of the last epoch'
  | 'boost above b_max'
  | 'burn rounded down'
  | 'cap from the burnt sum'
  | 'cumulative shares'

export interface Random {
  /** Whole, from 0 to below `end`. */
  below(end: bigint): bigint
  /** From 1 to `most`, every size as likely. */
  logUniform(most: bigint): bigint
  chance(): boolean
}

export function createEconomyRandom(seed: number): Random {
  const next = createRandom(seed)
  const below = (end: bigint): bigint => ((((BigInt(next()) << 32n) | BigInt(next())) << 32n) | BigInt(next())) % end
  return {
    below,
    logUniform(most) {
      const bits = below(BigInt(most.toString(2).length))
      const value = (1n << bits) + below(1n << bits)
      return value < most ? value : most
    },
    chance: () => next() % 2 === 0,
  }
}

/** Other people's nodes are even, the attacker's odd: by index they stand in turn. Service 1 is the attacker's, if any is. */
const EPOCH = 1_000n
/** Prices that are looked back at, and epochs from one that earned to its settlement, when a lock may be made as long as any. */
const PRICES_MAX = 30n
const SETTLED_LATER = 2n
const PAYEES_MAX = 16n
/** Bound of the parameter. */
const BOOST_MAX_PPM = 100n * PPM
const isOwnNode = (node: number): boolean => node % 2 === 1
const OWN_SERVICE = 1

export const paidBy = (lines: readonly Line[]): bigint => lines.reduce((sum, { amount }) => sum + amount, 0n)

function linesOf(random: Random, parity: bigint, total: bigint): Line[] {
  const count = Number(1n + random.below(64n))
  const lines: Line[] = []
  let left = total
  for (let index = 0; index < count && left > 0n; index++) {
    const amount = random.logUniform(left)
    const service = parity === 1n && random.chance() ? OWN_SERVICE : Number(2n * random.below(2n))
    lines.push({ node: Number(2n * random.below(64n) + parity), service, amount })
    left -= amount
  }
  return lines
}

/** κ and prices as the rules allow at the worst, or as the slip has it. */
function ruleOf(random: Random, slip: Slip, boostMaxPpm: bigint): Pick<Point, 'kappaPpm' | 'prices' | 'truePrice'> {
  const price = random.logUniform(10n ** 9n)
  if (slip === 'κ·b_max = 1.04') return { kappaPpm: (104n * 10n ** 10n) / boostMaxPpm, prices: [price], truePrice: price }
  if (slip === 'price 10 % low') return { kappaPpm: (96n * 10n ** 10n) / boostMaxPpm, prices: [9n * price], truePrice: 10n * price }
  const kappaMax = (5n * 10n ** 11n) / boostMaxPpm
  const kappaPpm = random.chance() ? kappaMax : 1n + random.below(kappaMax)
  const prices = Array.from({ length: Number(1n + random.below(PRICES_MAX)) }, () => 1n + random.below(price))
  const most = 2n * highestOf(prices)
  return { kappaPpm, prices, truePrice: random.chance() ? most : 1n + random.below(most) }
}

const highestOf = (prices: readonly bigint[]): bigint => prices.reduce((most, price) => (price > most ? price : most))

/** From one epoch, where a lock counts for everything, to the longest; small ones as likely as large ones. */
function locksOf(random: Random): Pick<Point, 'maxLock' | 'ownLock' | 'othersLock'> {
  const maxLock = random.logUniform(100_000n)
  const longest = maxLock + SETTLED_LATER
  const ownLock = random.chance() ? longest : random.below(longest + 1n)
  return { maxLock, ownLock, othersLock: random.chance() ? 0n : random.below(longest + 1n) }
}

/** All the attacker's, nobody's of his, or both in any order. */
function payeesOf(random: Random): readonly Payee[] {
  const count = Number(1n + random.below(PAYEES_MAX))
  const cuts = Array.from({ length: count - 1 }, () => random.below(PPM + 1n)).toSorted((a, b) => (a < b ? -1 : 1))
  const isMixed = random.chance()
  const isOwn = random.chance()
  return [...cuts, PPM].map((cut, i) => ({ ppm: cut - (cuts[i - 1] ?? 0n), isOwn: isMixed ? random.chance() : isOwn }))
}

export function drawPoint(random: Random, slip: Slip): Point {
  const burnPpm = 10_000n + random.below(890_001n)
  const servicePpm = random.below(900_001n - burnPpm)
  const protocolPpm = random.chance() ? 0n : random.below(900_001n - burnPpm - servicePpm)
  const boostMaxPpm = PPM + random.logUniform(BOOST_MAX_PPM - PPM)
  const nodesPpm = random.below(PPM + 1n)
  const rest = PPM - nodesPpm
  const others = linesOf(random, 0n, random.logUniform(10n ** 12n))
  const most = 10n * paidBy(others)
  return {
    burnPpm,
    servicePpm,
    protocolPpm,
    boostMaxPpm,
    ...ruleOf(random, slip, boostMaxPpm),
    nodesPpm,
    servicesPpm: random.chance() ? rest : random.below(rest + 1n),
    inflation: random.chance() ? 2n ** 62n : random.logUniform(2n ** 50n),
    ...locksOf(random),
    payees: payeesOf(random),
    ownsDelegate: random.chance(),
    commissionPpm: random.below(PPM + 1n),
    delegated: random.chance() ? 0n : random.logUniform(4n * 10n ** 15n),
    others,
    own: linesOf(random, 1n, random.logUniform(most)),
  }
}

/** One thing about `point` changed, within the same rules. */
export function changePoint(point: Point, random: Random, slip: Slip): Point {
  const other = drawPoint(random, slip)
  const scaled = (amount: bigint): bigint => {
    const changed = [amount + 1n, amount - 1n, amount * 2n, amount / 2n, amount + random.below(amount + 1n)][Number(random.below(5n))]!
    return changed < 1n ? 1n : changed
  }
  const one = (lines: readonly Line[]): Line[] => {
    const at = Number(random.below(BigInt(lines.length)))
    return lines.map((line, index) => (index === at ? { ...line, amount: scaled(line.amount) } : line))
  }
  const without = (lines: readonly Line[]): readonly Line[] =>
    lines.length > 1 ? lines.toSpliced(Number(random.below(BigInt(lines.length))), 1) : lines
  const { burnPpm, servicePpm, protocolPpm, boostMaxPpm, kappaPpm, prices, truePrice, maxLock, ownLock, othersLock } = other
  const changes: readonly Partial<Point>[] = [
    { burnPpm, servicePpm, protocolPpm },
    { boostMaxPpm, kappaPpm, prices, truePrice },
    { prices: point.prices.map(scaled), truePrice: 0n },
    { prices: other.prices, truePrice: 0n },
    { maxLock, ownLock, othersLock },
    { ownLock: point.maxLock + SETTLED_LATER },
    { othersLock: 0n },
    { nodesPpm: other.nodesPpm, servicesPpm: other.servicesPpm },
    { inflation: other.inflation },
    { payees: other.payees },
    { payees: point.payees.map((payee) => ({ ...payee, isOwn: true })) },
    { ownsDelegate: !point.ownsDelegate, commissionPpm: other.commissionPpm, delegated: other.delegated },
    { others: one(point.others) },
    { own: one(point.own) },
    { others: without(point.others) },
    { own: without(point.own) },
    { others: [...point.others, { ...other.others[0]!, amount: random.logUniform(100n) }] },
    { own: [...point.own, { ...other.own[0]!, amount: random.logUniform(100n) }] },
    { others: other.others },
    { own: other.own },
  ]
  const changed = { ...point, ...changes[Number(random.below(BigInt(changes.length)))]! }
  const inRatio = changed.truePrice === 0n ? { ...changed, ...repriced(changed, slip) } : changed
  const isAllowed = inRatio.own.length <= 64 && inRatio.others.length <= 64 && paidBy(inRatio.own) <= 10n * paidBy(inRatio.others)
  return isAllowed ? inRatio : point
}

function repriced({ prices }: Point, slip: Slip): Partial<Point> {
  const highest = highestOf(prices)
  if (slip === 'κ·b_max = 1.04') return { prices: [highest], truePrice: highest }
  if (slip === 'price 10 % low') return { prices: [9n * highest], truePrice: 10n * highest }
  return { truePrice: 2n * highest }
}

/** What the attacker has gained, in 10^-12 USD at the true price: below 0 is a loss. Throws when value is made, lost, or beyond a u64. */
export function profitOf(point: Point, slip: Slip = 'none'): bigint {
  const payments = paymentsOf(point, slip)
  const revenue = payments.reduce((sum, payment) => sum + payment.revenue, 0n)
  const burnt = payments.reduce((sum, payment) => sum + payment.burnt, 0n)
  const { burnPpm, kappaPpm, prices, inflation } = point
  const price = slip === 'price of the last epoch' ? prices.at(-1)! : highestOf(prices)
  const cap = { yearSupply: inflation, maxInflationPpm: PPM, epochsPerYear: 1n, burnPpm, kappaPpm, price }
  const emitted =
    slip === 'cap from the burnt sum'
      ? emissionOf(burnt, { ...cap, burnPpm: PPM })
      : emissionOf(revenue, slip === 'no κ-rule' ? { ...cap, kappaPpm: 10n ** 18n } : cap)
  const { nodes, services, total } = emissionShares(point, payments, emitted, slip)
  let native = 0n
  for (const { nodeIndex, part } of nodes.filter((each) => isOwnNode(each.nodeIndex))) {
    const { commissionPpm, delegated, ownsDelegate } = point
    const { owner, delegators } = splitNodeReward(part, { commissionPpm, stake: 10n ** 15n, delegated, shares: delegated })
    if (nodeIndex < 0 || owner + delegators !== part) throw new Error('a node’s reward is not its part')
    native += owner + (ownsDelegate ? delegators : 0n)
  }
  for (const { serviceId, part } of services) if (serviceId === OWN_SERVICE) native += ownPartOf(point.payees, part)
  let micro = -paidBy(point.own)
  for (const payment of payments.filter(({ nodeIndex }) => isOwnNode(nodeIndex))) {
    micro += payment.node + (payment.serviceId === OWN_SERVICE ? ownPartOf(point.payees, payment.service) : 0n)
  }
  if (total >= U64_END || revenue >= U64_END) throw new Error('beyond a u64')
  return micro * PPM + native * point.truePrice
}

/** What the attacker's payees have of what the service earned. */
function ownPartOf(payees: readonly Payee[], amount: bigint): bigint {
  const parts = shareOut(
    amount,
    payees.map(({ ppm }) => ppm),
  )
  return parts.reduce((sum, part, i) => sum + (payees[i]!.isOwn ? part : 0n), 0n)
}

function boostOfNode({ boostMaxPpm, maxLock, ownLock, othersLock }: Point, nodeIndex: number, slip: Slip): bigint {
  const lock = isOwnNode(nodeIndex) ? ownLock : othersLock
  if (slip === 'boost above b_max') return PPM + ((boostMaxPpm - PPM) * lock) / maxLock
  return boostOf(EPOCH, EPOCH + lock, boostMaxPpm, maxLock)
}

function paymentsOf(point: Point, slip: Slip): Payment[] {
  const sums = new Map<string, ClaimedDebit & { amount: bigint }>()
  for (const { node, service, amount } of [...point.others, ...point.own]) {
    const name = `${node}/${service}`
    const sum = sums.get(name) ?? { nodeIndex: node, serviceId: service, clientIndex: node % 2, amount: 0n }
    sums.set(name, { ...sum, amount: sum.amount + amount })
  }
  const debits = [...sums.values()].toSorted((a, b) => a.nodeIndex - b.nodeIndex || a.serviceId - b.serviceId)
  const means = { prepaid: 2n ** 63n, epochCap: undefined, collateral: 0n, reserves: new Map<number, bigint>() }
  const { payments, revenue } = settle(debits, () => means, point)
  if (revenue !== paidBy(point.others) + paidBy(point.own)) throw new Error('revenue is not what was paid')
  if (slip !== 'burn rounded down') return [...payments]
  return payments.map((payment) => {
    const burnt = (payment.revenue * point.burnPpm) / PPM
    return { ...payment, burnt, node: payment.node + payment.burnt - burnt }
  })
}

function emissionShares(point: Point, payments: readonly Payment[], emitted: bigint, slip: Slip): ReturnType<typeof shareEmission> {
  const { nodesPpm, servicesPpm } = point
  const sumBy = (key: 'nodeIndex' | 'serviceId'): [number, bigint][] => {
    const sums = new Map<number, bigint>()
    for (const payment of payments) sums.set(payment[key], (sums.get(payment[key]) ?? 0n) + payment.revenue)
    return [...sums].toSorted(([a], [b]) => a - b)
  }
  const nodes = sumBy('nodeIndex').map(([nodeIndex, revenue]) => {
    return { nodeIndex, revenue, boostPpm: boostOfNode(point, nodeIndex, slip) }
  })
  const services = sumBy('serviceId').map(([serviceId, revenue]) => ({ serviceId, revenue }))
  const emission = shareEmission(emitted, { nodesPpm, servicesPpm, protocolPpm: PPM - nodesPpm - servicesPpm }, nodes, services)
  const parts = [...emission.nodes, ...emission.services].reduce((sum, { part }) => sum + part, emission.protocol)
  if (parts !== emission.total) throw new Error('emission is not the sum of its parts')
  if (slip !== 'cumulative shares') return emission
  const forNodes = shareOut(
    (emitted * nodesPpm) / PPM,
    nodes.map(({ revenue, boostPpm }) => revenue * boostPpm),
  )
  const forServices = shareOut(
    (emitted * servicesPpm) / PPM,
    services.map(({ revenue }) => revenue),
  )
  return {
    ...emission,
    nodes: nodes.map(({ nodeIndex }, index) => ({ nodeIndex, part: forNodes[index]! })),
    services: services.map(({ serviceId }, index) => ({ serviceId, part: forServices[index]! })),
  }
}
