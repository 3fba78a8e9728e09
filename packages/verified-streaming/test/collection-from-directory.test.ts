// Goal: equal directories have equal roots, whatever the order in which a file system lists them, and each member can be served.
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { collectionFromDirectory } from '../src/collection-from-directory.node.ts'
import { ChunkRanges, decodeCollection, verifyRanges } from '../src/index.ts'
import { randomBytes } from './hosts/static-host.ts'
import { temporaryFolder } from './hosts/temporary-folder.ts'

const names = ['ä', 'b', 'a/b', 'a-b', 'a', 'Z', 'aa', '1', 'a.b', '𝄞', '￮'].filter((name) => name !== 'a')
const contentOf = (name: string): Uint8Array => randomBytes(40_000, name.codePointAt(0)! + name.length)
let folder: string

function write(place: string, order: readonly string[]): string {
  const path = join(folder, place)
  for (const name of order) {
    mkdirSync(join(path, name, '..'), { recursive: true })
    writeFileSync(join(path, name), contentOf(name))
  }
  return path
}

beforeAll(() => {
  folder = temporaryFolder()
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('names are sorted as bytes, so that two equal directories have one root', async () => {
  const one = await collectionFromDirectory(write('one', names))
  const two = await collectionFromDirectory(write('two', names.toReversed()))
  expect(two.collection.root).toEqual(one.collection.root)
  const sorted = names.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
  expect(one.entries.map(({ name }) => name)).toEqual(sorted)
  expect(decodeCollection(one.collection.sequence, one.collection.metadata)).toEqual(one.entries.map(({ name, root }) => ({ name, root })))
})

test('links are not followed, and each outboard proves its file', async () => {
  const path = write('linked', ['file', 'inner/file'])
  symlinkSync('file', join(path, 'link'))
  symlinkSync('..', join(path, 'inner/up'))
  const proven: string[] = []
  const { entries } = await collectionFromDirectory(path, {
    async onOutboard({ name, root }, outboard) {
      await verifyRanges(contentOf(name), outboard, root, ChunkRanges.all)
      proven.push(name)
    },
  })
  expect(entries.map(({ name }) => name)).toEqual(['file', 'inner/file'])
  expect(proven).toEqual(['file', 'inner/file'])
})

test('what is no directory is refused, and an abort is heard', async () => {
  const path = write('plain', ['file'])
  await expect(collectionFromDirectory(join(path, 'file'))).rejects.toMatchObject({ code: 'VERIFY_BAD_ARGUMENT' })
  await expect(collectionFromDirectory(join(path, 'missing'))).rejects.toMatchObject({ code: 'ENOENT' })
  const reason = new Error('enough')
  await expect(collectionFromDirectory(path, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
})
