/** Parents that were read lately are not read again; of a file that is gone nothing is found. */
import { expect, test } from 'vitest'
import { partsOf, bytesOf } from '../src/conformance-parts.ts'
import type { Handle } from '../src/handles.ts'
import { OutboardPages } from '../src/outboard-pages.ts'
import { useStoreFolder } from './support/store-folder.ts'

const PAGE = 4_096
const SIZE = 20 * PAGE + 64

/** A file in memory, and the reads that reach it. */
function fileOf(id: number, bytes: Uint8Array): { readonly handle: Handle; readonly reads: [number, number][]; stop(): void } {
  const reads: [number, number][] = []
  let isReadable = true
  const handle: Handle = {
    id,
    isReadable: () => isReadable,
    read: async (offset, length) => {
      reads.push([offset, length])
      if (!isReadable) throw new Error('stopped')
      return bytes.slice(offset, offset + length)
    },
    readInto: async (offset, target) => target.set(bytes.subarray(offset, offset + target.length)),
    release: async () => {},
  }
  return { handle, reads, stop: () => (isReadable = false) }
}

test('what lies in pages that were read is there at once, and is the reader’s own', async () => {
  const bytes = bytesOf(SIZE)
  const { handle, reads } = fileOf(1, bytes)
  const outboard = new OutboardPages().of(handle, SIZE)
  expect(await outboard.readAt(100, 64)).toEqual(bytes.slice(100, 164))
  const again = outboard.readAt(1_000, 3_000) as Uint8Array
  expect(again).toEqual(bytes.slice(1_000, 4_000))
  again.fill(0)
  expect(outboard.readAt(1_000, 3_000)).toEqual(bytes.slice(1_000, 4_000))
  expect(await outboard.readAt(4_000, 200)).toEqual(bytes.slice(4_000, 4_200)) // one page of it is not here
  expect(outboard.readAt(4_000, 200)).toEqual(bytes.slice(4_000, 4_200))
  expect(await outboard.readAt(SIZE - 64, 64)).toEqual(bytes.slice(SIZE - 64))
  expect(outboard.readAt(SIZE - 1, 1)).toEqual(bytes.slice(SIZE - 1))
  expect(reads).toEqual([
    [0, PAGE],
    [0, 2 * PAGE],
    [20 * PAGE, 64],
  ])
})

test('any read gives the bytes of the file, whatever was read before', async () => {
  const bytes = bytesOf(SIZE)
  const outboard = new OutboardPages(3).of(fileOf(1, bytes).handle, SIZE)
  for (let i = 0; i < 2_000; i++) {
    const offset = (i * 7_919) % SIZE
    const length = Math.min(SIZE - offset, (i * 104_729) % 30_000)
    expect(Buffer.compare(await outboard.readAt(offset, length), bytes.subarray(offset, offset + length))).toBe(0)
  }
})

test('each opening of a file has pages of its own', async () => {
  const pages = new OutboardPages()
  const [before, after] = [bytesOf(SIZE, 1), bytesOf(SIZE, 2)]
  await pages.of(fileOf(1, before).handle, SIZE).readAt(0, 64)
  expect(await pages.of(fileOf(2, after).handle, SIZE).readAt(0, 64)).toEqual(after.slice(0, 64))
})

test('no more than twice the bound is held, and what is asked for stays', async () => {
  const { handle, reads } = fileOf(1, bytesOf(SIZE))
  const outboard = new OutboardPages(4).of(handle, SIZE)
  for (let page = 0; page < 20; page++) {
    await outboard.readAt(page * PAGE, 64)
    expect(outboard.readAt(0, 64)).toBeInstanceOf(Uint8Array) // at once
  }
  expect(reads).toHaveLength(20)
  await outboard.readAt(PAGE, 64)
  expect(reads).toHaveLength(21)
})

test('a large read goes to the disk and leaves what is here; what is out of bounds is refused; a stopped store gives nothing', async () => {
  const { handle, reads, stop } = fileOf(1, bytesOf(SIZE))
  const outboard = new OutboardPages(4).of(handle, SIZE)
  await outboard.readAt(0, 64)
  expect(await outboard.readAt(0, SIZE)).toHaveLength(SIZE)
  expect(outboard.readAt(0, 64)).toHaveLength(64)
  expect(reads).toHaveLength(2)
  for (const [offset, length] of [
    [-1, 64],
    [SIZE - 63, 64],
    [0, -1],
  ] as const)
    expect(() => outboard.readAt(offset, length)).toThrow(expect.objectContaining({ code: 'BLOCKSTORE_MALFORMED' }))
  stop()
  await expect(async () => await outboard.readAt(0, 64)).rejects.toThrow('stopped')
})

const folder = useStoreFolder()

test('a blob that is deleted and put again is read from its new files', async () => {
  const store = await folder.open()
  const bytes = bytesOf(2_000_000)
  const { root } = await store.put(partsOf(bytes, 100_000))
  const first = (await store.open(root))!
  const { outboard } = first
  if (outboard instanceof Uint8Array) throw new Error('it is small')
  const parents = (await outboard.readAt(0, 640)).slice()
  await first.close()
  await store.delete(root)
  await store.put(partsOf(bytes, 100_000))
  const second = (await store.open(root))!
  if (second.outboard instanceof Uint8Array) throw new Error('it is small')
  const read = second.outboard.readAt(0, 640)
  expect(read).toBeInstanceOf(Promise) // no page of the file before
  expect(await read).toEqual(parents)
  expect(second.outboard.readAt(64, 64)).toEqual(parents.slice(64, 128))
  await second.close()
})
