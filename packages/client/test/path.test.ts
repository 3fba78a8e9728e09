/** Paths below a CID, from real nodes over directories that the importer made; and what a caller, a directory's author or a node can do wrong. */
import { encodeAnswer, type OpenedEntity } from '@selvedge/content'
import type { LaneRequest } from '@selvedge/handshake/tls'
import { encodeSectionHead, writeCar } from '@selvedge/verified-car'
import type { CID } from 'multiformats/cid'
import { expect, onTestFinished, test, vi } from 'vitest'
import { type Client, type ClientOptions, createClient } from '../src/index.ts'
import { PATH_BYTES_MAX, PATH_READ_BYTES_MAX, PATH_SEGMENTS_MAX } from '../src/path.ts'
import { severalNodes } from '../src/several-nodes.ts'
import { MemoryContent, sampleBytes, saying, serving, startNode, stoppingAfter } from './node.ts'
import { servingUnits, startPaidNode } from './paying-node.ts'
import { clientOf as payingClientOf, CREDIT, errorOf, paidTo, settled, sumOf } from './paying-world.ts'
import { directoryOf, rawOf, shardOf, symlinkOf } from './unixfs.ts'

function clientOf(options: ClientOptions): Client {
  const client = createClient(options)
  onTestFinished(() => client.close())
  return client
}

const bytesOf = async (response: Response): Promise<Uint8Array> => new Uint8Array(await response.arrayBuffer())
const VIDEO = sampleBytes(300_000, 5)
const FILES = {
  'index.html': new TextEncoder().encode('<h1>here</h1>'),
  'docs/index.html': new TextEncoder().encode('<h1>docs</h1>'),
  'docs/deep/video.MP4': VIDEO,
  'docs/deep/plain': sampleBytes(20_000, 6),
}

async function world() {
  const content = new MemoryContent()
  const cid = await content.add(FILES)
  const node = await startNode(serving(content))
  return { content, cid, node, client: clientOf({ nodes: [node] }) }
}

/** What stands in a directory under a name. */
async function childOf(client: Client, directory: CID | string, name: string): Promise<CID> {
  for await (const entry of client.entries(directory)) if (entry.name === name) return entry.cid
  throw new Error(`no ${name}`)
}

test.each([
  ['ipfs://CID/docs/deep/video.MP4', (cid: CID) => `ipfs://${cid}/docs/deep/video.MP4`],
  ['the same as a URL', (cid: CID) => new URL(`ipfs://${cid}/docs/deep/video.MP4`)],
  ['/ipfs/CID', (cid: CID) => `/ipfs/${cid}/docs/deep/video.MP4/`],
  ['a gateway', (cid: CID) => `https://gateway.example/ipfs/${cid}/docs/deep/video.MP4?format=raw#t=10`],
  ['a gateway as a URL', (cid: CID) => new URL(`http://127.0.0.1:8080/ipfs/${cid}/docs/deep/video.MP4`)],
  ['a gateway whose name looks like a subdomain', (cid: CID) => `https://docs.ipfs.example/ipfs/${cid}/docs/deep/video.MP4`],
  ['a subdomain', (cid: CID) => new URL(`https://${cid}.ipfs.gateway.example:8443/docs/deep/video.MP4`)],
])('%s leads to the file, under its tag and with the type of its name; no host of it is asked', async (_, addressOf) => {
  const { cid, client } = await world()
  const fetched = vi.spyOn(globalThis, 'fetch')
  const response = await client.fetch(addressOf(cid))
  const deep = await childOf(client, await childOf(client, cid, 'docs'), 'deep')
  expect(Object.fromEntries(response.headers)).toMatchObject({
    'content-length': '300000',
    'content-type': 'video/mp4',
    etag: `"${await childOf(client, deep, 'video.MP4')}"`,
  })
  expect(Buffer.compare(await bytesOf(response), VIDEO)).toBe(0)
  expect(fetched).not.toHaveBeenCalled()
  fetched.mockRestore()
})

