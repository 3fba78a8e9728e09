/** What functions of the system are tried with, one by one: a network of four nodes, good arguments, and states in which something is not so. */
import {
  accounts,
  bridge,
  CLAIM_STATES,
  claims,
  clients,
  debits,
  nodes,
  owners,
  proposals,
  reserves,
  SERVICE_STATES,
  services,
  tokens,
  type ClaimRow,
  type ClientRow,
  type NodeRow,
  type TokenRow,
} from '@selvedge/application'
import { DEBITS_START, encodeDebits } from '@selvedge/delivery-acknowledgement'
import { encodeAction, encodeAddresses, type SystemArguments, type SystemFunctionName } from '@selvedge/ledger-types'
import { PROPOSALS_MAX } from '../../src/calls/govern.ts'
import { ACCOUNT_HANDLERS } from '../../src/execute/dispatch.ts'
import { bitmapOf } from '../../src/node-transactions/claims-bitmap.ts'
import type { State } from '../../src/state/state.ts'
import { createNode, createWallet, NATIVE, Network, seedOf, type TestNode } from './network.ts'
import { noiseRecordOf, registrationOf } from './registration.ts'
import { stepOf, type Step } from './step.ts'

export type Given = (state: State) => void

export interface FunctionTry<N extends SystemFunctionName> {
  readonly args: SystemArguments<N>
  /** @default the owner of node 0 */
  readonly from?: Uint8Array
  /** µ. */
  readonly value?: bigint
  /** @default 0 */
  readonly epoch?: number
  readonly given?: Given
}

export const U64_MAX: bigint = 2n ** 64n - 1n
/** Of node 0. */
export const STAKE: bigint = 2_000n * NATIVE
export const network: Network = new Network()
/** Owner of service 0. */
export const wallet: Uint8Array = network.wallets[0]!.address
export const stranger: Uint8Array = createWallet('stranger').address
/** Of node 0. */
export const owner: Uint8Array = network.nodes[0]!.owner.address
export const governor: Uint8Array = createWallet('governor').address
export const hosts: Uint8Array = encodeAddresses([network.nodes[0]!.address])
export const noHosts: Uint8Array = Uint8Array.of(0)
export const RESERVED: Uint8Array = new Uint8Array(20)
RESERVED.set(new TextEncoder().encode('selvedge/system'))

export const both =
  (...all: readonly Given[]): Given =>
  (state) =>
    all.forEach((each) => each(state))

export const node =
  (fields: Partial<NodeRow>): Given =>
  (state) =>
    state.put(nodes, 0, { ...state.get(nodes, 0)!, ...fields })

export const asClient =
  (fields: Partial<ClientRow>): Given =>
  (state) => {
    state.put(accounts, owner, { nonce: 0n, native: STAKE, clientIndex: 1 })
    state.put(clients, 1, { address: owner, prepaid: 0n, pending: 0n, collateral: 0n, leaving: 0n, terms: [], ...fields })
  }

export const token =
  (fields: Partial<TokenRow>): Given =>
  (state) =>
    state.put(tokens, 1, { ...state.get(tokens, 1)!, ...fields })

/** The owner's queues. */
export const full: Given = (state) => state.put(owners, owner, { unbonding: 32, withdrawals: 32, claimable: 0n })
export const removed: Given = (state) => state.put(services, 0, { ...state.get(services, 0)!, state: SERVICE_STATES.removed })
export const minted: Given = (state) => state.put(bridge, { token: 1, sourceId: mint.sourceId }, 0)

/** The claim of node 1 for epoch 0, which debits client 1 for service 0. */
export const claim: Given = (state) => {
  const key = { epoch: 0, nodeIndex: 1 }
  const place = { ...DEBITS_START, sum: 5n, pairs: 1 }
  const row: ClaimRow = {
    root: seedOf('root'),
    total: 5n,
    count: 1,
    debitsDigest: seedOf('debits'),
    state: CLAIM_STATES.passed,
    parts: 1,
    partsHere: Uint8Array.of(1),
    read: 1,
    place,
    points: 64,
    opened: bitmapOf(64),
  }
  state.put(claims, key, row)
  state.put(debits, { ...key, part: 0 }, { place: DEBITS_START, bytes: encodeDebits([{ serviceId: 0, clientIndex: 1, amount: 5n }]) })
}

/** As many actions wait as can, of the one governor. */
export const others: Given = (state) => {
  for (let i = 0; i < PROPOSALS_MAX; i++) {
    const row = { action: govern.action, epoch: 5, proposedIn: 0, approvals: [governor], delays: 0 }
    state.put(proposals, seedOf(`proposal ${i}`), row)
  }
}

/** Client 1 has as many as it can. */
export const reservesOfOthers: Given = (state) => {
  for (let nodeIndex = 100; nodeIndex < 164; nodeIndex++)
    state.put(reserves, { clientIndex: 1, nodeIndex }, [{ from: 0, amount: 1n, lastEpoch: 9 }])
}

export const fresh: TestNode = createNode(9)
export const good: SystemArguments<'registerNode'> = registrationOf(fresh, owner, hosts)
export const ownRecord: Uint8Array = noiseRecordOf(network.nodes[0]!)
export const terms: SystemArguments<'addService'> = {
  manifest: seedOf('m'),
  priceMultiplePpm: 1,
  payees: [{ account: owner, ppm: 1_000_000 }],
}
export const noTerms: SystemArguments<'addService'> = { ...terms, payees: [] }
export const mint: SystemArguments<'bridgeMint'> = {
  token: 1,
  sourceId: seedOf('source'),
  to: owner,
  prepaid: false,
  amount: 1n,
  signatures: new Uint8Array(65),
}
export const dispute: SystemArguments<'dispute'> = { epoch: 0n, nodeIndex: 1, serviceId: 0 }
export const govern: SystemArguments<'govern'> = { action: encodeAction({ kind: 'tokenCap', token: 1, cap: 9n }), epoch: 5n }

/** The step in which something is tried: the state is its own, and as it was given. */
export function stepFor({ epoch = 0, given }: Pick<FunctionTry<SystemFunctionName>, 'epoch' | 'given'>): Step {
  const step = stepOf(network, { epoch })
  given?.(step.state)
  return step
}

export function functionCodeOf(
  { state, block, emit }: Step,
  name: SystemFunctionName,
  { args, from = owner, value = 0n }: FunctionTry<SystemFunctionName>,
): number {
  const handler = ACCOUNT_HANDLERS[name] as (call: object, args: object) => number
  return handler({ state, block, emit, sender: from, value }, args)
}
