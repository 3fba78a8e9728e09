/**
 * Emission: new native tokens for nodes and services, by what they earned, and never worth serving oneself for.
 *
 * Whoever pays himself x loses at least the burn, β·x. What he can win is his share of the emission E. With E worth at most κ·β·X, X all revenue,
 * and a boost of at most b_max, his share is worth at most κ·b_max·β·x: with κ·b_max ≤ 0.5 he loses, even at a price half of the true one.
 *
 * Four things keep it so to the last micro-unit, and for each a test plants the slip: the cap is taken from X·β and not from what was burnt (other people's
 * roundings up would pay an attacker), the burn rounds up, κ·b_max is bounded, and shares of E round DOWN, what is left going to the protocol. (By
 * cumulative rounding, the rule for all other sharing here, a node that sees the other claims could place itself on a step: 1 µ for 0.05 µ due.)
 */
import { PPM } from './constants.ts'
import { ceilDivide, maxOf, minOf } from './shares.ts'

const TWO_64 = 2n ** 64n

/** Governed numbers that bound an epoch's emission. */
export interface EmissionCap {
  /** Native µ at the begin of the year. */
  readonly yearSupply: bigint
  readonly maxInflationPpm: bigint
  readonly epochsPerYear: bigint
  /** β, of revenue. */
  readonly burnPpm: bigint
  /** κ. */
  readonly kappaPpm: bigint
  /** µUSD for one native token: the highest of the last 30 epochs. Above 0. */
  readonly price: bigint
}

/** Parts of the emission; their sum is 10^6. */
export interface EmissionShares {
  readonly nodesPpm: bigint
  readonly servicesPpm: bigint
  readonly protocolPpm: bigint
}

/** `E = min(⌊yearSupply·maxInflation/(10^6·epochsPerYear)⌋, ⌊⌊X·β·κ/10^12⌋·10^6/price⌋)`, in native µ. */
export function emissionOf(revenue: bigint, cap: EmissionCap): bigint {
  const inflation = (cap.yearSupply * cap.maxInflationPpm) / (PPM * cap.epochsPerYear)
  const worth = (revenue * cap.burnPpm * cap.kappaPpm) / (PPM * PPM) // µUSD
  return minOf(inflation, (worth * PPM) / cap.price)
}

/** A node's boost in ppm: 10^6 without a lock, `boostMaxPpm` with the longest. */
export function boostOf(epoch: bigint, lockedUntil: bigint, boostMaxPpm: bigint, maxLock: bigint): bigint {
  return minOf(boostMaxPpm, PPM + ((boostMaxPpm - PPM) * maxOf(0n, lockedUntil - epoch)) / maxLock)
}

export interface EmittedRevenue {
  readonly nodeIndex: number
  readonly revenue: bigint
  /** ppm, at least 10^6. */
  readonly boostPpm: bigint
}

export interface EmittedService {
  readonly serviceId: number
  readonly revenue: bigint
}

export interface Emission {
  /** All that is minted: the sum of the parts. */
  readonly total: bigint
  /** In the order that was given; what is 0 too. */
  readonly nodes: readonly { readonly nodeIndex: number; readonly part: bigint }[]
  readonly services: readonly { readonly serviceId: number; readonly part: bigint }[]
  readonly protocol: bigint
}

/** Shares `total` out: nodes by revenue · boost, services by revenue, the protocol what is left. Without revenue nothing is minted. */
export function shareEmission(
  total: bigint,
  shares: EmissionShares,
  nodes: readonly EmittedRevenue[],
  services: readonly EmittedService[],
): Emission {
  const forNodes = (total * shares.nodesPpm) / PPM
  const forServices = (total * shares.servicesPpm) / PPM
  const nodeWeights = nodes.reduce((sum, { revenue, boostPpm }) => sum + revenue * boostPpm, 0n)
  const serviceWeights = services.reduce((sum, { revenue }) => sum + revenue, 0n)
  if (nodeWeights === 0n || serviceWeights === 0n) return { total: 0n, nodes: [], services: [], protocol: 0n }
  let left = total
  const take = (part: bigint): bigint => {
    left -= part
    return part
  }
  return {
    total,
    nodes: nodes.map(({ nodeIndex, revenue, boostPpm }) => ({ nodeIndex, part: take((forNodes * revenue * boostPpm) / nodeWeights) })),
    services: services.map(({ serviceId, revenue }) => ({ serviceId, part: take((forServices * revenue) / serviceWeights) })),
    protocol: left,
  }
}

/** Who stands behind a node. */
export interface NodePool {
  readonly commissionPpm: bigint
  /** The owner's own, native µ. */
  readonly stake: bigint
  /** Others', native µ, and the shares that it is divided into. */
  readonly delegated: bigint
  readonly shares: bigint
}

export interface NodeReward {
  /** Native µ. */
  readonly owner: bigint
  /** Native µ, all delegators together. */
  readonly delegators: bigint
  /** By how much each share's reward grows, in 2^-64 µ. */
  readonly perShare: bigint
}

/**
 * Splits a node's part of the emission: commission to the owner, the rest by own stake and delegated. Whatever shares cannot express goes to
 * the owner, so `owner + delegators` is the part, and no set of delegators can ever ask for more than `delegators`.
 */
export function splitNodeReward(part: bigint, { commissionPpm, stake, delegated, shares }: NodePool): NodeReward {
  const pool = part - (part * commissionPpm) / PPM
  const weight = stake + delegated
  const due = weight === 0n || shares === 0n ? 0n : (pool * delegated) / weight
  const perShare = shares === 0n ? 0n : (due * TWO_64) / shares
  const delegators = ceilDivide(perShare * shares, TWO_64)
  return { owner: part - delegators, delegators, perShare }
}
