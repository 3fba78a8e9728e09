/**
 * The suite that every store passes, on disk or in memory. It takes `test` and `expect` as arguments, so it runs under any
 * runner that has both (vitest, Jest): `checkBlockstore({ test, expect, create })`.
 */
import { ChunkRanges, decode, encodeRanges, hash } from '@selvedge/verified-streaming'
import { CID } from 'multiformats/cid'
import { create as createDigest } from 'multiformats/hashes/digest'
import { identity } from 'multiformats/hashes/identity'
import { checkEntities } from './conformance-entities.ts'
import { checkTrees } from './conformance-trees.ts'
import { bytesOf, collect, type Conformance, partsOf, rawCidOf, type With } from './conformance-parts.ts'

export type { Assertion, Conformance } from './conformance-parts.ts'

const LENGTHS = [0, 1, 1024, 16_384, 16_385, 100_000, 262_144, 262_145, 1_500_000]

export function checkBlockstore(conformance: Conformance): void {
  const withStore: With = async (options, run) => {
    const store = await conformance.create(options)
    await store.start()
    try {
      await run(store)
    } finally {
      await store.stop()
    }
  }
  checkBlobs(conformance, withStore)
  checkLimits(conformance, withStore)
  checkBlocks(conformance, withStore)
  checkForgetting(conformance, withStore)
  checkLife(conformance, withStore)
  checkEntities(conformance, withStore)
  checkTrees(conformance, withStore)
}

function checkBlobs({ test, expect }: Conformance, withStore: With): void {
  for (const length of LENGTHS) {
    test(`a blob of ${length} bytes has its BLAKE3 root, and any range of it verifies`, () =>
      withStore({}, async (store) => {
        const bytes = bytesOf(length)
        const { root, size } = await store.put(partsOf(bytes, 10_007))
        expect(size).toBe(length)
        expect(root).toEqual(hash(bytes))
        expect(await store.has(root)).toBe(true)
        const blob = await store.open(root)
        if (blob === undefined) throw new Error('a blob that was put cannot be opened')
        for (const [start, end] of [
          [0, length],
          [Math.floor(length / 3), Math.ceil(length / 2)],
          [length, length + 1],
        ] as const) {
          const ranges = ChunkRanges.fromByteRanges([{ start, end }])
          for await (const part of decode(encodeRanges(blob, ranges), root, { ranges })) {
            expect(part.bytes.slice()).toEqual(bytes.subarray(part.offset, part.offset + part.bytes.length))
          }
        }
        await blob.close()
        await blob.close()
      }))
  }
  test('a blob is listed once however often it is put, and gone after one delete', () =>
    withStore({}, async (store) => {
      const bytes = bytesOf(5_000)
      const [{ root }] = await Promise.all([
        store.put(partsOf(bytes, 100)),
        store.put(partsOf(bytes, 4_000)),
        store.put(partsOf(bytes, 5_000)),
      ])
      expect(await collect(store.list())).toEqual([{ root, size: 5_000 }])
      expect(await store.delete(root)).toBe(true)
      expect(await store.delete(root)).toBe(false)
      expect(await collect(store.list())).toEqual([])
      expect(await store.open(root)).toBeUndefined()
    }))
  test('all blobs are listed, in order of their roots', () =>
    withStore({}, async (store) => {
      const roots: string[] = []
      for (let i = 0; i < 300; i++) roots.push(hexOf((await store.put(partsOf(bytesOf(10 + i, i + 1), 1_000))).root))
      expect((await collect(store.list())).map(({ root }) => hexOf(root))).toEqual(roots.sort())
    }))
  test('a blob that is open is readable after its delete', () =>
    withStore({}, async (store) => {
      for (const length of [1_000, 400_000]) {
        const bytes = bytesOf(length)
        const { root } = await store.put(partsOf(bytes, length))
        const blob = await store.open(root)
        await store.delete(root)
        expect(await blob?.data.readAt(10, 100)).toEqual(bytes.subarray(10, 110))
        await blob?.close()
      }
    }))
  test('a read outside of a blob is refused', () =>
    withStore({}, async (store) => {
      const { root } = await store.put(partsOf(bytesOf(100), 100))
      const blob = await store.open(root)
      if (blob === undefined) throw new Error('a blob that was put cannot be opened')
      await expect((async () => blob.data.readAt(90, 11))()).rejects.toMatchObject({ code: 'BLOCKSTORE_MALFORMED' })
      await blob.close()
    }))
}

