/** `bytesMax`: of content that is larger nothing more is handed out, and its lane is left; whichever way it is asked for. */
import { expect, onTestFinished, test } from 'vitest'
import { type Client, createClient, type Download } from '../src/index.ts'
import { createOpfsClient } from '../src/opfs.ts'
import { severalNodes } from '../src/several-nodes.ts'
import { MemoryContent, sampleBytes, serving, startNode } from './node.ts'
import { MemoryDirectory } from './opfs-world.ts'
import { errorOf } from './paying-world.ts'

const SIZE = 6_000_000
const DATA = sampleBytes(SIZE)

async function world() {
  const content = new MemoryContent()
  const addresses = { root: await content.addRoot(DATA), CID: await content.add({ file: DATA }, 65_536) }
  const node = await startNode(serving(content))
  const clientOf = (downloads: ReturnType<typeof severalNodes> | undefined): Client => {
    const client = createClient({ nodes: [node], downloads })
    onTestFinished(() => client.close())
    return client
  }
  return { content, addresses, clientOf }
}

async function lengthOf(download: AsyncIterable<{ readonly bytes: Uint8Array }>, seen = { bytes: 0 }): Promise<number> {
  for await (const { bytes } of download) seen.bytes += bytes.length
  return seen.bytes
}

const WAYS = [
  ['root', undefined],
  ['CID', undefined],
  ['root', severalNodes()],
  ['CID', severalNodes()],
] as const

test.each(WAYS)('what is asked for may have that many bytes and no more, by %s', async (how, downloads) => {
  const { addresses, clientOf } = await world()
  const client = clientOf(downloads)
  const address = addresses[how]
  expect(await lengthOf(await client.get(address, { bytesMax: SIZE }))).toBe(SIZE)
  const range = { start: 100_000, end: 300_000 }
  expect(await lengthOf(await client.get(address, { bytesMax: 200_000, range }))).toBe(200_000)
  for (const options of [
    { bytesMax: SIZE - 1 },
    { bytesMax: 199_999, range },
    { bytesMax: 0 },
    { bytesMax: Number.NaN },
    { bytesMax: -1 },
  ]) {
    const seen = { bytes: 0 }
    const error = await errorOf(async () => await lengthOf(await client.get(address, options), seen))
    expect([error.code, seen.bytes <= Math.max(0, options.bytesMax || 0)]).toEqual(['CLIENT_TOO_LARGE', true])
    if (how === 'CID') expect(seen.bytes).toBe(0)
  }
  expect(await lengthOf(await client.get(address, { bytesMax: 200_000, range }))).toBe(200_000) // a guest has four lanes: those are free again
})

test.each(WAYS)('a saved state of what was refused goes on behind what was handed out, by %s', async (how, downloads) => {
  const { addresses, clientOf } = await world()
  const client = clientOf(downloads)
  const range = { start: 0, end: 3_000_000 }
  const opened: Download[] = []
  const seen = { bytes: 0 }
  const error = await errorOf(async () => {
    opened.push(await client.get(addresses[how], { range, bytesMax: 2_000_000 }))
    await lengthOf(opened[0]!, seen)
  })
  expect([error.code, opened.length]).toEqual(['CLIENT_TOO_LARGE', how === 'root' ? 1 : 0])
  for (const download of opened) expect([download.state().position, seen.bytes > 1_000_000]).toEqual([seen.bytes, true])
})

test.each(WAYS)('a response is refused, or its body breaks off, by %s', async (how, downloads) => {
  const { addresses, clientOf } = await world()
  const client = clientOf(downloads)
  const error = await errorOf(async () => await (await client.fetch(addresses[how], { bytesMax: SIZE - 1 })).arrayBuffer())
  expect(error.code).toBe('CLIENT_TOO_LARGE')
  expect((await (await client.fetch(addresses[how], { bytesMax: SIZE })).arrayBuffer()).byteLength).toBe(SIZE)
})

test.each(['root', 'CID'] as const)('what is kept is bounded too, by %s', async (how) => {
  const { addresses, clientOf } = await world()
  const directory = new MemoryDirectory()
  const openDirectory = async (): Promise<FileSystemDirectoryHandle> => directory as unknown as FileSystemDirectoryHandle
  const kept = createOpfsClient({ client: clientOf(undefined), openDirectory })
  for (let i = 0; i < 2; i++) {
    expect((await errorOf(async () => await kept.get(addresses[how], { bytesMax: SIZE - 1 }))).code).toBe('CLIENT_TOO_LARGE')
    expect(await lengthOf(await kept.get(addresses[how], { bytesMax: SIZE }))).toBe(SIZE)
  }
})

test('a tree is bounded by the bytes of all its files: the one that passes it does not come out', async () => {
  const { content, clientOf } = await world()
  const cid = await content.add({ a: sampleBytes(1_000), 'b/c': sampleBytes(2_000, 2), d: sampleBytes(3_000, 3) })
  const client = clientOf(undefined)
  const read = async (bytesMax: number | undefined): Promise<string[]> => {
    const paths: string[] = []
    const reading = async (): Promise<void> => {
      for await (const { path } of client.getTree(cid, { bytesMax })) paths.push(path)
    }
    await reading().catch((error: unknown) => paths.push(String((error as { code?: unknown }).code)))
    return paths
  }
  expect(await read(undefined)).toEqual(['', 'a', 'b', 'b/c', 'd'])
  expect(await read(6_000)).toEqual(['', 'a', 'b', 'b/c', 'd'])
  expect(await read(5_999)).toEqual(['', 'a', 'b', 'b/c', 'CLIENT_TOO_LARGE'])
  expect(await read(999)).toEqual(['', 'CLIENT_TOO_LARGE'])
})
