import { appendFile, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createFileStore, readLog } from '../src/store.node.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'selvedge-read-log-'))
})
afterAll(() => rm(folder, { recursive: true }))

test('an audit sees what later records replaced, in all epochs and segments, beside a living store', async () => {
  const path = join(folder, 'log')
  const store = createFileStore({ path, segmentBytesMax: 100 })
  await store.start()
  for (const epoch of [0, 1, 10]) {
    for (const value of [1, 2, 3]) {
      store.epoch(epoch).append([{ kind: 'voted', key: '7', round: value, author: 7, bytes: new Uint8Array(30).fill(value) }])
      await store.sync()
    }
  }
  const seen = [...readLog(path)]
  expect(seen.map(({ epoch, round }) => `${epoch}:${round}`)).toEqual(['0:1', '0:2', '0:3', '1:1', '1:2', '1:3', '10:1', '10:2', '10:3'])
  expect(seen[5]).toEqual({ epoch: 1, kind: 'voted', key: '7', round: 3, author: 7, bytes: new Uint8Array(30).fill(3) })
  expect([...store.epoch(0).entries('voted')]).toHaveLength(1)
  await store.stop()
})

test('a torn record ends the reading without an error', async () => {
  const path = join(folder, 'torn')
  const store = createFileStore({ path })
  await store.start()
  store.epoch(0).append([{ kind: 'evidence', key: 'a', bytes: Uint8Array.of(1) }])
  await store.sync()
  await store.stop()
  await appendFile(join(path, 'epoch-0', '00000001.wal'), 'Svl1 torn')
  expect([...readLog(path)].map(({ key }) => key)).toEqual(['a'])
})