function checkLimits({ test, expect }: Conformance, withStore: With): void {
  test('a blob over the limit is refused, and its bytes are not counted after that', () =>
    withStore({ blobBytesMax: 1_000, quotaBytes: 5_000 }, async (store) => {
      for (let i = 0; i < 10; i++) {
        await expect(store.put(partsOf(bytesOf(1_001), 300))).rejects.toMatchObject({ code: 'BLOCKSTORE_TOO_LARGE' })
      }
      expect((await store.put(partsOf(bytesOf(1_000), 300))).size).toBe(1_000)
    }))
  test('the quota holds for blobs and for blocks', () =>
    withStore({ quotaBytes: 20_000 }, async (store) => {
      await store.put(partsOf(bytesOf(15_000), 1_000))
      await expect(store.put(partsOf(bytesOf(10_000, 2), 1_000))).rejects.toMatchObject({ code: 'BLOCKSTORE_QUOTA' })
      const block = bytesOf(10_000, 3)
      await expect(store.putBlock(await rawCidOf(block), block)).rejects.toMatchObject({ code: 'BLOCKSTORE_QUOTA' })
      expect((await collect(store.list())).length).toBe(1)
    }))
  test('what is used is told: content while it is here, and not what is gone', () =>
    withStore({ quotaBytes: 1_000_000 }, async (store) => {
      const before = store.usedBytes
      const { root } = await store.put(partsOf(bytesOf(300_000), 30_000))
      const grown = store.usedBytes - before
      expect(grown >= 300_000 && grown < 310_000).toBe(true)
      await store.delete(root)
      expect(store.usedBytes - before < 1_000).toBe(true)
      await expect(store.put(partsOf(bytesOf(1_000_001, 2), 100_000))).rejects.toMatchObject({ code: 'BLOCKSTORE_QUOTA' })
      expect(store.usedBytes - before < 1_000).toBe(true)
    }))
  test('small content counts while it is here, and what is full takes more when some has gone', () =>
    withStore({ quotaBytes: 300_000 }, async (store) => {
      const before = store.usedBytes
      for (let round = 0; round < 4; round++) {
        const roots: Uint8Array[] = []
        for (let i = 0; i < 14; i++) roots.push((await store.put(partsOf(bytesOf(20_000, 100 * round + i), 20_000))).root)
        await expect(store.put(partsOf(bytesOf(30_000, 99), 30_000))).rejects.toMatchObject({ code: 'BLOCKSTORE_QUOTA' })
        for (const root of roots) await store.delete(root)
        expect(store.usedBytes).toBe(before)
      }
    }))
  test('a source that throws leaves nothing', () =>
    withStore({}, async (store) => {
      const failure = new Error('the source broke')
      async function* source(): AsyncGenerator<Uint8Array> {
        yield bytesOf(400_000)
        throw failure
      }
      await expect(store.put(source())).rejects.toBe(failure)
      expect(await collect(store.list())).toEqual([])
    }))
}

function checkBlocks({ test, expect }: Conformance, withStore: With): void {
  test('a block is found under every codec of its multihash', () =>
    withStore({}, async (store) => {
      const block = bytesOf(1_234)
      const cid = await rawCidOf(block)
      expect(await store.getBlock(cid)).toBeUndefined()
      await store.putBlock(cid, block)
      await store.putBlock(cid, block)
      expect(await store.getBlock(cid)).toEqual(block)
      expect(await store.getBlock(CID.createV1(0x71, cid.multihash))).toEqual(block)
    }))
  test('bytes that are not what their CID names are refused', () =>
    withStore({}, async (store) => {
      const block = bytesOf(100)
      const cid = await rawCidOf(bytesOf(100, 2))
      await expect(store.putBlock(cid, block)).rejects.toMatchObject({ code: 'BLOCKSTORE_BAD_HASH' })
      expect(await store.getBlock(cid)).toBeUndefined()
      const unknown = CID.createV1(0x55, createDigest(0x1234, new Uint8Array(32)))
      await expect(store.putBlock(unknown, block)).rejects.toMatchObject({ code: 'BLOCKSTORE_UNSUPPORTED_HASH' })
    }))
  test('a block of 2 MiB is kept, one byte more is refused', () =>
    withStore({}, async (store) => {
      const block = bytesOf(2 ** 21 + 1)
      const most = block.subarray(0, 2 ** 21)
      await store.putBlock(await rawCidOf(most), most)
      expect(await store.getBlock(await rawCidOf(most))).toEqual(most)
      await expect(store.putBlock(await rawCidOf(block), block)).rejects.toMatchObject({ code: 'BLOCKSTORE_TOO_LARGE' })
    }))
  test('an identity CID is its own block, and 129 bytes of one are refused', () =>
    withStore({}, async (store) => {
      const bytes = bytesOf(20)
      const cid = CID.createV1(0x55, identity.digest(bytes))
      await store.putBlock(cid, bytes)
      expect(await store.getBlock(cid)).toEqual(bytes)
      const large = CID.createV1(0x55, identity.digest(bytesOf(129)))
      await expect(store.getBlock(large)).rejects.toMatchObject({ code: 'BLOCKSTORE_TOO_LARGE' })
    }))
  test('a raw CID with a BLAKE3 multihash names the blob of that root', () =>
    withStore({}, async (store) => {
      const bytes = bytesOf(5_000)
      const { root } = await store.put(partsOf(bytes, 5_000))
      expect(await store.getBlock(CID.createV1(0x55, createDigest(0x1e, root)))).toEqual(bytes)
    }))
}

