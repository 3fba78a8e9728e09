import { expect, test } from 'vitest'
import { createUncertifiedCore } from '../src/core/uncertified.ts'
import { blockDigest, blockSigningBytes, encodeSignedBlock } from '../src/wire/block.ts'
import { decodeFrame, encodeFrame } from '../src/wire/frames.ts'
import type { Ancestor, Block, SignedBlock } from '../src/wire/types.ts'
import { Cluster } from './support/cluster.ts'
import { feed } from './support/load.ts'
import { expectAgreement, missingOf, watch } from './support/watch.ts'

const CHAIN_ID = 1337
const GENESIS_MS = 1_700_000_000_000
const FAST = { idleDelayMsMax: 20, roundDelayMsMin: 5, leaderTimeoutMsMin: 40, leaderTimeoutMsMax: 80 }
const HONEST = [0, 1, 2]
const LIAR = 3

/** The liar's blocks of rounds 1 and 2: the first is created in a far future, the second rests on it and says that it is of now. */
class FutureMaker {
  readonly cluster = new Cluster({
    size: 4,
    mode: 'uncertified',
    seed: 12,
    createCore: createUncertifiedCore,
    core: FAST,
    silent: [LIAR],
    asksOnFirstBoot: false,
  })
  readonly #genesis: Ancestor[] = []
  readonly #first: Ancestor[] = []
  /** Encoded. */
  future: Uint8Array = new Uint8Array()
  onRequest: (from: number) => void = () => {}

  constructor() {
    watch(this.cluster, [LIAR])
    this.cluster.onSend = (from, to, bytes) => {
      const frame = decodeFrame(bytes.slice(), 4)
      if (frame.type === 'blockRequest' && to === LIAR) this.onRequest(from)
      if (frame.type !== 'block' || frame.block.block.round !== 1 || this.#first.some(({ author }) => author === from)) return
      this.#first.push({ round: 1, author: from, digest: blockDigest(CHAIN_ID, frame.block.block) })
      if (this.#genesis.length === 0) this.#genesis.push(...frame.block.block.ancestors)
    }
  }

  sign(block: Block): SignedBlock {
    return { block, signature: this.cluster.committee.cryptos[LIAR]!.sign(blockSigningBytes(blockDigest(CHAIN_ID, block))) }
  }

  /** @returns the second block. */
  make(): SignedBlock {
    const own = this.#genesis.find(({ author }) => author === LIAR)!
    const content = { epoch: 3, author: LIAR, transactions: [], systemTransactions: [] }
    const ancestors = [own, ...this.#genesis.filter(({ author }) => author !== LIAR)]
    const future = this.sign({ ...content, round: 1, createdAtMs: 2 ** 50, ancestors })
    this.future = encodeSignedBlock(future)
    const previous = { round: 1, author: LIAR, digest: blockDigest(CHAIN_ID, future.block) }
    const first = this.#first.toSorted((a, b) => a.author - b.author)
    return this.sign({ ...content, round: 2, createdAtMs: GENESIS_MS + this.cluster.nowMs, ancestors: [previous, ...first] })
  }
}

function expectClockKept({ cluster }: FutureMaker): void {
  feed(cluster, { everyMs: 20, forMs: 1_000, nodes: HONEST })
  cluster.run(3_000)
  const { executed } = cluster.nodes[0]!
  expect(executed.length).toBeGreaterThan(60)
  expect(executed.at(-1)!.commit.subDag.timestampMs).toBeLessThanOrEqual(GENESIS_MS + cluster.nowMs)
  expect(missingOf(cluster, 0, HONEST)).toEqual([])
  expectAgreement(cluster, HONEST)
}

test('a block from the future that its own author builds on is not fetched into the order', () => {
  const maker = new FutureMaker()
  const { cluster } = maker
  cluster.start()
  cluster.run(60)
  const second = maker.make()
  maker.onRequest = (from) => cluster.inject(LIAR, from, { type: 'blocks', epoch: 3, blocks: [maker.future] })
  for (const to of HONEST) cluster.inject(LIAR, to, encodeFrame({ type: 'block', block: second }, 4))
  expectClockKept(maker)
})

test('a block from the future that its author shows in answer to a range is not taken', () => {
  const maker = new FutureMaker()
  const { cluster } = maker
  cluster.start()
  cluster.run(60)
  maker.make()
  maker.onRequest = (from) => cluster.inject(LIAR, from, { type: 'blocks', epoch: 3, blocks: [maker.future] })
  for (const to of HONEST) cluster.inject(LIAR, to, encodeFrame({ type: 'closeReport', epoch: 3 }, 4))
  expectClockKept(maker)
})