test('get, entries and quote follow paths too; a saved state of one goes on by path or by CID', async () => {
  const { cid, client } = await world()
  const path = `ipfs://${cid}/docs/deep/video.MP4`
  const names: string[] = []
  for await (const { name } of client.entries(`ipfs://${cid}/docs/deep`)) names.push(name)
  expect(names).toEqual(['plain', 'video.MP4'])
  expect((await client.quote(path)).sizeClaim).toBe(VIDEO.length)
  const begun = await client.get(path)
  const parts: Uint8Array[] = []
  for await (const { bytes } of begun) {
    parts.push(bytes.slice())
    if (parts.length === 3) break
  }
  const state = begun.state()
  expect(state.address).toBe(begun.address)
  for (const address of [path, begun.address]) {
    const rest: Uint8Array[] = []
    const seen: number[] = []
    const download = await client.get(address, { from: state, onProgress: ({ bytes }) => seen.push(bytes) })
    for await (const { bytes } of download) rest.push(bytes.slice())
    expect(Buffer.compare(Buffer.concat([...parts, ...rest]), VIDEO)).toBe(0)
    expect(seen.at(-1)).toBe(VIDEO.length - state.position)
  }
  await expect(client.get(`ipfs://${cid}/docs/deep/plain`, { from: state })).rejects.toMatchObject({ code: 'CLIENT_BAD_ARGUMENT' })
})

test('ranges, HEAD, tags and progress are as by CID; a path that was followed is not followed again', async () => {
  const { cid, client, node } = await world()
  const path = `ipfs://${cid}/docs/deep/video.MP4`
  const part = await client.fetch(path, { headers: { range: 'bytes=100000-100999' } })
  expect([part.status, part.headers.get('content-range')]).toEqual([206, 'bytes 100000-100999/300000'])
  expect(await bytesOf(part)).toEqual(VIDEO.slice(100_000, 101_000))
  expect(node.requests.length).toBe(4) // three directories, and the file
  const etag = part.headers.get('etag')!
  const same = await client.fetch(path, { headers: { 'if-none-match': etag } })
  expect([same.status, node.requests.length]).toEqual([304, 4])
  const head = await client.fetch(path, { method: 'HEAD' })
  expect([head.status, head.headers.get('content-length'), head.headers.get('etag'), await head.text()]).toEqual([200, '300000', etag, ''])
  const behind = await client.fetch(path, { headers: { range: 'bytes=300000-' } })
  expect([behind.status, behind.headers.get('content-range')]).toEqual([416, 'bytes */300000'])
  let seen = 0
  await (await client.fetch(path, { onProgress: ({ bytes }) => void (seen = bytes), contentType: 'video/other' })).arrayBuffer()
  expect(seen).toBe(VIDEO.length)
  await (await client.fetch(`ipfs://${cid}/docs/deep/plain`)).arrayBuffer()
  expect(node.requests.length).toBe(9) // HEAD, 416, the whole; of the other name its directory and its file
})

test('of a directory its index.html comes, also as a range and by HEAD; without one it is no file', async () => {
  const { cid, client } = await world()
  for (const [address, expected] of [
    [cid, FILES['index.html']],
    [`ipfs://${cid}/`, FILES['index.html']],
    [`ipfs://${cid}/docs`, FILES['docs/index.html']],
    [`ipfs://${cid}/docs/`, FILES['docs/index.html']],
  ] as const) {
    const response = await client.fetch(address)
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8'])
    expect(await bytesOf(response)).toEqual(expected)
    const part = await client.fetch(address, { headers: { range: 'bytes=4-7' }, contentType: 'text/plain' })
    expect([part.status, part.headers.get('content-type'), await part.text()]).toEqual([
      206,
      'text/plain',
      new TextDecoder().decode(expected.slice(4, 8)),
    ])
    const head = await client.fetch(address, { method: 'HEAD' })
    expect([head.status, head.headers.get('content-length')]).toEqual([200, String(expected.length)])
  }
  for (const method of ['GET', 'HEAD'])
    expect((await errorOf(async () => await client.fetch(`ipfs://${cid}/docs/deep`, { method }))).code).toBe('CLIENT_NOT_A_FILE')
})