function checkForgetting({ test, expect }: Conformance, withStore: With): void {
  test('blocks that stand for themselves are counted, and of too many those that came first are forgotten', () =>
    withStore({}, async (store) => {
      const cids: CID[] = []
      for (let i = 1; i <= 10; i++) {
        const block = bytesOf(10_000, i)
        cids.push(await rawCidOf(block))
        await store.putBlock(cids.at(-1) as CID, block)
      }
      const here = (): Promise<boolean[]> => Promise.all(cids.map(async (cid) => (await store.getBlock(cid)) !== undefined))
      expect(store.blockBytes >= 100_000 && store.blockBytes <= 101_000 && store.usedBytes >= store.blockBytes).toBe(true)
      await store.forgetBlocks(101_000)
      expect(await here()).toEqual(cids.map(() => true))
      await store.forgetBlocks(55_000)
      expect(await here()).toEqual(cids.map((_, i) => i >= 5))
      expect(store.blockBytes <= 55_000).toBe(true)
      await store.putBlock(cids[0] as CID, bytesOf(10_000, 1)) // it has come again, and last
      await store.forgetBlocks(15_000)
      expect(await here()).toEqual(cids.map((_, i) => i === 0))
      await store.forgetBlocks(0)
      expect([store.blockBytes, (await here()).includes(true)]).toEqual([0, false])
    }))
  test('a directory goes with its block and is one again when it comes again; files and blobs stay', () =>
    withStore({}, async (store) => {
      const [node, leaf, flat] = [bytesOf(500, 1), bytesOf(600, 2), bytesOf(700, 3)]
      const directory = CID.createV1(0x70, (await rawCidOf(node)).multihash)
      const cid = await rawCidOf(leaf)
      const file = store.importFile(cid)
      await file.add({ cid, block: leaf, kind: 'file', fileOffset: 0, dataStart: 0, dataEnd: 600, fileSize: 600 })
      await file.commit()
      await store.putBlock(cid, leaf) // a block of the file, and one for itself
      const { root } = await store.put(partsOf(flat, 700))
      for (let round = 0; round < 2; round++) {
        await store.putBlock(directory, node)
        await store.putEntity({ cid: directory, kind: 'directory' })
        expect(await store.entity(directory)).toMatchObject({ kind: 'directory' })
        await store.forgetBlocks(0)
        expect(await store.entity(directory)).toBeUndefined()
        expect(await store.getBlock(directory)).toBeUndefined()
        await expect(store.putEntity({ cid: directory, kind: 'directory' })).rejects.toMatchObject({ code: 'BLOCKSTORE_MALFORMED' })
      }
      expect(await store.entity(cid)).toMatchObject({ kind: 'file', size: 600 })
      expect([await store.getBlock(cid), await store.has(root), store.blockBytes]).toEqual([leaf, true, 0])
    }))
  test('forgetting follows its signal', () =>
    withStore({}, async (store) => {
      const block = bytesOf(100)
      await store.putBlock(await rawCidOf(block), block)
      const reason = new Error('enough')
      await expect(store.forgetBlocks(0, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
      expect(await store.getBlock(await rawCidOf(block))).toEqual(block)
    }))
}

function checkLife({ test, expect, create }: Conformance, withStore: With): void {
  test('an abort ends a put of a stalled source with its own reason, and leaves nothing', () =>
    withStore({}, async (store) => {
      const controller = new AbortController()
      const reason = new Error('enough')
      async function* source(): AsyncGenerator<Uint8Array> {
        yield bytesOf(300_000)
        controller.abort(reason)
        await new Promise(() => undefined)
      }
      await expect(store.put(source(), { signal: controller.signal })).rejects.toBe(reason)
      await expect(store.put(source(), { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
      await expect(store.getBlock(await rawCidOf(bytesOf(1)), { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
      expect(await collect(store.list())).toEqual([])
    }))
  test('stop ends what runs, may be called twice, and nothing works after it', async () => {
    const store = await create({})
    await expect(store.has(new Uint8Array(32))).rejects.toMatchObject({ code: 'BLOCKSTORE_STOPPED' })
    await store.start()
    let arrived: () => void = () => undefined
    const begun = new Promise<void>((resolve) => (arrived = resolve))
    async function* source(): AsyncGenerator<Uint8Array> {
      yield bytesOf(300_000)
      arrived()
      await new Promise(() => undefined)
    }
    const put = store.put(source())
    const isRefused = expect(put).rejects.toMatchObject({ code: 'BLOCKSTORE_STOPPED' })
    await begun
    await Promise.all([store.stop(), store.stop()])
    await isRefused
    await expect(store.put(partsOf(bytesOf(1), 1))).rejects.toMatchObject({ code: 'BLOCKSTORE_STOPPED' })
    await expect(store.start()).rejects.toMatchObject({ code: 'BLOCKSTORE_STOPPED' })
  })
  test('progress counts bytes', () =>
    withStore({}, async (store) => {
      const seen: number[] = []
      await store.put(partsOf(bytesOf(2_500), 1_000), { onProgress: ({ bytes }) => seen.push(bytes) })
      expect(seen).toEqual([1_000, 2_000, 2_500])
    }))
  test('what is no root is refused', () =>
    withStore({}, async (store) => {
      await expect(store.open(new Uint8Array(31))).rejects.toMatchObject({ code: 'BLOCKSTORE_MALFORMED' })
    }))
}

function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
