/** What the schemas say of failures is what happens: every code that is listed can be had, and no other comes. Kinds with few rules each. */
import { nodes, NODE_STATES, type NodeRow } from '@selvedge/application'
import {
  beaconCommitment,
  CODES,
  codesOf as listedIn,
  NODE_KINDS,
  SYSTEM_KINDS,
  type NodeBody,
  type SystemMessage,
} from '@selvedge/ledger-types'
import { expect, test } from 'vitest'
import { nodeHandlerOf } from '../src/execute/dispatch.ts'
import { isServing } from '../src/state/nodes.ts'
import { runAt } from './support/delivery.ts'
import { CHAIN_ID, codesOf, EPOCH_MS, Network, seedOf } from './support/network.ts'
import { ascending, stepOf, type Step } from './support/step.ts'

type Try = readonly [node: Partial<NodeRow>, body: NodeBody, percent?: number]

const coordinatesOf = (epoch: number): NodeBody => {
  return { kind: 'coordinates', epoch, coordinates: Array.from({ length: 24 }, () => 1), receiptRoot: seedOf('root') }
}
const commitmentOf = (epoch: number): NodeBody => ({ kind: 'reportCommit', epoch, commitment: seedOf('commitment') })

/** By kind: bodies that fail, each twice in a row, from a node that stands as said, at a moment of epoch 0. */
const TRIES: Readonly<Partial<Record<NodeBody['kind'], readonly Try[]>>> = {
  optIn: [[{ state: NODE_STATES.idle, stake: 1n }, { kind: 'optIn' }], [{}, { kind: 'optIn' }]], // biome-ignore format: rows
  optOut: [[{ state: NODE_STATES.idle }, { kind: 'optOut' }]],
  reportCommit: [[{}, commitmentOf(0), 85], [{}, commitmentOf(0), 10], [{}, commitmentOf(1), 85]], // biome-ignore format: rows
  coordinates: [[{}, coordinatesOf(0)], [{}, coordinatesOf(1)], [{ state: NODE_STATES.idle }, coordinatesOf(0)]], // biome-ignore format: rows
  version: [[{ state: NODE_STATES.jailed }, { kind: 'version', newest: 1 }]],
}

test.each(Object.entries(TRIES))('a node’s %s fails with the codes that are listed, and no other', (kind, tries) => {
  const network = new Network()
  const seen = new Set<number>()
  for (const [fields, body, percent = 50] of tries) {
    const step = stepOf(network, { timestampMs: network.app.lastApplied().timestampMs + (EPOCH_MS * percent) / 100 })
    step.state.put(nodes, 0, { ...step.state.get(nodes, 0)!, ...fields })
    for (let i = 0; i < 2; i++) seen.add(codeOf(step, body))
  }
  seen.delete(0)
  expect([...seen].toSorted(ascending)).toEqual(listedIn(NODE_KINDS[kind as NodeBody['kind']].checks))
})

/** As the executor lets a body run, or does not. */
function codeOf({ state, block, emit }: Step, body: NodeBody): number {
  const node = state.get(nodes, 0)!
  const handler = nodeHandlerOf(body.kind)!
  const isAllowed = handler.who === 'serving' ? isServing(node) : node.state !== NODE_STATES.jailed
  return isAllowed ? handler.run({ state, block, emit, nodeIndex: 0, node }, body) : CODES.state
}

test('words of the committee fail with the codes that are listed, and no other', () => {
  const network = new Network()
  const secret = seedOf('secret')
  const seen = new Map<SystemMessage['kind'], Set<number>>()
  const say = (message: SystemMessage, author = 0): void => {
    const outcome = network.run([network.system(author, message)], 1)
    for (const code of codesOf(outcome)) if (code !== 0) seen.set(message.kind, (seen.get(message.kind) ?? new Set()).add(code))
  }
  const commit: SystemMessage = { kind: 'beaconCommit', commitment: beaconCommitment(CHAIN_ID, 0, 0, secret) }
  say(commit)
  say(commit)
  runAt(network, 22)
  say(commit, 1)
  say({ kind: 'beaconReveal', secret: seedOf('another') })
  say({ kind: 'beaconReveal', secret })
  say({ kind: 'beaconReveal', secret })
  runAt(network, 31)
  say({ kind: 'beaconReveal', secret })
  say({ kind: 'readyToClose', epoch: 0 })
  say({ kind: 'readyToClose', epoch: 1 })
  runAt(network, 100)
  say({ kind: 'readyToClose', epoch: 0 })
  say({ kind: 'readyToClose', epoch: 0 })
  network.closeEpoch()
  say({ kind: 'epochFile', epoch: 1, root: seedOf('file') })
  say({ kind: 'epochFile', epoch: 0, root: seedOf('file') })
  say({ kind: 'epochFile', epoch: 0, root: seedOf('file') })
  for (const kind of ['beaconCommit', 'beaconReveal', 'readyToClose', 'epochFile'] as const)
    expect([kind, [...(seen.get(kind) ?? [])].toSorted(ascending)]).toEqual([kind, listedIn(SYSTEM_KINDS[kind].checks)])
})
