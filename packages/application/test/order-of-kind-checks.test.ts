/**
 * Goal: the page of transactions has the order in which the code checks what nodes and members send. Method: as for functions
 * (order-of-function-checks.test.ts): for each two checks that stand one behind the other, what is wrong in both has the first one's code.
 */
import {
  CLAIM_STATES,
  coordinates,
  DISPUTE_STATES,
  epochFiles,
  evidences,
  pendingNodes,
  readyRow,
  reports,
  roundRow,
  seats,
  SLASH_CAUSES,
} from '@selvedge/application'
import { beaconCommitment, NODE_KINDS, SYSTEM_KINDS, type SystemMessage } from '@selvedge/ledger-types'
import { expect, test } from 'vitest'
import { NOTHING_PENDING } from '../src/calls/nodes.ts'
import { runSystemMessage } from '../src/execute/dispatch.ts'
import { bitmapOf, withBits } from '../src/node-transactions/claims-bitmap.ts'
import {
  accusation,
  answer,
  bound,
  claimIn,
  CLIENT,
  claimWith,
  commitmentOf,
  commitOf,
  committed,
  coordinatesOf,
  debitsOf,
  disputeAnswer,
  disputeIn,
  early,
  flipped,
  IDLE,
  JAILED,
  kindCodeOf,
  kindStep,
  networkFor,
  NO_HOSTS,
  NOTHING,
  revealOf,
  self,
  setNodeOf,
  shown,
  type Given,
  type Kind,
  type KindTry,
} from './support/kind-tries.ts'
import { CHAIN_ID, seedOf } from './support/network.ts'
import { neighboursIn, type Codes, type NeverBoth } from './support/order.ts'

type Both = (KindTry & { readonly codes: Codes }) | NeverBoth

const unread = new Uint8Array(3)
const withoutSeats: Given = (state) => state.delete(seats, { epoch: 0, chunk: 0 })
/** Node 2 was accused in epoch 1 already. */
const accused: Given = (state) => state.put(evidences, { nodeIndex: 2, cause: SLASH_CAUSES.equivocation, epoch: 1 }, 1)

const PAIRS: Readonly<Record<Kind, readonly Both[]>> = {
  optIn: [{ codes: [51, 40], body: { kind: 'optIn' }, node: { stake: 1n } }],
  optOut: [],
  setNode: [
    { codes: [51, 42], body: { kind: 'setNode', noiseRecord: new Uint8Array(136), addresses: NO_HOSTS }, node: IDLE },
    { codes: [42, 43], body: { kind: 'setNode', noiseRecord: new Uint8Array(136), addresses: NO_HOSTS } },
    {
      codes: [43, 51],
      body: setNodeOf(200, NO_HOSTS),
      given: (state) => state.put(pendingNodes, 0, { ...NOTHING_PENDING, byNode: true }),
    },
  ],
  claimCommit: [
    { codes: [51, 46], body: { kind: 'claimCommit', bytes: unread }, node: JAILED },
    { codes: [46, 52], body: commitOf({ nodeIndex: 1 }), percent: 20 },
    { codes: [52, 51], body: commitOf(), percent: 20, given: withoutSeats },
    { codes: [51, 46], body: commitOf({ total: 0n }), given: withoutSeats },
  ],
  claimDebits: [
    { codes: [51, 46], body: { kind: 'claimDebits', bytes: unread }, node: JAILED, given: committed() },
    { codes: [46, 52], body: debitsOf({ nodeIndex: 1 }), percent: 20, given: committed() },
    { codes: [52, 51], body: debitsOf(), percent: 20, given: committed({ state: CLAIM_STATES.complete }) },
    { codes: [51, 46], body: debitsOf({ parts: 2 }), given: committed({ state: CLAIM_STATES.complete }) },
  ],
  claimAnswer: [
    { codes: [51, 46], body: { kind: 'claimAnswer', bytes: unread }, from: 1, percent: 35, node: JAILED },
    { codes: [46, 52], body: answer(0, 2), from: 2, percent: 60 },
    { codes: [52, 51], body: answer(0, 2), from: 1, percent: 60, given: claimIn(CLAIM_STATES.passed) },
    { codes: [51, 46], body: answer(63, 2), from: 1, percent: 35, given: claimIn(CLAIM_STATES.passed) },
    { codes: [46, 51], body: answer(63, 2), from: 1, percent: 35, given: claimWith({ opened: withBits(bitmapOf(64), 63, 1) }) },
  ],
  disputeAnswer: [
    { codes: [51, 46], body: { kind: 'disputeAnswer', clientIndex: CLIENT, serviceId: 0, bytes: unread }, from: 1, node: JAILED },
    { codes: [46, 45], body: disputeAnswer(0), from: 2 },
    { codes: [45, 52], body: disputeAnswer(0, 7), from: 1, percent: 95 },
    { codes: [52, 51], body: disputeAnswer(0), from: 1, percent: 95, given: claimIn(CLAIM_STATES.void) },
    { codes: [51, 46], body: disputeAnswer(1), from: 1, given: disputeIn({ state: DISPUTE_STATES.answered }) },
  ],
  reportCommit: [
    { codes: [51, 52], body: commitmentOf(1), percent: 79, node: IDLE },
    {
      codes: [52, 51],
      body: commitmentOf(1),
      percent: 79,
      given: (state) => state.put(reports, { epoch: 1, nodeIndex: 0 }, { commit: seedOf('another'), opened: false, rows: NOTHING }),
    },
  ],
  reportReveal: [
    { codes: [51, 52], body: revealOf(), percent: 20, node: JAILED, given: bound(revealOf()) },
    { codes: [52, 45], body: revealOf(), percent: 20 },
    { codes: [45, 51], never: 'what was not committed was not shown' },
    { codes: [51, 42], body: revealOf({ answered: 91 }), given: bound(revealOf(), true) },
    { codes: [42, 46], body: self, given: bound(revealOf()) },
  ],
  coordinates: [
    { codes: [51, 52], body: coordinatesOf(2), node: IDLE },
    {
      codes: [52, 51],
      body: coordinatesOf(2),
      given: (state) => state.put(coordinates, 0, { epoch: 2, values: new Uint8Array(48), receiptRoot: seedOf('root') }),
    },
  ],
  contentUpdate: [
    { codes: [51, 46], body: { kind: 'contentUpdate', entries: [] }, node: IDLE },
    { codes: [46, 49], never: 'nothing grows by no entry' },
  ],
  evidence: [
    { codes: [51, 46], body: shown(NOTHING), node: JAILED },
    { codes: [46, 52], never: 'what has no form is of no epoch' },
    { codes: [52, 42], body: shown(accusation(early, 2, 99)) },
    { codes: [42, 51], never: 'of who is nobody nothing is known' },
    { codes: [51, 42], body: shown(flipped(accusation(early, 1))), given: accused },
  ],
  version: [],
}

