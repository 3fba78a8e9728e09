/** Of each kind of node transaction and word of the committee: every code that its schema lists can be had, and no other comes. */
import {
  beacons,
  CLAIM_STATES,
  claims,
  contentCounts,
  DISPUTE_STATES,
  disputes,
  nodes,
  NODE_STATES,
  pendingNodes,
  reports,
  seats,
  type ClaimRow,
  type DisputeRow,
  type NodeRow,
} from '@selvedge/application'
import {
  CLAIM_SUM_MAX,
  type ClaimCommit,
  type ClaimDebits,
  DEBITS_START,
  encodeClaimCommit,
  encodeClaimDebits,
  encodeDebits,
} from '@selvedge/delivery-acknowledgement'
import {
  beaconCommitment,
  CODES,
  codesOf as listedIn,
  encodeAddresses,
  encodeNodeBody,
  NODE_KINDS,
  reportCommitment,
  SYSTEM_KINDS,
  type Measurement,
  type NodeBody,
  type NodeBodyOf,
  type SystemMessage,
} from '@selvedge/ledger-types'
import { expect, test } from 'vitest'
import { NOTHING_PENDING } from '../src/calls/nodes.ts'
import { bitmapOf } from '../src/node-transactions/claims-bitmap.ts'
import { parameterOf } from '../src/state/parameters.ts'
import type { State } from '../src/state/state.ts'
import {
  answerBodies,
  answerOf,
  bytesFor,
  type Claim,
  claimBodies,
  claimOf,
  clientIndexOf,
  deliver,
  fromNode,
  openingsOf,
  runAt,
} from './support/delivery.ts'
import { evidenceOf } from './support/evidence.ts'
import { CHAIN_ID, codesOf, EPOCH_MS, NATIVE, Network, seedOf, WEI } from './support/network.ts'
import { noiseRecordOf } from './support/registration.ts'
import { ascending, nodeCodeOf, stepOf } from './support/step.ts'

type Kind = NodeBody['kind']

/** What is tried on a network, whose state stays as it is. */
interface Try {
  readonly code: number
  readonly body: NodeBody
  /** Of the running epoch. @default 10 */
  readonly percent?: number
  /** Who sends it. @default 0 */
  readonly from?: number
  /** In the sender's row. */
  readonly node?: Partial<NodeRow>
  readonly given?: (state: State) => void
  /** It is taken, and this is the second time. */
  readonly again?: true
}

/** Early in epoch 1; of epoch 0 there is a client, and a claim of node 1 that debits it, of three sessions. */
function served(): readonly [Network, Claim] {
  const network = new Network()
  const client = network.wallets[1]!
  network.send(network.call(client, 'deposit', { account: client.address, amount: 100n * NATIVE }))
  const evidence = [1n, 2n, 3n].map((usd, session) => deliver(network, 1, { client, bytes: bytesFor(usd * NATIVE), session }))
  const claim = claimOf(network, 1, evidence)
  network.closeEpoch()
  return [network, claim]
}

/** The claim is committed, and its points are drawn. */
function drawn(): readonly [Network, Claim] {
  const [network, claim] = served()
  expect(new Set(codesOf(network.run([fromNode(network, 1, ...claimBodies(claim))])))).toEqual(new Set([0]))
  runAt(network, 30)
  return [network, claim]
}

/** It has passed, and in epoch 2 its client disputes it. */
function disputed(): readonly [Network, Claim] {
  const [network, claim] = drawn()
  const client = network.wallets[1]!
  expect(codesOf(network.run([fromNode(network, 1, ...answerBodies(network, claim))]))).toEqual([0, 0])
  network.closeEpoch()
  const args = { epoch: 0n, nodeIndex: 1, serviceId: 0 }
  expect(codesOf(network.send(network.call(client, 'dispute', args, { value: 10n * NATIVE * WEI })))).toEqual([0])
  return [network, claim]
}

const [early] = served()
const [answering, answered] = drawn()
const [disputing, contested] = disputed()
const CLIENT = clientIndexOf(disputing, disputing.wallets[1]!)
const HOSTS = encodeAddresses([early.nodes[0]!.address])
const NO_HOSTS = Uint8Array.of(0)
const JAILED: Partial<NodeRow> = { state: NODE_STATES.jailed }
const IDLE: Partial<NodeRow> = { state: NODE_STATES.idle }
const NOTHING = new Uint8Array(0)

function setNodeOf(notAfterEpoch: number, addresses: Uint8Array = HOSTS): NodeBody {
  return { kind: 'setNode', noiseRecord: noiseRecordOf(early.nodes[0]!, notAfterEpoch), addresses }
}

function commitOf(fields: Partial<ClaimCommit> = {}): NodeBody {
  const commit = { epoch: 0n, nodeIndex: 0, root: seedOf('root'), total: 5n, count: 1, debitsDigest: seedOf('debits'), ...fields }
  return { kind: 'claimCommit', bytes: encodeClaimCommit(commit) }
}

const listOf = (amount: bigint, clientIndex = 1): Uint8Array => encodeDebits([{ serviceId: 0, clientIndex, amount }])
function debitsOf(fields: Partial<ClaimDebits> = {}): NodeBody {
  return { kind: 'claimDebits', bytes: encodeClaimDebits({ epoch: 0n, nodeIndex: 0, part: 0, parts: 1, bytes: listOf(5n), ...fields }) }
}

