/** Scope `all`: where each entity begins, and under which names. */
import { encode as encodeDagCbor } from '@ipld/dag-cbor'
import type { CID } from 'multiformats/cid'
import { expect, test } from 'vitest'
import { type BlockPort, createVerifiedWalk, verifyBlocks, verifyCar, writeCar } from '../src/index.ts'
import { DIRECTORY, FILE, identityCid, type Link, put, putNode, putRaw } from './nodes.ts'
import { Blocks, bytesOf, importDirectory, joinParts } from './support.ts'

const putDirectory = async (blocks: Blocks, links: readonly Link[]): Promise<CID> => await putNode(blocks, { type: DIRECTORY }, links)

test('only the last block says that it is the last, and asking changes nothing', async () => {
  const blocks = new Blocks()
  const root = await importDirectory({ big: bytesOf(600_000), 'deep/er/small': bytesOf(10), z: new Uint8Array(0) }, blocks)
  for (const scope of ['entity', 'all'] as const) {
    const last: boolean[] = []
    for await (const block of verifyBlocks(root, blocks, { scope })) {
      last.push(block.isLast)
      expect(block.isLast).toBe(last.at(-1))
    }
    expect(last).toEqual([...Array.from({ length: last.length - 1 }, () => false), true])
  }
})

async function rootsOf(cid: CID, blocks: BlockPort): Promise<string[]> {
  const out: string[] = []
  for await (const { path, kind, isEntityRoot, depth } of verifyBlocks(cid, blocks, { scope: 'all' })) {
    if (isEntityRoot) out.push(`${depth} ${kind} ${path === undefined ? '(no name)' : path.join('/')}`)
  }
  return out
}

test('each entity says where it begins, its depth and its names; parts of files and shards further down say that they begin none', async () => {
  const blocks = new Blocks()
  const files = { big: bytesOf(1_000_000), 'deep/er/small': bytesOf(10), empty: new Uint8Array(0) }
  const root = await importDirectory(files, blocks)
  expect(await rootsOf(root, blocks)).toEqual([
    '0 directory ',
    '1 file big',
    '1 directory deep',
    '2 directory deep/er',
    '3 file deep/er/small',
    '1 file empty',
  ])
  const parts: string[] = []
  for await (const { path, isEntityRoot, kind } of verifyBlocks(root, blocks, { scope: 'all' }))
    if (!isEntityRoot) parts.push(`${kind} ${path!.join('/')}`)
  expect(parts).toEqual(Array.from({ length: 4 }, () => 'file big')) // its leaves bear its name
})

test('a sharded directory gives its entries their real names, and its lower shards none of their own', async () => {
  const blocks = new Blocks()
  const names = Array.from({ length: 600 }, (_, i) => `name ${i}`)
  const files = Object.fromEntries(names.map((name, i) => [name, bytesOf(3, i)]))
  const root = await importDirectory(files, blocks, { shardSplitThresholdBytes: 1 })
  const roots = await rootsOf(root, blocks)
  expect(roots[0]).toBe('0 shard ')
  expect(
    roots
      .slice(1)
      .map((line) => line.slice(line.indexOf('file ') + 5))
      .sort(),
  ).toEqual(names.sort())
  let lower = 0
  for await (const { path, isEntityRoot } of verifyBlocks(root, blocks, { scope: 'all' }))
    if (!isEntityRoot) lower += path!.length === 0 ? 1 : 0
  expect(lower).toBeGreaterThan(50)
})

test('what stands under a name a second time, and what lies below a node that is no UnixFS, has no name', async () => {
  const blocks = new Blocks()
  const leaf = await putRaw(blocks, Uint8Array.of(1))
  const other = await putRaw(blocks, Uint8Array.of(2))
  const inline = identityCid(Uint8Array.of(7, 7))
  const linking = await put(blocks, 0x71, encodeDagCbor({ a: leaf, b: other }))
  const inner = await putDirectory(blocks, [{ name: 'x', cid: leaf }])
  const root = await putDirectory(blocks, [
    { name: 'a', cid: leaf },
    { name: 'a', cid: inner },
    { name: 'b', cid: linking },
    { name: 'c', cid: inline },
  ])
  expect(await rootsOf(root, blocks)).toEqual([
    '0 directory ',
    '1 file a',
    '1 directory (no name)',
    '2 file (no name)',
    '1 other b',
    '2 file (no name)',
    '2 file (no name)',
    '1 file c',
  ])
})

