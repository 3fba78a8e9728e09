/** Content read into memory that its reader brings. */
import { readdir, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { bytesOf, partsOf } from '../src/conformance-parts.ts'
import { createNodeFileSystem, type FileSystem } from '../src/index.ts'
import { useStoreFolder } from './support/store-folder.ts'

const folder = useStoreFolder()

test.each([
  ['a file', 500_000],
  ['a pack', 50_000],
])('fills all of it and nothing beside it, from %s', async (_, length) => {
  const store = await folder.open()
  const bytes = bytesOf(length)
  const { root } = await store.put(partsOf(bytes, 10_000))
  const blob = (await store.open(root))!
  const memory = new Uint8Array(20_000).fill(0xdb)
  await blob.data.readInto!(12_345, memory.subarray(100, 10_100))
  expect(Buffer.compare(memory.subarray(100, 10_100), bytes.subarray(12_345, 22_345))).toBe(0)
  expect([...memory.subarray(0, 100), ...memory.subarray(10_100)].every((byte) => byte === 0xdb)).toBe(true)
  await blob.data.readInto!(length, memory.subarray(0, 0))
  for (const [offset, target] of [
    [length - 10, memory.subarray(0, 11)],
    [-1, memory.subarray(0, 1)],
  ] as const) {
    await expect((async () => await blob.data.readInto!(offset, target))()).rejects.toMatchObject({ code: 'BLOCKSTORE_MALFORMED' })
  }
  await blob.close()
  await store.stop()
  await expect((async () => await blob.data.readInto!(0, memory))()).rejects.toMatchObject({ code: 'BLOCKSTORE_STOPPED' })
})

test('of a file that was cut is an error, whatever was filled', async () => {
  const store = await folder.open()
  const { root } = await store.put(partsOf(bytesOf(500_000), 10_000))
  const blobs = join(folder.path(), 'blobs')
  const [file] = (await readdir(blobs)).filter((name) => name.endsWith('.data'))
  await truncate(join(blobs, file!), 300_000)
  const blob = (await store.open(root))!
  await expect((async () => await blob.data.readInto!(290_000, new Uint8Array(20_000)))()).rejects.toMatchObject({
    code: 'BLOCKSTORE_DAMAGED',
  })
  await blob.close()
  await store.stop()
})

const pool = new Uint8Array(20_000)
test.each([
  ['of its own', (length: number): Uint8Array => new Uint8Array(length)],
  ['that stands beside the target', (length: number): Uint8Array => pool.subarray(10_000, 10_000 + length)],
])('from a disk that reads into memory %s it is copied', async (_, memory) => {
  const disk = createNodeFileSystem()
  const fileSystem: FileSystem = {
    ...disk,
    async open(path, mode) {
      const file = await disk.open(path, mode)
      return { ...file, read: (offset, length, target) => file.read(offset, length, target && memory(length)) }
    },
  }
  const store = await folder.open({}, { fileSystem })
  const bytes = bytesOf(500_000)
  const { root } = await store.put(partsOf(bytes, 10_000))
  const blob = (await store.open(root))!
  const target = pool.subarray(0, 5_000).fill(0)
  await blob.data.readInto!(300_000, target)
  expect(Buffer.compare(target, bytes.subarray(300_000, 305_000))).toBe(0)
  await blob.close()
})
