/** Of each kind of node transaction and word of the committee: every code that its schema lists can be had, and no other comes. */
import { beacons, CLAIM_STATES, claims, contentCounts, DISPUTE_STATES, pendingNodes, seats } from '@selvedge/application'
import { CLAIM_SUM_MAX } from '@selvedge/delivery-acknowledgement'
import { beaconCommitment, CODES, codesOf as listedIn, NODE_KINDS, SYSTEM_KINDS, type SystemMessage } from '@selvedge/ledger-types'
import { expect, test } from 'vitest'
import { NOTHING_PENDING } from '../src/calls/nodes.ts'
import { bitmapOf } from '../src/node-transactions/claims-bitmap.ts'
import { parameterOf } from '../src/state/parameters.ts'
import { runAt } from './support/delivery.ts'
import {
  accusation,
  answer,
  bound,
  claimIn,
  CLIENT,
  commitmentOf,
  commitOf,
  committed,
  coordinatesOf,
  debitsOf,
  disputeAnswer,
  disputeIn,
  early,
  excessive,
  flipped,
  HOSTS,
  IDLE,
  JAILED,
  kindCodeOf,
  listOf,
  networkFor,
  NO_HOSTS,
  NODE_1,
  NOTHING,
  revealOf,
  self,
  setNodeOf,
  shown,
  type Kind,
  type KindTry,
} from './support/kind-tries.ts'
import { CHAIN_ID, codesOf, Network, seedOf } from './support/network.ts'
import { ascending } from './support/step.ts'

type Try = KindTry & { readonly code: number }

const entry = { root: seedOf('content'), isAdded: true }

