/**
 * Governed actions as an epoch begins (step 6): parameters, prices, tokens, governors, the native price, services, the protocol fund; and
 * versions, which wait until the committee of the epoch is known (`activateVersions`).
 *
 * Bounds are looked at again, since others may have been applied in between. Actions of one epoch are applied in the order of their hash,
 * parameters together: what is valid only in company (shares that sum to 10^6) is valid. What cannot be applied is dropped.
 */
import {
  decodeAction,
  isReservedAddress,
  PARAMETERS,
  parameterNameOf,
  parametersFaultOf,
  parametersOf,
  type GovernedAction,
  type ParameterName,
} from '@selvedge/ledger-types'
import { ACTION_STATES, approvalsOf, isApproved, isPossible } from '../calls/govern.ts'
import { removeService } from '../calls/services.ts'
import { addNative, supplyOf } from '../state/accounts.ts'
import { counterRow, epochRow, nativePrices, supplyRow, type CounterRow, type EpochRow } from '../state/meta-tables.ts'
import { committees, nodes, type MemberRow } from '../state/node-tables.ts'
import { parameterOf } from '../state/parameters.ts'
import {
  governorsRow,
  parameters,
  prices,
  proposals,
  services,
  tokens,
  type ProposalRow,
  type ServiceRow,
} from '../state/registry-tables.ts'
import type { State } from '../state/state.ts'
import type { ChangeContext } from './contract.ts'
import { currentPrices } from './view.ts'

/** Epochs that an action waits for enough approvals. */
export const APPROVAL_EPOCHS = 30
/** Epochs that an activation is put off while too few of the committee can run the version. */
export const DELAYS_MAX = 10
/** Epochs of which the highest and lowest native price are asked for. */
export const PRICE_EPOCHS = 30
/** Most that a price may move from one epoch to the next. */
const PRICE_STEP_PERCENT = 10n

type Due = readonly [hash: Uint8Array, proposal: ProposalRow, action: GovernedAction]

/** Applies what is due in the next epoch, and drops what was not approved in time. */
export function applyGoverned(context: ChangeContext): void {
  const next = context.block.epoch + 1
  const due: Due[] = []
  for (const [hash, proposal] of context.state.rows(proposals)) {
    const isDue = proposal.epoch <= next
    if (isDue && isApproved(context.state, proposal)) due.push([hash, proposal, decodeAction(proposal.action)])
    else if (isDue || isLapsed(context.state, proposal, next)) {
      end(context, hash, proposal, ACTION_STATES.dropped)
    }
  }
  applyParameters(context, due)
  for (const [hash, proposal, action] of due) {
    if (action.kind === 'parameter' || action.kind === 'activateVersion') continue
    const isDone = isPossible(context.state, action) && apply(context, action)
    end(context, hash, proposal, isDone ? ACTION_STATES.applied : ACTION_STATES.dropped)
  }
}

/** Not approved in time, or wanted by nobody who is a governor still: it would hold a place that nobody answers for. */
function isLapsed(state: State, proposal: ProposalRow, next: number): boolean {
  if (isApproved(state, proposal)) return false
  return proposal.proposedIn + APPROVAL_EPOCHS < next || approvalsOf(state, proposal) === 0
}

/** After the committee of the next epoch is drawn: a version holds from it on if members of stake ≥ Q have said that they can run it. */
export function activateVersions(context: ChangeContext): void {
  const { state, block } = context
  const committee = state.get(committees, block.epoch + 1) ?? []
  for (const [hash, proposal] of state.rows(proposals)) {
    const action = decodeAction(proposal.action)
    if (action.kind !== 'activateVersion' || proposal.epoch > block.epoch + 1 || !isApproved(state, proposal)) continue
    const row = state.get(epochRow, null) as EpochRow
    if (action.version <= row.version) end(context, hash, proposal, ACTION_STATES.dropped)
    else if (isRunnable(state, committee, action.version)) {
      state.put(epochRow, null, { ...row, version: action.version })
      end(context, hash, proposal, ACTION_STATES.applied)
    } else if (proposal.delays >= DELAYS_MAX) end(context, hash, proposal, ACTION_STATES.dropped)
    else delay(context, hash, proposal)
  }
}

function isRunnable(state: State, committee: readonly MemberRow[], version: number): boolean {
  let total = 0n
  let able = 0n
  for (const { nodeIndex, stake } of committee) {
    total += stake
    if ((state.get(nodes, nodeIndex)?.newestVersion ?? 0) >= version) able += stake
  }
  return able >= (2n * total) / 3n + 1n
}

/** The proposal keeps its name, which approvals were given for; `epoch` moves on. */
function delay({ state, emit }: ChangeContext, hash: Uint8Array, proposal: ProposalRow): void {
  const later = { ...proposal, epoch: proposal.epoch + 1, delays: proposal.delays + 1 }
  state.put(proposals, hash, later)
  emit({ kind: 'governance', action: hash, epoch: later.epoch, state: ACTION_STATES.delayed, approvals: approvalsOf(state, proposal) })
}

