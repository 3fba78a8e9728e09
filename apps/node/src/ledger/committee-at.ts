/** The committee of an epoch as order, light clients and joiners have it. */
import { committees, type Application } from '@selvedge/application'
import type { CommitteeMember } from '@selvedge/ledger-types'

/** In authority order; none for an epoch that is not kept. */
export function committeeAt(application: Pick<Application, 'state'>, epoch: number): CommitteeMember[] {
  const rows = application.state.get(committees, epoch) ?? []
  return rows.map(({ nodeKey, bls, stake, nodeIndex }) => ({ key: nodeKey, blsKey: bls, stake: Number(stake), nodeIndex }))
}
