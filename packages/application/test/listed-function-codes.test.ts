/** Of each function of the system: every code that its schema lists can be had, and no other comes. */
import { delegations, NODE_STATES, owners } from '@selvedge/application'
import { codesOf, SYSTEM_FUNCTIONS, type SystemFunctionName } from '@selvedge/ledger-types'
import { expect, test } from 'vitest'
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
  ownRecord,
  removed,
  RESERVED,
  reservesOfOthers,
  STAKE,
  stepFor,
  stranger,
  terms,
  token,
  U64_MAX,
  wallet,
  type FunctionTry,
} from './support/function-tries.ts'
import { NATIVE, seedOf, WEI } from './support/network.ts'
import { registrationOf } from './support/registration.ts'
import { ascending } from './support/step.ts'

/** What fails, each tried twice in a row: what may be done once fails the second time. */
type Tries = { readonly [N in SystemFunctionName]: readonly FunctionTry<N>[] }

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
    { args: mint, given: minted },
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

test.each(Object.keys(TRIES) as SystemFunctionName[])('%s fails with the codes that are listed, and no other', (name) => {
  const seen = new Set<number>()
  for (const each of TRIES[name] as readonly FunctionTry<SystemFunctionName>[]) {
    const step = stepFor(each)
    seen.add(functionCodeOf(step, name, each))
    seen.add(functionCodeOf(step, name, each))
  }
  seen.delete(0)
  expect([...seen].toSorted(ascending)).toEqual(codesOf(SYSTEM_FUNCTIONS[name].checks))
})
