/** The CARs that gateways are tested with, by another project and another implementation; read where they lie. */
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { CarReader } from '@ipld/car'
import { exporter, type UnixFSFile } from 'ipfs-unixfs-exporter'
import { fixedSize } from 'ipfs-unixfs-importer/chunker'
import type { CID } from 'multiformats/cid'
import { expect, test } from 'vitest'
import { CarError, flatBytes, listEntries, resolvePath, verifyBlocks, verifyCar, verifyProof, writeCar, writeProof } from '../src/index.ts'
import { Blocks, bytesOf, chunked, collect, importDirectory, joinFlat, joinParts } from './support.ts'

const FOLDER = fileURLToPath(new URL('../../../../shared/vectors/car/', import.meta.url))

interface Fixture {
  readonly root: CID
  readonly blocks: Blocks
}

async function load(name: string): Promise<Fixture> {
  const reader = await CarReader.fromBytes(readFileSync(`${FOLDER}${name}.car`))
  const blocks = new Blocks()
  for await (const { cid, bytes } of reader.blocks()) await blocks.put(cid, bytes)
  const [root] = await reader.getRoots()
  return { root: root!, blocks }
}

type ExporterBlocks = Parameters<typeof exporter>[1]

/** Every file below `cid`, compared with what the other implementation reads, by every way that we have. */
async function compareFile(cid: CID, blocks: Blocks): Promise<number> {
  const entry = await exporter(cid, { get: (wanted: CID) => yieldOne(blocks.get(wanted)) } as unknown as ExporterBlocks)
  const theirs = await joinParts((entry as UnixFSFile).content() as AsyncIterable<Uint8Array>)
  const car = await joinParts(writeCar(cid, blocks))
  const proof = await joinParts(writeProof(cid, blocks))
  expect(await joinFlat(flatBytes(verifyCar(chunked(car, 701), cid)))).toEqual(theirs)
  expect(await joinFlat(flatBytes(verifyProof(chunked(proof, 701), cid, { size: theirs.length })))).toEqual(theirs)
  const range = { start: Math.floor(theirs.length / 3), end: Math.ceil(theirs.length / 2) }
  const part = await joinParts(writeCar(cid, blocks, { range }))
  expect(await joinFlat(flatBytes(verifyCar(chunked(part, 701), cid, { range }), range))).toEqual(theirs.subarray(range.start, range.end))
  return theirs.length
}

async function* yieldOne(bytes: Promise<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield await bytes
}

/** Every file below a directory; how many. */
async function compareTree(cid: CID, blocks: Blocks): Promise<number> {
  let count = 0
  for await (const entry of listEntries(cid, blocks)) {
    const { kind } = await resolvePath(entry.cid, [], blocks)
    if (kind === 'directory') count += await compareTree(entry.cid, blocks)
    else if (kind === 'file') count += Number((await compareFile(entry.cid, blocks)) >= 0)
  }
  return count
}

test('a tree made here: every file is what the other implementation reads', async () => {
  const blocks = new Blocks()
  const files = { 'a.txt': bytesOf(1), 'b/c.bin': bytesOf(300_000), 'b/d/e.bin': bytesOf(70_001, 7), 'b/same.txt': bytesOf(1) }
  const root = await importDirectory(files, blocks, { chunker: fixedSize({ chunkSize: 4_096 }) })
  expect(await compareTree(root, blocks)).toBe(4)
})

if (existsSync(FOLDER)) testPublished()
else console.info('the published CAR fixtures are not here: our own cases run alone')

function testPublished(): void {
  test.each(['dir-with-files', 'dir-with-duplicate-files', 'subdir-with-mixed-block-files'])(
    '%s: every file is what the other implementation reads',
    async (name) => {
      const { root, blocks } = await load(name)
      expect(await compareTree(root, blocks)).toBeGreaterThan(2)
    },
  )

  test('single-layer-hamt-with-multi-block-files: a shard that another implementation made is listed, and its names are found', async () => {
    const { root, blocks } = await load('single-layer-hamt-with-multi-block-files')
    const names: string[] = []
    for await (const { name, cid } of listEntries(root, blocks)) {
      names.push(name)
      expect((await resolvePath(root, [name], blocks)).cids.at(-1)!.toString()).toBe(cid.toString())
    }
    expect(names.length).toBeGreaterThan(200)
    const some = await resolvePath(root, ['1.txt'], blocks)
    expect(await compareFile(some.cid, blocks)).toBeGreaterThan(0)
  })

  test('symlink: its target is its data, and it is not followed', async () => {
    const { root, blocks } = await load('symlink')
    const targets: string[] = []
    for await (const { cid } of listEntries(root, blocks)) {
      for await (const { kind, block, dataStart, dataEnd } of verifyBlocks(cid, blocks)) {
        if (kind === 'symlink') targets.push(new TextDecoder().decode(block.subarray(dataStart, dataEnd)))
      }
    }
    expect(targets).toEqual(['foo'])
  })

  test('dir-with-dag-cbor-with-links: links of dag-cbor are walked in their order', async () => {
    const { root, blocks } = await load('dir-with-dag-cbor-with-links')
    const car = await joinParts(writeCar(root, blocks, { scope: 'all' }))
    const seen = await collect(verifyCar(chunked(car, 99), root, { scope: 'all' }))
    expect(new Set(seen.map(({ cid }) => cid)).size).toBe(blocks.map.size)
    expect(seen.some(({ kind }) => kind === 'other')).toBe(true)
  })

  test('file-3k-and-3-blocks-missing-block: what is there can be had, what is not is an error', async () => {
    const { root, blocks } = await load('file-3k-and-3-blocks-missing-block')
    const { size } = await resolvePath(root, [], blocks)
    expect(size).toBe(3_072)
    const outcomes = await Promise.all(
      [0, 1_024, 2_048].map(async (start) => {
        const range = { start, end: start + 1_024 }
        try {
          return (await joinFlat(flatBytes(verifyBlocks(root, blocks, { range }), range))).length
        } catch (error) {
          if (error instanceof CarError) throw error // the port's own words pass through
          return 'missing'
        }
      }),
    )
    expect(outcomes).toEqual([1_024, 'missing', 1_024])
  })
}
