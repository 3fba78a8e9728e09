/**
 * Which code runs for which transaction. One line registers a group of functions, a kind of node transaction or a kind of system
 * transaction; a test holds that everything in the schemas of `ledger-types` has its line.
 */
import {
  CODES,
  type Call,
  type Code,
  type SystemCall as SystemFunctionCall,
  type NodeBody,
  type SystemMessage,
} from '@selvedge/ledger-types'
import { bridgeCalls } from '../calls/bridge.ts'
import { delegationCalls } from '../calls/delegation.ts'
import { depositCalls } from '../calls/deposits.ts'
import { disputeCalls } from '../calls/dispute.ts'
import { governCalls } from '../calls/govern.ts'
import { nodeCalls } from '../calls/nodes.ts'
import { serviceCalls } from '../calls/services.ts'
import { stakeCalls } from '../calls/stake.ts'
import { runTokenCall } from '../calls/token.ts'
import { commitBeacon, revealBeacon } from '../epoch/beacon.ts'
import { claimKinds } from '../node-transactions/claims.ts'
import { contentKinds } from '../node-transactions/content.ts'
import { evidenceKinds } from '../node-transactions/evidence.ts'
import { membershipKinds } from '../node-transactions/membership.ts'
import { reportKinds } from '../node-transactions/reports.ts'
import { epochFile } from '../system/epoch-file.ts'
import { evidence } from '../system/evidence.ts'
import { readyToClose } from '../system/ready-to-close.ts'
import type { AccountCall, AccountHandlers, NodeCall, NodeHandler, NodeHandlers, SystemCall, SystemHandler } from './handler.ts'

/** Functions of the system address. */
export const ACCOUNT_HANDLERS: AccountHandlers = {
  ...nodeCalls,
  ...stakeCalls,
  ...delegationCalls,
  ...depositCalls,
  ...serviceCalls,
  ...bridgeCalls,
  ...governCalls,
  ...disputeCalls,
}

/** Kinds of node transactions. */
export const NODE_HANDLERS: NodeHandlers = {
  ...membershipKinds,
  ...claimKinds,
  ...contentKinds,
  ...reportKinds,
  ...evidenceKinds,
}

/** Kinds of system transactions. */
export const SYSTEM_HANDLERS: { readonly [K in SystemMessage['kind']]?: SystemHandler<K> } = {
  readyToClose,
  evidence,
  beaconCommit: (call, { commitment }) => commitBeacon(call, commitment),
  beaconReveal: (call, { secret }) => revealBeacon(call, secret),
  epochFile,
}

/** Runs what an account asks for; plain transfers are the executor's own. */
export function runCall(call: AccountCall, asked: Exclude<Call, { readonly target: 'transfer' }>): Code {
  if (asked.target === 'none') return asked.code
  if (asked.target === 'token') return runTokenCall(call, asked)
  const handler = ACCOUNT_HANDLERS[asked.name] as ((call: AccountCall, args: SystemFunctionCall['args']) => Code) | undefined
  return handler === undefined ? CODES.notSupported : handler(call, asked.args)
}

export function runSystemMessage(call: SystemCall, message: SystemMessage): Code {
  const handler = SYSTEM_HANDLERS[message.kind] as ((call: SystemCall, message: SystemMessage) => Code) | undefined
  return handler === undefined ? CODES.notSupported : handler(call, message)
}

/** Whether a node in this state may send a body of this kind, and what it does. `undefined` for a kind that nothing runs. */
export function nodeHandlerOf(
  kind: NodeBody['kind'],
): { readonly who: NodeHandler<never>['who']; run(call: NodeCall, body: NodeBody): Code } | undefined {
  return NODE_HANDLERS[kind] as { readonly who: NodeHandler<never>['who']; run(call: NodeCall, body: NodeBody): Code } | undefined
}
