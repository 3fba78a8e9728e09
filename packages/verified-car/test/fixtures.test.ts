/** The CARs that gateways are tested with, by another project and another implementation; read where they lie. */
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { CarReader } from '@ipld/car'
import { exporter, type UnixFSFile } from 'ipfs-unixfs-exporter'
import type { CID } from 'multiformats/cid'
import { expect, test } from 'vitest'
import { CarError, flatBytes, listEntries, resolvePath, verifyBlocks, verifyCar, verifyProof, writeCar, writeProof } from '../src/index.ts'
import { Blocks, chunked, collect, joinFlat, joinParts } from './support.ts'

const FOLDER = fileURLToPath(new URL('../../../../shared/vectors/car/', import.meta.url))
const isThere = existsSync(FOLDER)
if (!isThere) console.info(`verified-car: the published CAR fixtures are not at ${FOLDER}; our own cases run alone`)

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

test.runIf(isThere).each(['dir-with-files', 'dir-with-duplicate-files', 'subdir-with-mixed-block-files'])(
  '%s: every file is what the other implementation reads',
  async (name) => {
    const { root, blocks } = await load(name)
    let count = 0
    const visit = async (cid: CID): Promise<void> => {
      for await (const entry of listEntries(cid, blocks)) {
        const { kind } = await resolvePath(entry.cid, [], blocks)
        if (kind === 'directory') await visit(entry.cid)
        else if (kind === 'file') count += Number((await compareFile(entry.cid, blocks)) >= 0)
      }
    }
    await visit(root)
    expect(count).toBeGreaterThan(2)
  },
)

test.runIf(isThere)(
  'single-layer-hamt-with-multi-block-files: a shard that another implementation made is listed, and its names are found',
  async () => {
    const { root, blocks } = await load('single-layer-hamt-with-multi-block-files')
    const names: string[] = []
    for await (const { name, cid } of listEntries(root, blocks)) {
      names.push(name)
      expect((await resolvePath(root, [name], blocks)).cids.at(-1)!.toString()).toBe(cid.toString())
    }
    expect(names.length).toBeGreaterThan(200)
    const some = await resolvePath(root, ['1.txt'], blocks)
    expect(await compareFile(some.cid, blocks)).toBeGreaterThan(0)
  },
)

test.runIf(isThere)('symlink: its target is its data, and it is not followed', async () => {
  const { root, blocks } = await load('symlink')
  const targets: string[] = []
  for await (const { cid } of listEntries(root, blocks)) {
    for await (const { kind, block, dataStart, dataEnd } of verifyBlocks(cid, blocks)) {
      if (kind === 'symlink') targets.push(new TextDecoder().decode(block.subarray(dataStart, dataEnd)))
    }
  }
  expect(targets).toEqual(['foo'])
})

test.runIf(isThere)('dir-with-dag-cbor-with-links: links of dag-cbor are walked in their order', async () => {
  const { root, blocks } = await load('dir-with-dag-cbor-with-links')
  const car = await joinParts(writeCar(root, blocks, { scope: 'all' }))
  const seen = await collect(verifyCar(chunked(car, 99), root, { scope: 'all' }))
  expect(new Set(seen.map(({ cid }) => cid)).size).toBe(blocks.map.size)
  expect(seen.some(({ kind }) => kind === 'other')).toBe(true)
})

test.runIf(isThere)('file-3k-and-3-blocks-missing-block: what is there can be had, what is not is an error', async () => {
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
