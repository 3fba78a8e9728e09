// Goal: a tree, and a file, that are larger than the store of a node are read whole by somebody who stands still until most of it has left again.
// Method: the real service with a bounded store and an origin of real files; the reader goes on when the origin has given all of it.
import { createBlockstore } from '@selvedge/blockstore'
import { encodeRequest } from '@selvedge/content'
import { createGateway } from '@selvedge/gateway'
import { serveGateway } from '@selvedge/gateway/node'
import { verifyCar, writeCar } from '@selvedge/verified-car'
import { ChunkRanges } from '@selvedge/verified-streaming'
import type { CID } from 'multiformats/cid'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { openContentService } from '../src/compose/content-service.ts'
import { createFileDag } from '../src/dag/file-dag.ts'
import { GUEST, MIB } from './eviction-world.ts'
import { sampleBytes, scratchFolder } from './harness.ts'

interface Origin {
  readonly cid: CID
  readonly url: string
  /** Of all of it. */
  readonly data: Buffer
  /** Blocks of it that were asked for. */
  readonly asked: ReadonlySet<string>
  readonly blocks: number
}

/** An origin of one tree of files of these sizes; of one size, of that file. */
async function startOrigin(folder: string, sizes: readonly number[]): Promise<Origin> {
  const parts: Buffer[] = []
  const files: { path: string; file: string; size: number }[] = []
  for (const [i, size] of sizes.entries()) {
    const [file, data] = [join(folder, `file-${i}`), sampleBytes(size, i + 1)]
    await writeFile(file, data)
    files.push({ path: `file-${String(i).padStart(3, '0')}`, file, size })
    parts.push(data)
  }
  const dag = createFileDag()
  const cid = await dag.build(files, { wrap: sizes.length > 1 })
  const all = new Set<string>()
  for await (const block of verifyCar(writeCar(cid, dag.blocks, { scope: 'all' }), cid, { scope: 'all' })) all.add(String(block.cid))
  const asked = new Set<string>()
  const get = async (each: CID): Promise<Uint8Array> => {
    asked.add(String(each))
    return await dag.blocks.get(each)
  }
  const server = await serveGateway(createGateway({ blocks: { get } }))
  onTestFinished(() => server.stop())
  return { cid, url: server.url, data: Buffer.concat(parts), asked, blocks: all.size }
}

test.each([
  ['a tree', 'all', Array<number>(24).fill(400_000)],
  ['a file', 'entity', [30_000_000]],
] as const)(
  '%s that is larger than the store is read whole, by a reader who stands still until all of it has come',
  {
    timeout: 120_000,
  },
  async (_, scope, sizes) => {
    const folder = await scratchFolder()
    const { cid, url, data, asked, blocks } = await startOrigin(folder, sizes)
    const store = createBlockstore({}, { path: join(folder, 'store'), quotaBytes: 4 * MIB })
    await store.start()
    const errors: unknown[] = []
    const service = await openContentService(store, {
      dataDir: folder,
      origins: [url],
      storeBytesMax: 4 * MIB,
      epoch: () => 1n,
      log: () => {},
      onEviction: () => {},
      onError: (error) => errors.push(error),
    })
    onTestFinished(async () => {
      await service.stop()
      await store.stop()
    })
    const about = { kind: 'cid', address: cid.bytes, modes: ['car'], ranges: ChunkRanges.all, traceparent: new Uint8Array(0) } as const
    const request = encodeRequest({ ...about, head: false, mappingProof: false, outboardOnly: false, scope })
    const { body } = await service.content.serve(request, { signal: new AbortController().signal, session: GUEST })
    const read: Buffer[] = []
    let hasBegun = false
    for await (const { parts } of verifyCar(body, cid, { header: false, scope })) {
      if (!hasBegun) await expect.poll(() => asked.size, { interval: 10, timeout: 60_000 }).toBe(blocks)
      hasBegun = true
      read.push(...parts.map((part) => Buffer.from(part)))
    }
    expect(Buffer.compare(Buffer.concat(read), data)).toBe(0)
    expect(store.usedBytes).toBeLessThanOrEqual(4 * MIB + blocks * 64) // a place is taken by a block's bytes, and its head comes on top
    expect(errors).toEqual([])
  },
)
