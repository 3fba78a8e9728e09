/**
 * The price of gas: one number for a block, from the block before. It rises with what was used above the target and falls with time, as
 * the blob fee of EIP-4844 does, so a flood pays more for each block that it fills and an idle ledger costs the least.
 */
import { lesserOf, U64_MAX } from '../state/amounts.ts'
import { parameterOf } from '../state/parameters.ts'
import type { State } from '../state/state.ts'

/** Of the excess: e^30 times the least fee is the most. */
const EXCESS_DENOMINATORS_MAX = 30n
const DENOMINATOR_SECONDS = 16n

export interface FeeStep {
  /** `excess` before the block. */
  readonly excess: bigint
  /** Gas that the block used. */
  readonly gasUsed: bigint
  /** Milliseconds from the block before to this one. */
  readonly elapsedMs: bigint
  readonly gasTargetPerSecond: bigint
  readonly baseFeeMin: bigint
}

/** What the next block starts from: its excess and its fee, 10^-9 native a gas. */
export function nextFeeOf(step: FeeStep): { readonly excess: bigint; readonly baseFee: bigint } {
  const denominator = DENOMINATOR_SECONDS * step.gasTargetPerSecond
  const raw = step.excess + step.gasUsed - (step.gasTargetPerSecond * step.elapsedMs) / 1000n
  const most = EXCESS_DENOMINATORS_MAX * denominator
  const excess = raw < 0n ? 0n : raw > most ? most : raw
  return { excess, baseFee: lesserOf(fakeExponential(step.baseFeeMin, excess, denominator), U64_MAX) } // e^30 times the most is no u64
}

/** The step with the parameters of `state`. */
export function nextFeeIn(
  state: State,
  excess: bigint,
  gasUsed: number,
  elapsedMs: number,
): { readonly excess: bigint; readonly baseFee: bigint } {
  return nextFeeOf({
    excess,
    gasUsed: BigInt(gasUsed),
    elapsedMs: BigInt(elapsedMs),
    gasTargetPerSecond: parameterOf(state, 'gasTargetPerSecond'),
    baseFeeMin: parameterOf(state, 'baseFeeMin'),
  })
}

/** factor · e^(numerator / denominator) in whole numbers, by its series: every node gets the same. */
export function fakeExponential(factor: bigint, numerator: bigint, denominator: bigint): bigint {
  let output = 0n
  let term = factor * denominator
  for (let i = 1n; term > 0n; i++) {
    output += term
    term = (term * numerator) / (denominator * i)
  }
  return output / denominator
}