test.each(Object.keys(PAIRS) as Kind[])('of two faults of a node’s %s the one is told that stands first on the page', (kind) => {
  const pairs = PAIRS[kind]
  expect(pairs.map(({ codes }) => codes)).toEqual(neighboursIn(NODE_KINDS[kind].checks))
  for (const each of pairs) {
    if ('never' in each) continue
    expect([each.codes, kindCodeOf(networkFor(kind), each)]).toEqual([each.codes, each.codes[0]])
  }
})

type Word = SystemMessage['kind']
/** Said by member 0 in epoch 1. */
type BothWords = (Omit<KindTry, 'body'> & { readonly codes: Codes; readonly message: SystemMessage }) | NeverBoth

const secret = seedOf('secret')
const commit = { author: 0, hash: beaconCommitment(CHAIN_ID, 1, 0, secret) }

const WORDS: Readonly<Record<Word, readonly BothWords[]>> = {
  readyToClose: [
    { codes: [46, 52], message: { kind: 'readyToClose', epoch: 2 } },
    { codes: [52, 51], message: { kind: 'readyToClose', epoch: 1 }, given: (state) => state.put(readyRow, null, [0]) },
  ],
  evidence: [
    { codes: [46, 52], never: 'what has no form is of no epoch' },
    { codes: [52, 42], message: { kind: 'evidence', evidence: accusation(early, 2, 99) } },
    { codes: [42, 51], never: 'of who is nobody nothing is known' },
    { codes: [51, 42], message: { kind: 'evidence', evidence: flipped(accusation(early, 1)) }, given: accused },
  ],
  beaconCommit: [
    {
      codes: [52, 51],
      message: { kind: 'beaconCommit', commitment: commit.hash },
      percent: 20,
      given: (state) => state.put(roundRow, null, { commits: [commit], reveals: [] }),
    },
  ],
  beaconReveal: [
    { codes: [52, 42], message: { kind: 'beaconReveal', secret }, percent: 30 },
    { codes: [42, 51], never: 'who has not committed has shown nothing' },
    {
      codes: [51, 42],
      message: { kind: 'beaconReveal', secret: seedOf('another') },
      percent: 22,
      given: (state) => state.put(roundRow, null, { commits: [commit], reveals: [{ author: 0, hash: secret }] }),
    },
  ],
  epochFile: [
    {
      codes: [46, 51],
      message: { kind: 'epochFile', epoch: 1, root: seedOf('file') },
      given: (state) => state.put(epochFiles, 1, seedOf('file')),
    },
  ],
}

test.each(Object.keys(WORDS) as Word[])('of two faults of a member’s %s the one is told that stands first on the page', (word) => {
  const pairs = WORDS[word]
  expect(pairs.map(({ codes }) => codes)).toEqual(neighboursIn(SYSTEM_KINDS[word].checks))
  for (const each of pairs) {
    if ('never' in each) continue
    const { state, block, emit } = kindStep(early, each)
    const code = runSystemMessage({ state, block, emit, author: 0, member: block.committee[0]! }, each.message)
    expect([each.codes, code]).toEqual([each.codes, each.codes[0]])
  }
})
