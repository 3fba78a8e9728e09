/**
 * Goal: whatever is done and not done when a node dies, it comes back with what it has signed, signs nothing twice, and nothing that a
 * client was told of is lost (I6, 2.11).
 * Method: one run is counted for the persists, sends and emissions of node 0; then one run for each of them, killed just before and just
 * after it, and restarted over what was durable. `watch` throws when something is said that the disk does not hold, or said twice
 * differently. In a second world node 0 has to fetch what one of the others made, is shown that this one is guilty, and is killed where
 * that makes a difference. The first run of each world must have met every kind of record and frame that 2.11 names, so that none of
 * them is left out unseen.
 */
import { describe, expect, test } from 'vitest'
import { createCertifiedCore } from '../src/core/certified-core.ts'
import { evidenceOfHeaders } from '../src/wire/evidence.ts'
import { frameTypeOf } from '../src/wire/frames.ts'
import { headerDigest, headerSigningBytes } from '../src/wire/header.ts'
import type { SignedHeader } from '../src/wire/types.ts'
import { Cluster } from './support/cluster.ts'
import { type CrashWorld, isKilledAt, type Kill, type Places, placesOf } from './support/crash-places.ts'
import { feed } from './support/load.ts'
import { expectAgreement, missingOf, watch } from './support/watch.ts'

const CORE = { batchDelayMsMax: 10, idleDelayMsMax: 40, roundDelayMsMin: 5, leaderTimeoutMsMin: 30, leaderTimeoutMsMax: 100 }
const WINDOW_MS = Number(process.env.WINDOW_MS ?? 60)
const NODES = [0, 1, 2, 3]
const GUILTY = 3
const FIRST = Number(process.env.SEED ?? 1)
/** A seed is some 700 runs: one here, more in a soak. */
const SEEDS = Math.max(1, Math.floor(Number(process.env.RUNS ?? 1) / 100))

/** Of both worlds. */
const KEPT = ['floor', 'proposed', 'voted', 'batch', 'certificate', 'subDag'].map((kind) => `persist ${kind}`)
const SAID = ['floorQuery', 'floorAnswer', 'header', 'vote', 'batch', 'batchAck', 'certificate'].map((type) => `send ${type}`)

const OF_THE_SECOND = ['persist evidence', 'send evidence', 'send batchRequest', 'send certificateRequest']

const worlds: readonly CrashWorld[] = [
  { name: 'everything arrives', isLost: () => false, begin: () => {}, met: [...KEPT, ...SAID, 'emit'] },
  {
    name: 'batches and certificates of one do not arrive, and it is proven guilty',
    isLost: (from, to, frame) => from === GUILTY && to === 0 && ['batch', 'certificate'].includes(frameTypeOf(frame)),
    begin: (cluster) => cluster.after(WINDOW_MS / 3, () => cluster.inject(1, 0, { type: 'evidence', evidence: evidenceAgainst(cluster) })),
    met: [...KEPT, ...SAID, ...OF_THE_SECOND, 'emit'],
    killedAt: [...OF_THE_SECOND, 'persist batch'],
  },
]

/** Two headers of one slot that the guilty one has signed. */
function evidenceAgainst(cluster: Cluster): ReturnType<typeof evidenceOfHeaders> {
  const { chainId, epoch } = cluster.setupOf(GUILTY)
  const signed = (createdAtMs: number): SignedHeader => {
    const header = { epoch, round: 900, author: GUILTY, createdAtMs, payload: [], parents: [], systemTransactions: [] }
    return { header, signature: cluster.committee.cryptos[GUILTY]!.sign(headerSigningBytes(headerDigest(chainId, header))) }
  }
  return evidenceOfHeaders(signed(1), signed(2))
}

interface Run {
  readonly cluster: Cluster
  readonly places: Places
}

function run(seed: number, { isLost, begin }: CrashWorld = worlds[0]!, kill?: Kill): Run {
  const cluster = new Cluster({ size: 4, mode: 'certified', seed, createCore: createCertifiedCore, core: CORE, isLost })
  const places = placesOf(cluster, 0, 25, kill)
  cluster.start()
  begin(cluster)
  feed(cluster, { everyMs: 12, forMs: WINDOW_MS })
  cluster.run(WINDOW_MS)
  return { cluster, places }
}

describe.each(worlds)('$name:', (world) => {
  test.each(Array.from({ length: SEEDS }, (_, place) => FIRST + place))(
    'killed at each persist, send and emission of its own, a node loses nothing and signs nothing twice, seed %i',
    { timeout: 300_000 },
    (seed) => {
      const { places } = run(seed, world)
      expect(places.length).toBeGreaterThan(40)
      expect(world.met.filter((name) => !places.flat().includes(name))).toEqual([])
      for (const [i, names] of places.entries()) {
        if (!isKilledAt(world, names)) continue
        const place = i + 1
        for (const how of ['crash', 'crashAfter'] as const) {
          const { cluster } = run(seed, world, { place, how })
          const isWhole = (): boolean => NODES.every((at) => missingOf(cluster, at, NODES).length === 0)
          const before = cluster.nodes[0]!.executed.length
          const recovered = cluster.run(
            6_000,
            () => cluster.nowMs > WINDOW_MS + 60 && isWhole() && cluster.nodes[0]!.executed.length > before + 4,
          )
          expect({ place, how, recovered }).toEqual({ place, how, recovered: true })
          expectAgreement(cluster)
        }
      }
    },
  )
})

test('all nodes killed at once go on from their disks', () => {
  const { cluster } = run(5)
  const lengths = cluster.nodes.map(({ executed }) => executed.length)
  for (const at of NODES) cluster.crash(at)
  cluster.run(100)
  for (const at of NODES) cluster.restart(at)
  const goesOn = (): boolean =>
    NODES.every((at) => cluster.nodes[at]!.executed.length > lengths[at]! + 10 && missingOf(cluster, at, NODES).length === 0)
  expect(cluster.run(6_000, goesOn)).toBe(true)
  expectAgreement(cluster)
})

test('killed again and again, at random, with syncs under way', () => {
  const cluster = new Cluster({ size: 4, mode: 'certified', seed: 9, createCore: createCertifiedCore, core: CORE, syncMs: 2 })
  watch(cluster)
  cluster.start()
  feed(cluster, { everyMs: 20, forMs: 3_000 })
  for (let atMs = 100; atMs < 3_000; atMs += 150) {
    cluster.after(atMs, () => {
      const authority = cluster.random.below(4)
      cluster.crash(authority)
      cluster.after(20 + cluster.random.below(100), () => cluster.restart(authority))
    })
  }
  cluster.run(3_200)
  expect(cluster.run(8_000, () => NODES.every((at) => missingOf(cluster, at, NODES).length === 0))).toBe(true)
  expectAgreement(cluster)
})

test('a node that lost its disk asks first and signs nothing at a slot it may have used', () => {
  const { cluster } = run(3)
  cluster.run(500)
  cluster.forget(0)
  Object.assign(cluster.nodes[0]!, { executed: [], transactions: [] }) // its executor's state is gone too
  cluster.run(50)
  cluster.restart(0)
  const isBack = (): boolean => {
    const [first, second] = [cluster.nodes[0]!, cluster.nodes[1]!]
    return first.core!.isLive && first.executed.length + 3 > second.executed.length
  }
  expect(cluster.run(6_000, isBack)).toBe(true) // `watch` has seen its earlier life: a slot signed twice would have thrown
  expectAgreement(cluster)
})
