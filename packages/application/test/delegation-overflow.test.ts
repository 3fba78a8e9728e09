/** Slashes leave many shares for little money: what they count up must stay within its field, or writing the row would throw. */
import { createMemoryStore, delegations, nodes, type NodeRow } from '@selvedge/application'
import { expect, test } from 'vitest'
import { delegationCalls } from '../src/calls/delegation.ts'
import { State } from '../src/state/state.ts'
import { Network, NATIVE } from './support/network.ts'

test.each([
  ['a debt beyond a u128', 2n ** 100n, 2n ** 100n, 47],
  ['shares beyond a u128', 2n ** 127n, 0n, 47],
  ['what fits', 2n ** 80n, 2n ** 60n, 0],
])('delegating to a pool that was slashed to almost nothing: %s', (_, shares, rewardPerShare, code) => {
  const network = new Network({ store: createMemoryStore() })
  const state = new State(network.store)
  const [sender] = network.wallets
  const nodeIndex = 1
  const worn: NodeRow = { ...state.get(nodes, nodeIndex)!, delegated: 1_000n, shares, rewardPerShare }
  state.put(nodes, nodeIndex, worn)
  const call = { state, block: {} as never, emit: () => undefined, sender: sender!.address, value: 1_000n * NATIVE }
  expect(delegationCalls.delegate!(call, { nodeIndex })).toBe(code)
  const row = state.get(delegations, { nodeIndex, address: sender!.address })
  expect(row === undefined).toBe(code !== 0)
  expect(state.writes().length).toBeGreaterThan(0) // encodes every row that was changed
})
