// Goal: whatever a file system does, what is handed out is verified, and no download fails for what could not be kept.
// Method: a directory in memory that fails as browsers' do (full, locked, torn, gone), a real client and a real node; real files are in browser.test.ts.
import { describe, expect, onTestFinished, test } from 'vitest'
import { createClient } from '../src/index.ts'
import { createOpfsClient } from '../src/opfs.ts'
import { OpfsFiles } from '../src/opfs-files.ts'
import { MemoryContent, sampleBytes, serving, startNode } from './node.ts'
import { DATA, type Fault, isSame, KIB, load, MemoryDirectory, world } from './opfs-world.ts'

const FAULTS: readonly Fault[] = ['full', 'locked', 'unreadable', 'torn', 'closed', 'old']

describe.each(['root', 'CID'] as const)('by %s', (how) => {
  test('what one tab has verified the next one has, ranges too, without a node', async () => {
    const { tab, address, node, errors } = await world(how)
    const first = await load(tab(), address)
    expect([isSame(first.bytes), first.size]).toEqual([true, DATA.length])
    await node.stop()
    const kept = tab()
    const { bytes, ...again } = await load(kept, address)
    expect([isSame(bytes), again]).toEqual([true, { receivedBytes: 0, node: 'opfs', size: DATA.length }])
    for (const [start, end] of [
      [0, 10],
      [262_140, 262_150],
      [899_999, undefined],
      [900_000, undefined],
      [5, 5],
    ] as const) {
      const range = end === undefined ? { start } : { start, end }
      expect(isSame((await load(kept, address, range)).bytes, DATA.slice(start, end))).toBe(true)
    }
    const response = await kept.fetch(address, { headers: { range: 'bytes=500000-500999' } })
    expect([response.status, response.headers.get('content-range')]).toEqual([206, 'bytes 500000-500999/900000'])
    expect(new Uint8Array(await response.arrayBuffer())).toEqual(DATA.slice(500_000, 501_000))
    expect(errors).toEqual([])
  })

  test('any byte of what is kept may change, and any end be missing: what comes out is true', async () => {
    const { tab, address, directory } = await world(how)
    await load(tab(), address)
    const whole = new Map(directory.files)
    expect(whole.size).toBe(how === 'root' ? 4 : 15)
    const kept = tab()
    for (const [name, bytes] of whole) {
      for (const changed of [
        bytes.with(20, bytes[20]! ^ 1),
        bytes.with(bytes.length - 1, bytes.at(-1)! ^ 128),
        bytes.subarray(1),
        new Uint8Array(0),
      ]) {
        directory.files.set(name, changed)
        const again = await load(kept, address)
        expect(isSame(again.bytes)).toBe(true)
        expect(again.receivedBytes).toBeGreaterThan(0)
        expect(again.receivedBytes).toBeLessThan(400_000) // that piece or block, and not all
        expect(isSame(directory.files.get(name)!, bytes)).toBe(true)
      }
    }
    for (const name of directory.files.keys()) directory.files.set(name, whole.values().next().value!) // each another's
    expect(isSame((await load(tab(), address)).bytes)).toBe(true)
  })

  test.each(FAULTS)('a file system that fails (%s) fails nothing', async (fault) => {
    const { tab, address, directory, errors } = await world(how)
    directory.fault = fault
    for (let i = 0; i < 2; i++) expect(isSame((await load(tab(), address)).bytes)).toBe(true)
    directory.fault = 'none'
    await load(tab(), address)
    directory.fault = fault
    expect(isSame((await load(tab(), address)).bytes)).toBe(true)
    if (fault !== 'torn') expect(errors.length).toBeGreaterThan(0)
  })

  test('half of it, kept by a tab that was left, is not asked for again', async () => {
    const { tab, address } = await world(how)
    for await (const { offset } of await tab().get(address)) if (offset > 400_000) break
    const { bytes, receivedBytes } = await load(tab(), address)
    expect(isSame(bytes)).toBe(true)
    expect(receivedBytes).toBeLessThan(600_000)
    expect((await load(tab(), address)).receivedBytes).toBe(0)
  })

  test('an abort, a close and what no node has are told as they are without files', async () => {
    const { tab, address } = await world(how)
    const giving = new AbortController()
    const given = await tab().get(address, { signal: giving.signal })
    const reading = (async () => {
      for await (const { offset } of given) if (offset === 0) giving.abort(new Error('enough'))
    })()
    await expect(reading).rejects.toThrow('enough')
    const closed = await tab().get(address)
    closed.close()
    await expect(
      (async () => {
        for await (const _ of closed);
      })(),
    ).rejects.toMatchObject({ code: 'CLIENT_CLOSED' })
    await expect(tab().get(address, { signal: AbortSignal.abort(new Error('before')) })).rejects.toThrow('before')
    const missing = how === 'root' ? '00'.repeat(32) : 'bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy'
    await expect(tab().get(missing)).rejects.toMatchObject({ code: 'CLIENT_NOT_FOUND' })
    expect((await tab().fetch(missing)).status).toBe(404)
  })

  test('nothing at all is content too', async () => {
    const { tab, address } = await world(how, new Uint8Array(0))
    for (let i = 0; i < 2; i++) expect(await load(tab(), address)).toMatchObject({ bytes: new Uint8Array(0), size: 0 })
  })
})

