/** What the order needs to know of an epoch, from the ledger's state. */
import type { Application } from '@selvedge/application'
import type { EpochPlan, NextEpoch } from '@selvedge/consensus'
import { committeeAt } from './committee-at.ts'

/** The same on every member: what the ledger's parameters do not say. */
export type OrderSettings = Pick<EpochPlan, 'mode'> & { readonly parameters?: NonNullable<EpochPlan['parameters']> }

/** The epoch that the ledger is in, as what follows the one before. */
export function nextEpochOf(application: Application, { mode, parameters }: OrderSettings): NextEpoch {
  const { epoch, beacon } = application.view()
  const committee = committeeAt(application, epoch)
  return { epoch, committee, mode, beacon, ...(parameters === undefined ? {} : { parameters }) }
}

export function epochPlanOf(application: Application, settings: OrderSettings): EpochPlan {
  const { subDagDigest, timestampMs } = application.lastApplied().start
  return { ...nextEpochOf(application, settings), previous: { subDagDigest, timestampMs } }
}
