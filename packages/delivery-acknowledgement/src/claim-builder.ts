/**
 * A node's claim of one epoch, from what clients signed to the bytes that go to the ledger: committed before anybody knows the beacon, opened
 * where the beacon points. What is claimed for each session is the caller's word (`checkAcknowledgement` says what is payable).
 */
import { sha256 } from '@selvedge/crypto/sha256'
import { encodeAcknowledgement } from './acknowledgement.ts'
import { drawPoints } from './challenge.ts'
import type { Evidence } from './check.ts'
import { encodeClaimAnswer, encodeClaimCommit, encodeClaimDebits } from './claim-messages.ts'
import { claimKeyOf, type ClaimLeaf, type ClaimTree, createClaimTree } from './claim-tree.ts'
import { DEBITS_PART_BYTES_MAX, SESSION_ID_BYTES } from './constants.ts'
import { cutDebits, type Debit, debitsOf, encodeDebits } from './debits.ts'
import { malformed } from './errors.ts'
import type { Opening } from './opening.ts'
import { compareBytes } from './wire.ts'

/** Openings that one answer carries: below 60 KiB in the deepest tree. */
const ANSWER_POINTS = 32
/** Of a key: service and client. */
const ENTRY_BYTES = 8

export interface ClaimedSession {
  readonly evidence: Evidence
  readonly leaf: ClaimLeaf
}

export interface BuiltClaim {
  readonly epoch: bigint
  readonly nodeIndex: number
  readonly tree: ClaimTree
  /** Ascending by key, as the tree has them. */
  readonly leaves: readonly ClaimLeaf[]
  readonly debits: readonly Debit[]
  /** Body of 0x10. */
  readonly commit: Uint8Array
  /** Bodies of 0x11, in order. */
  readonly parts: readonly Uint8Array[]
  /** The leaf at `index`, with its path. */
  open(index: number): Opening
  /** The leaves of one client's entry, in order: what a dispute asks for. */
  openEntry(clientIndex: number, serviceId: number): Opening[]
  /** What the beacon of the epoch after draws, in the order in which it is answered. @param withheld - reveals that were not given. */
  openPoints(beacon: Uint8Array, withheld: number): Opening[]
  /** Bodies of 0x12 that open all of them. */
  answers(beacon: Uint8Array, withheld: number): Uint8Array[]
}

/** What a session is claimed for. @param amount - µUSD, the tick's bytes included. */
export function claimLeafOf({ acknowledgement, tick }: Evidence, clientIndex: number, amount: bigint): ClaimLeaf {
  const { serviceId, sessionId } = acknowledgement
  return {
    key: claimKeyOf(serviceId, clientIndex, sessionId),
    acknowledgement: encodeAcknowledgement(acknowledgement),
    tickIndex: tick.index,
    amount,
  }
}

/**
 * @param sessions - of one node and epoch, in any order; at least one.
 * @param options.partBytesMax - most bytes of debits in one transaction. @default 61,440
 * @throws {DeliveryAcknowledgementError} `DELIVERY_ACKNOWLEDGEMENT_MALFORMED` for none, two of one session, or two epochs or nodes;
 * `DELIVERY_ACKNOWLEDGEMENT_TOO_LARGE` for a sum above 2^63
 */
export function buildClaim(sessions: readonly ClaimedSession[], options: { readonly partBytesMax?: number } = {}): BuiltClaim {
  const { partBytesMax = DEBITS_PART_BYTES_MAX } = options
  const sorted = sessions.toSorted((a, b) => compareBytes(a.leaf.key, b.leaf.key))
  const leaves = sorted.map(({ leaf }) => leaf)
  const tree = createClaimTree(leaves)
  const { epoch, nodeIndex } = headOf(sorted)
  const debits = debitsOf(leaves)
  const bytes = encodeDebits(debits)
  const parts = cutDebits(bytes, partBytesMax)
  const open = (index: number): Opening => ({ ...sorted[index]!.evidence, path: tree.prove(index) })
  const openPoints = (beacon: Uint8Array, withheld: number): Opening[] =>
    drawPoints(beacon, { epoch, nodeIndex, root: tree.root, total: tree.total }, withheld).map((point) => open(tree.indexAt(point)))
  return {
    epoch,
    nodeIndex,
    tree,
    leaves,
    debits,
    commit: encodeClaimCommit({ epoch, nodeIndex, root: tree.root, total: tree.total, count: tree.count, debitsDigest: sha256(bytes) }),
    parts: parts.map((part, place) => encodeClaimDebits({ epoch, nodeIndex, part: place, parts: parts.length, bytes: part })),
    open,
    openEntry(clientIndex, serviceId) {
      const entry = claimKeyOf(serviceId, clientIndex, new Uint8Array(SESSION_ID_BYTES)).subarray(0, ENTRY_BYTES)
      return leaves.flatMap(({ key }, index) => (compareBytes(key.subarray(0, ENTRY_BYTES), entry) === 0 ? [open(index)] : []))
    },
    openPoints,
    answers(beacon, withheld) {
      const openings = openPoints(beacon, withheld)
      const firsts = Array.from({ length: Math.ceil(openings.length / ANSWER_POINTS) }, (_, part) => part * ANSWER_POINTS)
      return firsts.map((first) => encodeClaimAnswer({ epoch, nodeIndex, first, openings: openings.slice(first, first + ANSWER_POINTS) }))
    },
  }
}

function headOf(sessions: readonly ClaimedSession[]): { readonly epoch: bigint; readonly nodeIndex: number } {
  const { epoch, nodeIndex } = sessions[0]!.evidence.acknowledgement
  const isOne = sessions.every(
    ({ evidence: { acknowledgement } }) => acknowledgement.epoch === epoch && acknowledgement.nodeIndex === nodeIndex,
  )
  if (!isOne) throw malformed('a claim is of one node and one epoch')
  return { epoch, nodeIndex }
}
