/**
 * Goal: whatever askers, aborts, stalls, lies and deaths come in whatever order, the origin is asked at most once at a time for a
 * key, every asker settles, nobody reads a wrong byte, and when all is over nothing runs and nothing wrong is stored.
 */
import { CarError } from '@selvedge/verified-car'
import { expect, test } from 'vitest'
import { createFetcher } from '../src/index.ts'
import { bytesOf, createTestOrigin } from './support/dag.ts'
import { readAll, useRig } from './support/rig.ts'

const rig = useRig()
const FIRST = Number(process.env['SEED'] ?? 1)
const COUNT = Number(process.env['RUNS'] ?? 30)

function randomOf(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

test.each(Array.from({ length: COUNT }, (_, i) => FIRST + i))('askers come and go, seed %i', async (seed) => {
  const random = randomOf(seed)
  const below = (count: number): number => Math.floor(random() * count)
  const contents = [1, 2, 3].map((i) => bytesOf(20_000 + below(60_000), seed * 10 + i))
  const cids = await Promise.all(contents.map((content) => rig.dag.file(content)))
  const turns = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i++) await new Promise(setImmediate)
  }
  const fault = async (_: number, __: unknown, signal: AbortSignal | undefined): Promise<void> => {
    await turns(below(3))
    signal?.throwIfAborted()
    const fate = random()
    if (fate < 0.01) throw new Error('died')
    if (fate < 0.02) throw new CarError('CAR_BAD_HASH', 'lied')
  }
  const logs = [createTestOrigin(rig.dag, fault), createTestOrigin(rig.dag, fault)]
  const fetcher = createFetcher(
    { store: rig.store, origins: logs.map(({ origin }) => origin) },
    { nearBytes: below(50_000), fetchesMax: 3, lingerMs: 0 },
  )

  async function ask(): Promise<string> {
    await turns(below(60))
    const index = below(3)
    const [cid, content] = [cids[index] as never, contents[index] as Uint8Array]
    const start = below(content.length)
    const range = random() < 0.5 ? { start: 0 } : { start, end: start + 1 + below(10_000) }
    const controller = new AbortController()
    const leaves = random() < 0.4
    const leaving = leaves ? turns(below(80)).then(() => controller.abort(new Error('left'))) : undefined
    try {
      const opened = await fetcher.openCid(cid, { ranges: [range], signal: controller.signal })
      try {
        const bytes = await readAll(opened, cid, range, controller.signal)
        expect(bytes).toEqual(Buffer.from(content.subarray(range.start, range.end)))
        return 'read'
      } finally {
        await opened.close()
      }
    } catch (error) {
      const { message, code } = error as { message: string; code?: string }
      const isKnown = ['died', 'left'].includes(message) || code === 'CAR_BAD_HASH'
      if (!isKnown) throw error
      return message
    } finally {
      await leaving
    }
  }
  const outcomes = await Promise.all(Array.from({ length: 60 }, ask))
  expect(outcomes.filter((outcome) => outcome === 'read').length).toBeGreaterThan(0)
  await fetcher.stop()
  // An origin is told of the end and not waited for, since a stalled one never answers: these take some turns to stand still.
  for (let turn = 0; turn < 1_000 && logs.some((log) => log.active > 0); turn++) await turns(1)
  for (const log of logs) {
    expect(log.active).toBe(0)
    expect(Math.max(0, ...log.activeMaxByKey.values())).toBeLessThanOrEqual(1)
  }
  for (const [i, cid] of cids.entries()) {
    const entity = await rig.store.entity(cid)
    if (entity?.root === undefined) continue
    const blob = await rig.store.open(entity.root)
    expect(await blob?.data.readAt(0, entity.size)).toEqual(contents[i])
    await blob?.close()
  }
})
