import { spawnSync } from 'node:child_process'
import { copyFile, cp, mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { StoredRecord } from '../src/core/contract.ts'
import { ConsensusError, createMemoryStore, type Store } from '../src/index.ts'
import { createFileStore } from '../src/store.node.ts'

let folder: string
const opened: Store[] = []
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'selvedge-store-'))
})
afterEach(async () => {
  for (const store of opened.splice(0)) await store.stop()
  await rm(folder, { recursive: true, force: true })
})

async function openStore(path = folder, options: { segmentBytesMax?: number; recentBytesMax?: number } = {}): Promise<Store> {
  const store = createFileStore({ path, ...options })
  opened.push(store)
  await store.start()
  return store
}

const bytesOf = (length: number, seed: number): Uint8Array => Uint8Array.from({ length }, (_, i) => (seed * 31 + i * 7) & 0xff)
const certificate = (round: number, author: number, length = 40): StoredRecord => ({
  kind: 'certificate',
  key: `${round}.${author}`,
  round,
  author,
  bytes: bytesOf(length, round * 10 + author),
})
const vote = (author: number, seed: number): StoredRecord => ({ kind: 'voted', key: String(author), bytes: bytesOf(8, seed) })
const logFile = (epoch = 0, number = 1): string => join(folder, `epoch-${epoch}`, `${String(number).padStart(8, '0')}.wal`)
const keysOf = (store: Store, kind: StoredRecord['kind'], afterRound?: number): string[] =>
  [...store.epoch(0).entries(kind, afterRound)].map(({ key }) => key)

/** What every store does, on disk or in memory. */
describe.each([
  ['of files', () => openStore()],
  ['in memory', () => Promise.resolve(createMemoryStore())],
])('a store %s', (_, open) => {
  test('shows records as soon as they are appended, the newest of each key', async () => {
    const store = await open()
    store.epoch(0).append([vote(1, 1), vote(2, 2), vote(1, 3)])
    expect(store.epoch(0).get('voted', '1')).toEqual(vote(1, 3).bytes)
    expect(store.epoch(0).has('voted', '2')).toBe(true)
    expect(store.epoch(0).has('voted', '3')).toBe(false)
    expect(store.epoch(0).get('proposed', '1')).toBeUndefined()
    expect(keysOf(store, 'voted')).toEqual(['2', '1'])
  })

  test('lists certificates above a round by round and author, whatever the order of writing', async () => {
    const store = await open()
    store.epoch(0).append([certificate(3, 1), certificate(1, 2), certificate(2, 0), certificate(1, 0), certificate(900, 1)])
    expect(keysOf(store, 'certificate')).toEqual(['1.0', '1.2', '2.0', '3.1', '900.1'])
    expect(keysOf(store, 'certificate', 1)).toEqual(['2.0', '3.1', '900.1'])
    expect(keysOf(store, 'certificate', 900)).toEqual([])
    expect([...store.epoch(0).entries('certificate', 2)][0]).toEqual(certificate(3, 1))
  })

  test('keeps epochs apart and deletes one without the other', async () => {
    const store = await open()
    store.epoch(4).append([vote(1, 1)])
    store.epoch(5).append([vote(1, 2)])
    await store.sync()
    expect(store.epochs()).toEqual([4, 5])
    await store.drop(4)
    expect(store.epochs()).toEqual([5])
    expect(store.epoch(4).has('voted', '1')).toBe(false)
    expect(store.epoch(5).get('voted', '1')).toEqual(vote(1, 2).bytes)
  })
})

test('what was synced is there after the store is opened again, in the same order', async () => {
  const records = [certificate(2, 1), vote(3, 1), certificate(1, 1, 0), vote(1, 1), vote(3, 2)]
  const store = await openStore()
  store.epoch(0).append(records)
  await store.sync()
  await store.stop()
  const again = await openStore()
  expect([...again.epoch(0).entries('certificate')]).toEqual([certificate(1, 1, 0), certificate(2, 1)])
  expect([...again.epoch(0).entries('voted')]).toEqual([vote(1, 1), vote(3, 2)])
})