test.each([undefined, severalNodes()])(
  'a directory is asked for once, and its index.html is found in what comes; sharded and for ranges too',
  async (downloads) => {
    const content = new MemoryContent()
    const page = new TextEncoder().encode('<h1>here</h1>')
    const notes = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`note ${i}.txt`, sampleBytes(20, i + 1)]))
    const node = await startNode(serving(content))
    for (const options of [{}, { shardSplitThresholdBytes: 1 }]) {
      const cid = await content.add({ ...notes, 'index.html': page }, 4096, options)
      for (const init of [{}, { headers: { range: 'bytes=4-7' } }, { method: 'HEAD' }]) {
        const client = clientOf({ nodes: [node], downloads })
        const before = node.requests.length
        for (let i = 1; i <= 2; i++) {
          const response = await client.fetch(cid, init)
          expect([response.ok, response.headers.get('content-type')]).toEqual([true, 'text/html; charset=utf-8'])
          const bytes = 'headers' in init ? page.slice(4, 8) : 'method' in init ? new Uint8Array() : page
          expect(await bytesOf(response)).toEqual(bytes)
          expect(node.requests.length).toBe(before + 2 * i)
        }
      }
    }
  },
)

test.each([undefined, severalNodes()])(
  'whoever asked for blocks hears of each of a directory, whoever reads its entries too',
  async (downloads) => {
    const content = new MemoryContent()
    const notes = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`note ${i}.txt`, sampleBytes(20, i + 1)]))
    const cid = await content.add(notes, 4096, { shardSplitThresholdBytes: 1 })
    const client = clientOf({ nodes: [await startNode(serving(content))], downloads })
    const heard: string[][] = [[], []]
    const download = await client.get(cid, { onBlock: (block) => void heard[0]!.push(block.cid.toString()) })
    let count = 0
    for await (const _ of download.entries({ onBlock: (block) => void heard[1]!.push(block.cid.toString()) })) count++
    expect([count, heard[0]![0], heard[0]!.length > 10]).toEqual([300, cid.toString(), true])
    expect(heard[1]).toEqual(heard[0])
    const own = new Error('enough')
    const entries = (await client.get(cid)).entries({ onBlock: () => AbortSignal.abort(own).throwIfAborted() })
    const failing = entries[Symbol.asyncIterator]()
    await expect(failing.next()).rejects.toBe(own)
  },
)

test('names in sharded directories are found, in shards further down too, and what is not there is not', async () => {
  const content = new MemoryContent()
  const files = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`note ${i}.txt`, sampleBytes(20 + i, i + 1)]))
  const cid = await content.add(files, 4096, { shardSplitThresholdBytes: 1 })
  const client = clientOf({ nodes: [await startNode(serving(content))] })
  const names: string[] = []
  for await (const { name } of client.entries(cid)) names.push(name)
  expect(names.toSorted()).toEqual(Object.keys(files).toSorted())
  for (const name of [names[0]!, names[150]!, names.at(-1)!])
    expect(await bytesOf(await client.fetch(`ipfs://${cid}/${name}`))).toEqual(files[name])
  expect((await client.fetch(`ipfs://${cid}/note 300.txt`)).status).toBe(404)
})

const ODD = ['a b', 'ü.json', '100%.txt', '%2e%2e', '%252f', 'what?#.md', '...', '.hidden', 'x'.repeat(255)]

test('names are decoded once, whichever way they are written', async () => {
  const content = new MemoryContent()
  const cid = directoryOf(
    content,
    ODD.map((name, i) => ({ name, cid: rawOf(content, Uint8Array.of(i)) })),
  )
  for (const entity of content.entities.values()) entity.size = 1
  const client = clientOf({ nodes: [await startNode(serving(content))] })
  for (const [i, name] of ODD.entries()) {
    const written = encodeURIComponent(name)
    for (const address of [
      `ipfs://${cid}/${written}`,
      new URL(`https://gateway.example/ipfs/${cid}/${written}`),
      `/ipfs/${cid}/${written}/`,
    ])
      expect(await bytesOf(await client.fetch(address))).toEqual(Uint8Array.of(i))
  }
  expect(await bytesOf(await client.fetch(`ipfs://${cid}/a b`))).toEqual(Uint8Array.of(0)) // what needs no encoding may stand as it is
  expect(await bytesOf(await client.fetch(`ipfs://${cid}/ü.json?query`))).toEqual(Uint8Array.of(1))
})

