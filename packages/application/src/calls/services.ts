/**
 * Services and whom they pay: addService, updateService, removeService.
 *
 * A version holds from the next epoch on, and stays readable until the last epoch that it held for is settled. A second change in one
 * epoch replaces the first, so a service never has more versions than epochs that are still to be settled, and one to come.
 */
import { CODES, isReservedAddress, isSameBytes, type Code, type LedgerEvent, type Payee } from '@selvedge/ledger-types'
import type { AccountHandlers, BlockContext } from '../execute/handler.ts'
import { takeNative } from '../state/accounts.ts'
import { PPM } from '../state/amounts.ts'
import { counterRow, type CounterRow } from '../state/meta-tables.ts'
import { parameterOf } from '../state/parameters.ts'
import { SERVICE_STATES, services, serviceVersions, type ServiceRow, type ServiceVersionRow } from '../state/registry-tables.ts'
import type { State } from '../state/state.ts'

export const PAYEES_MAX = 16
/** Epochs until what an epoch earned is settled: at the end of the second one after it. */
export const SETTLED_AFTER = 2
/** A multiple is a discount on the table of prices. */
const MULTIPLE_MAX = 1_000_000

interface Terms {
  readonly manifest: Uint8Array
  readonly priceMultiplePpm: number
  readonly payees: readonly Payee[]
}

export const serviceCalls: AccountHandlers = {
  addService({ state, block, sender, value, emit }, terms) {
    const bond = parameterOf(state, 'serviceBond')
    if (value !== bond) return CODES.amount
    if (!areTermsInBounds(terms)) return CODES.outOfBounds
    takeNative(state, sender, bond)
    const counters = state.get(counterRow, null) as CounterRow
    const serviceId = counters.service
    state.put(counterRow, null, { ...counters, service: serviceId + 1 })
    state.put(services, serviceId, { owner: sender, bond, state: SERVICE_STATES.pending, version: 1, since: block.epoch + 1 })
    state.put(serviceVersions, { serviceId, version: 1 }, versionOf(terms, block.epoch + 1))
    emit({ kind: 'service', serviceId, version: 1, state: 0 })
    return CODES.ok
  },
  updateService({ state, block, sender, emit }, { serviceId, ...terms }) {
    const service = state.get(services, serviceId)
    if (service === undefined || service.state === SERVICE_STATES.removed) return CODES.notFound
    if (!isSameBytes(service.owner, sender)) return CODES.notOwner
    if (!areTermsInBounds(terms)) return CODES.outOfBounds
    const version = addVersion(state, block, serviceId, service, versionOf(terms, block.epoch + 1))
    emit({ kind: 'service', serviceId, version, state: 1 })
    return CODES.ok
  },
  removeService({ state, block, sender, emit }, { serviceId }) {
    const service = state.get(services, serviceId)
    if (service === undefined) return CODES.notFound
    if (!isSameBytes(service.owner, sender)) return CODES.notOwner
    return removeService(state, block, serviceId, service, emit)
  },
}

/** Ends a service with the running epoch; what it earned until then is still paid, then its rows go and its bond unbonds. */
export function removeService(
  state: State,
  { epoch }: Pick<BlockContext, 'epoch'>,
  serviceId: number,
  service: ServiceRow,
  emit: (event: LedgerEvent) => void,
): Code {
  if (service.state === SERVICE_STATES.removed) return CODES.state
  state.put(services, serviceId, { ...service, state: SERVICE_STATES.removed, since: epoch + 1 })
  emit({ kind: 'service', serviceId, version: service.version, state: 2 })
  return CODES.ok
}

function addVersion(state: State, { epoch }: BlockContext, serviceId: number, service: ServiceRow, row: ServiceVersionRow): number {
  const newest = state.get(serviceVersions, { serviceId, version: service.version })
  if (newest !== undefined && newest.from > epoch) state.delete(serviceVersions, { serviceId, version: service.version })
  const version = service.version + 1
  state.put(services, serviceId, { ...service, version })
  state.put(serviceVersions, { serviceId, version }, row)
  return version
}

function versionOf({ manifest, priceMultiplePpm, payees }: Terms, from: number): ServiceVersionRow {
  return { manifest, multiplePpm: priceMultiplePpm, payees: payees.map(({ account, ppm }) => ({ address: account, ppm })), from }
}

function areTermsInBounds({ priceMultiplePpm, payees }: Terms): boolean {
  if (priceMultiplePpm > MULTIPLE_MAX || payees.length < 1 || payees.length > PAYEES_MAX) return false
  let sum = 0n
  for (const { account, ppm } of payees) {
    if (isReservedAddress(account)) return false // nobody could ever spend it
    sum += BigInt(ppm)
  }
  return sum === PPM
}