test('what is no file is handed on as the client has it, and its blocks are kept', async () => {
  const content = new MemoryContent()
  const cid = await content.add({ 'a.txt': sampleBytes(10), 'b.txt': sampleBytes(20) })
  const client = createClient({ nodes: [await startNode(serving(content))] })
  onTestFinished(() => client.close())
  const directory = new MemoryDirectory()
  const kept = createOpfsClient({ client, openDirectory: async () => directory as unknown as FileSystemDirectoryHandle })
  const download = await kept.get(cid)
  const names: string[] = []
  for await (const { name } of download.entries()) names.push(name)
  expect([download.kind, names]).toEqual(['directory', ['a.txt', 'b.txt']])
  expect([...directory.files.keys()]).toEqual([`cid-${cid}`])
})

test('what is never read back is not kept: shards of a directory', async () => {
  const content = new MemoryContent()
  const cid = await content.add(Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`note ${i}`, sampleBytes(20, i)])), 4096, {
    shardSplitThresholdBytes: 1,
  })
  const client = createClient({ nodes: [await startNode(serving(content))] })
  onTestFinished(() => client.close())
  const directory = new MemoryDirectory()
  const kept = createOpfsClient({ client, openDirectory: async () => directory as unknown as FileSystemDirectoryHandle })
  const download = await kept.get(cid)
  let count = 0
  for await (const _ of download.entries()) count++
  expect([count, directory.files.size]).toEqual([300, 0])
})

test('a path that was followed leads to kept bytes, without a node; a directory that is damaged or sharded is asked for again', async () => {
  const content = new MemoryContent()
  const page = new TextEncoder().encode('<h1>kept</h1>')
  const cid = await content.add({ 'site/index.html': page, 'site/a.txt': sampleBytes(10) })
  const sharded = await content.add({ x: sampleBytes(20), y: sampleBytes(30) }, 4096, { shardSplitThresholdBytes: 1 })
  const node = await startNode(serving(content))
  const directory = new MemoryDirectory()
  const openDirectory = async (): Promise<FileSystemDirectoryHandle> => directory as unknown as FileSystemDirectoryHandle
  const tab = () => {
    const client = createClient({ nodes: [node] })
    onTestFinished(() => client.close())
    return createOpfsClient({ client, openDirectory, locks: undefined }, { bytesMax: undefined })
  }
  const path = `ipfs://${cid}/site/index.html`
  expect(isSame((await load(tab(), path)).bytes, page)).toBe(true)
  const asked = node.requests.length
  expect(await load(tab(), path)).toMatchObject({ receivedBytes: 0, node: 'opfs' })
  expect(await (await tab().fetch(`ipfs://${cid}/site/`)).text()).toBe('<h1>kept</h1>')
  expect(node.requests.length).toBe(asked)
  const name = `cid-${cid}`
  const whole = directory.files.get(name)!
  directory.files.set(name, whole.with(9, whole[9]! ^ 1))
  expect(isSame((await load(tab(), path)).bytes, page)).toBe(true)
  expect(isSame(directory.files.get(name)!, whole)).toBe(true)
  expect(node.requests.length).toBeGreaterThan(asked)
  for (let i = 0; i < 2; i++) expect((await load(tab(), `ipfs://${sharded}/y`)).size).toBe(30)
  await node.stop()
  expect(isSame((await load(tab(), path)).bytes, page)).toBe(true)
  const kept = await tab().get(cid)
  await expect(
    (async () => {
      for await (const _ of kept);
    })(),
  ).rejects.toMatchObject({ code: 'CLIENT_NOT_A_FILE' })
})

