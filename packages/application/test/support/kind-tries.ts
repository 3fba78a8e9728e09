/**
 * What kinds of node transactions are tried with, one by one: networks on which claims stand where they are wanted, good bodies, and states in which
 * something is not so.
 */
import {
  CLAIM_STATES,
  claims,
  disputes,
  nodes,
  NODE_STATES,
  reports,
  type ClaimRow,
  type DisputeKey,
  type DisputeRow,
  type NodeRow,
  type Outcome,
} from '@selvedge/application'
import {
  type ClaimCommit,
  type ClaimDebits,
  DEBITS_START,
  encodeClaimCommit,
  encodeClaimDebits,
  encodeDebits,
} from '@selvedge/delivery-acknowledgement'
import {
  CODES,
  encodeAddresses,
  encodeNodeBody,
  reportCommitment,
  type Measurement,
  type NodeBody,
  type NodeBodyOf,
} from '@selvedge/ledger-types'
import { bitmapOf } from '../../src/node-transactions/claims-bitmap.ts'
import type { State } from '../../src/state/state.ts'
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
} from './delivery.ts'
import { evidenceOf } from './evidence.ts'
import { CHAIN_ID, codesOf, EPOCH_MS, NATIVE, Network, seedOf, WEI } from './network.ts'
import { noiseRecordOf } from './registration.ts'
import { nodeCodeOf, stepOf, type Step } from './step.ts'

export type Kind = NodeBody['kind']
export type Given = (state: State) => void

/** What is tried on a network, whose state stays as it is. */
export interface KindTry {
  readonly body: NodeBody
  /** Of the running epoch. @default 10 */
  readonly percent?: number
  /** Who sends it. @default 0 */
  readonly from?: number
  /** In the sender's row. */
  readonly node?: Partial<NodeRow>
  readonly given?: Given
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
  mustBeTaken(network.run([fromNode(network, 1, ...claimBodies(claim))]))
  runAt(network, 30)
  return [network, claim]
}

/** It has passed, and in epoch 2 its client disputes it. */
function disputed(): readonly [Network, Claim] {
  const [network, claim] = drawn()
  const client = network.wallets[1]!
  mustBeTaken(network.run([fromNode(network, 1, ...answerBodies(network, claim))]))
  network.closeEpoch()
  const args = { epoch: 0n, nodeIndex: 1, serviceId: 0 }
  mustBeTaken(network.send(network.call(client, 'dispute', args, { value: 10n * NATIVE * WEI })))
  return [network, claim]
}

function mustBeTaken(outcome: Outcome): void {
  const codes = codesOf(outcome)
  if (codes.length === 0 || codes.some((code) => code !== CODES.ok)) throw new Error(`codes are ${codes.join(', ')}`)
}

const [first] = served()
const [answering, answered] = drawn()
const [disputing, contested] = disputed()

/** The one on which most kinds are tried. */
export const early: Network = first

const NETWORKS: Readonly<Partial<Record<Kind, Network>>> = { claimAnswer: answering, disputeAnswer: disputing }

/** The one on which a kind is tried. */
export function networkFor(kind: Kind): Network {
  return NETWORKS[kind] ?? early
}

/** Of the client that disputes. */
export const CLIENT: number = clientIndexOf(disputing, disputing.wallets[1]!)
export const HOSTS: Uint8Array = encodeAddresses([early.nodes[0]!.address])
export const NO_HOSTS: Uint8Array = Uint8Array.of(0)
export const JAILED: Partial<NodeRow> = { state: NODE_STATES.jailed }
export const IDLE: Partial<NodeRow> = { state: NODE_STATES.idle }
export const NOTHING: Uint8Array = new Uint8Array(0)

export function setNodeOf(notAfterEpoch: number, addresses: Uint8Array = HOSTS): NodeBody {
  return { kind: 'setNode', noiseRecord: noiseRecordOf(early.nodes[0]!, notAfterEpoch), addresses }
}

export function commitOf(fields: Partial<ClaimCommit> = {}): NodeBody {
  const commit = { epoch: 0n, nodeIndex: 0, root: seedOf('root'), total: 5n, count: 1, debitsDigest: seedOf('debits'), ...fields }
  return { kind: 'claimCommit', bytes: encodeClaimCommit(commit) }
}

export const listOf = (amount: bigint, clientIndex = 1): Uint8Array => encodeDebits([{ serviceId: 0, clientIndex, amount }])
export function debitsOf(fields: Partial<ClaimDebits> = {}): NodeBody {
  return { kind: 'claimDebits', bytes: encodeClaimDebits({ epoch: 0n, nodeIndex: 0, part: 0, parts: 1, bytes: listOf(5n), ...fields }) }
}

