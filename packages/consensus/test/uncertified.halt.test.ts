/** More lie than a committee bears, and two blocks of one slot are certified: a member of the uncertified mode halts for good (2.16, I11). */
import { expect, test } from 'vitest'
import { createUncertifiedCore } from '../src/core/uncertified.ts'
import { createMysticetiRule } from '../src/dag/mysticeti-rule.ts'
import { blockDigest, blockSigningBytes } from '../src/wire/block.ts'
import { genesisDigest } from '../src/wire/certificate.ts'
import { decodeEvidence } from '../src/wire/evidence.ts'
import { encodeFrame } from '../src/wire/frames.ts'
import type { Ancestor, Authority, Block } from '../src/wire/types.ts'
import { Cluster } from './support/cluster.ts'
import { watch } from './support/watch.ts'

const CORE = { idleDelayMsMax: 20, roundDelayMsMin: 5, leaderTimeoutMsMin: 40, leaderTimeoutMsMax: 80 }
const LIARS = [1, 2, 3]

/** The liars' side of a DAG. What they made is told to member 0 all at once, since what it decides it decides by what it knows. */
class Liars {
  #untold: { readonly from: Authority; readonly frame: Uint8Array }[] = []
  readonly cluster: Cluster

  /** @param asks - member 0 asks for its floor, and nobody answers: so it signs nothing. */
  constructor(asks: boolean) {
    const createCore = createUncertifiedCore
    this.cluster = new Cluster({ size: 4, mode: 'uncertified', seed: 1, createCore, core: CORE, silent: LIARS, asksOnFirstBoot: asks })
    watch(this.cluster, LIARS)
    this.cluster.start().run(100)
  }

  get genesis(): Ancestor[] {
    const { chainId, genesisHash, epoch } = this.cluster.setupOf(0)
    return [0, ...LIARS].map((author) => ({ round: 0, author, digest: genesisDigest(chainId, genesisHash, epoch, author) }))
  }

  /** A round of all liars, each naming all of `before`, its own first. */
  round(round: number, before: readonly Ancestor[], story = 0): Ancestor[] {
    return LIARS.map((author) => this.make(round, author, before, story))
  }

  make(round: number, author: Authority, before: readonly Ancestor[], story: number): Ancestor {
    const { cluster } = this
    const { chainId, epoch, previous } = cluster.setupOf(0)
    const ancestors = [...before.filter((each) => each.author === author), ...before.filter((each) => each.author !== author)]
    const createdAtMs = previous.timestampMs + 10 * round + story
    const block: Block = { epoch, round, author, createdAtMs, ancestors, transactions: [], systemTransactions: [] }
    const digest = blockDigest(chainId, block)
    const signature = cluster.committee.cryptos[author]!.sign(blockSigningBytes(digest))
    this.#untold.push({ from: author, frame: encodeFrame({ type: 'block', block: { block, signature } }, 4) })
    return { round, author, digest }
  }

  tellAll(): void {
    this.cluster.event(0, { type: 'frames', frames: this.#untold })
    this.#untold = []
  }
}

test.each([
  ['that only listens', true],
  ['that proposes', false],
])('two certified blocks of one slot halt a member %s, after a restart too', (_, asks) => {
  const liars = new Liars(asks)
  const { cluster } = liars
  const { chainId, epoch, genesisHash, beacon, previous } = cluster.setupOf(0)
  const rule = createMysticetiRule({ chainId, epoch, genesisHash, beacon, previous, stakes: [1, 1, 1, 1] })
  const round = [1, 2].find((each) => rule.leaderOf(each) !== 0)! // a liar leads it
  const leader = rule.leaderOf(round)!
  const before = round === 1 ? liars.genesis : liars.round(1, liars.genesis)
  const first = liars.round(round, before)
  const twin = liars.make(round, leader, before, 1)
  for (const [story, starts] of [first, [...first.filter(({ author }) => author !== leader), twin]].entries()) {
    liars.round(round + 2, liars.round(round + 1, starts, story), story)
  }
  liars.tellAll()
  cluster.run(500)
  const node = cluster.nodes[0]!
  expect(node.halts).toEqual(['two certified blocks'])
  expect(new Set(node.evidence.map((bytes) => decodeEvidence(bytes).signer))).toEqual(new Set(LIARS))
  const length = node.executed.length
  expect(node.executed.every(({ commit }) => commit.subDag.leader.round < round)).toBe(true)
  liars.round(round + 3, liars.round(round + 2, liars.round(round + 1, first)))
  liars.tellAll()
  cluster.run(500)
  expect(node.executed.length).toBe(length)
  cluster.crash(0)
  if (asks) Object.assign(node, { hasBooted: false }) // it has no floor yet
  cluster.restart(0) // whoever starts it again changes nothing
  cluster.run(500)
  expect([node.halts.length, node.executed.length]).toEqual([2, length])
})
