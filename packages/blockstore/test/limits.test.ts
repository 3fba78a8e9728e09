import { expect, test } from 'vitest'
import { bytesOf, partsOf } from '../src/conformance-parts.ts'
import { type Blockstore, BlockstoreError, createNodeFileSystem, type FileSystem } from '../src/index.ts'
import { blocksOf } from './support/workload.ts'
import { useStoreFolder } from './support/store-folder.ts'

const folder = useStoreFolder()

/** A source that waits to be let go. */
function gate(): { source: AsyncIterable<Uint8Array>; begun: Promise<void>; open: () => void } {
  let open: () => void = () => undefined
  let begin: () => void = () => undefined
  const opened = new Promise<void>((resolve) => (open = resolve))
  const begun = new Promise<void>((resolve) => (begin = resolve))
  async function* source(): AsyncGenerator<Uint8Array> {
    begin()
    await opened
    yield bytesOf(10)
  }
  return { source: source(), begun, open }
}

test('writes beyond writesMax wait, beyond waitingMax are refused, and an abort gives a place in the queue back', async () => {
  const store = await folder.open({ writesMax: 1, waitingMax: 1 })
  const first = gate()
  const running = store.put(first.source)
  await first.begun
  const controller = new AbortController()
  const waiting = store.put(partsOf(bytesOf(20), 20), { signal: controller.signal })
  await expect(store.put(partsOf(bytesOf(30), 30))).rejects.toMatchObject({ code: 'BLOCKSTORE_BUSY' })
  controller.abort(new Error('enough'))
  await expect(waiting).rejects.toThrow('enough')
  const next = store.put(partsOf(bytesOf(40), 40))
  first.open()
  expect((await running).size).toBe(10)
  expect((await next).size).toBe(40)
})

test('files open for reading are bounded, and a close frees a place', async () => {
  const store = await folder.open({ openFilesMax: 2 })
  const [a, b] = [await store.put(partsOf(bytesOf(300_000, 1), 1e6)), await store.put(partsOf(bytesOf(300_000, 2), 1e6))]
  const blob = await store.open(a.root)
  const again = await store.open(a.root)
  await expect(store.open(b.root)).rejects.toMatchObject({ code: 'BLOCKSTORE_BUSY' })
  await blob?.close()
  await expect(store.open(b.root)).rejects.toMatchObject({ code: 'BLOCKSTORE_BUSY' })
  await again?.close()
  await (await store.open(b.root))?.close()
})

test('a file of more blocks than the limit is refused and leaves nothing', async () => {
  const store = await folder.open({ blocksPerFileMax: 4 })
  const { cid, blocks } = await blocksOf(3)
  const file = store.importFile(cid)
  const adding = (async () => {
    for (const block of blocks) await file.add(block)
  })()
  await expect(adding).rejects.toMatchObject({ code: 'BLOCKSTORE_TOO_LARGE' })
  expect(await store.entity(cid)).toBeUndefined()
})

test('a blob that is open when the store stops reads no more', async () => {
  const store = await folder.open()
  const { root } = await store.put(partsOf(bytesOf(1_000), 1_000))
  const blob = await store.open(root)
  await store.stop()
  await expect((async () => blob?.data.readAt(0, 10))()).rejects.toMatchObject({ code: 'BLOCKSTORE_STOPPED' })
  await blob?.close()
})

/** A disk that is full after so many written bytes. */
function fullDisk(): { fileSystem: FileSystem; leftBytes: number } {
  const disk = createNodeFileSystem()
  const state = {
    leftBytes: Number.POSITIVE_INFINITY,
    fileSystem: {
      ...disk,
      open: async (path, mode) => {
        const file = await disk.open(path, mode)
        return {
          ...file,
          write: async (offset, parts) => {
            const bytes = parts.reduce((sum, part) => sum + part.length, 0)
            if (bytes <= state.leftBytes) return file.write(offset, parts)
            await file.write(offset, [Buffer.concat(parts).subarray(0, Math.max(0, state.leftBytes))]) // what fits is written first
            throw new BlockstoreError('BLOCKSTORE_IO', 'no space left on device')
          },
        }
      },
    } as FileSystem,
  }
  return state
}

test('a full disk refuses writes, keeps what was, and takes more once there is room', async () => {
  const disk = fullDisk()
  const store: Blockstore = await folder.open({}, { fileSystem: disk.fileSystem })
  const kept = await store.put(partsOf(bytesOf(1_000), 1_000))
  for (const [length, left] of [
    [2_000, 100],
    [600_000, 100_000],
  ] as const) {
    disk.leftBytes = left
    await expect(store.put(partsOf(bytesOf(length, 2), 50_000))).rejects.toMatchObject({ code: 'BLOCKSTORE_IO' })
    disk.leftBytes = Number.POSITIVE_INFINITY
    const { root } = await store.put(partsOf(bytesOf(length, 2), 50_000))
    expect(await store.has(root)).toBe(true)
  }
  await store.stop()
  const again = await folder.open()
  expect(await again.has(kept.root)).toBe(true)
  let count = 0
  for await (const _ of again.list()) count++
  expect(count).toBe(3)
})

test('after a failed sync nothing is acknowledged until the store is opened again', async () => {
  const disk = createNodeFileSystem()
  let isBroken = false
  const fileSystem: FileSystem = {
    ...disk,
    open: async (path, mode) => {
      const file = await disk.open(path, mode)
      const datasync = async (): Promise<void> => {
        if (isBroken) throw new BlockstoreError('BLOCKSTORE_IO', 'fdatasync failed')
        await file.datasync()
      }
      return { ...file, datasync }
    },
  }
  const store = await folder.open({}, { fileSystem })
  isBroken = true
  await expect(store.put(partsOf(bytesOf(1_000), 1_000))).rejects.toMatchObject({ code: 'BLOCKSTORE_IO' })
  isBroken = false
  await expect(store.put(partsOf(bytesOf(1_000), 1_000))).rejects.toMatchObject({ code: 'BLOCKSTORE_IO' })
  await store.stop()
  const again = await folder.open()
  expect((await again.put(partsOf(bytesOf(1_000), 1_000))).size).toBe(1_000)
})