test('bodies that have left memory are read from disk', async () => {
  const store = await openStore(folder, { recentBytesMax: 100, segmentBytesMax: 3_000 })
  for (let round = 1; round <= 60; round++) {
    store.epoch(0).append([certificate(round, 0, 300)])
    if (round % 7 === 0) await store.sync()
  }
  for (let round = 1; round <= 60; round++)
    expect(store.epoch(0).get('certificate', `${round}.0`)).toEqual(certificate(round, 0, 300).bytes)
  await store.sync()
  expect((await readdir(join(folder, 'epoch-0'))).length).toBeGreaterThan(5)
  await store.stop()
  const again = await openStore(folder, { segmentBytesMax: 3_000 })
  expect(keysOf(again, 'certificate')).toHaveLength(60)
  again.epoch(0).append([certificate(61, 0)])
  await again.sync()
  expect(again.epoch(0).get('certificate', '7.0')).toEqual(certificate(7, 0, 300).bytes)
})

// Goal: wherever a write ends, all that was synced before it is there and nothing else is lost. Method: the file is cut at each byte of
// what was written last, and opened; then the last record is damaged byte by byte instead.
test('a log that ends at any byte of its last records keeps all whole ones before it', async () => {
  const store = await openStore()
  store.epoch(0).append([certificate(1, 0), certificate(1, 1)])
  await store.sync()
  const synced = (await stat(logFile())).size
  store.epoch(0).append([certificate(2, 0), certificate(2, 1)])
  await store.sync()
  await store.stop()
  const { length } = await readFile(logFile())
  const half = synced + (length - synced) / 2
  for (let size = synced; size <= length; size++) {
    const path = join(folder, `cut-${size}`)
    await cp(join(folder, 'epoch-0'), join(path, 'epoch-0'), { recursive: true })
    await truncate(join(path, 'epoch-0/00000001.wal'), size)
    const cut = await openStore(path)
    const whole = ['1.0', '1.1', ...(size >= half ? ['2.0'] : []), ...(size >= length ? ['2.1'] : [])]
    expect(keysOf(cut, 'certificate')).toEqual(whole)
    cut.epoch(0).append([certificate(3, 0)])
    await cut.sync()
    await cut.stop()
    const again = await openStore(path)
    expect(keysOf(again, 'certificate')).toEqual([...whole, '3.0'])
    await again.stop()
  }
})

test('a bad byte in the last record is a torn tail, and cut', async () => {
  const store = await openStore()
  store.epoch(0).append([certificate(1, 0), certificate(2, 0)])
  await store.sync()
  await store.stop()
  const bytes = await readFile(logFile())
  for (let at = 32 + (bytes.length - 32) / 2; at < bytes.length; at++) {
    const damagedBytes = Uint8Array.from(bytes)
    damagedBytes[at]! ^= 0x40
    await writeFile(logFile(), damagedBytes)
    const torn = await openStore()
    expect(keysOf(torn, 'certificate')).toEqual(['1.0'])
    await torn.stop()
  }
})

test('a bad byte in a record that a later one vouches for is damage, and nothing is cut', async () => {
  const store = await openStore()
  store.epoch(0).append([certificate(1, 0)])
  await store.sync()
  const synced = (await stat(logFile())).size
  store.epoch(0).append([certificate(2, 0)])
  await store.sync()
  await store.stop()
  const bytes = await readFile(logFile())
  for (let at = 0; at < synced; at++) {
    const damagedBytes = Uint8Array.from(bytes)
    damagedBytes[at]! ^= 0x01
    await writeFile(logFile(), damagedBytes)
    await expect(openStore()).rejects.toMatchObject({ code: 'CONSENSUS_STORE_DAMAGED' })
    expect((await stat(logFile())).size).toBe(bytes.length)
  }
})

