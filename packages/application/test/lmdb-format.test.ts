// Goal: a database names the version of its layout. One that does not is of version 0 and is given the name; a newer one is refused and not changed.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createLmdbStore } from '@selvedge/application/lmdb'
import { open } from 'lmdb'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { encodeStoreFormat } from '../src/store/store-format.ts'

const KEY = Buffer.of(0xff)
/** `"SVLG" · 1 u32`, and the first 8 bytes of their SHA-256. */
const PRESENT = '53564c4701000000687ab8a55c600575'
const ROW = { space: 3, key: Uint8Array.of(7), value: Uint8Array.of(1, 2, 3) }

let folder: string
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'selvedge-ledger-'))
  const store = createLmdbStore(folder)
  store.commit([ROW])
  await store.close()
})
afterEach(() => {
  rmSync(folder, { recursive: true })
})

/** The row as it is, and as it is from now on: `undefined` leaves it, empty takes it away. */
async function exchangeRow(value?: Uint8Array): Promise<string | undefined> {
  const database = open<Buffer, Buffer>({ path: folder, noSubdir: false, keyEncoding: 'binary', encoding: 'binary' })
  const before = database.get(KEY)?.toString('hex')
  if (value?.length === 0) database.removeSync(KEY)
  else if (value !== undefined) database.putSync(KEY, Buffer.from(value))
  await database.flushed
  await database.close()
  return before
}

const dataOf = (): Buffer => readFileSync(join(folder, 'data.mdb'))

test('a new database names its version', async () => {
  expect(await exchangeRow()).toBe(PRESENT)
})

test('one of version 0 is read, and names its version from then on', async () => {
  await exchangeRow(new Uint8Array())
  expect(await exchangeRow()).toBeUndefined()
  const store = createLmdbStore(folder)
  expect(store.get(3, ROW.key)).toEqual(ROW.value)
  expect([...store.range(3, new Uint8Array())]).toEqual([[ROW.key, ROW.value]])
  await store.close()
  expect(await exchangeRow()).toBe(PRESENT)
})

test('a newer one is refused by its number, and not changed', async () => {
  for (const found of [2, 2 ** 32 - 1]) {
    await exchangeRow(encodeStoreFormat(found))
    const before = dataOf()
    expect(() => createLmdbStore(folder)).toThrow(
      expect.objectContaining({ code: 'APPLICATION_FORMAT', details: { path: folder, found, known: 1 } }),
    )
    expect(dataOf().equals(before)).toBe(true)
  }
  await exchangeRow(encodeStoreFormat(1))
  const store = createLmdbStore(folder)
  expect(store.get(3, ROW.key)).toEqual(ROW.value)
  await store.close()
})

test('a row that is not one of a version is damage, every byte of it changed and every length', async () => {
  const right = encodeStoreFormat(1)
  const wrong = [
    ...Array.from(right, (byte, at) => right.with(at, byte ^ 1)),
    ...Array.from(right, (_, length) => right.slice(0, length)).slice(1),
    Uint8Array.of(...right, 0),
    encodeStoreFormat(0),
  ]
  for (const row of wrong) {
    await exchangeRow(row)
    expect(() => createLmdbStore(folder)).toThrow(expect.objectContaining({ code: 'APPLICATION_DAMAGED' }))
  }
})