const CID_TEXT = 'bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy'

test.each([
  ['goes up', `ipfs://${CID_TEXT}/a/../b`],
  ['goes up, encoded', `ipfs://${CID_TEXT}/a/%2e%2E/b`],
  ['goes up, half encoded', `/ipfs/${CID_TEXT}/.%2e`],
  ['stays where it is', `ipfs://${CID_TEXT}/./a`],
  ['has an empty name', `ipfs://${CID_TEXT}/a//b`],
  ['has nothing but an empty name', `ipfs://${CID_TEXT}//`],
  ['hides a slash in a name', `ipfs://${CID_TEXT}/a%2Fb`],
  ['hides a backslash in a name', `ipfs://${CID_TEXT}/a%5C..`],
  ['hides a zero byte', `ipfs://${CID_TEXT}/a%00.png`],
  ['has a percent sign that encodes nothing', `ipfs://${CID_TEXT}/100%`],
  ['encodes what is no UTF-8', `ipfs://${CID_TEXT}/%ff`],
  ['encodes an overlong slash', `ipfs://${CID_TEXT}/%c0%af`],
  ['has a name of 256 bytes', `ipfs://${CID_TEXT}/${'x'.repeat(256)}`],
  ['has a name of 258 bytes in 86 characters', `ipfs://${CID_TEXT}/${'€'.repeat(86)}`],
  ['is too deep', `ipfs://${CID_TEXT}${'/a'.repeat(PATH_SEGMENTS_MAX + 1)}`],
  ['is too long', `ipfs://${CID_TEXT}${`/${'x'.repeat(200)}`.repeat(Math.ceil(PATH_BYTES_MAX / 200) + 1)}`],
  ['is absurdly long', `ipfs://${CID_TEXT}/${'%41'.repeat(1_000_000)}`],
  ['is below a root', `ipfs://${'00'.repeat(32)}/a`],
  ['is below a name', `/ipns/docs.example/a`],
  ['is below a name of a scheme', `ipns://docs.example/a`],
  ['encodes the CID', `ipfs://%62${CID_TEXT.slice(1)}/a`],
  ['is of no CID', 'ipfs://bafynotacid/a'],
  ['is of no gateway', `https://gateway.example/other/${CID_TEXT}/a`],
  ['is of another scheme', `ftp://gateway.example/ipfs/${CID_TEXT}/a`],
  ['is relative', `ipfs/${CID_TEXT}/a`],
])('a path that %s is refused before anybody is asked', async (_, address) => {
  const node = await startNode(serving(new MemoryContent()))
  const client = clientOf({ nodes: [node] })
  for (const call of [async () => await client.get(address), async () => await client.fetch(address)])
    expect((await errorOf(call)).code).toBe('CLIENT_BAD_ARGUMENT')
  expect(node.requests).toEqual([])
})

test('a path of as many names and bytes as there may be is followed', async () => {
  const content = new MemoryContent()
  const name = 'x'.repeat(PATH_BYTES_MAX / PATH_SEGMENTS_MAX)
  let cid = rawOf(content, Uint8Array.of(7))
  for (let i = 0; i < PATH_SEGMENTS_MAX; i++) cid = directoryOf(content, [{ name, cid }])
  for (const entity of content.entities.values()) entity.size = 1
  const client = clientOf({ nodes: [await startNode(serving(content))] })
  expect(await bytesOf(await client.fetch(`ipfs://${cid}${`/${name}`.repeat(PATH_SEGMENTS_MAX)}`))).toEqual(Uint8Array.of(7))
})

