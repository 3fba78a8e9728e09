/**
 * What can be said of a header, block or certificate from itself and the committee, as answers and not as exceptions: cores ask for
 * every message, before anything dearer. What depends on the DAG, on stored batches or on a clock is theirs.
 *
 * Source: docs/protocol/consensus-types.md §5.
 */
import { compareBytes } from './bytes.ts'
import type { Committee } from './committee.ts'
import { BATCH_BYTES_MAX, PAYLOAD_COUNT_MAX, SYSTEM_TRANSACTION_BYTES_MAX, TRANSACTION_BYTES_MAX, TRANSACTION_COUNT_MAX } from './limits.ts'
import type { Ancestor, Authority, Block, Digest, Header, Parent, PayloadEntry } from './types.ts'

export interface SlotRules {
  readonly epoch: number
  /** Own round and `ROUND_LEAD_MAX`, or `Infinity` for what was asked for. */
  readonly roundMax: number
  /** Digests of the implicit vertices of round 0, in authority order. */
  readonly genesis: readonly Digest[]
}

export interface HeaderRules extends SlotRules {
  /** Number of workers of the epoch. */
  readonly workers: number
}

export type HeaderFault =
  | 'epoch'
  | 'round' // 0, or too far ahead
  | 'author' // no member
  | 'payload' // too many, not ascending, or a batch of an impossible length
  | 'worker' // the epoch has no such worker
  | 'parents' // no member, or not ascending
  | 'genesis' // a header of round 1 that does not name all of round 0
  | 'stake' // of the parents, below the quorum
  | 'systemTransactions' // too long, or empty

export type BlockFault =
  | 'epoch'
  | 'round'
  | 'author'
  | 'ancestors' // no member, two of one author, or more than members
  | 'ownAncestor' // the first is not the author's own
  | 'ancestorRound' // not below the block's
  | 'genesis' // of round 0, but not its digest
  | 'stake' // of the ancestors of the round before, below the quorum
  | 'transactions' // one too long, or all together
  | 'systemTransactions'

/** What makes `header` unacceptable whatever the DAG holds; `undefined` for nothing. The signature is apart. */
export function checkHeader(header: Header, committee: Committee, rules: HeaderRules): HeaderFault | undefined {
  return (
    checkSlot(header, committee, rules) ?? checkPayload(header.payload, rules.workers) ?? checkParents(header, committee, rules.genesis)
  )
}

/** What makes `block` unacceptable whatever the DAG holds; `undefined` for nothing. The signature is apart. */
export function checkBlock(block: Block, committee: Committee, rules: SlotRules): BlockFault | undefined {
  return checkSlot(block, committee, rules) ?? checkAncestors(block, committee, rules.genesis) ?? checkTransactions(block.transactions)
}

type SlotFault = 'epoch' | 'round' | 'author' | 'systemTransactions'

function checkSlot(vertex: Header | Block, committee: Committee, { epoch, roundMax }: SlotRules): SlotFault | undefined {
  if (vertex.epoch !== epoch) return 'epoch'
  if (vertex.round < 1 || vertex.round > roundMax) return 'round'
  if (vertex.author >= committee.size) return 'author'
  let left = SYSTEM_TRANSACTION_BYTES_MAX
  for (const { length } of vertex.systemTransactions) {
    left -= length
    if (length === 0 || left < 0) return 'systemTransactions'
  }
  return undefined
}

function checkPayload(payload: readonly PayloadEntry[], workers: number): 'payload' | 'worker' | undefined {
  if (payload.length > PAYLOAD_COUNT_MAX) return 'payload'
  let previous: Digest | undefined
  for (const { digest, worker, bytes } of payload) {
    if (bytes > BATCH_BYTES_MAX || (previous !== undefined && compareBytes(previous, digest) >= 0)) return 'payload'
    if (worker >= workers) return 'worker'
    previous = digest
  }
  return undefined
}

function checkParents(
  { round, parents }: Header,
  committee: Committee,
  genesis: readonly Digest[],
): 'parents' | 'genesis' | 'stake' | undefined {
  let previous = -1
  for (const { author } of parents) {
    if (author <= previous || author >= committee.size) return 'parents'
    previous = author
  }
  if (round === 1) return parents.length === committee.size && parents.every((parent) => isGenesis(parent, genesis)) ? undefined : 'genesis'
  return committee.stakeOf(authorsOf(parents)) >= committee.quorum ? undefined : 'stake'
}

function checkAncestors(
  { round, author, ancestors }: Block,
  committee: Committee,
  genesis: readonly Digest[],
): 'ancestors' | 'ownAncestor' | 'ancestorRound' | 'genesis' | 'stake' | undefined {
  if (ancestors.length > committee.size) return 'ancestors'
  if (ancestors[0]?.author !== author) return 'ownAncestor'
  const seen = new Set<Authority>()
  for (const ancestor of ancestors) {
    if (ancestor.author >= committee.size || seen.has(ancestor.author)) return 'ancestors'
    seen.add(ancestor.author)
    if (ancestor.round >= round) return 'ancestorRound'
    if (ancestor.round === 0 && !isGenesis(ancestor, genesis)) return 'genesis'
  }
  return committee.stakeOf(authorsOf(ancestors, round - 1)) >= committee.quorum ? undefined : 'stake'
}

function checkTransactions(transactions: readonly Uint8Array[]): 'transactions' | undefined {
  if (transactions.length > TRANSACTION_COUNT_MAX) return 'transactions'
  let left = BATCH_BYTES_MAX
  for (const { length } of transactions) {
    left -= 4 + length
    if (length > TRANSACTION_BYTES_MAX || left < 0) return 'transactions'
  }
  return undefined
}

function isGenesis({ author, digest }: Parent | Ancestor, genesis: readonly Digest[]): boolean {
  const expected = genesis[author]
  return expected !== undefined && compareBytes(expected, digest) === 0
}

function* authorsOf(references: readonly (Parent | Ancestor)[], round?: number): Generator<Authority> {
  for (const reference of references) if (round === undefined || ('round' in reference && reference.round === round)) yield reference.author
}