const TRIES: Readonly<Record<Kind, readonly Try[]>> = {
  optIn: [
    { code: 51, body: { kind: 'optIn' } },
    { code: 40, body: { kind: 'optIn' }, node: { ...IDLE, stake: 1n } },
  ],
  optOut: [{ code: 51, body: { kind: 'optOut' }, node: IDLE }],
  setNode: [
    { code: 51, body: setNodeOf(200), node: IDLE },
    { code: 42, body: { kind: 'setNode', noiseRecord: new Uint8Array(136), addresses: HOSTS } },
    { code: 42, body: setNodeOf(100) },
    { code: 43, body: setNodeOf(200, NO_HOSTS) },
    { code: 51, body: setNodeOf(200), given: (state) => state.put(pendingNodes, 0, { ...NOTHING_PENDING, byNode: true }) },
  ],
  claimCommit: [
    { code: 51, body: commitOf(), node: JAILED },
    { code: 46, body: { kind: 'claimCommit', bytes: new Uint8Array(3) } },
    { code: 46, body: commitOf({ nodeIndex: 1 }) },
    { code: 52, body: commitOf(), percent: 20 },
    { code: 52, body: commitOf({ epoch: 1n }) },
    { code: 51, body: commitOf(), again: true },
    { code: 51, body: commitOf(), given: (state) => state.delete(seats, { epoch: 0, chunk: 0 }) },
    { code: 46, body: commitOf({ total: 0n }) },
    { code: 46, body: commitOf({ total: CLAIM_SUM_MAX + 1n }) },
    { code: 46, body: commitOf({ count: 0 }) },
    { code: 46, body: commitOf({ count: 6 }) },
  ],
  claimDebits: [
    { code: 51, body: debitsOf(), node: JAILED, given: committed() },
    { code: 46, body: { kind: 'claimDebits', bytes: new Uint8Array(3) }, given: committed() },
    { code: 46, body: debitsOf({ nodeIndex: 1 }), given: committed() },
    { code: 52, body: debitsOf() },
    { code: 52, body: debitsOf(), percent: 20, given: committed() },
    { code: 51, body: debitsOf(), again: true, given: committed() },
    { code: 51, body: debitsOf({ part: 1, parts: 2 }), again: true, given: committed({ total: 10n, count: 2 }) },
    { code: 46, body: debitsOf({ parts: 2 }), given: committed() },
    { code: 46, body: debitsOf({ parts: 2 }), given: committed({ total: 9n, count: 9, parts: 3, partsHere: bitmapOf(3) }) },
    { code: 46, body: debitsOf({ part: 64, parts: 65 }), given: committed({ total: 99n, count: 99 }) },
    { code: 0, body: debitsOf({ part: 63, parts: 65 }), given: committed({ total: 99n, count: 99 }) },
    { code: 46, body: debitsOf({ bytes: listOf(5n, 9) }), given: committed() },
    { code: 46, body: debitsOf({ bytes: listOf(4n) }), given: committed() },
  ],
  claimAnswer: [
    { code: 51, body: answer(0, 2), from: 1, percent: 35, node: JAILED },
    { code: 46, body: { kind: 'claimAnswer', bytes: Uint8Array.of(1) }, from: 1, percent: 35 },
    { code: 46, body: answer(0, 2), from: 2, percent: 35 },
    { code: 52, body: answer(0, 2), from: 1, percent: 60 },
    { code: 52, body: answer(0, 2), from: 1, percent: 35, given: (state) => state.delete(claims, NODE_1) },
    { code: 52, body: answer(0, 2), from: 1, percent: 35, given: (state) => state.delete(beacons, 1) },
    { code: 52, body: answer(0, 2), from: 1, percent: 35, given: claimIn(CLAIM_STATES.complete) },
    { code: 51, body: answer(0, 2), from: 1, percent: 35, given: claimIn(CLAIM_STATES.passed) },
    { code: 46, body: answer(63, 2), from: 1, percent: 35 },
    { code: 51, body: answer(0, 2), from: 1, percent: 35, again: true },
  ],
  disputeAnswer: [
    { code: 51, body: disputeAnswer(0), from: 1, node: JAILED },
    { code: 46, body: { kind: 'disputeAnswer', clientIndex: CLIENT, serviceId: 0, bytes: Uint8Array.of(1) }, from: 1 },
    { code: 46, body: disputeAnswer(0), from: 2 },
    { code: 45, body: disputeAnswer(0, 7), from: 1 },
    { code: 52, body: disputeAnswer(0), from: 1, percent: 95 },
    { code: 51, body: disputeAnswer(0), from: 1, given: claimIn(CLAIM_STATES.void) },
    { code: 51, body: disputeAnswer(0), from: 1, given: disputeIn({ state: DISPUTE_STATES.answered }) },
    { code: 51, body: disputeAnswer(0), from: 1, given: disputeIn({ leaves: 2 }) },
    { code: 46, body: disputeAnswer(1), from: 1 },
    { code: 51, body: disputeAnswer(0), from: 1, again: true },
  ],
  reportCommit: [
    { code: 51, body: commitmentOf(1), percent: 85, node: IDLE },
    { code: 52, body: commitmentOf(1), percent: 79 },
    { code: 52, body: commitmentOf(2), percent: 85 },
    { code: 51, body: commitmentOf(1), percent: 85, again: true },
  ],
  reportReveal: [
    { code: 51, body: revealOf(), node: JAILED, given: bound(revealOf()) },
    { code: 52, body: revealOf(), percent: 20, given: bound(revealOf()) },
    { code: 52, body: revealOf({}, 1), given: bound(revealOf({}, 1)) },
    { code: 45, body: revealOf() },
    { code: 51, body: revealOf(), again: true, given: bound(revealOf()) },
    { code: 42, body: revealOf({ answered: 91 }), given: bound(revealOf()) },
    { code: 46, body: self, given: bound(self) },
    { code: 46, body: excessive, given: bound(excessive) },
  ],
  coordinates: [
    { code: 51, body: coordinatesOf(1), node: IDLE },
    { code: 52, body: coordinatesOf(2) },
    { code: 51, body: coordinatesOf(1), again: true },
  ],
  contentUpdate: [
    { code: 51, body: { kind: 'contentUpdate', entries: [entry] }, node: IDLE },
    { code: 46, body: { kind: 'contentUpdate', entries: [] } },
    {
      code: 49,
      body: { kind: 'contentUpdate', entries: [entry] },
      given: (state) => state.put(contentCounts, 0, Number(parameterOf(state, 'contentPerNode'))),
    },
  ],
  evidence: [
    { code: 51, body: shown(accusation(early, 1)), node: JAILED },
    { code: 46, body: shown(NOTHING) },
    { code: 52, body: shown(accusation(early, 2)) },
    { code: 42, body: shown(accusation(early, 1, 99)) },
    { code: 42, body: shown(flipped(accusation(early, 1))) },
    { code: 51, body: shown(accusation(early, 1)), again: true },
  ],
  version: [{ code: 51, body: { kind: 'version', newest: 1 }, node: JAILED }],
}

test.each(Object.keys(TRIES) as Kind[])('a node’s %s fails with the codes that are listed, and no other', (kind) => {
  const seen = TRIES[kind].map((each, place) => {
    const code = kindCodeOf(networkFor(kind), each)
    expect([place, code]).toEqual([place, each.code])
    return code
  })
  const failures = new Set(seen.filter((code) => code !== CODES.ok))
  expect([...failures].toSorted(ascending)).toEqual(listedIn(NODE_KINDS[kind].checks))
})

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
  say({ kind: 'evidence', evidence: Uint8Array.of(9) })
  say({ kind: 'evidence', evidence: accusation(network, 2) })
  say({ kind: 'evidence', evidence: flipped(accusation(network, 1)) })
  say({ kind: 'evidence', evidence: accusation(network, 1) })
  say({ kind: 'evidence', evidence: accusation(network, 1) })
  for (const kind of Object.keys(SYSTEM_KINDS) as SystemMessage['kind'][])
    expect([kind, [...(seen.get(kind) ?? [])].toSorted(ascending)]).toEqual([kind, listedIn(SYSTEM_KINDS[kind].checks)])
})
