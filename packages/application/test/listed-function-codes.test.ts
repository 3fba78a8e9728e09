/** Of each function of the system: every code that its schema lists can be had, and no other comes. */
import {
  accounts,
  bridge,
  CLAIM_STATES,
  claims,
  clients,
  debits,
  delegations,
  nodes,
  NODE_STATES,
  owners,
  proposals,
  reserves,
  SERVICE_STATES,
  services,
  tokens,
  type ClaimRow,
  type ClientRow,
  type NodeRow,
} from '@selvedge/application'
import { DEBITS_START, encodeDebits } from '@selvedge/delivery-acknowledgement'
import {
  codesOf,
  encodeAction,
  encodeAddresses,
  SYSTEM_FUNCTIONS,
  type SystemArguments,
  type SystemFunctionName,
} from '@selvedge/ledger-types'
import { expect, test } from 'vitest'
import { PROPOSALS_MAX } from '../src/calls/govern.ts'
import { ACCOUNT_HANDLERS } from '../src/execute/dispatch.ts'
import { bitmapOf } from '../src/node-transactions/claims-bitmap.ts'
import type { State } from '../src/state/state.ts'
import { createNode, createWallet, NATIVE, Network, seedOf, WEI } from './support/network.ts'
import { noiseRecordOf, registrationOf } from './support/registration.ts'
import { ascending, stepOf, type Step } from './support/step.ts'

const U64_MAX = 2n ** 64n - 1n
const STAKE = 2_000n * NATIVE
const network = new Network()
const [wallet, stranger] = [network.wallets[0]!.address, createWallet('stranger').address]
const owner = network.nodes[0]!.owner.address
const governor = createWallet('governor').address
const hosts = encodeAddresses([network.nodes[0]!.address])
const noHosts = Uint8Array.of(0)
const RESERVED = new Uint8Array(20)
RESERVED.set(new TextEncoder().encode('selvedge/system'))

interface Try<N extends SystemFunctionName> {
  readonly args: SystemArguments<N>
  /** @default the owner of node 0 */
  readonly from?: Uint8Array
  /** µ. */
  readonly value?: bigint
  /** @default 0 */
  readonly epoch?: number
  readonly given?: (state: State) => void
}

/** What fails, each tried twice in a row: what may be done once fails the second time. */
type Tries = { readonly [N in SystemFunctionName]: readonly Try<N>[] }

const node = (fields: Partial<NodeRow>) => (state: State) => state.put(nodes, 0, { ...state.get(nodes, 0)!, ...fields })
const asClient = (fields: Partial<ClientRow>) => (state: State) => {
  state.put(accounts, owner, { nonce: 0n, native: STAKE, clientIndex: 1 })
  state.put(clients, 1, { address: owner, prepaid: 0n, pending: 0n, collateral: 0n, leaving: 0n, terms: [], ...fields })
}
const full = (state: State): void => state.put(owners, owner, { unbonding: 32, withdrawals: 32, claimable: 0n })
const both =
  (...all: readonly ((state: State) => void)[]) =>
  (state: State): void =>
    all.forEach((each) => each(state))

