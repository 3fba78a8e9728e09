// Goal: blocks that pass through a store come no faster than they are read, and nobody waits for a reader who is not there.
// Method: the real class between a map for a store and readers that are played by hand.
import { CID } from 'multiformats/cid'
import { sha256 } from 'multiformats/hashes/sha2'
import { setImmediate } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { PassedBlocks, Patience } from '../src/compose/passed-blocks.ts'
import { sampleBytes } from './harness.ts'

const FOREVER_MS = 600_000
const BLOCK_BYTES = 400_000

interface Block {
  readonly cid: CID
  readonly block: Uint8Array
}

interface Passing {
  readonly blocks: readonly Block[]
  readonly passed: PassedBlocks
  /** What the store was given. */
  readonly stored: ReadonlyMap<string, Uint8Array>
  /** How often. */
  readonly puts: () => number
  /** How many were taken. */
  readonly taken: () => number
  readonly all: Promise<void>
}

async function pass(
  count: number,
  waitMsMax: number,
  { refuses = -1, patience = new Patience(), open = Promise.resolve() } = {},
): Promise<Passing> {
  const stored = new Map<string, Uint8Array>()
  let puts = 0
  const passed = new PassedBlocks(
    {
      async putBlock(cid, bytes) {
        puts++
        await open
        if (stored.size === refuses) throw new Error('the disk is full')
        stored.set(String(cid), bytes)
      },
      getBlock: async (cid) => stored.get(String(cid)),
    },
    { waitMsMax, patience },
  )
  const blocks = await Promise.all(
    Array.from({ length: count }, async (_, seed) => {
      const block = new Uint8Array(sampleBytes(BLOCK_BYTES, seed + 1))
      return { cid: CID.createV1(0x55, await sha256.digest(block)), block }
    }),
  )
  let taken = 0
  const all = (async () => {
    for (const each of blocks) {
      await passed.put(each)
      taken++
    }
    await passed.settle()
  })()
  all.catch(() => {})
  return { blocks, passed, stored, puts: () => puts, taken: () => taken, all }
}

test('no more than a MiB comes before the next block is read, and all of it is read', async () => {
  const { blocks, passed, stored, taken, all } = await pass(12, FOREVER_MS)
  await expect.poll(taken, { interval: 1, timeout: 30_000 }).toBe(2)
  for (const [i, { cid, block }] of blocks.entries()) {
    expect(taken()).toBeLessThanOrEqual(i + 2)
    await expect.poll(() => passed.getBlock(cid), { interval: 1, timeout: 30_000 }).toEqual(block)
  }
  await all
  expect(stored.size).toBe(12)
})

test('who waits for a block further on is not held up by those before it', async () => {
  const { blocks, passed, taken, all } = await pass(12, FOREVER_MS)
  expect(await passed.getBlock(blocks[7]!.cid)).toBeUndefined()
  await expect.poll(taken, { interval: 1, timeout: 30_000 }).toBe(10) // two more than the one that it was waited for
  expect(await passed.getBlock(blocks[11]!.cid)).toBeUndefined()
  await all
  expect(await passed.getBlock(blocks[11]!.cid)).toEqual(blocks[11]!.block)
})

test('where nobody reads they come all the same, after one wait; who reads again is waited for again', async () => {
  const { blocks, passed, taken, all } = await pass(9, 200)
  await all
  expect(taken()).toBe(9)
  expect(await passed.getBlock(blocks[8]!.cid)).toEqual(blocks[8]!.block)
  for (const i of [0, 2]) await passed.put(blocks[i]!)
  let isTaken = false
  const third = passed.put(blocks[1]!).then(() => {
    isTaken = true
  })
  await setImmediate()
  expect(isTaken).toBe(false)
  await third
})

test('so many and no more are waited for at once: the others come as they can', async () => {
  const patience = new Patience(2)
  const slow = [await pass(12, FOREVER_MS, { patience }), await pass(12, FOREVER_MS, { patience })]
  for (const { taken } of slow) await expect.poll(taken, { interval: 1, timeout: 30_000 }).toBe(2)
  const other = await pass(12, FOREVER_MS, { patience })
  await other.all
  expect([other.taken(), ...slow.map(({ taken }) => taken())]).toEqual([12, 2, 2])
  for (const { passed, blocks, all } of slow) {
    for (const { cid } of blocks) await expect.poll(() => passed.getBlock(cid), { interval: 1, timeout: 30_000 }).toBeDefined()
    await all
  }
})

test('what the store refuses ends it', async () => {
  const { all } = await pass(8, 1, { refuses: 3 })
  await expect(all).rejects.toThrow('the disk is full')
})

test('a block that comes again while the store takes it is put once', async () => {
  const disk = Promise.withResolvers<void>()
  const { passed, blocks, puts, all } = await pass(1, 1, { open: disk.promise })
  await passed.put(blocks[0]!)
  expect(puts()).toBe(1)
  disk.resolve()
  await all
  expect(puts()).toBe(1)
})

test('a block that comes again stands behind those before it: when the places are full it does not take them along', async () => {
  const { passed, blocks, all } = await pass(3, 200)
  const [first, second, third] = blocks as [Block, Block, Block]
  await all
  await passed.getBlock(third.cid) // all is read
  const [again, ...small] = await Promise.all(
    Array.from({ length: 1_023 }, async (_, i) => {
      const block = Uint8Array.of(i & 0xff, i >> 8)
      return { cid: CID.createV1(0x55, await sha256.digest(block)), block }
    }),
  )
  const last = small.pop()!
  for (const each of [again!, ...small, first, second, again!, last]) await passed.put(each) // 1,025 places: the oldest goes
  let isTaken = false
  const putting = passed.put(third).then(() => {
    isTaken = true
  })
  for (let turn = 0; turn < 10; turn++) await setImmediate()
  expect(isTaken).toBe(false)
  await putting // after one wait
})
