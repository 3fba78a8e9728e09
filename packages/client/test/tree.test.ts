/** `getTree`: everything below a CID as one stream, from real nodes; and what a node or a directory can do wrong. */
import { decodeRequest, encodeAnswer, type OpenedEntity } from '@selvedge/content'
import type { LaneRequest } from '@selvedge/handshake/tls'
import { encodeSectionHead, writeCar } from '@selvedge/verified-car'
import type { CID } from 'multiformats/cid'
import { expect, onTestFinished, test } from 'vitest'
import { createClient, type Client, type ClientOptions, type TreeEntry, type TreeOptions } from '../src/index.ts'
import { MemoryContent, sampleBytes, saying, serving, startNode } from './node.ts'
import { directoryOf, inlineOf, nodeOf, rawOf, shardOf, symlinkOf } from './unixfs.ts'

function clientOf(options: ClientOptions): Client {
  const client = createClient(options)
  onTestFinished(() => client.close())
  return client
}

const FILES = {
  'a.txt': sampleBytes(100, 1),
  'deep/b.bin': sampleBytes(50_000, 2),
  'deep/er/c': sampleBytes(9_000, 3),
  empty: new Uint8Array(0),
  z: sampleBytes(50_000, 2),
}
const EXPECTED = [
  'directory ',
  'file a.txt',
  'directory deep',
  'file deep/b.bin',
  'directory deep/er',
  'file deep/er/c',
  'file empty',
  'file z',
]

interface Seen {
  readonly entry: string
  readonly bytes: Uint8Array
}

async function bytesOf(entry: TreeEntry): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  for await (const part of entry.content) parts.push(part.slice())
  return new Uint8Array(Buffer.concat(parts))
}

async function read(client: Client, cid: CID, options: TreeOptions = {}, seen: Seen[] = []): Promise<Seen[]> {
  for await (const entry of client.getTree(cid, options)) seen.push({ entry: `${entry.kind} ${entry.path}`, bytes: await bytesOf(entry) })
  return seen
}

const errorOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  )

const contentsOf = (seen: readonly Seen[]): Record<string, Uint8Array> =>
  Object.fromEntries(seen.filter(({ entry }) => entry.startsWith('file ')).map(({ entry, bytes }) => [entry.slice(5), bytes]))

/** The sections of the honest stream. */
async function sectionsOf(content: MemoryContent, cid: CID): Promise<Uint8Array[]> {
  const sections: Uint8Array[] = []
  const { blocks } = (await content.openCid(cid)) as OpenedEntity
  for await (const part of writeCar(cid, blocks, { header: false, scope: 'all' })) sections.push(part)
  return sections
}

/** A node that sends `count` sections and then breaks the lane. */
function breaking(content: MemoryContent, cid: CID, count: number): (request: LaneRequest) => Promise<void> {
  return async (request) => {
    const sections = await sectionsOf(content, cid)
    const lane = request.accept(ANSWER)
    for (const part of sections.slice(0, count)) await lane.write(part)
    lane.reset(23, 'broke')
  }
}

const UNKNOWN = { size: undefined, chunkGroupLog: 0, root: undefined, contentType: '', mappingProof: new Uint8Array(0) }
const ANSWER = encodeAnswer({ ...UNKNOWN, status: 200, mode: 'car' })

test('a tree comes depth first on one lane, files and directories under their names, the bytes those that file by file would bring', async () => {
  const content = new MemoryContent()
  const cid = await content.add(FILES)
  const node = await startNode(serving(content))
  const client = clientOf({ nodes: [node] })
  const progress: string[] = []
  const seen = await read(client, cid, { onProgress: ({ type, entries }) => type === 'entry' && progress.push(`${entries}`) })
  expect(seen.map(({ entry }) => entry)).toEqual(EXPECTED)
  expect(contentsOf(seen)).toEqual(FILES)
  expect(node.requests.map(({ metadata }) => decodeRequest(metadata).scope)).toEqual(['all'])
  expect(progress).toEqual(EXPECTED.map((_, i) => `${i + 1}`))
  const entries: TreeEntry[] = []
  for await (const entry of client.getTree(String(cid))) entries.push(entry)
  expect(entries.map(({ size }) => size)).toEqual([0, 100, 0, 50_000, 0, 9_000, 0, 50_000])
  for (const { cid: each, path, kind } of entries) {
    if (kind !== 'file') continue
    const parts: Uint8Array[] = []
    for await (const { bytes } of await client.get(each)) parts.push(bytes.slice())
    expect(new Uint8Array(Buffer.concat(parts))).toEqual(FILES[path as keyof typeof FILES])
  }
})

test('a single file, a symlink and an unknown node are trees of one entry', async () => {
  const content = new MemoryContent()
  const client = clientOf({ nodes: [await startNode(serving(content))] })
  const file = await content.add({ only: sampleBytes(20_000) })
  expect(await read(client, file)).toEqual([{ entry: 'file ', bytes: sampleBytes(20_000) }])
  const link = symlinkOf(content, '../elsewhere')
  expect(await read(client, link)).toEqual([{ entry: 'symlink ', bytes: new TextEncoder().encode('../elsewhere') }])
  expect(await read(client, nodeOf(content, 0x71, Uint8Array.of(0xa0)))).toEqual([{ entry: 'other ', bytes: new Uint8Array(0) }])
})