test('a name that is not there is status 404, and an error that names it; so is what is below a file or a link', async () => {
  const { content, cid, client } = await world()
  const withLink = directoryOf(content, [{ name: 'link', cid: symlinkOf(content, 'docs') }])
  for (const [address, name] of [
    [`ipfs://${cid}/docs/none.html`, 'none.html'],
    [`ipfs://${cid}/none/docs`, 'none'],
    [`ipfs://${cid}/docs/deep/plain/a`, 'a'],
    [`ipfs://${cid}/Docs`, 'Docs'],
    [`ipfs://${withLink}/link/index.html`, 'index.html'],
  ] as const) {
    for (const method of ['GET', 'HEAD']) expect((await client.fetch(address, { method })).status).toBe(404)
    const error = await errorOf(async () => await client.get(address))
    expect([error.code, error.details.name]).toEqual(['CLIENT_NO_ENTRY', name])
  }
  expect((await errorOf(async () => await client.fetch(`ipfs://${withLink}/link`))).code).toBe('CLIENT_NOT_A_FILE') // links are not followed
  expect((await client.fetch(`ipfs://${CID_TEXT}/a`)).status).toBe(404) // nobody has the directory
  expect((await errorOf(async () => await client.get(`ipfs://${CID_TEXT}/a`))).code).toBe('CLIENT_NOT_FOUND')
})

const UNKNOWN = { size: undefined, chunkGroupLog: 0, root: undefined, contentType: '', mappingProof: new Uint8Array(0) }

/** A node that answers with the directory, and breaks the lane after `count` pieces of it. */
function breakingAfter(content: MemoryContent, cid: CID, count: number): (request: LaneRequest) => Promise<void> {
  return async (request) => {
    const pieces: Uint8Array[] = []
    const { blocks } = (await content.openCid(cid)) as OpenedEntity
    for await (const piece of writeCar(cid, blocks, { header: false, scope: 'entity' })) pieces.push(piece)
    const lane = request.accept(encodeAnswer({ ...UNKNOWN, status: 200, mode: 'car' }))
    for (const piece of pieces.slice(0, count)) await lane.write(piece)
    lane.reset(23, 'broke')
  }
}

test('a directory of which a node breaks off is read on at the next one: each entry once, and the last name is found', async () => {
  const content = new MemoryContent()
  const files = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`note ${i}`, sampleBytes(20 + i, i + 1)]))
  const cid = await content.add(files, 4096, { shardSplitThresholdBytes: 1 })
  const honest = await startNode(serving(content))
  const names: string[] = []
  for await (const { name } of clientOf({ nodes: [honest] }).entries(cid)) names.push(name)
  for (const count of [0, 2, 4, 20]) {
    const breaking = await startNode(breakingAfter(content, cid, count))
    const client = clientOf({ nodes: [breaking, honest] })
    const seen: string[] = []
    for await (const { name } of client.entries(cid)) seen.push(name)
    expect(seen).toEqual(names)
    expect(breaking.requests.length).toBe(1)
    const last = names.at(-1)!
    const found = await clientOf({ nodes: [await startNode(breakingAfter(content, cid, count)), honest] }).get(`ipfs://${cid}/${last}`)
    expect(found.size).toBe(files[last]!.length)
    found.close()
  }
  const alone = clientOf({ nodes: [await startNode(breakingAfter(content, cid, 4))] })
  expect((await errorOf(async () => await alone.get(`ipfs://${cid}/${names.at(-1)!}`))).code).toBe('CLIENT_INTERRUPTED')
})

