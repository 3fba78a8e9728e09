/**
 * One run for each persist, send and emission of a node (2.11), killed just before and just after it: the boundaries are what its core does, counted
 * in a run that nothing disturbs. `watch` holds that no slot is signed twice and that nothing is said before it is durable. In a second
 * world the node has to fetch what one of the others made, is shown that this one is guilty, and is killed where that makes a difference.
 * The first run of each world must have met every kind of record and frame that this mode has, so that none of them is left out unseen.
 */
import { describe, expect, test } from 'vitest'
import { createUncertifiedCore } from '../src/core/uncertified.ts'
import { blockDigest, blockSigningBytes } from '../src/wire/block.ts'
import { evidenceOfBlocks } from '../src/wire/evidence.ts'
import { frameTypeOf } from '../src/wire/frames.ts'
import type { SignedBlock } from '../src/wire/types.ts'
import { Cluster } from './support/cluster.ts'
import { type CrashWorld, isKilledAt, type Kill, type Places, placesOf } from './support/crash-places.ts'
import { feed } from './support/load.ts'
import { expectAgreement, missingOf } from './support/watch.ts'

const VICTIM = 1
const GUILTY = 3
const RUN_MS = 100
const CORE = {
  idleDelayMsMax: 20,
  roundDelayMsMin: 10,
  leaderTimeoutMsMin: 30,
  leaderTimeoutMsMax: 60,
  parameters: { gcDepth: 8, scheduleCommits: 4 },
}

/** Of both worlds. */
const USUAL = [
  ...['floor', 'proposed', 'block', 'subDag'].map((kind) => `persist ${kind}`),
  ...['floorQuery', 'floorAnswer', 'block'].map((type) => `send ${type}`),
  'emit',
]
const OF_THE_SECOND = ['persist evidence', 'send evidence', 'send blockRequest']

const worlds: readonly CrashWorld[] = [
  { name: 'everything arrives', isLost: () => false, begin: () => {}, met: USUAL },
  {
    name: 'blocks of one do not arrive, and it is proven guilty',
    isLost: (from, to, frame) => from === GUILTY && to === VICTIM && frameTypeOf(frame) === 'block',
    begin: (cluster) =>
      cluster.after(RUN_MS / 3, () => cluster.inject(0, VICTIM, { type: 'evidence', evidence: evidenceAgainst(cluster) })),
    met: [...USUAL, ...OF_THE_SECOND],
    killedAt: OF_THE_SECOND,
  },
]

/** Two blocks of one slot that the guilty one has signed. */
function evidenceAgainst(cluster: Cluster): ReturnType<typeof evidenceOfBlocks> {
  const { chainId, epoch } = cluster.setupOf(GUILTY)
  const signed = (createdAtMs: number): SignedBlock => {
    const block = { epoch, round: 900, author: GUILTY, createdAtMs, ancestors: [], transactions: [], systemTransactions: [] }
    return { block, signature: cluster.committee.cryptos[GUILTY]!.sign(blockSigningBytes(blockDigest(chainId, block))) }
  }
  return evidenceOfBlocks(signed(1), signed(2))
}

interface Run {
  readonly cluster: Cluster
  readonly places: Places
}

function run({ isLost, begin }: CrashWorld, kill?: Kill): Run {
  const cluster = new Cluster({ size: 4, mode: 'uncertified', seed: 4, createCore: createUncertifiedCore, core: CORE, syncMs: 1, isLost })
  const places = placesOf(cluster, VICTIM, 40, kill)
  feed(cluster, { everyMs: 10, forMs: RUN_MS })
  cluster.start()
  begin(cluster)
  cluster.run(RUN_MS)
  return { cluster, places }
}

function crashAt(world: CrashWorld, kill: Kill): void {
  const { cluster } = run(world, kill)
  const all = cluster.nodes.map(({ authority }) => authority)
  const isWhole = (): boolean => cluster.nowMs > RUN_MS + 60 && all.every((at) => missingOf(cluster, at, all).length === 0)
  const recovered = cluster.run(20_000, isWhole)
  expect({ ...kill, recovered }).toEqual({ ...kill, recovered: true })
  const before = cluster.nodes[VICTIM]!.executed.length
  const goesOn = cluster.run(5_000, () => cluster.nodes[VICTIM]!.executed.length > before + 4)
  expect({ ...kill, goesOn }).toEqual({ ...kill, goesOn: true })
  expectAgreement(cluster)
}

describe.each(worlds)('$name:', (world) => {
  test.each(['crash', 'crashAfter'] as const)(
    'a node that is killed at any persist, send or emission (%s) comes back and loses nothing',
    { timeout: 300_000 },
    (how) => {
      const { places } = run(world)
      expect(places.length).toBeGreaterThan(30)
      expect(world.met.filter((name) => !places.flat().includes(name))).toEqual([])
      for (const [i, names] of places.entries()) {
        if (isKilledAt(world, names)) crashAt(world, { place: i + 1, how })
      }
    },
  )
})
