import { verifyCar, type VerifiedBlock } from '@selvedge/verified-car'
import { ChunkRanges } from '@selvedge/verified-streaming'
import type { CID } from 'multiformats/cid'
import { expect, test } from 'vitest'
import { createContentServer, encodeRequest, type ContentMode } from '../src/index.ts'
import { createMemorySource, sampleBytes } from './memory-source.ts'

const treeOf = (cid: CID, modes: readonly ContentMode[] = ['car', 'proof']): Uint8Array =>
  encodeRequest({
    kind: 'cid',
    address: cid.bytes,
    modes,
    head: false,
    mappingProof: false,
    outboardOnly: false,
    scope: 'all',
    traceparent: new Uint8Array(0),
    ranges: ChunkRanges.all,
  })

test.each([true, false])(
  'everything below a directory is one CAR, also where it is complete (%s), because no node proves a lone leaf’s length',
  async (complete) => {
    const source = createMemorySource()
    const files = { 'a/one': sampleBytes(10_000), 'a/two': sampleBytes(3), b: sampleBytes(100, 4) }
    const cid = await source.addDirectory(files)
    source.opened = { complete }
    const { fields, body } = await createContentServer({ source }).serve(treeOf(cid))
    expect(fields).toMatchObject({ status: 200, mode: 'car', contentType: 'inode/directory' })
    const seen: [string, number][] = []
    for await (const { path, isEntityRoot, fileSize } of verifyCar(body, cid, { header: false, scope: 'all' })) {
      if (isEntityRoot) seen.push([path!.join('/'), fileSize ?? -1])
    }
    expect(seen).toEqual([
      ['', -1],
      ['a', -1],
      ['a/one', 10_000],
      ['a/two', 3],
      ['b', 100],
    ])
    expect(source.openCount).toBe(0)
  },
)

test('a tree by proof is not acceptable: 406; a source that has no trees says so: 501; nothing stays open', async () => {
  const source = createMemorySource()
  const cid = await source.addDirectory({ a: sampleBytes(10), b: sampleBytes(20) })
  expect((await createContentServer({ source }).serve(treeOf(cid, ['proof']))).fields.status).toBe(406)
  const { openTree: _, ...bare } = source
  expect((await createContentServer({ source: bare }).serve(treeOf(cid))).fields.status).toBe(501)
  expect(source.openCount).toBe(0)
})

test('a block that is missing in the middle ends the body with its error, after what came before it', async () => {
  const source = createMemorySource()
  const cid = await source.addDirectory({ a: sampleBytes(10_000), b: sampleBytes(9_000, 2) })
  const [last] = [...source.blocks.keys()].slice(0, -1).slice(-1)
  source.blocks.delete(last!)
  const { body } = await createContentServer({ source }).serve(treeOf(cid))
  const blocks: VerifiedBlock['cid'][] = []
  await expect(
    (async () => {
      for await (const block of verifyCar(body, cid, { header: false, scope: 'all' })) blocks.push(block.cid)
    })(),
  ).rejects.toMatchObject({ code: 'CONTENT_INTERNAL' })
  expect(blocks.length).toBeGreaterThan(1)
  expect(source.openCount).toBe(0)
})

test('a tree that is left in the middle is closed', async () => {
  const source = createMemorySource()
  const cid = await source.addDirectory({ a: sampleBytes(200_000), b: sampleBytes(200_000, 2) })
  const { body } = await createContentServer({ source }).serve(treeOf(cid))
  for await (const _ of body) break
  expect(source.openCount).toBe(0)
})
