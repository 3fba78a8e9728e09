/** The state machine behind the order: each sub-DAG becomes a block, and what the ledger answers goes back to whoever orders. */
import type { Application, Outcome, Verdicts } from '@selvedge/application'
import type { Applied, ClosedBy, EpochPlan, Executed, Executor, OrderedBlock } from '@selvedge/consensus'
import { decodeSystemTransaction } from '@selvedge/ledger-types'
import { epochPlanOf, nextEpochOf } from './epoch-plan.ts'
import type { MemberDuties } from './member-duties.ts'

export interface LedgerExecutorComponents {
  readonly application: Application
  /** Who signed what, found out in threads. */
  readonly verdicts: Pick<Verdicts, 'withVerdicts'>
  /** What this node says as a member. */
  readonly duties: MemberDuties
}

export interface LedgerExecutorOptions {
  /** The final block of an epoch is on disk, and nothing after it. */
  readonly onFinal: (height: number) => void
  /** After a block is on disk. */
  readonly onBlock: (outcome: Outcome, timestampMs: number) => void
}

export function createLedgerExecutor(components: LedgerExecutorComponents, { onFinal, onBlock }: LedgerExecutorOptions): Executor {
  const { application, verdicts, duties } = components

  async function execute({ epoch, index, digest, timestampMs, items }: OrderedBlock): Promise<Executed> {
    const outcome = application.execute({ epoch, index, digest, timestampMs, items: await verdicts.withVerdicts(items) })
    if (outcome.final !== undefined) onFinal(outcome.height)
    onBlock(outcome, timestampMs)
    return executedOf(application, outcome, duties)
  }

  return {
    lastApplied: () => appliedOf(application),
    execute,
  }
}

/** What the order is told of a block that was executed just now. */
export function executedOf(application: Application, outcome: Outcome, duties: MemberDuties): Executed {
  const { final, checkpoint, height } = outcome
  return {
    ...(final === undefined ? {} : { final: nextEpochOf(application), closedBy: closedByOf(application) }),
    ...(checkpoint === undefined ? {} : { checkpoint: { height, bytes: checkpoint } }),
    systemTransactions: duties.sayAfterBlock(),
  }
}

/** Where the ledger stands, as the order asks at its start. */
export function appliedOf(application: Application): Applied & { readonly plan: EpochPlan } {
  return { index: application.lastApplied().index, plan: epochPlanOf(application), closedBy: closedByOf(application) }
}

/** The word that closed the epoch before the running one: what its final block recorded last. A state that was taken over has no such block. */
function closedByOf(application: Application): ClosedBy | undefined {
  const { height } = application.lastApplied().start
  if (height === 0) return undefined
  const last = application.history.transactionsOf(height).at(-1)
  if (last === undefined) return 'unknown'
  const { author, kind, body } = decodeSystemTransaction(last)
  return { author, bytes: Uint8Array.of(kind, ...body) }
}
