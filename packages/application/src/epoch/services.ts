/** What the end of an epoch does to services: new ones begin, versions that nobody asks for go, removed ones are paid back (steps 2 and 7). */
import { SETTLED_AFTER } from '../calls/services.ts'
import { QUEUE_KINDS } from '../state/account-tables.ts'
import { encodeField, u32be } from '../state/fields.ts'
import { smallParameterOf } from '../state/parameters.ts'
import { SERVICE_STATES, services, serviceVersions, type ServiceVersionKey, type ServiceVersionRow } from '../state/registry-tables.ts'
import type { State } from '../state/state.ts'
import type { ChangeContext } from './contract.ts'
import { enqueue } from './unbonding.ts'

/** After the settlement of `epoch - 2`. */
export function updateServices({ state, block }: ChangeContext): void {
  for (const [serviceId, service] of state.rows(services)) {
    if (service.state === SERVICE_STATES.pending && service.since <= block.epoch + 1) {
      state.put(services, serviceId, { ...service, state: SERVICE_STATES.active })
    } else if (service.state === SERVICE_STATES.removed && service.since - 1 + SETTLED_AFTER <= block.epoch) {
      const due = block.epoch + smallParameterOf(state, 'unbondEpochs')
      if (service.bond > 0n)
        enqueue(state, due, { kind: QUEUE_KINDS.serviceBond, address: service.owner, place: serviceId, amount: service.bond })
      for (const [key] of versionsOf(state, serviceId)) state.delete(serviceVersions, key)
      state.delete(services, serviceId)
      continue
    }
    dropOldVersions(state, serviceId, block.epoch - SETTLED_AFTER)
  }
}

/** Versions that another one had replaced by the first epoch that is still to be settled. */
function dropOldVersions(state: State, serviceId: number, settled: number): void {
  const versions = versionsOf(state, serviceId)
  for (const [i, [key]] of versions.entries()) {
    const successor = versions[i + 1]?.[1]
    if (successor !== undefined && successor.from <= settled + 1) state.delete(serviceVersions, key)
  }
}

function versionsOf(state: State, serviceId: number): readonly (readonly [ServiceVersionKey, ServiceVersionRow])[] {
  return state.rows(serviceVersions, encodeField(u32be, serviceId))
}
