/**
 * Goal: the page of transactions has the order in which the code checks, since the first fault decides the code, and so the root of receipts. Method: for
 * each two checks of a function that stand one behind the other with different codes, a call that is wrong in both has the first one's.
 */
import { delegations, DISPUTE_STATES, disputes, NODE_STATES } from '@selvedge/application'
import { SYSTEM_FUNCTIONS, TOKEN_FUNCTIONS, type SystemFunctionName } from '@selvedge/ledger-types'
import { expect, test } from 'vitest'
import { runTokenCall } from '../src/calls/token.ts'
import {
  asClient,
  both,
  claim,
  dispute,
  fresh,
  full,
  functionCodeOf,
  good,
  govern,
  governor,
  hosts,
  mint,
  minted,
  network,
  node,
  noHosts,
  noTerms,
  others,
  owner,
  removed,
  RESERVED,
  reservesOfOthers,
  STAKE,
  stepFor,
  stranger,
  token,
  U64_MAX,
  wallet,
  type FunctionTry,
  type Given,
} from './support/function-tries.ts'
import { NATIVE, seedOf, WEI } from './support/network.ts'
import { neighboursIn, type Codes, type NeverBoth } from './support/order.ts'
import { registrationOf } from './support/registration.ts'
import { stepOf } from './support/step.ts'

type Both<N extends SystemFunctionName> = (FunctionTry<N> & { readonly codes: Codes }) | NeverBoth

const noRecord = new Uint8Array(136)
const noAction = Uint8Array.of(77)
const tooLong = new Uint8Array(65)
const isClient: Given = asClient({})
/** More than is possible: shares that are worth nothing, of one who has too many. */
const absurdShares: Given = (state) => state.put(delegations, { nodeIndex: 0, address: owner }, { shares: 2n ** 127n, rewardDebt: 0n })
const disputed: Given = (state) => {
  const nothing = { leaves: 0, sum: 0n, lastKey: new Uint8Array(0), spent: [] }
  const key = { epoch: 0, nodeIndex: 1, clientIndex: 1, serviceId: 0 }
  state.put(disputes, key, { bond: 1n, state: DISPUTE_STATES.open, openedAt: 1, ...nothing })
}