test('a file that is read as empty is being written by another: it stays, and what is damaged goes', async () => {
  const directory = new MemoryDirectory()
  const open = async (): Promise<FileSystemDirectoryHandle> => directory as unknown as FileSystemDirectoryHandle
  const files = new OpfsFiles({ open, bytesMax: 1_000, onError: undefined })
  directory.files.set('begun', new Uint8Array(0))
  directory.files.set('damaged', Uint8Array.of(1))
  for (const name of ['begun', 'damaged']) {
    expect(await files.read(name)).toBeDefined()
    await files.remove(name)
  }
  expect([...directory.files.keys()]).toEqual(['begun'])
  await files.write('begun', [Uint8Array.of(2)])
  expect(await files.read('begun')).toEqual(Uint8Array.of(2))
})

test('a directory that changes while it is gone through is gone through with the next write', async () => {
  const { tab, address, directory } = await world('root')
  const client = tab()
  directory.fault = 'moving'
  await load(client, address)
  expect(directory.files.size).toBe(0)
  directory.fault = 'none'
  await load(client, address)
  expect(directory.files.size).toBe(4)
})

test('who asks for a piece that is on its way waits for it, and whoever gives up leaves it to the next', async () => {
  const { tab, address, errors } = await world('root')
  const client = tab()
  const loaded = await Promise.all([load(client, address), load(client, address), load(client, address)])
  expect(loaded.map(({ bytes }) => isSame(bytes))).toEqual([true, true, true])
  const received = loaded.reduce((sum, { receivedBytes }) => sum + receivedBytes, 0)
  expect([received > DATA.length, received < 1.1 * DATA.length]).toEqual([true, true])

  await client.clear()
  const giving = new AbortController()
  const given = client.get(address, { signal: giving.signal })
  const waiting = load(client, address)
  const waitingToo = new AbortController()
  const gone = client.get(address, { signal: waitingToo.signal })
  waitingToo.abort(new Error('no more'))
  await expect(gone).rejects.toThrow('no more')
  giving.abort(new Error('enough'))
  await given.catch(() => undefined) // it may have come before
  expect(isSame((await waiting).bytes)).toBe(true)
  expect(errors).toEqual([])
})

test('clear forgets all, and a bound that is no number is refused', async () => {
  const { tab, address, directory } = await world('root')
  const client = tab()
  await load(client, address)
  await client.clear()
  expect(directory.files.size).toBe(0)
  expect((await load(client, address)).receivedBytes).toBeGreaterThan(DATA.length)
  expect(() => tab({ bytesMax: -1 })).toThrow(expect.objectContaining({ code: 'CLIENT_BAD_ARGUMENT' }))
})

test.each([
  ['a page without one', undefined],
  ['one that is refused', () => Promise.reject(new DOMException('not in this window', 'SecurityError'))],
  ['one that cannot be asked for', () => Promise.reject(new TypeError('getDirectory is not a function'))],
])('where there is no file system (%s) nothing is kept, and nothing fails', async (_, openDirectory) => {
  const content = new MemoryContent()
  const client = createClient({ nodes: [await startNode(serving(content))] })
  onTestFinished(() => client.close())
  const errors: unknown[] = []
  const options = { onError: (error: unknown): void => void errors.push(error) }
  const kept = createOpfsClient({ client, ...(openDirectory === undefined ? {} : { openDirectory }) }, options)
  for (const address of [
    Buffer.from(await content.addRoot(DATA)).toString('hex'),
    (await content.add({ file: DATA }, 64 * KIB)).toString(),
  ]) {
    expect(isSame((await load(kept, address)).bytes)).toBe(true)
    expect(isSame(new Uint8Array(await (await kept.fetch(address)).arrayBuffer()))).toBe(true)
  }
  await kept.clear()
  expect(errors.length).toBeGreaterThan(0)
})

test('a file system that was refused once is used when it is there', async () => {
  const content = new MemoryContent()
  const client = createClient({ nodes: [await startNode(serving(content))] })
  onTestFinished(() => client.close())
  const directory = new MemoryDirectory()
  let refusals = 1
  const openDirectory = async (): Promise<FileSystemDirectoryHandle> => {
    if (refusals-- > 0) throw new DOMException('ask again', 'SecurityError')
    return directory as unknown as FileSystemDirectoryHandle
  }
  const kept = createOpfsClient({ client, openDirectory })
  const address = Buffer.from(await content.addRoot(DATA)).toString('hex')
  await load(kept, address)
  expect((await load(kept, address)).receivedBytes).toBe(0)
})