function end({ state, emit }: ChangeContext, hash: Uint8Array, proposal: ProposalRow, outcome: number): void {
  state.delete(proposals, hash)
  emit({ kind: 'governance', action: hash, epoch: proposal.epoch, state: outcome, approvals: approvalsOf(state, proposal) })
}

/** All together when that is valid; otherwise one after the other, each that leaves a valid whole. */
function applyParameters(context: ChangeContext, due: readonly Due[]): void {
  const { state } = context
  const asked = due.filter(([, , { kind }]) => kind === 'parameter')
  const values = new Map<ParameterName, bigint>()
  const isValid = (): boolean => parametersFaultOf(parametersOf((name) => values.get(name) ?? parameterOf(state, name))) === undefined
  for (const [, , action] of asked) set(values, action)
  const areAllValid = isValid()
  if (!areAllValid) values.clear()
  for (const [hash, proposal, action] of asked) {
    const before = areAllValid ? undefined : set(values, action)
    const isDone = areAllValid || isValid()
    if (before !== undefined && !isDone) before()
    end(context, hash, proposal, isDone ? ACTION_STATES.applied : ACTION_STATES.dropped)
  }
  for (const [name, value] of values) {
    state.put(parameters, PARAMETERS[name].id, { value, next: value, from: context.block.epoch + 1 })
  }
}

/** @returns takes it back. */
function set(values: Map<ParameterName, bigint>, action: GovernedAction): () => void {
  const name = action.kind === 'parameter' ? parameterNameOf(action.id) : undefined
  if (action.kind !== 'parameter' || name === undefined) return () => {}
  const before = values.get(name)
  values.set(name, action.value)
  return () => void (before === undefined ? values.delete(name) : values.set(name, before))
}

/** @returns whether it could be done. */
function apply(context: ChangeContext, action: GovernedAction): boolean {
  const { state, block, emit } = context
  switch (action.kind) {
    case 'prices':
      return changePrices(state, block.epoch + 1, action)
    case 'nativePrice':
      return changeNativePrice(state, block.epoch + 1, action.price)
    case 'addToken': {
      const last = state.rows(tokens).at(-1)?.[0] ?? 0
      const { symbol, name, cap, keys } = action
      state.put(tokens, last + 1, { symbol, name, keys: keys.accounts, threshold: keys.threshold, cap, minted: 0n, supply: 0n })
      return true
    }
    case 'tokenKeys': {
      const row = state.get(tokens, action.token)
      if (row === undefined) return false
      state.put(tokens, action.token, { ...row, keys: action.keys.accounts, threshold: action.keys.threshold })
      return true
    }
    case 'tokenCap': {
      const row = state.get(tokens, action.token)
      if (row === undefined) return false
      state.put(tokens, action.token, { ...row, cap: action.cap })
      return true
    }
    case 'governors':
      state.put(governorsRow, null, { addresses: action.keys.accounts, threshold: action.keys.threshold })
      return true
    case 'removeService': {
      const service = state.get(services, action.serviceId) as ServiceRow | undefined
      return service !== undefined && removeService(state, block, action.serviceId, service, emit) === 0
    }
    case 'spend':
      return spend(state, action.to, action.amount)
    default:
      return false
  }
}

function changePrices(
  state: State,
  from: number,
  { bytePrice, cpuPrice }: { readonly bytePrice: bigint; readonly cpuPrice: bigint },
): boolean {
  const { row } = currentPrices(state, from - 1) // of several for one epoch none adds to another: the last one holds
  if (!isStep(row.bytePrice, bytePrice) || !isStep(row.cpuPrice, cpuPrice)) return false
  const counters = state.get(counterRow, null) as CounterRow
  state.put(counterRow, null, { ...counters, priceVersion: counters.priceVersion + 1 })
  state.put(prices, counters.priceVersion, { bytePrice, cpuPrice, from })
  return true
}

/** At most a tenth up or down, and always at least one unit, or a small price could never move. */
function isStep(before: bigint, after: bigint): boolean {
  const tenth = (before * PRICE_STEP_PERCENT) / 100n
  const step = tenth === 0n ? 1n : tenth
  return after <= before + step && after >= before - step
}

function changeNativePrice(state: State, from: number, price: bigint): boolean {
  const steps = [...(state.get(nativePrices, null) ?? []).filter((step) => step.from !== from), { from, price }]
  const first = steps.findLastIndex((step) => step.from <= from - PRICE_EPOCHS) // still held in the oldest epoch that is asked for
  state.put(nativePrices, null, steps.slice(Math.max(first, 0)))
  return true
}

function spend(state: State, to: Uint8Array, amount: bigint): boolean {
  const supply = supplyOf(state)
  if (amount > supply.fund || isReservedAddress(to)) return false
  state.put(supplyRow, null, { ...supply, fund: supply.fund - amount })
  addNative(state, to, amount)
  return true
}