/** The claim of node 0 for epoch 0 waits for its debits. */
export const committed =
  (fields: Partial<ClaimRow> = {}): Given =>
  (state) => {
    const sums = { root: seedOf('root'), total: 5n, count: 1, debitsDigest: seedOf('debits') }
    const nothing = { parts: 0, partsHere: bitmapOf(0), read: 0, place: DEBITS_START, points: 0, opened: bitmapOf(0) }
    state.put(claims, { epoch: 0, nodeIndex: 0 }, { ...sums, ...nothing, state: CLAIM_STATES.committed, ...fields })
  }

export const NODE_1: { readonly epoch: number; readonly nodeIndex: number } = { epoch: 0, nodeIndex: 1 }
export const claimWith =
  (fields: Partial<ClaimRow>): Given =>
  (state) =>
    state.put(claims, NODE_1, { ...state.get(claims, NODE_1)!, ...fields })
export const claimIn = (next: number): Given => claimWith({ state: next })
const DISPUTE: DisputeKey = { ...NODE_1, clientIndex: CLIENT, serviceId: 0 }
export const disputeIn =
  (fields: Partial<DisputeRow>): Given =>
  (state) =>
    state.put(disputes, DISPUTE, { ...state.get(disputes, DISPUTE)!, ...fields })

export function answer(from: number, count: number): NodeBody {
  return { kind: 'claimAnswer', bytes: answerOf(answered, from, openingsOf(answering, answered, 0, count)) }
}
export function disputeAnswer(from: number, serviceId = 0): NodeBody {
  const bytes = answerOf(contested, from, contested.openEntry(CLIENT, 0).slice(from))
  return { kind: 'disputeAnswer', clientIndex: CLIENT, serviceId, bytes }
}

export function revealOf(fields: Partial<Measurement> = {}, epoch = 0): NodeBodyOf<'reportReveal'> {
  const measurement = { target: 1, rttMicros: 1_500, jitterMicros: 90, answered: 90, asked: 96, ...fields }
  return { kind: 'reportReveal', epoch, salt: seedOf('salt'), measurements: [measurement] }
}
export const bound =
  (body: NodeBodyOf<'reportReveal'>, opened = false): Given =>
  (state) => {
    const commit = reportCommitment(CHAIN_ID, 0, encodeNodeBody(body))
    state.put(reports, { epoch: 0, nodeIndex: 0 }, { commit, opened, rows: NOTHING })
  }
export const self: NodeBodyOf<'reportReveal'> = revealOf({ target: 0 })
export const excessive: NodeBodyOf<'reportReveal'> = revealOf({ answered: 97 })

export const commitmentOf = (epoch: number): NodeBody => ({ kind: 'reportCommit', epoch, commitment: seedOf('commitment') })
export const coordinatesOf = (epoch: number): NodeBody => {
  return { kind: 'coordinates', epoch, coordinates: Array.from({ length: 24 }, () => 1), receiptRoot: seedOf('root') }
}

const seatOf = (network: Network, nodeIndex: number): number =>
  network.app.view().committee.findIndex((member) => member.nodeIndex === nodeIndex)

/** Two words of node 2 in one slot. */
export function accusation(network: Network, epoch: number, authority: number = seatOf(network, 2)): Uint8Array {
  return evidenceOf(network.nodes[2]!.keys, epoch, authority, [seedOf('one'), seedOf('two')])
}
export const flipped = (bytes: Uint8Array): Uint8Array => bytes.with(bytes.length - 1, bytes.at(-1)! ^ 1)
export const shown = (bytes: Uint8Array): NodeBody => ({ kind: 'evidence', bytes })

/** The step in which something is tried. */
export function kindStep(network: Network, { percent = 10, from = 0, node, given }: Omit<KindTry, 'body'>): Step {
  const { start } = network.app.lastApplied()
  const step = stepOf(network, { timestampMs: start.timestampMs + (EPOCH_MS * percent) / 100 })
  if (node !== undefined) step.state.put(nodes, from, { ...step.state.get(nodes, from)!, ...node })
  given?.(step.state)
  return step
}

export function kindCodeOf(network: Network, each: KindTry): number {
  const { body, from = 0, again } = each
  const step = kindStep(network, each)
  if (again === true && nodeCodeOf(step, from, body) !== CODES.ok) throw new Error(`${body.kind} is not taken the first time`)
  return nodeCodeOf(step, from, body)
}
