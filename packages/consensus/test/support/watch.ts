/**
 * Watches a cluster for what must never happen, whatever a test does to it: a slot signed twice (I6), something said before it was
 * durable (2.11), logs that are no prefixes of one another (I1), a batch executed twice.
 */
import { expect } from 'vitest'
import type { Commit } from '../../src/dag/contract.ts'
import { blockDigest } from '../../src/wire/block.ts'
import { toHex } from '../../src/wire/bytes.ts'
import { decodeFrame } from '../../src/wire/frames.ts'
import { headerDigest } from '../../src/wire/header.ts'
import type { Authority, Block, Header, SignedHeader, Vote } from '../../src/wire/types.ts'
import { decodeVote } from '../../src/wire/vote.ts'
import type { Boundary, Cluster, ClusterNode } from './cluster.ts'
import type { MemoryRecords } from './memory-records.ts'

const CHAIN_ID = 1337

/** @param byzantine - whose own signatures are not watched. */
export function watch(cluster: Cluster, byzantine: readonly Authority[] = []): void {
  const signed = new Map<string, string>()
  const headers = new Map<string, Header>()
  const { onSend } = cluster
  /** What goes to all is one frame said n - 1 times in one instant, in which nothing becomes durable. */
  let seen: { readonly from: Authority; readonly bytes: Uint8Array; readonly atMs: number } | undefined
  const sign = (slot: string, digest: string): void => {
    const before = signed.get(slot)
    if (before !== undefined && before !== digest) throw new Error(`signed twice: ${slot}`)
    signed.set(slot, digest)
  }
  cluster.onSend = (from, to, bytes) => {
    onSend(from, to, bytes)
    if (byzantine.includes(from) || (seen?.bytes === bytes && seen.from === from && seen.atMs === cluster.nowMs)) return
    seen = { from, bytes, atMs: cluster.nowMs }
    const frame = decodeFrame(bytes, cluster.options.size)
    const { records } = cluster.nodes[from]!
    if (frame.type === 'header') {
      const digest = toHex(headerDigest(CHAIN_ID, frame.header.header))
      headers.set(digest, frame.header.header)
      sign(`header ${from}.${frame.header.header.round}`, digest)
      assertHeaderDurable(frame.header, records)
    } else if (frame.type === 'vote') {
      const { round, author, headerDigest: digest } = frame.vote
      sign(`vote ${from} for ${author}.${round}`, toHex(digest))
      assertVoteDurable(frame.vote, headers.get(toHex(digest)), records)
    } else if (frame.type === 'block') {
      const { author, round } = frame.block.block
      if (author !== from) return
      const digest = toHex(blockDigest(CHAIN_ID, frame.block.block))
      sign(`block ${from}.${round}`, digest)
      assertBlockDurable(digest, frame.block.block, records)
    } else if (frame.type === 'batchAck' && !records.has('batch', toHex(frame.digest)))
      throw new Error('acknowledged before it was durable')
  }
  watchEmissions(cluster, byzantine)
}

function watchEmissions(cluster: Cluster, byzantine: readonly Authority[]): void {
  const { onBoundary } = cluster
  cluster.onBoundary = (node: ClusterNode, boundary: Boundary) => {
    if (boundary.type === 'emit' && !byzantine.includes(node.authority)) {
      assertCommitDurable(boundary.commit, node.records)
      for (const item of boundary.items) if (item.type === 'batch') assertDurable(node.records, 'batch', toHex(item.digest), 'emission')
    }
    return onBoundary(node, boundary)
  }
}

function assertHeaderDurable({ header }: SignedHeader, records: MemoryRecords): void {
  assertDurable(records, 'proposed', `${header.round}`, 'header')
  assertContentDurable(header, records, 'header')
}

function assertBlockDurable(digest: string, { ancestors }: Block, records: MemoryRecords): void {
  assertDurable(records, 'block', digest, 'block')
  for (const ancestor of ancestors) if (ancestor.round > 0) assertDurable(records, 'block', toHex(ancestor.digest), 'block')
}

function assertVoteDurable({ author, round, headerDigest: digested }: Vote, header: Header | undefined, records: MemoryRecords): void {
  const digest = toHex(digested)
  const bytes = records.get('voted', `${author}`)
  const vote = bytes === undefined ? undefined : decodeVote(bytes)
  // one sync may hold the votes for two rounds: the later has taken the place of the earlier, and forbids as much
  const isCovered = vote !== undefined && (vote.round > round || toHex(vote.headerDigest) === digest)
  if (!isCovered) throw new Error('voted before it was durable')
  if (header !== undefined) assertContentDurable(header, records, 'vote')
}

function assertContentDurable({ round, parents, payload }: Header, records: MemoryRecords, what: string): void {
  if (round > 1) for (const { digest } of parents) assertDurable(records, 'certificate', toHex(digest), what)
  for (const { digest } of payload) assertDurable(records, 'batch', toHex(digest), what)
}

function assertCommitDurable({ subDag, vertices }: Commit, records: MemoryRecords): void {
  assertDurable(records, 'subDag', `${subDag.index}`, 'emission')
  for (const { key } of vertices) assertDurable(records, records.has('block', key) ? 'block' : 'certificate', key, 'emission')
}

function assertDurable(
  records: MemoryRecords,
  kind: 'proposed' | 'certificate' | 'batch' | 'subDag' | 'block',
  key: string,
  what: string,
): void {
  if (!records.has(kind, key)) throw new Error(`${what} before ${kind} ${key} was durable`)
}

/** All logs are prefixes of the longest, and no batch stands twice in it. */
export function expectAgreement(cluster: Cluster, honest: readonly Authority[] = cluster.nodes.map(({ authority }) => authority)): void {
  const logs = honest.map((authority) => cluster.logOf(authority))
  const longest = logs.reduce((best, log) => (log.length > best.length ? log : best))
  for (const log of logs) expect(log).toEqual(longest.slice(0, log.length))
  for (const authority of honest) {
    const { transactions } = cluster.nodes[authority]!
    expect(new Set(transactions).size).toBe(transactions.length)
  }
}

/** Transactions that a node has executed, in order. */
export function executedOf(cluster: Cluster, authority: Authority): Uint8Array[] {
  return cluster.nodes[authority]!.transactions.map((hex) => new Uint8Array(Buffer.from(hex, 'hex')))
}

/** What clients of `of` were told of and `at` has not executed. */
export function missingOf(cluster: Cluster, at: Authority, of: readonly Authority[]): string[] {
  const executed = new Set(cluster.nodes[at]!.transactions)
  return of.flatMap((authority) => cluster.nodes[authority]!.accepted.map(toHex).filter((transaction) => !executed.has(transaction)))
}