test('a missing segment and a bad byte in a segment before the last are damage', async () => {
  const store = await openStore(folder, { segmentBytesMax: 200 })
  for (let round = 1; round < 20; round++) store.epoch(0).append([certificate(round, 0)])
  await store.sync()
  await store.stop()
  await copyFile(logFile(0, 2), join(folder, 'saved'))
  await rm(logFile(0, 2))
  await expect(openStore()).rejects.toMatchObject({ code: 'CONSENSUS_STORE_DAMAGED' })
  const bytes = await readFile(join(folder, 'saved'))
  bytes[bytes.length - 1]! ^= 1
  await writeFile(logFile(0, 2), bytes)
  await expect(openStore()).rejects.toMatchObject({ code: 'CONSENSUS_STORE_DAMAGED' })
})

test('a segment that was begun and has no header yet is no damage', async () => {
  const store = await openStore()
  store.epoch(0).append([vote(1, 1)])
  await store.sync()
  await store.stop()
  for (const begun of [new Uint8Array(), new Uint8Array(31), new Uint8Array(32)]) {
    await writeFile(logFile(0, 2), begun)
    const again = await openStore()
    expect(again.epoch(0).has('voted', '1')).toBe(true)
    await again.stop()
  }
})

test('a body that looks like a record vouches for nothing', async () => {
  const store = await openStore()
  store.epoch(0).append([vote(1, 1)])
  await store.sync()
  store.epoch(0).append([vote(1, 2)])
  await store.sync()
  await store.stop()
  const bytes = await readFile(logFile())
  const looksWhole = bytes.subarray(32 + (bytes.length - 32) / 2) // a record that says that all before it was synced
  const hostile = await openStore(join(folder, 'hostile'))
  hostile.epoch(0).append([{ kind: 'batch', key: 'x', bytes: looksWhole }])
  await hostile.sync()
  await hostile.stop()
  const path = join(folder, 'hostile/epoch-0/00000001.wal')
  const torn = await readFile(path)
  torn[33]! ^= 1
  await writeFile(path, torn)
  const again = await openStore(join(folder, 'hostile'))
  expect(again.epoch(0).has('batch', 'x')).toBe(false)
})

test('a record that rots while the store is open is not handed out', async () => {
  const store = await openStore(folder, { recentBytesMax: 0 })
  store.epoch(0).append([certificate(1, 0)])
  await store.sync()
  const bytes = await readFile(logFile())
  bytes[bytes.length - 1]! ^= 1
  await writeFile(logFile(), bytes)
  expect(() => store.epoch(0).get('certificate', '1.0')).toThrow(ConsensusError)
})

test('the newest bodies stay in memory, as many as `recentBytesMax` holds with what each costs beside', async () => {
  const [bodyBytes, overheadBytes, count] = [300, 512, 5]
  const store = await openStore(folder, { recentBytesMax: 3 * (bodyBytes + overheadBytes) })
  for (let round = 1; round <= count; round++) store.epoch(0).append([certificate(round, 0, bodyBytes)])
  await store.sync()
  const bytes = await readFile(logFile())
  for (let round = 1; round <= count; round++) bytes[bytes.indexOf(certificate(round, 0, bodyBytes).bytes)]! ^= 1 // whoever reads the file notices
  await writeFile(logFile(), bytes)
  for (const round of [1, 2]) expect(() => store.epoch(0).get('certificate', `${round}.0`)).toThrow(ConsensusError)
  for (const round of [3, 4, 5]) expect(store.epoch(0).get('certificate', `${round}.0`)).toEqual(certificate(round, 0, bodyBytes).bytes)
})

test('a record whose key rots is damage, and not a record that was never there', async () => {
  const store = await openStore(folder, { recentBytesMax: 0 })
  store.epoch(0).append([certificate(1, 0)])
  await store.sync()
  const bytes = await readFile(logFile())
  bytes[bytes.indexOf('1.0')]! ^= 1
  await writeFile(logFile(), bytes)
  expect(() => store.epoch(0).get('certificate', '1.0')).toThrow(expect.objectContaining({ code: 'CONSENSUS_STORE_DAMAGED' }))
  expect(() => store.epoch(0).has('certificate', '1.0')).toThrow(expect.objectContaining({ code: 'CONSENSUS_STORE_DAMAGED' }))
  expect(store.epoch(0).has('certificate', '2.0')).toBe(false)
})

