/**
 * The faults that an epoch's boundary brings, over `createEpochs`: late messages of the old epoch, early ones of the next, a member that
 * misses the closing sub-DAG, a committee that is wholly replaced, a member that wants the end before its time. Both rules, n in 4, 7 and 10; the signatures' referee sees every frame.
 */
import { describe, expect, test } from 'vitest'
import type { Mode } from '../../src/dag/contract.ts'
import { frameEpochOf, frameTypeOf } from '../../src/wire/frames.ts'
import { Chain } from '../support/chain.ts'
import type { MemoryRecords } from '../support/memory-records.ts'

const CORE = { batchDelayMsMax: 5, idleDelayMsMax: 20, roundDelayMsMin: 8, leaderTimeoutMsMin: 50, leaderTimeoutMsMax: 100 }
const SEED = Number(process.env.SEED ?? 1)
const EPOCH_MS = 150

const range = (first: number, count: number): number[] => Array.from({ length: count }, (_, place) => first + place)

/** All of `places` are `index` sub-DAGs into `epoch`. */
const reached = (chain: Chain, epoch: number, index: number, places: readonly number[]): boolean =>
  places.every((place) => chain.nodes[place]!.epoch === epoch && chain.nodes[place]!.applied.index >= index)

/** Same blocks at every member, as far as both have them; what was promised stands in them, once. */
function expectOneChain(chain: Chain, places: readonly number[]): void {
  const logs = places.map((place) => chain.nodes[place]!.applied.blocks.map(({ epoch, index, digest }) => `${epoch}.${index} ${digest}`))
  const longest = logs.reduce((best, log) => (log.length > best.length ? log : best))
  for (const log of logs) expect(log).toEqual(longest.slice(0, log.length))
  const executed = chain.transactions
  expect(new Set(executed).size).toBe(executed.length)
  const all = new Set(executed)
  expect(chain.nodes.flatMap(({ told }) => told).filter((transaction) => !all.has(transaction))).toEqual([])
  expect(chain.nodes.filter(({ halted }) => halted !== undefined)).toEqual([])
}

const isWhole = (chain: Chain): boolean => {
  const all = new Set(chain.transactions)
  return chain.nodes.every(({ told }) => told.every((transaction) => all.has(transaction)))
}

/** Whether an epoch was given own transactions that the one before owed. */
const isOwed = (records: MemoryRecords): boolean => (records.get('proposed', 'carried')?.length ?? 0) > 4

describe.each<Mode>(['certified', 'uncertified'])('%s', (mode) => {
  describe.each([4, 7, 10])('of %i members', (size) => {
    const all = range(0, size)

    test(`late messages of an epoch that is over and early ones of the next come to members on both sides, seed ${SEED}`, () => {
      const epochs = [0, 1].map(() => ({ mode, nodes: all }))
      const chain = new Chain({ seed: SEED, epochs, epochMs: EPOCH_MS, core: CORE }).start()
      const seen = { late: 0, early: 0 }
      chain.onFrame = (_, to, frame) => {
        const epoch = frameEpochOf(frame)
        if (frameTypeOf(frame) === 'closeReport') return
        if (epoch < chain.nodes[to]!.epoch) seen.late++
        if (epoch > chain.nodes[to]!.epoch) seen.early++
      }
      chain.feed(5 * size, 200)
      // one is a little behind: it hears the others late, so that it is the old epoch's when they are the next one's
      chain.time.run(120)
      for (const place of all.slice(1)) chain.cut.add(`${place}>0`)
      chain.time.after(60, () => chain.cut.clear())
      expect(chain.time.run(20_000, () => reached(chain, 1, 4, all) && isWhole(chain))).toBe(true)
      expect(seen.late).toBeGreaterThan(0)
      expect(seen.early).toBeGreaterThan(0)
      expectOneChain(chain, all)
    })

    test(`a member misses the closing sub-DAG, and follows, seed ${SEED}`, () => {
      const epochs = [0, 1].map(() => ({ mode, nodes: all }))
      const chain = new Chain({ seed: SEED, epochs, epochMs: EPOCH_MS, core: CORE }).start()
      chain.feed(5 * size, 200)
      chain.time.run(80)
      for (const place of all.slice(1)) chain.cut.add(`${place}>0`).add(`0>${place}`)
      expect(chain.time.run(10_000, () => reached(chain, 1, 2, all.slice(1)))).toBe(true)
      expect(chain.nodes[0]!.epoch).toBe(0)
      chain.cut.clear()
      expect(chain.time.run(20_000, () => reached(chain, 1, 4, all) && isWhole(chain))).toBe(true)
      expectOneChain(chain, all)
    })

    test(`a committee is wholly replaced, and the new one goes on from where the old one ended, seed ${SEED}`, () => {
      const successors = range(size, size)
      const epochs = [all, successors].map((nodes) => ({ mode, nodes }))
      const chain = new Chain({ seed: SEED, epochs, epochMs: EPOCH_MS, core: CORE }).start()
      chain.feed(5 * size, 200)
      expect(chain.time.run(20_000, () => reached(chain, 1, 4, successors) && isWhole(chain))).toBe(true)
      expect(chain.nodes.slice(0, size).every(({ hasLeft }) => hasLeft)).toBe(true)
      expectOneChain(chain, [...all, ...successors])
    })

    test(`a member says the end before its time: no executor counts it, and nothing is lost or doubled, seeds from ${SEED}`, () => {
      let carried = 0
      for (const seed of range(SEED, size === 4 ? 4 : 1)) {
        const epochs = [0, 1, 2].map(() => ({ mode, nodes: all }))
        const chain = new Chain({ seed, epochs, epochMs: EPOCH_MS, core: { ...CORE, batchDelayMsMax: 1 }, hasty: [size - 1] }).start()
        chain.feed(3, 500)
        expect([seed, chain.time.run(20_000, () => reached(chain, 2, 4, all) && isWhole(chain))]).toEqual([seed, true])
        for (const { counts } of chain.nodes) expect(counts.get('early word refused')).toBe(2)
        carried += chain.nodes.flatMap(({ stores }) => [...stores.values()]).filter(isOwed).length
        expectOneChain(chain, all)
      }
      expect(carried).toBeGreaterThan(0)
    })
  })
})
