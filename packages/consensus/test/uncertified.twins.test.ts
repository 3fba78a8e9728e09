/**
 * Liars of the uncertified mode that vote for both of a pair (3.3): each tells two stories to disjoint sets, and each story names the blocks
 * of the same story. So of two blocks in a leader's slot both have the liars' votes, and honest votes for one or the other decide.
 */
import { expect, test } from 'vitest'
import { createUncertifiedCore } from '../src/core/uncertified.ts'
import { blockDigest, blockSigningBytes } from '../src/wire/block.ts'
import { toHex } from '../src/wire/bytes.ts'
import { decodeEvidence } from '../src/wire/evidence.ts'
import { decodeFrame } from '../src/wire/frames.ts'
import type { Block, Digest } from '../src/wire/types.ts'
import { Cluster } from './support/cluster.ts'
import { feed } from './support/load.ts'
import { expectAgreement, missingOf, watch } from './support/watch.ts'

const CHAIN_ID = 1337
const CORE = {
  idleDelayMsMax: 20,
  roundDelayMsMin: 5,
  leaderTimeoutMsMin: 40,
  leaderTimeoutMsMax: 80,
  parameters: { scheduleCommits: 1_000 },
}

/** The other story of everything that `liars` say: told to every second member. @returns how many pairs of votes for a pair there were. */
function tellTwoStories(cluster: Cluster, liars: readonly number[]): () => number {
  /** By digest of the first story: the second's. */
  const other = new Map<string, Digest>()
  let pairs = 0
  let isTelling = false
  const otherOf = (block: Block): Block => ({
    ...block,
    createdAtMs: block.createdAtMs + 1,
    ancestors: block.ancestors.map((ancestor) => ({ ...ancestor, digest: other.get(toHex(ancestor.digest)) ?? ancestor.digest })),
  })
  Object.assign(cluster.options, {
    isLost: (from: number, to: number, bytes: Uint8Array): boolean => {
      if (isTelling || !liars.includes(from)) return false
      const frame = decodeFrame(bytes.slice(), cluster.options.size)
      if (frame.type !== 'block' || frame.block.block.author !== from) return false
      const { block } = frame.block
      const key = toHex(blockDigest(CHAIN_ID, block))
      const changed = otherOf(block)
      const digest = blockDigest(CHAIN_ID, changed)
      if (!other.has(key)) {
        other.set(key, digest)
        if (block.ancestors.some((ancestor) => ancestor.round === block.round - 1 && other.has(toHex(ancestor.digest)))) pairs++
      }
      if (to % 2 === 0) return false
      isTelling = true
      const signature = cluster.committee.cryptos[from]!.sign(blockSigningBytes(digest))
      cluster.inject(from, to, { type: 'block', block: { block: changed, signature } })
      isTelling = false
      return true
    },
  })
  return () => pairs
}

test.each([
  [4, [3]],
  [4, [0]],
  [7, [2, 5]],
  [10, [1, 4, 8]],
] as const)('of %i members %j vote for both of a pair: one log, the proof, and no halt', (size, liars) => {
  const cluster = new Cluster({ size, mode: 'uncertified', seed: size, createCore: createUncertifiedCore, core: CORE })
  watch(cluster, liars)
  const pairs = tellTwoStories(cluster, liars)
  const honest = cluster.nodes.map(({ authority }) => authority).filter((authority) => !(liars as readonly number[]).includes(authority))
  feed(cluster, { everyMs: 5 * size, forMs: 400, nodes: honest })
  cluster.start()
  const isWhole = (): boolean =>
    cluster.nowMs > 420 &&
    honest.every((at) => missingOf(cluster, at, honest).length === 0 && cluster.nodes[at]!.executed.length > 4 * size)
  expect(cluster.run(20_000, isWhole)).toBe(true)
  expectAgreement(cluster, honest)
  expect(pairs()).toBeGreaterThan(4 * size)
  const leaders = new Set(cluster.nodes[honest[0]!]!.executed.map(({ commit }) => commit.subDag.leader.author))
  expect(leaders.size).toBeGreaterThan(honest.length - 1)
  for (const at of honest) {
    const { evidence, halts } = cluster.nodes[at]!
    expect([evidence.map((bytes) => decodeEvidence(bytes).signer).toSorted((a, b) => a - b), halts]).toEqual([[...liars], []])
  }
})
