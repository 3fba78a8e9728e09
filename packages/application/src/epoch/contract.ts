/** What runs by itself: steps of the epoch's clock at the start of a block, and the steps of the change of epochs. */
import type { LedgerEvent } from '@selvedge/ledger-types'
import type { BlockContext } from '../execute/handler.ts'
import { blockRow, type BlockRow } from '../state/meta-tables.ts'
import type { State } from '../state/state.ts'

export interface StepContext {
  readonly state: State
  readonly block: BlockContext
  readonly emit: (event: LedgerEvent) => void
}

/** What steps of one change of epochs tell one another. */
export interface ChangeContext extends StepContext {
  /** Nodes that get no seat in the next epoch. */
  readonly unseated: Set<number>
}

/** A moment of the epoch in percent of its planned length: it is reached at the first block at or after it. */
export interface ClockStep {
  readonly name: string
  /** Bit in `clock` of the epoch's row. */
  readonly bit: number
  readonly percent: number
  run(context: StepContext): void
}

/** A step of `changeEpoch`; steps run in the order of their list. */
export interface ChangeStep {
  readonly name: string
  run(context: ChangeContext): void
}

/**
 * Whether whoever owed something between two moments had the time: blocks went on until the middle of the window at least. Where the
 * network stood still instead, silence proves nothing, and nobody is slashed for it. Asked by the step at the window's end.
 */
export function hadTime({ state, block }: Pick<StepContext, 'state' | 'block'>, fromPercent: number, toPercent: number): boolean {
  const middleMs = Math.floor((momentOf(block, fromPercent) + momentOf(block, toPercent)) / 2)
  return (state.get(blockRow, null) as BlockRow).timestampMs >= middleMs // of the block before this one
}

/** start + percent of the planned length, in whole milliseconds. */
export function momentOf({ epochStartMs, epochEndMs }: Pick<BlockContext, 'epochStartMs' | 'epochEndMs'>, percent: number): number {
  return epochStartMs + Math.floor(((epochEndMs - epochStartMs) * percent) / 100)
}
