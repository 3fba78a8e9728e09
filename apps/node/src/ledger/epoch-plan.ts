/** What the order needs to know of an epoch, all of it from the ledger's state: nothing here is a setting of a node. */
import type { Application } from '@selvedge/application'
import type { EpochPlan, NextEpoch } from '@selvedge/consensus'
import { committeeOfGenesis, ORDER_MODES, type Genesis, type Parameters } from '@selvedge/ledger-types'
import { committeeAt } from './committee-at.ts'

/** The epoch that the ledger is in, as what follows the one before. */
export function nextEpochOf(application: Application): NextEpoch {
  const { epoch, beacon, params } = application.view()
  return { epoch, committee: committeeAt(application, epoch), beacon, ...orderOf(params as OrderParameters) }
}

export function epochPlanOf(application: Application): EpochPlan {
  const { subDagDigest, timestampMs } = application.lastApplied().start
  return { ...nextEpochOf(application), previous: { subDagDigest, timestampMs } }
}

/** The plan of epoch 0, which every member makes of the genesis file alone. */
export function genesisPlanOf(genesis: Genesis): EpochPlan {
  const { hash, timeMs, parameters } = genesis
  const previous = { subDagDigest: hash, timestampMs: timeMs }
  return { epoch: 0, committee: committeeOfGenesis(genesis), beacon: hash, previous, ...orderOf(parameters) }
}

type OrderParameters = Pick<Parameters, 'orderMode' | 'gcDepth' | 'scheduleCommits'>

function orderOf({ orderMode, gcDepth, scheduleCommits }: OrderParameters): Pick<EpochPlan, 'mode' | 'parameters'> {
  const mode = ORDER_MODES[orderMode]
  if (mode === undefined) throw new RangeError(`orderMode ${orderMode} is beyond its bounds`)
  return { mode, parameters: { gcDepth, scheduleCommits } }
}