/** The claim of node 1 for epoch 0, which debits client 1 for service 0. */
function claim(state: State): void {
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

const fresh = createNode(9)
const good = registrationOf(fresh, owner, hosts)
const ownRecord = noiseRecordOf(network.nodes[0]!)
const terms = { manifest: seedOf('m'), priceMultiplePpm: 1, payees: [{ account: owner, ppm: 1_000_000 }] }
const noTerms = { ...terms, payees: [] }
const removed = (state: State): void => state.put(services, 0, { ...state.get(services, 0)!, state: SERVICE_STATES.removed })
const mint = { token: 1, sourceId: seedOf('source'), to: owner, prepaid: false, amount: 1n, signatures: new Uint8Array(65) }
const token = (fields: object) => (state: State) => state.put(tokens, 1, { ...state.get(tokens, 1)!, ...fields })
const dispute = { epoch: 0n, nodeIndex: 1, serviceId: 0 }
const govern = { action: encodeAction({ kind: 'tokenCap', token: 1, cap: 9n }), epoch: 5n }
const others = (state: State): void => {
  for (let i = 0; i < PROPOSALS_MAX; i++) {
    const row = { action: govern.action, epoch: 5, proposedIn: 0, approvals: [governor], delays: 0 }
    state.put(proposals, seedOf(`proposal ${i}`), row)
  }
}

const TRIES: Tries = {
  registerNode: [
    { args: good },
    { args: { ...good, nodeKey: network.nodes[0]!.keys.publicKey }, value: STAKE },
    { args: { ...good, pop: new Uint8Array(96) }, value: STAKE },
    { args: registrationOf(fresh, owner, noHosts), value: STAKE },
  ],
  setNode: [
    { args: { nodeIndex: 0, noiseRecord: ownRecord, addresses: hosts }, from: stranger },
    { args: { nodeIndex: 0, noiseRecord: new Uint8Array(136), addresses: hosts } },
    { args: { nodeIndex: 0, noiseRecord: ownRecord, addresses: noHosts } },
  ],
  stake: [{ args: { nodeIndex: 9 } }, { args: { nodeIndex: 0 }, value: 1n, given: node({ state: NODE_STATES.jailed }) }],
  lock: [{ args: { nodeIndex: 0, untilEpoch: 5n }, from: stranger }, { args: { nodeIndex: 0, untilEpoch: 0n } }],
  unstake: [
    { args: { nodeIndex: 0, amount: WEI }, from: stranger },
    { args: { nodeIndex: 0, amount: 0n } },
    { args: { nodeIndex: 0, amount: 1_500n * NATIVE * WEI } },
    { args: { nodeIndex: 0, amount: WEI }, given: node({ lockedUntil: 9 }) },
    { args: { nodeIndex: 0, amount: WEI }, given: full },
  ],
  delegate: [
    { args: { nodeIndex: 0 }, value: 1n, given: node({ state: NODE_STATES.idle }) },
    { args: { nodeIndex: 0 } },
    { args: { nodeIndex: 0 }, value: 9_000n * NATIVE },
    { args: { nodeIndex: 0 }, value: 1n, given: node({ delegated: 1n, shares: 2n ** 128n - 1n }) },
  ],
  undelegate: [
    { args: { nodeIndex: 9, shares: 1n } },
    { args: { nodeIndex: 0, shares: 1n } },
    {
      args: { nodeIndex: 0, shares: 1n },
      given: both(full, node({ delegated: 1n, shares: 1n }), (state) =>
        state.put(delegations, { nodeIndex: 0, address: owner }, { shares: 1n, rewardDebt: 0n }),
      ),
    },
  ],
  setCommission: [{ args: { nodeIndex: 0, ppm: 1 }, from: stranger }, { args: { nodeIndex: 0, ppm: 50_001 } }],
  claimUnbonded: [
    { args: { to: owner } },
    { args: { to: RESERVED }, given: (state) => state.put(owners, owner, { unbonding: 0, withdrawals: 0, claimable: 5n }) },
  ],
  optIn: [
    { args: { nodeIndex: 0 }, from: stranger },
    { args: { nodeIndex: 0 } },
    { args: { nodeIndex: 0 }, given: node({ state: NODE_STATES.idle, stake: 1n }) },
  ],
  optOut: [{ args: { nodeIndex: 0 }, from: stranger }, { args: { nodeIndex: 0 } }],
  deposit: [{ args: { account: owner, amount: 0n } }, { args: { account: owner, amount: U64_MAX } }],
  requestWithdraw: [
    { args: { amount: 1n } },
    { args: { amount: 6n }, given: asClient({ prepaid: 10n, pending: 5n }) },
    { args: { amount: 1n }, given: both(full, asClient({ prepaid: 10n })) },
  ],
  setEpochCap: [{ args: { amount: 1n } }, { args: { amount: U64_MAX + 1n }, given: asClient({}) }],
  raiseMinNonce: [{ args: { minNonce: 1n } }, { args: { minNonce: 1n }, given: asClient({}) }],
  setCollateral: [
    { args: { amount: 1n } },
    { args: { amount: U64_MAX }, given: asClient({}) },
    { args: { amount: 1n }, given: both(full, asClient({ collateral: 5n })) },
  ],
  reserve: [
    { args: { nodeIndex: 0, perEpoch: 1n, lastEpoch: 9n } },
    { args: { nodeIndex: 9, perEpoch: 1n, lastEpoch: 9n }, given: asClient({ prepaid: 9n }) },
    { args: { nodeIndex: 0, perEpoch: 1n, lastEpoch: 2n ** 32n }, given: asClient({ prepaid: 9n }) },
    { args: { nodeIndex: 0, perEpoch: 10n, lastEpoch: 9n }, given: asClient({ prepaid: 9n }) },
    { args: { nodeIndex: 0, perEpoch: 1n, lastEpoch: 9n }, given: both(asClient({ prepaid: 99n }), reservesOfOthers) },
  ],
  dispute: [
    { args: dispute, value: 10n * NATIVE, epoch: 1 },
    { args: { ...dispute, epoch: 2n ** 32n }, value: 10n * NATIVE, epoch: 1, given: claim },
    { args: dispute, value: 10n * NATIVE, epoch: 1, given: claim },
    { args: dispute, value: 10n * NATIVE - 1n, epoch: 1, given: both(claim, asClient({})) },
    { args: dispute, value: 10n * NATIVE, epoch: 1, given: both(claim, asClient({})) },
  ],
  addService: [
    { args: terms, value: 1n },
    { args: noTerms, value: 100n * NATIVE },
  ],
  updateService: [
    { args: { serviceId: 9, ...terms }, from: wallet },
    { args: { serviceId: 0, ...terms }, from: wallet, given: removed },
    { args: { serviceId: 0, ...terms } },
    { args: { serviceId: 0, ...noTerms }, from: wallet },
  ],
  removeService: [{ args: { serviceId: 9 }, from: wallet }, { args: { serviceId: 0 } }, { args: { serviceId: 0 }, from: wallet }],
  bridgeOut: [
    { args: { token: 9, to: seedOf('to'), amount: 1n } },
    { args: { token: 1, to: new Uint8Array(65), amount: 1n } },
    { args: { token: 1, to: seedOf('to'), amount: U64_MAX } },
  ],
  bridgeMint: [
    { args: { ...mint, token: 9 } },
    { args: { ...mint, amount: 0n } },
    { args: { ...mint, to: RESERVED } },
    { args: mint, given: (state) => state.put(bridge, { token: 1, sourceId: mint.sourceId }, 0) },
    { args: mint, given: token({ cap: 0n }) },
    { args: mint, given: token({ supply: U64_MAX }) },
    { args: mint },
  ],
  govern: [
    { args: govern },
    { args: { ...govern, epoch: 0n }, from: governor },
    { args: { ...govern, action: Uint8Array.of(77) }, from: governor },
    { args: govern, from: governor, given: others },
    { args: govern, from: governor },
  ],
}

function reservesOfOthers(state: State): void {
  for (let nodeIndex = 100; nodeIndex < 164; nodeIndex++)
    state.put(reserves, { clientIndex: 1, nodeIndex }, [{ from: 0, amount: 1n, lastEpoch: 9 }])
}

test.each(Object.keys(TRIES) as SystemFunctionName[])('%s fails with the codes that are listed, and no other', (name) => {
  const seen = new Set<number>()
  for (const each of TRIES[name] as readonly Try<SystemFunctionName>[]) {
    const step = stepOf(network, { epoch: each.epoch ?? 0 })
    each.given?.(step.state)
    seen.add(codeOf(step, name, each))
    seen.add(codeOf(step, name, each))
  }
  seen.delete(0)
  expect([...seen].toSorted(ascending)).toEqual(codesOf(SYSTEM_FUNCTIONS[name].checks))
})

function codeOf(
  { state, block, emit }: Step,
  name: SystemFunctionName,
  { args, from = owner, value = 0n }: Try<SystemFunctionName>,
): number {
  const handler = ACCOUNT_HANDLERS[name] as (call: object, args: object) => number
  return handler({ state, block, emit, sender: from, value }, args)
}