test('a key written again and again is one record, in memory and on disk', async () => {
  const store = await openStore(folder, { recentBytesMax: 0, segmentBytesMax: 20_000 })
  for (let seed = 1; seed <= 3_000; seed++) {
    store.epoch(0).append([vote(seed % 3, seed), certificate(seed, 0)])
    if (seed % 100 === 0) await store.sync()
  }
  const expected = [2_998, 2_999, 3_000].map((seed) => vote(seed % 3, seed))
  expect([...store.epoch(0).entries('voted')]).toEqual(expected)
  await store.stop()
  const again = await openStore(folder, { recentBytesMax: 0, segmentBytesMax: 20_000 })
  expect([...again.epoch(0).entries('voted')]).toEqual(expected)
  expect(keysOf(again, 'certificate')).toHaveLength(3_000)
})

test('records that are only passed over are not read', async () => {
  const store = await openStore(folder, { recentBytesMax: 0 })
  store.epoch(0).append([certificate(1, 0), certificate(2, 0), certificate(3, 0)])
  await store.sync()
  const good = [...store.epoch(0).entries('certificate', 1)].map(({ bytes }) => bytes)
  expect(good).toEqual([certificate(2, 0).bytes, certificate(3, 0).bytes])
  const bytes = await readFile(logFile())
  bytes[bytes.indexOf(certificate(1, 0).bytes)]! ^= 1
  await writeFile(logFile(), bytes)
  const records = [...store.epoch(0).entries('certificate')]
  expect(records.map(({ round, author }) => [round, author])).toEqual([
    [1, 0],
    [2, 0],
    [3, 0],
  ])
  expect(records.slice(1).map(({ key }) => key)).toEqual(['2.0', '3.0'])
  expect(records[2]!.bytes).toEqual(certificate(3, 0).bytes)
  expect(() => records[0]!.bytes).toThrow(ConsensusError)
})

test('a second owner is refused, and is let in when the first has gone', async () => {
  const store = await openStore()
  await expect(openStore()).rejects.toMatchObject({ code: 'CONSENSUS_STORE_LOCKED' })
  await store.stop()
  await openStore()
})

test('every sync that was called before a stop is kept', async () => {
  const store = await openStore()
  const syncs: Promise<void>[] = []
  for (let round = 1; round <= 50; round++) {
    store.epoch(0).append([certificate(round, 0)])
    syncs.push(store.sync())
  }
  await Promise.all(syncs)
  await store.stop()
  await store.stop()
  expect(keysOf(await openStore(), 'certificate')).toHaveLength(50)
})

test('a full disk fails the sync, every later one too, and keeps what is stored', async () => {
  const child = fileURLToPath(new URL('./support/full-disk.child.ts', import.meta.url))
  const script = 'trap "" XFSZ; ulimit -f 64; exec "$@"' // blocks of 1 KiB: writes beyond 64 KiB get EFBIG
  const { stdout, stderr } = spawnSync('bash', ['-c', script, 'bash', process.execPath, '--conditions=@selvedge/source', child, folder])
  const { acknowledged, codes } = JSON.parse(stdout.toString() || stderr.toString()) as { acknowledged: number; codes: string[] }
  expect(codes).toEqual(['CONSENSUS_STORE_FAILED', 'CONSENSUS_STORE_FAILED'])
  expect(acknowledged).toBeGreaterThan(10)
  const store = await openStore()
  const kept = keysOf(store, 'certificate')
  expect(kept.slice(0, acknowledged)).toEqual(Array.from({ length: acknowledged }, (_, i) => `${i + 1}.0`))
})