test('names that wait count as what waits on the stack', async () => {
  const blocks = new Blocks()
  const leaf = await putRaw(blocks, Uint8Array.of(1))
  const names = Array.from({ length: 1_000 }, (_, i) => `${String(i).padStart(4, '0')}${'n'.repeat(200)}`)
  const root = await putDirectory(
    blocks,
    names.map((name) => ({ name, cid: leaf })),
  )
  const limits = { stackBytesMax: 200_000 }
  const walk = async (scope: 'entity' | 'all'): Promise<number> => {
    let count = 0
    for await (const _ of verifyBlocks(root, blocks, { scope, limits })) count++
    return count
  }
  expect(await walk('entity')).toBe(1)
  await expect(walk('all')).rejects.toMatchObject({ code: 'CAR_TOO_LARGE' })
})

test('what is below a root is counted, repeats and inline nodes too, and ends at its limit; a file’s parts are not', async () => {
  const blocks = new Blocks()
  const inline = identityCid(Uint8Array.of(7))
  const parts = await Promise.all([1, 2, 3].map((byte) => putRaw(blocks, new Uint8Array(4).fill(byte))))
  const file = await putNode(
    blocks,
    { type: FILE, fileSize: 12, blockSizes: [4, 4, 4] },
    parts.map((cid) => ({ cid })),
  )
  const names = (cid: CID): { name: string; cid: CID }[] => Array.from({ length: 5 }, (_, i) => ({ name: `${i}`, cid }))
  const inner = await putDirectory(blocks, names(inline))
  const root = await putDirectory(blocks, [...names(inner), { name: 'file', cid: file }])
  const entries = 1 + 5 * (1 + 5) + 1
  const walk = async (entriesMax: number, scope: 'entity' | 'all' = 'all'): Promise<number> => {
    let count = 0
    for await (const { isEntityRoot } of verifyBlocks(root, blocks, { scope, limits: { entriesMax } })) if (isEntityRoot) count++
    return count
  }
  expect(await walk(entries)).toBe(entries)
  await expect(walk(entries - 1)).rejects.toMatchObject({ code: 'CAR_TOO_LARGE', message: expect.stringContaining('31 entries') as string })
  expect(await walk(0, 'entity')).toBe(1)
  const written = writeCar(root, blocks, { scope: 'all', limits: { entriesMax: entries - 1 } })
  await expect(joinParts(written)).rejects.toMatchObject({ code: 'CAR_TOO_LARGE' })
})

test('a tree goes on at the next source after a cut at any block, with the same entities', async () => {
  const blocks = new Blocks()
  const leaves = await Promise.all(Array.from({ length: 5 }, (_, i) => putRaw(blocks, Uint8Array.of(i))))
  const inner = await putDirectory(
    blocks,
    leaves.map((cid, i) => ({ name: `${i}`, cid })),
  )
  const root = await putDirectory(blocks, [
    { name: 'one', cid: inner },
    { name: 'two', cid: inner },
    { name: 'z', cid: leaves[0]! },
  ])
  const sections: Uint8Array[] = []
  for await (const part of writeCar(root, blocks, { scope: 'all' })) sections.push(part)
  async function* first(count: number): AsyncGenerator<Uint8Array> {
    yield* sections.slice(0, count)
  }
  const whole: string[] = []
  for await (const { cid, path } of verifyCar(first(sections.length), root, { scope: 'all' })) whole.push(`${cid} ${path}`)
  expect(whole.length).toBe(14)
  for (let cut = 1; cut < sections.length; cut++) {
    const walk = createVerifiedWalk(root, { scope: 'all' })
    const seen: string[] = []
    await expect(
      (async () => {
        for await (const { cid, path } of walk.readCar(first(cut))) seen.push(`${cid} ${path}`)
      })(),
    ).rejects.toMatchObject({ code: 'CAR_TRUNCATED' })
    for await (const { cid, path } of walk.readCar(first(sections.length))) seen.push(`${cid} ${path}`)
    expect(seen).toEqual(whole)
  }
})