test.each([undefined, severalNodes()])(
  'a node that sends another directory leads nowhere, and is asked last from then on',
  async (downloads) => {
    const content = new MemoryContent()
    const [wanted, other] = [rawOf(content, Uint8Array.of(1)), rawOf(content, Uint8Array.of(2))]
    for (const entity of content.entities.values()) entity.size = 1
    const cid = directoryOf(content, [{ name: 'a', cid: wanted }])
    const forged = content.blocks.get(Buffer.from(directoryOf(content, [{ name: 'a', cid: other }]).multihash.bytes).toString('hex'))!
    const lying = await startNode(saying({ mode: 'car' }, [encodeSectionHead(cid, forged.length), forged]))
    const client = clientOf({ nodes: [lying, await startNode(serving(content))], downloads })
    expect(await bytesOf(await client.fetch(`ipfs://${cid}/a`))).toEqual(Uint8Array.of(1))
    expect(client.distrusted().map(({ nodeKey }) => nodeKey)).toEqual([Buffer.from(lying.nodeKey).toString('hex')])
    const alone = clientOf({ nodes: [lying], downloads })
    expect((await errorOf(async () => await alone.fetch(`ipfs://${cid}/a`))).code).toBe('CLIENT_UNVERIFIED')
  },
)

test.each([
  ['a path', undefined],
  ['a path over several nodes', severalNodes()],
  ['its index.html', undefined],
  ['its index.html over several nodes', severalNodes()],
])(
  'a directory that unfolds without end out of two blocks is left at the bound, and paid no further than what was on its way: %s',
  async (how, downloads) => {
    const content = new MemoryContent()
    const inner = shardOf(content, [], 900_000)
    const slots = Array.from({ length: 256 }, (_, slot) => slot.toString(16).toUpperCase().padStart(2, '0'))
    const cid = shardOf(
      content,
      slots.map((name) => ({ name, cid: inner })),
    )
    const node = await startPaidNode(servingUnits(content))
    const client = payingClientOf({ nodes: [node], downloads })
    const error = await errorOf(async () => await (how.startsWith('a path') ? client.get(`ipfs://${cid}/a`) : client.fetch(cid)))
    expect([error.code, error.details.bytesMax]).toEqual(['CLIENT_TOO_LARGE', PATH_READ_BYTES_MAX])
    await client.close()
    await settled(node)
    expect(paidTo(node)).toEqual(client.cost())
    expect(Number(client.cost().bytes)).toBeGreaterThan(PATH_READ_BYTES_MAX)
    expect(Number(client.cost().bytes)).toBeLessThan(PATH_READ_BYTES_MAX + CREDIT + 2 * 2 ** 20) // a lane's credit, and the unit at the bound
  },
  60_000,
)

test('an abort ends a path that is being followed at once, with its own reason, and the lane at the node', async () => {
  const { content, cid } = await world()
  const node = await startNode(stoppingAfter(0, serving(content)))
  const client = clientOf({ nodes: [node] })
  const reason = new Error('enough')
  for (const call of ['get', 'fetch', 'quote'] as const) {
    const aborting = new AbortController()
    const asked = node.requests.length
    const asking = client[call](`ipfs://${cid}/docs/index.html`, { signal: aborting.signal }) as Promise<unknown>
    const failed = asking.catch((error: unknown) => error)
    await vi.waitFor(() => expect(node.requests.length).toBe(asked + 1), { timeout: 20_000 })
    aborting.abort(reason)
    expect(await failed).toBe(reason)
    await vi.waitFor(() => expect(node.requests.at(-1)!.signal.aborted).toBe(true), { timeout: 20_000 })
  }
  const closing = client.get(`ipfs://${cid}/docs/index.html`).catch((error: unknown) => error)
  await client.close()
  expect(await closing).toMatchObject({ code: 'CLIENT_CLOSED' })
})

test('directories on the way are paid as all else is', async () => {
  const content = new MemoryContent()
  const cid = await content.add(FILES)
  const node = await startPaidNode(servingUnits(content))
  const client = payingClientOf({ nodes: [node] })
  expect(Buffer.compare(await bytesOf(await client.fetch(`ipfs://${cid}/docs/deep/video.MP4`)), VIDEO)).toBe(0)
  await client.close()
  await settled(node)
  expect(paidTo(node)).toEqual(client.cost())
  const lanes = node.meters.flatMap((meter) => [...meter.lanes.values()])
  expect([lanes.length, lanes.every(({ sent }) => sent > 0n)]).toEqual([4, true])
  expect(sumOf(lanes.map(({ sent }) => sent))).toBe(client.cost().bytes)
})