/** The claim of node 0 for epoch 0 waits for its debits. */
const committed =
  (fields: Partial<ClaimRow> = {}) =>
  (state: State): void => {
    const sums = { root: seedOf('root'), total: 5n, count: 1, debitsDigest: seedOf('debits') }
    const nothing = { parts: 0, partsHere: bitmapOf(0), read: 0, place: DEBITS_START, points: 0, opened: bitmapOf(0) }
    state.put(claims, { epoch: 0, nodeIndex: 0 }, { ...sums, ...nothing, state: CLAIM_STATES.committed, ...fields })
  }

const NODE_1 = { epoch: 0, nodeIndex: 1 }
const claimIn =
  (next: number) =>
  (state: State): void =>
    state.put(claims, NODE_1, { ...state.get(claims, NODE_1)!, state: next })
const DISPUTE = { ...NODE_1, clientIndex: CLIENT, serviceId: 0 }
const disputeIn =
  (fields: Partial<DisputeRow>) =>
  (state: State): void =>
    state.put(disputes, DISPUTE, { ...state.get(disputes, DISPUTE)!, ...fields })

function answer(first: number, count: number): NodeBody {
  return { kind: 'claimAnswer', bytes: answerOf(answered, first, openingsOf(answering, answered, 0, count)) }
}
function disputeAnswer(first: number, serviceId = 0): NodeBody {
  const bytes = answerOf(contested, first, contested.openEntry(CLIENT, 0).slice(first))
  return { kind: 'disputeAnswer', clientIndex: CLIENT, serviceId, bytes }
}

function revealOf(fields: Partial<Measurement> = {}, epoch = 0): NodeBodyOf<'reportReveal'> {
  const measurement = { target: 1, rttMicros: 1_500, jitterMicros: 90, answered: 90, asked: 96, ...fields }
  return { kind: 'reportReveal', epoch, salt: seedOf('salt'), measurements: [measurement] }
}
const bound =
  (body: NodeBodyOf<'reportReveal'>) =>
  (state: State): void => {
    const commit = reportCommitment(CHAIN_ID, 0, encodeNodeBody(body))
    state.put(reports, { epoch: 0, nodeIndex: 0 }, { commit, opened: false, rows: NOTHING })
  }
const self = revealOf({ target: 0 })
const excessive = revealOf({ answered: 97 })

const commitmentOf = (epoch: number): NodeBody => ({ kind: 'reportCommit', epoch, commitment: seedOf('commitment') })
const coordinatesOf = (epoch: number): NodeBody => {
  return { kind: 'coordinates', epoch, coordinates: Array.from({ length: 24 }, () => 1), receiptRoot: seedOf('root') }
}

/** Two words of node 2 in one slot of the running epoch. */
function accusation(network: Network, epoch: number, authority = seatOf(network, 2)): Uint8Array {
  return evidenceOf(network.nodes[2]!.keys, epoch, authority, [seedOf('one'), seedOf('two')])
}
const seatOf = (network: Network, nodeIndex: number): number =>
  network.app.view().committee.findIndex((member) => member.nodeIndex === nodeIndex)
const flipped = (bytes: Uint8Array): Uint8Array => bytes.with(bytes.length - 1, bytes.at(-1)! ^ 1)
const shown = (bytes: Uint8Array): NodeBody => ({ kind: 'evidence', bytes })
const entry = { root: seedOf('content'), isAdded: true }

const NETWORKS: Readonly<Partial<Record<Kind, Network>>> = { claimAnswer: answering, disputeAnswer: disputing }

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
  const network = NETWORKS[kind] ?? early
  const seen = TRIES[kind].map((each, place) => {
    const code = codeOf(network, each)
    expect([place, code]).toEqual([place, each.code])
    return code
  })
  const failures = new Set(seen.filter((code) => code !== CODES.ok))
  expect([...failures].toSorted(ascending)).toEqual(listedIn(NODE_KINDS[kind].checks))
})

function codeOf(network: Network, { body, percent = 10, from = 0, node, given, again }: Try): number {
  const { start } = network.app.lastApplied()
  const step = stepOf(network, { timestampMs: start.timestampMs + (EPOCH_MS * percent) / 100 })
  if (node !== undefined) step.state.put(nodes, from, { ...step.state.get(nodes, from)!, ...node })
  given?.(step.state)
  if (again === true) expect(nodeCodeOf(step, from, body)).toBe(CODES.ok)
  return nodeCodeOf(step, from, body)
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
  say({ kind: 'evidence', evidence: Uint8Array.of(9) })
  say({ kind: 'evidence', evidence: accusation(network, 2) })
  say({ kind: 'evidence', evidence: flipped(accusation(network, 1)) })
  say({ kind: 'evidence', evidence: accusation(network, 1) })
  say({ kind: 'evidence', evidence: accusation(network, 1) })
  for (const kind of Object.keys(SYSTEM_KINDS) as SystemMessage['kind'][])
    expect([kind, [...(seen.get(kind) ?? [])].toSorted(ascending)]).toEqual([kind, listedIn(SYSTEM_KINDS[kind].checks)])
})