test('sharded directories come out under their real names', async () => {
  const content = new MemoryContent()
  const files = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`note ${i}`, sampleBytes(20 + i, i + 1)]))
  const cid = await content.add(files, 4096, { shardSplitThresholdBytes: 1 })
  const seen = await read(clientOf({ nodes: [await startNode(serving(content))] }), cid)
  expect(seen[0]!.entry).toBe('directory ')
  expect(contentsOf(seen)).toEqual(files)
})

test('content that is left, in part or in whole, is verified all the same; content of an earlier entry is refused', async () => {
  const content = new MemoryContent()
  const cid = await content.add(FILES)
  const client = clientOf({ nodes: [await startNode(serving(content))] })
  let before: AsyncIterable<Uint8Array> | undefined
  const names: string[] = []
  for await (const { path, content: bytes, kind } of client.getTree(cid)) {
    names.push(`${kind} ${path}`)
    if (path === 'deep/b.bin') for await (const _ of bytes) break
    if (path === 'deep/er/c') before = bytes
    if (path === 'z') await expect(bytesOf({ content: before! } as TreeEntry)).rejects.toMatchObject({ code: 'CLIENT_BAD_ARGUMENT' })
  }
  expect(names).toEqual(EXPECTED)
  const sections = await sectionsOf(content, cid)
  const lie = sections.map((section, i) => (i === 5 ? section.map((byte, at) => (at === section.length - 1 ? byte ^ 1 : byte)) : section))
  const liar = clientOf({ nodes: [await startNode(saying({ mode: 'car' }, lie))] })
  const walk = async (): Promise<void> => {
    for await (const _ of liar.getTree(cid));
  }
  await expect(walk()).rejects.toMatchObject({ code: 'CLIENT_UNVERIFIED' })
})

const NODES_THAT_LIE: readonly (readonly [string, string, (sections: Uint8Array[], other: Uint8Array[]) => Uint8Array[]])[] = [
  ['exchanges two files', 'CLIENT_UNVERIFIED', (s) => s.map((section, i) => (i === 1 ? s.at(-1)! : i === s.length - 1 ? s[1]! : section))],
  ["sends another directory's blocks", 'CLIENT_UNVERIFIED', (_, other) => other],
  ["sends another directory's blocks below the right root", 'CLIENT_UNVERIFIED', (s, other) => [s[0]!, ...other.slice(1)]],
  ['cuts after a whole file', 'CLIENT_INTERRUPTED', (s) => s.slice(0, 2)],
  ['repeats a block', 'CLIENT_UNVERIFIED', (s) => [s[0]!, s[1]!, ...s.slice(1)]],
  ['leaves a block out', 'CLIENT_UNVERIFIED', (s) => [s[0]!, ...s.slice(2)]],
  ['says that a block is too large', 'CLIENT_UNVERIFIED', (s) => [s[0]!, Uint8Array.of(0xff, 0xff, 0xff, 0x7f, ...s[1]!.subarray(1))]],
  ['sends nothing', 'CLIENT_INTERRUPTED', () => []],
]

test.each(NODES_THAT_LIE)(
  'a node that %s is found out with %s; what came before was true, and the next node goes on',
  async (_, code, lie) => {
    const content = new MemoryContent()
    const cid = await content.add(FILES)
    const other = new MemoryContent()
    const otherCid = await other.add({ x: sampleBytes(50, 8), y: sampleBytes(60, 9) })
    const lies = lie(await sectionsOf(content, cid), await sectionsOf(other, otherCid))
    const liar = await startNode(saying({ mode: 'car' }, lies))
    const seen: Seen[] = []
    await expect(read(clientOf({ nodes: [liar] }), cid, {}, seen)).rejects.toMatchObject({ code })
    for (const [path, bytes] of Object.entries(contentsOf(seen))) expect(bytes).toEqual(FILES[path as keyof typeof FILES])
    const honest = await startNode(serving(content))
    const rest = await read(clientOf({ nodes: [liar, honest] }), cid)
    expect(rest.map(({ entry }) => entry)).toEqual(EXPECTED)
    expect(contentsOf(rest)).toEqual(FILES)
  },
)

test('a node that answers in another mode, or with no tree, is left for the next', async () => {
  const content = new MemoryContent()
  const cid = await content.add(FILES)
  const nodes = [
    await startNode(saying({ mode: 'proof' }, [])),
    await startNode(saying({ status: 501, mode: undefined }, [])),
    await startNode(serving(content)),
  ]
  expect(contentsOf(await read(clientOf({ nodes }), cid))).toEqual(FILES)
  await expect(read(clientOf({ nodes: nodes.slice(0, 1) }), cid)).rejects.toMatchObject({ code: 'CLIENT_BAD_ANSWER' })
})

