// Goal: a snapshot is served as it was written, by the root that its bytes have, also after a restart; in memory and on disk; and only whole ones.
import { mkdtemp, readdir, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createMemoryFiles, createSnapshotServer, type SnapshotFiles } from '@selvedge/synchronizer'
import { openSnapshotCache, openSnapshotFolder } from '@selvedge/synchronizer/folder'
import { ChunkRanges, createSink, decode, encodeRanges, createOutboard, hash } from '@selvedge/verified-streaming'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createWorld, joinerOf } from './world.ts'
import { EPOCH_BLOCKS } from './ledger.ts'

let path: string
beforeEach(async () => {
  path = await mkdtemp(join(tmpdir(), 'selvedge-sync-'))
})
afterEach(() => rm(path, { recursive: true, force: true }))

const contentOf = (seed: number): Uint8Array => Uint8Array.from({ length: 100_000 + seed }, (_, i) => (i * seed) % 251)
function* piecesOf(bytes: Uint8Array): Generator<Uint8Array, void, undefined> {
  for (let at = 0; at < bytes.length; at += 30_000) yield bytes.subarray(at, at + 30_000)
}

describe.each(['memory', 'folder'])('files in a %s', (kind) => {
  let files: SnapshotFiles
  beforeEach(async () => {
    files = kind === 'memory' ? createMemoryFiles() : await openSnapshotFolder(path)
  })

  test('a snapshot is served by its root, any ranges of it, and a restart finds it', async () => {
    const content = contentOf(3)
    const { root, size } = await createSnapshotServer({ files }).add(7, piecesOf(content))
    expect({ root, size }).toEqual({ root: hash(content), size: content.length })
    const server = createSnapshotServer({ files })
    expect(server.snapshots).toEqual([])
    await server.start()
    expect(server.snapshots).toEqual([{ height: 7, root, size }])
    const ranges = ChunkRanges.fromChunks(20, 50)
    let at = 20 * 1_024
    for await (const { offset, bytes } of decode(server.slice(root, ranges), root, { ranges })) {
      expect(offset).toBe(at)
      expect(bytes).toEqual(content.subarray(offset, offset + bytes.length))
      at += bytes.length
    }
    expect(at).toBe(50 * 1_024)
  })

  test('only so many are kept, and a root that is not there is not found', async () => {
    const server = createSnapshotServer({ files }, { snapshotsMax: 2 })
    const added = []
    for (const height of [1, 2, 3]) added.push(await server.add(height, piecesOf(contentOf(height))))
    expect(server.snapshots.map(({ height }) => height)).toEqual([3, 2])
    expect((await files.list()).length).toBe(4)
    await expect(server.slice(added[0]!.root, ChunkRanges.all)[Symbol.asyncIterator]().next()).rejects.toMatchObject({
      code: 'SYNCHRONIZER_NOT_FOUND',
    })
  })

  test('a stream that breaks leaves nothing, and neither does an abort', async () => {
    const server = createSnapshotServer({ files })
    const broken = (function* () {
      yield contentOf(1)
      throw new Error('the state is gone')
    })()
    await expect(server.add(1, broken)).rejects.toThrow('the state is gone')
    const reason = new Error('stop')
    await expect(server.add(1, piecesOf(contentOf(1)), { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    expect(await files.list()).toEqual([])
    expect(server.snapshots).toEqual([])
  })
})

test('what a crash left half is removed at the start', async () => {
  const files = await openSnapshotFolder(path)
  await createSnapshotServer({ files }).add(5, piecesOf(contentOf(5)))
  await rm(join(path, 'outboard-5')) // written last: a crash between the two
  await writeFile(join(path, 'snapshot-6.part'), 'half')
  const server = createSnapshotServer({ files: await openSnapshotFolder(path) })
  await server.start()
  expect(server.snapshots).toEqual([])
  expect(await readdir(path)).toEqual([])
})

test('a cache on disk goes on where it was, and does not believe a disk that lost something', async () => {
  const content = contentOf(9)
  const { root, outboard } = await createOutboard(content)
  const send = (ranges: ChunkRanges): AsyncIterable<Uint8Array> => encodeRanges({ data: content, outboard, size: content.length }, ranges)
  const half = ChunkRanges.fromChunks(0, 64)
  const first = await openSnapshotCache(path)
  const sink = createSink(root, { store: first.store })
  await sink.receive(send(half), { ranges: half })
  await first.saveState(await sink.save())
  await first.close()
  await truncate(join(path, 'content'), 40 * 1_024)
  const second = await openSnapshotCache(path)
  const again = createSink(root, { store: second.store, state: (await second.loadState())! })
  await again.recheck()
  expect(again.held.equals(ChunkRanges.fromChunks(0, 32))).toBe(true)
  const rest = again.missing()
  await again.receive(send(rest), { ranges: rest })
  expect(again.isComplete).toBe(true)
  expect(await second.store.readContent(50_000, 1_000)).toEqual(content.subarray(50_000, 51_000))
  await second.close()
})

test('a joiner with a folder takes a state over', async () => {
  await using world = await createWorld(2 * EPOCH_BLOCKS + 3)
  const cache = await openSnapshotCache(path)
  const { joiner, state } = joinerOf([await world.serve('honest')], { cache })
  expect(await joiner.join(state)).toMatchObject({ height: 2 * EPOCH_BLOCKS })
  await cache.close()
})