const PAIRS: { readonly [N in SystemFunctionName]: readonly Both<N>[] } = {
  registerNode: [
    { codes: [40, 41], args: { ...good, nodeKey: network.nodes[0]!.keys.publicKey } },
    { codes: [41, 42], args: { ...good, nodeKey: network.nodes[0]!.keys.publicKey }, value: STAKE },
    { codes: [42, 43], args: { ...registrationOf(fresh, owner, noHosts), pop: new Uint8Array(96) }, value: STAKE },
  ],
  setNode: [
    { codes: [44, 42], args: { nodeIndex: 0, noiseRecord: noRecord, addresses: hosts }, from: stranger },
    { codes: [42, 43], args: { nodeIndex: 0, noiseRecord: noRecord, addresses: noHosts } },
  ],
  stake: [],
  lock: [{ codes: [44, 46], args: { nodeIndex: 0, untilEpoch: 0n }, from: stranger }],
  unstake: [
    { codes: [44, 40], args: { nodeIndex: 0, amount: 0n }, from: stranger },
    { codes: [40, 48], args: { nodeIndex: 0, amount: 0n }, given: node({ lockedUntil: 9 }) },
    { codes: [48, 40], args: { nodeIndex: 0, amount: 1_500n * NATIVE * WEI }, given: node({ lockedUntil: 9 }) },
    { codes: [40, 49], args: { nodeIndex: 0, amount: 1_500n * NATIVE * WEI }, given: full },
  ],
  delegate: [
    { codes: [45, 40], args: { nodeIndex: 0 }, given: node({ state: NODE_STATES.idle }) },
    { codes: [40, 50], args: { nodeIndex: 0 }, given: node({ delegated: 0n, shares: 5n }) },
    { codes: [50, 40], args: { nodeIndex: 0 }, value: 1n, given: node({ delegated: 4n * STAKE, shares: 1n }) },
    {
      codes: [40, 47],
      args: { nodeIndex: 0 },
      value: 1n,
      given: both(node({ delegated: 5n, shares: 1n, rewardPerShare: 2n ** 66n }), absurdShares),
    },
  ],
  undelegate: [
    { codes: [45, 40], args: { nodeIndex: 9, shares: 0n } },
    { codes: [40, 49], args: { nodeIndex: 0, shares: 1n }, given: full },
  ],
  setCommission: [{ codes: [44, 46], args: { nodeIndex: 0, ppm: 50_001 }, from: stranger }],
  claimUnbonded: [],
  optIn: [
    { codes: [44, 51], args: { nodeIndex: 0 }, from: stranger },
    { codes: [51, 40], args: { nodeIndex: 0 }, given: node({ stake: 1n }) },
  ],
  optOut: [{ codes: [44, 51], args: { nodeIndex: 0 }, from: stranger, given: node({ state: NODE_STATES.idle }) }],
  deposit: [],
  requestWithdraw: [
    { codes: [45, 40], args: { amount: 0n } },
    { codes: [40, 49], args: { amount: 6n }, given: both(full, asClient({ prepaid: 10n, pending: 5n })) },
  ],
  setEpochCap: [{ codes: [45, 40], args: { amount: U64_MAX + 1n } }],
  raiseMinNonce: [{ codes: [45, 46], args: { minNonce: 0n } }],
  setCollateral: [
    { codes: [45, 40], args: { amount: U64_MAX } },
    { codes: [40, 49], never: 'more is paid at once, less goes through the queue' },
  ],
  reserve: [
    { codes: [45, 46], args: { nodeIndex: 0, perEpoch: 1n, lastEpoch: 2n ** 32n } },
    { codes: [46, 40], args: { nodeIndex: 0, perEpoch: 1n, lastEpoch: 2n ** 32n }, given: isClient },
    { codes: [40, 49], args: { nodeIndex: 0, perEpoch: 1n, lastEpoch: 9n }, given: both(isClient, reservesOfOthers) },
  ],
  dispute: [
    { codes: [52, 45], args: { ...dispute, epoch: 5n }, value: 10n * NATIVE, epoch: 1, given: claim },
    { codes: [45, 40], args: dispute, epoch: 1, given: claim },
    { codes: [40, 51], args: dispute, epoch: 1, given: both(claim, isClient, disputed) },
  ],
  addService: [{ codes: [40, 46], args: noTerms, value: 1n }],
  updateService: [
    { codes: [45, 44], args: { serviceId: 0, ...noTerms }, given: removed },
    { codes: [44, 46], args: { serviceId: 0, ...noTerms } },
  ],
  removeService: [
    { codes: [45, 44], args: { serviceId: 9 } },
    { codes: [44, 51], args: { serviceId: 0 }, given: removed },
  ],
  bridgeOut: [
    { codes: [45, 46], args: { token: 9, to: tooLong, amount: 1n } },
    { codes: [46, 40], args: { token: 1, to: tooLong, amount: U64_MAX } },
  ],
  bridgeMint: [
    { codes: [45, 40], args: { ...mint, token: 9, amount: 0n } },
    { codes: [40, 46], args: { ...mint, amount: 0n, to: RESERVED } },
    { codes: [46, 51], args: { ...mint, to: RESERVED }, given: minted },
    { codes: [51, 53], args: mint, given: both(minted, token({ cap: 0n })) },
    { codes: [53, 47], args: mint, given: token({ cap: 0n, supply: U64_MAX }) },
    { codes: [47, 42], args: mint, given: token({ supply: U64_MAX }) },
  ],
  govern: [
    { codes: [44, 46], args: { ...govern, action: noAction } },
    { codes: [46, 49], args: { ...govern, action: noAction }, from: governor, given: others },
    { codes: [49, 51], never: 'a place is asked for by what is new, which nobody has approved' },
  ],
}

test.each(Object.keys(PAIRS) as SystemFunctionName[])('of two faults of %s the one is told that stands first on the page', (name) => {
  const pairs = PAIRS[name] as readonly Both<SystemFunctionName>[]
  expect(pairs.map(({ codes }) => codes)).toEqual(neighboursIn(SYSTEM_FUNCTIONS[name].checks))
  for (const each of pairs) {
    if ('never' in each) continue
    const { codes } = each
    expect([codes, functionCodeOf(stepFor(each), name, each)]).toEqual([codes, codes[0]])
  }
})

test('of two faults of a transfer of tokens the one is told that stands first on the page', () => {
  const pairs = Object.values({ ...TOKEN_FUNCTIONS }).flatMap(({ checks }) => neighboursIn(checks))
  expect(pairs).toEqual([[33, 40]])
  const { state, block, emit } = stepOf(network)
  const args = { to: seedOf('to').slice(0, 20), amount: U64_MAX }
  const call = { target: 'token', token: 9, name: 'transfer', args } as const
  expect(runTokenCall({ state, block, emit, sender: wallet, value: 0n }, call)).toBe(33)
})
