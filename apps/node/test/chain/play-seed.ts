/** What a long run plays of a chain for one seed: the small state machine, and the shipped one in one of twenty. */
import type { Mode } from '@selvedge/consensus'
import { type ChainOutcome, drawChainPlan, playChain } from '../../../../packages/consensus/test/chain-schedule/schedule.ts'
import { createSmallLedger } from '../../../../packages/consensus/test/chain-schedule/small-ledger.ts'
import { createApplicationLedger } from './chain-ledger.ts'

export const PICKS = 10_000
/** Seeds that it divides are the application's. */
export const APPLICATION_ONE_OF = 20
export const APPLICATION_NODES = 6
const SMALL_NODES = 5

export const isApplications = (seed: number): boolean => seed % APPLICATION_ONE_OF === 0

export function playSeed(mode: Mode, seed: number): ChainOutcome {
  if (isApplications(seed)) {
    return playChain(drawChainPlan(mode, seed, APPLICATION_NODES, PICKS), createApplicationLedger(mode, APPLICATION_NODES))
  }
  return playChain(drawChainPlan(mode, seed, SMALL_NODES, PICKS), createSmallLedger(mode, seed, SMALL_NODES))
}