test('a node that dies after any block: nothing comes twice, a file that was begun goes on where it was', async () => {
  const content = new MemoryContent()
  const cid = await content.add(FILES)
  const honest = await startNode(serving(content))
  const { length } = await sectionsOf(content, cid)
  for (let count = 0; count < length; count += 3) {
    const dying = await startNode(breaking(content, cid, count))
    const seen = await read(clientOf({ nodes: [dying, honest] }), cid)
    expect(seen.map(({ entry }) => entry)).toEqual(EXPECTED)
    expect(contentsOf(seen)).toEqual(FILES)
    await dying.stop()
  }
})

test('a node that stalls in the middle is left for the next; an abort ends the tree with its reason and the lane at the node', async () => {
  const content = new MemoryContent()
  const cid = await content.add(FILES)
  let ended: () => void = () => {}
  const wasEnded = new Promise<void>((resolve) => (ended = resolve))
  const stalling = async (request: LaneRequest): Promise<void> => {
    const sections = await sectionsOf(content, cid)
    const lane = request.accept(ANSWER)
    request.signal.addEventListener('abort', () => ended())
    for (const part of sections.slice(0, 4)) await lane.write(part)
  }
  const node = await startNode(stalling)
  const client = clientOf({ nodes: [node, await startNode(serving(content))], stallTimeoutMs: 3_000 })
  expect(contentsOf(await read(client, cid))).toEqual(FILES)
  const controller = new AbortController()
  const seen: Seen[] = []
  const reading = errorOf(read(clientOf({ nodes: [node] }), cid, { signal: controller.signal }, seen))
  await expect.poll(() => seen.length, { timeout: 60_000 }).toBeGreaterThan(0)
  controller.abort(new Error('enough'))
  expect(await reading).toMatchObject({ message: 'enough' })
  await wasEnded
})

test('a tree that is left with a break ends its lane, and is read once', async () => {
  const content = new MemoryContent()
  const cid = await content.add(FILES)
  const node = await startNode(serving(content))
  const client = clientOf({ nodes: [node], lanesMax: 1 })
  for (let round = 0; round < 5; round++) {
    const tree = client.getTree(cid)
    for await (const { path } of tree) if (path === 'deep') break
    expect(() => tree[Symbol.asyncIterator]()).toThrow('once')
  }
  expect(contentsOf(await read(client, cid))).toEqual(FILES) // the one lane is free
  await client.close()
  expect(() => client.getTree(cid)).toThrow('closed')
  expect(() => clientOf({ nodes: [node] }).getTree('ab'.repeat(32))).toThrow(/a tree has a CID/)
})

test.each(['..', '.', '', 'a/b', '/etc', '..\\x', 'nul\0', 'n'.repeat(256)])(
  'a directory that holds the name %j ends the tree before it comes out',
  async (name) => {
    const content = new MemoryContent()
    const leaf = rawOf(content, Uint8Array.of(1, 2))
    const cid = directoryOf(content, [
      { name: 'before', cid: leaf },
      { name, cid: leaf },
    ])
    const seen: Seen[] = []
    await expect(read(clientOf({ nodes: [await startNode(serving(content))] }), cid, {}, seen)).rejects.toMatchObject({
      code: 'CLIENT_BAD_NAME',
    })
    expect(seen.map(({ entry }) => entry)).toEqual(['directory ', 'file before'])
  },
)

test('a HAMT whose entry stands in the wrong slot is refused, at the first node, as the fault of the DAG that it is', async () => {
  const content = new MemoryContent()
  const leaf = rawOf(content, Uint8Array.of(1, 2))
  const cid = shardOf(content, [{ name: '00note', cid: leaf }])
  const nodes = [await startNode(saying({ mode: 'car' }, wholeOf(content, cid, leaf))), await startNode(serving(content))]
  await expect(read(clientOf({ nodes }), cid)).rejects.toMatchObject({ code: 'CLIENT_UNVERIFIED', details: { finer: 'CAR_BAD_UNIXFS' } })
  expect(nodes[1]!.requests).toEqual([])
})

/** A CAR that no writer of ours would write. */
function wholeOf(content: MemoryContent, ...cids: CID[]): Uint8Array[] {
  return cids.flatMap((cid) => {
    const block = content.blocks.get(Buffer.from(cid.multihash.bytes).toString('hex'))!
    return [encodeSectionHead(cid, block.length), block]
  })
}

test('a name that stands twice comes out once; what has no name of its own is verified and does not come out; inline files do', async () => {
  const content = new MemoryContent()
  const [one, two] = [rawOf(content, Uint8Array.of(1)), rawOf(content, Uint8Array.of(2))]
  const inner = directoryOf(content, [{ name: 'x', cid: two }])
  const cid = directoryOf(content, [
    { name: 'a', cid: one },
    { name: 'a', cid: inner },
    { name: 'b', cid: inlineOf(Uint8Array.of(9)) },
  ])
  const seen = await read(clientOf({ nodes: [await startNode(serving(content))] }), cid)
  expect(seen).toEqual([
    { entry: 'directory ', bytes: new Uint8Array(0) },
    { entry: 'file a', bytes: Uint8Array.of(1) },
    { entry: 'file b', bytes: Uint8Array.of(9) },
  ])
})
