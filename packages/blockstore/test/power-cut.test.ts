/**
 * Goal: whatever a power cut does to writes and names that were not synced, and to the index, each item is whole or absent, and
 * what was acknowledged is there. Method: the real store on a disk that forgets, cut at an operation drawn from the seed, opened
 * again, held against what was acknowledged; several cuts in one life, now and then with an index that is made anew.
 */
import { expect, test } from 'vitest'
import { type Blockstore, createBlockstore } from '../src/index.ts'
import { Random } from './support/random.ts'
import { SimulatedDisk, SimulatedIndex } from './support/simulated-disk.ts'
import { checkModel, Model, runWorkload } from './support/workload.ts'

const FIRST = Number(process.env['SEED'] ?? 1)
const COUNT = Number(process.env['RUNS'] ?? 24)
const CUTS = 4
/** Small, so that packs are compacted all the time. */
const PACK_BYTES = 150_000

function openOn(disk: SimulatedDisk, index: SimulatedIndex): Blockstore {
  return createBlockstore(
    { fileSystem: disk, openIndex: () => index, acquireLock: async () => async () => {} },
    { path: 'store', packBytesMax: PACK_BYTES },
  )
}

test.each(Array.from({ length: COUNT }, (_, i) => FIRST + i))('what was acknowledged survives a power cut, seed %i', async (seed) => {
  const random = new Random(seed)
  const model = new Model()
  let disk = new SimulatedDisk()
  let index = new SimulatedIndex(disk)
  for (let cut = 0; cut < CUTS; cut++) {
    const ended = new Promise<void>((resolve) => (disk.stopped = resolve))
    disk.stopsAt = disk.operations + 1 + random.below(cut === 0 ? 400 : 250)
    let isOver = false
    const log: Model['log'] = (...line) => {
      if (!isOver) model.log(...line)
    }
    const store = openOn(disk, index)
    const work = store.start().then(() => runWorkload(store, random, log, model.held, 10_000))
    await Promise.race([work, ended])
    isOver = true
    // The old store still hangs on the old disk; nothing it does is seen by the new one.
    disk = disk.afterCrash(random)
    index = index.afterCrash(disk, random)
    const after = openOn(disk, index)
    await after.start()
    expect(await checkModel(after, model)).toEqual([])
    expect(await disk.list('store/parts')).toEqual([])
    await after.stop()
  }
})
