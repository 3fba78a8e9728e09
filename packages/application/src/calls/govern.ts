/** What governors decide: they approve an action for an epoch; with enough of them it is applied as that epoch begins (governed.ts). */
import {
  actionHash,
  CODES,
  decodeAction,
  isSameBytes,
  keySetFaultOf,
  LedgerError,
  PARAMETERS,
  parameterNameOf,
  type GovernedAction,
} from '@selvedge/ledger-types'
import type { AccountHandlers } from '../execute/handler.ts'
import { smallParameterOf } from '../state/parameters.ts'
import { governorsRow, proposals, services, tokens, type GovernorsRow, type ProposalRow } from '../state/registry-tables.ts'
import type { State } from '../state/state.ts'

/** Actions that wait at once, so that an epoch's end has a bound. Governors share them: one key alone cannot keep the others from governing. */
export const PROPOSALS_MAX = 256
const EPOCH_MAX = 2n ** 32n
/** As they stand in events. */
export const ACTION_STATES = { approved: 0, queued: 1, applied: 2, dropped: 3, delayed: 4 } as const

export const governCalls: AccountHandlers = {
  govern({ state, block, sender, emit }, { action, epoch }) {
    const { addresses } = state.get(governorsRow, null) as GovernorsRow
    if (!addresses.some((address) => isSameBytes(address, sender))) return CODES.notOwner
    const decoded = actionOf(action)
    if (decoded === undefined || !isPossible(state, decoded)) return CODES.outOfBounds
    const first = BigInt(block.epoch + smallParameterOf(state, 'governDelayEpochs'))
    if (epoch < first || epoch >= EPOCH_MAX) return CODES.outOfBounds
    const hash = actionHash(action, epoch)
    const before = state.get(proposals, hash)
    if (before === undefined && !hasPlace(state, sender, addresses.length)) return CODES.tooMany
    if (before?.approvals.some((address) => isSameBytes(address, sender)) === true) return CODES.state
    const proposal: ProposalRow = before ?? { action, epoch: Number(epoch), proposedIn: block.epoch, approvals: [], delays: 0 }
    const approvals = [...proposal.approvals, sender]
    state.put(proposals, hash, { ...proposal, approvals })
    const count = approvalsOf(state, { approvals })
    const reached = isApproved(state, { approvals }) ? ACTION_STATES.queued : ACTION_STATES.approved
    emit({ kind: 'governance', action: hash, epoch: Number(epoch), state: reached, approvals: count })
    return CODES.ok
  },
}

/** Whether a governor, one of `count`, has a place left for an action that he is the first to approve. */
function hasPlace(state: State, governor: Uint8Array, count: number): boolean {
  const own = state.rows(proposals).filter(([, { approvals }]) => approvals.length > 0 && isSameBytes(approvals[0]!, governor))
  return own.length < Math.floor(PROPOSALS_MAX / count)
}

/** Approvals of those who are governors now: who was removed has no word left. */
export function approvalsOf(state: State, { approvals }: Pick<ProposalRow, 'approvals'>): number {
  const { addresses } = state.get(governorsRow, null) as GovernorsRow
  return approvals.filter((address) => addresses.some((governor) => isSameBytes(governor, address))).length
}

export function isApproved(state: State, proposal: Pick<ProposalRow, 'approvals'>): boolean {
  return approvalsOf(state, proposal) >= (state.get(governorsRow, null) as GovernorsRow).threshold
}

/** `undefined` for what is no action in its one form. */
export function actionOf(bytes: Uint8Array): GovernedAction | undefined {
  try {
    return decodeAction(bytes)
  } catch (error) {
    if (error instanceof LedgerError) return undefined
    throw error
  }
}

/**
 * Whether the action, looked at alone, is within its bounds; asked when it is approved and again when it is applied. Bounds of several
 * parameters together (shares that sum to 10^6) can be met by several actions of one epoch only, so they are looked at when applied.
 */
export function isPossible(state: State, action: GovernedAction): boolean {
  switch (action.kind) {
    case 'parameter': {
      const name = parameterNameOf(action.id)
      return name !== undefined && action.value >= BigInt(PARAMETERS[name].min) && action.value <= BigInt(PARAMETERS[name].max)
    }
    case 'prices':
      return action.bytePrice > 0n && action.cpuPrice > 0n
    case 'addToken':
    case 'governors':
      return keySetFaultOf(action.keys) === undefined
    case 'tokenKeys':
      return state.get(tokens, action.token) !== undefined && keySetFaultOf(action.keys) === undefined
    case 'tokenCap':
      return state.get(tokens, action.token) !== undefined
    case 'nativePrice':
      return action.price > 0n
    case 'activateVersion':
      return action.version > 0
    case 'removeService':
      return state.get(services, action.serviceId) !== undefined
    case 'spend':
      return action.amount > 0n
  }
}
