/** A node that lied is remembered: others are asked first, until its hour is over or nobody else is left. Real nodes, of which one lies. */
import { createMemoryStore, createSink } from '@selvedge/verified-streaming'
import type { LaneRequest } from '@selvedge/handshake/tls'
import { encodeSectionHead } from '@selvedge/verified-car'
import { describe, expect, onTestFinished, test } from 'vitest'
import { Distrust, type DistrustedNode } from '../src/distrust.ts'
import { type CidLike, type Client, type ClientOptions, createClient, type NodeAddress } from '../src/index.ts'
import { severalNodes } from '../src/several-nodes.ts'
import { MemoryContent, sampleBytes, saying, serving, startNode, stoppingAfter, type TestNode } from './node.ts'
import { of, watched } from './spread-world.ts'
import { rawOf, shardOf } from './unixfs.ts'

const DATA = sampleBytes(300_000)
const HOUR_MS = 3_600_000
const keyOf = ({ nodeKey }: NodeAddress): string => Buffer.from(nodeKey).toString('hex')

function clientOf(options: ClientOptions): Client {
  const client = createClient(options)
  onTestFinished(() => client.close())
  return client
}

type OnLane = (request: LaneRequest) => Promise<void>

/** What `honest` sends, with one bit turned in each write that is no head of a block or a response, while `isLying`. */
function lying(honest: OnLane, isLying: () => boolean = () => true): OnLane {
  return async (request) => {
    const turned = (bytes: Uint8Array): Uint8Array => (bytes.length < 1_000 ? bytes : bytes.with(500, bytes[500]! ^ 1))
    const accept: LaneRequest['accept'] = (metadata) => {
      const lane = request.accept(metadata)
      const write = async (bytes: Uint8Array | readonly Uint8Array[]): Promise<void> =>
        await lane.write(isLying() ? turned(bytes as Uint8Array) : bytes)
      return Object.assign(Object.create(lane) as typeof lane, { write, end: async () => await lane.end() })
    }
    await honest({ ...request, accept }).catch(() => undefined) // its lane is reset
  }
}

interface World {
  readonly content: MemoryContent
  readonly root: Uint8Array
  readonly cid: CidLike
  readonly liar: TestNode
  readonly honest: readonly TestNode[]
  readonly nodes: readonly TestNode[]
}

/** Three nodes, and the one that is asked first lies. */
async function world(isLying?: () => boolean): Promise<World> {
  const content = new MemoryContent()
  const [root, cid] = [await content.addRoot(DATA), await content.add({ file: DATA })]
  const liar = await startNode(lying(serving(content), isLying))
  const honest = [await startNode(serving(content)), await startNode(serving(content))]
  return { content, root, cid, liar, honest, nodes: [liar, ...honest] }
}

async function bytesOf(client: Client, address: CidLike | Uint8Array): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  for await (const { bytes } of await client.get(address)) parts.push(bytes.slice())
  return new Uint8Array(Buffer.concat(parts))
}

const isData = (bytes: Uint8Array): boolean => Buffer.compare(bytes, DATA) === 0

const WAYS: readonly (readonly [string, (client: Client, world: World) => Promise<unknown>])[] = [
  ['get by root', async (client, { root }) => expect(isData(await bytesOf(client, root))).toBe(true)],
  ['get by CID', async (client, { cid }) => expect(isData(await bytesOf(client, cid))).toBe(true)],
  ['fetch', async (client, { cid }) => expect(isData(new Uint8Array(await (await client.fetch(cid)).arrayBuffer()))).toBe(true)],
  [
    'getTree',
    async (client, { cid }) => {
      const parts: Uint8Array[] = []
      for await (const { content } of client.getTree(cid)) for await (const bytes of content) parts.push(bytes.slice())
      expect(isData(Buffer.concat(parts))).toBe(true)
    },
  ],
  [
    'receive',
    async (client, { root }) => {
      const store = createMemoryStore()
      await client.receive(root, createSink(root, { store }))
      expect(isData(store.readContent(0, DATA.length))).toBe(true)
    },
  ],
]

describe.each(WAYS)('by %s', (_, ask) => {
  test('one of three nodes lies once, and is asked for nothing more by that client, whatever is asked', async () => {
    const made = await world()
    const { liar, honest, nodes, root } = made
    const client = clientOf({ nodes })
    expect(client.distrusted()).toEqual([])
    await ask(client, made)
    expect(liar.requests).toHaveLength(1)
    expect(client.distrusted()).toMatchObject([{ nodeKey: keyOf(liar), finer: expect.stringMatching(/^(CAR|VERIFY)_/) }])
    for (const [, other] of WAYS) await other(client, made)
    await client.quote(root)
    expect(liar.requests).toHaveLength(1)
    expect(honest[0]!.requests).toHaveLength(WAYS.length + 2)
  })
})

test('the next client begins with what the one before it found out, by key and not by address; without it the liar is asked first again', async () => {
  const made = await world()
  const { liar, nodes, root } = made
  const first = clientOf({ nodes })
  await bytesOf(first, root)
  const saved = JSON.parse(JSON.stringify(first.distrusted())) as DistrustedNode[]
  const elsewhere = { ...liar, host: 'localhost' }
  const next = clientOf({ nodes: [elsewhere, ...made.honest], distrusted: saved })
  expect(isData(await bytesOf(next, root))).toBe(true)
  expect(next.distrusted()).toEqual(saved)
  expect(liar.requests).toHaveLength(1)
  await bytesOf(clientOf({ nodes }), root)
  expect(liar.requests).toHaveLength(2)
})

test('a node that lied is come back to where no other has what is asked', async () => {
  let lies = 1
  const content = new MemoryContent()
  const root = await content.addRoot(DATA)
  const liar = await startNode(lying(serving(content), () => lies > 0))
  const other = await startNode(serving(new MemoryContent()))
  for (const downloads of [undefined, severalNodes()]) {
    lies = 1
    const client = clientOf({ nodes: [liar, other], ...(downloads === undefined ? {} : { downloads }) })
    await expect(bytesOf(client, root)).rejects.toMatchObject({ code: 'CLIENT_NOT_FOUND' })
    lies = 0
    const [asked, askedOther] = [liar.requests.length, other.requests.length]
    expect(isData(await bytesOf(client, root))).toBe(true)
    expect(liar.requests.length).toBeGreaterThan(asked)
    expect(other.requests.length).toBe(askedOther + 1)
    expect(client.distrusted()).toHaveLength(1) // one true answer makes up for nothing
  }
})

test.each(['root', 'cid'] as const)('with several nodes at once who lied gets no part of the next response, by %s', async (how) => {
  const content = new MemoryContent()
  const data = sampleBytes(3_000_000) // parts for three
  const address = how === 'root' ? await content.addRoot(data) : await content.add({ file: data }, 65_536)
  const liar = await startNode(lying(serving(content)))
  const { decisions, downloads } = watched({ patienceMs: 60_000 })
  const client = clientOf({ nodes: [liar, await startNode(serving(content)), await startNode(serving(content))], downloads })
  expect(Buffer.compare(await bytesOf(client, address), data)).toBe(0)
  expect(client.distrusted()).toMatchObject([{ nodeKey: keyOf(liar) }])
  const asked = liar.requests.length
  decisions.length = 0
  for (let i = 0; i < 3; i++) expect(Buffer.compare(await bytesOf(client, address), data)).toBe(0)
  expect([of(decisions, 'asked', liar).length, liar.requests.length]).toEqual([0, asked])
})

test('who says two sizes in one answer has lied, whichever is true', async () => {
  const { root, honest } = await world()
  const head = new Uint8Array(new BigUint64Array([BigInt(DATA.length)]).buffer)
  const liar = await startNode(saying({ mode: 'blake3', size: 100, chunkGroupLog: 4 }, [head]))
  const client = clientOf({ nodes: [liar, ...honest] })
  for (let i = 0; i < 2; i++) expect(isData(await bytesOf(client, root))).toBe(true)
  expect(client.distrusted()).toMatchObject([{ nodeKey: keyOf(liar), finer: 'CLIENT_BAD_ANSWER' }])
  expect(liar.requests).toHaveLength(1)
})

test('who has not got it, breaks off, or sends what is wrong in the content itself has not lied', async () => {
  const content = new MemoryContent()
  const [root, leaf] = [await content.addRoot(DATA), rawOf(content, Uint8Array.of(1, 2))]
  const wrong = shardOf(content, [{ name: '00note', cid: leaf }]) // in a slot where nobody looks for it
  const breaking = await startNode(async (request) => {
    await stoppingAfter(100_000, serving(content))(request)
    request.reset(23)
  })
  const client = clientOf({ nodes: [await startNode(serving(new MemoryContent())), breaking, await startNode(serving(content))] })
  expect(isData(await bytesOf(client, root))).toBe(true)
  expect(client.distrusted()).toEqual([])
  const sections = [wrong, leaf].flatMap((cid) => {
    const block = content.blocks.get(Buffer.from(cid.multihash.bytes).toString('hex'))!
    return [encodeSectionHead(cid, block.length), block]
  })
  const truthful = clientOf({ nodes: [await startNode(saying({ mode: 'car' }, sections))] })
  const tree = async (): Promise<void> => {
    for await (const _ of truthful.getTree(wrong));
  }
  await expect(tree()).rejects.toMatchObject({ code: 'CLIENT_UNVERIFIED', details: { finer: 'CAR_BAD_UNIXFS' } })
  expect(truthful.distrusted()).toEqual([])
})

const NODE = { nodeKey: 'ab'.repeat(32), finer: 'VERIFY_MISMATCH' }

test('a lie is held against a node for an hour, from the last one', () => {
  const clock = { nowMs: 1_700_000_000_000 }
  const distrust = new Distrust([], () => clock.nowMs)
  distrust.note(NODE.nodeKey, NODE.finer)
  clock.nowMs += HOUR_MS - 1
  expect(distrust.has(NODE.nodeKey)).toBe(true)
  distrust.note(NODE.nodeKey, 'CAR_BAD_HASH')
  clock.nowMs += HOUR_MS - 1
  expect(distrust.nodes).toEqual([{ ...NODE, finer: 'CAR_BAD_HASH', untilMs: clock.nowMs + 1 }])
  clock.nowMs += 1
  expect([distrust.has(NODE.nodeKey), distrust.nodes]).toEqual([false, []])
})

test('neither a clock that is set back nor what was saved holds anything against a node for long', () => {
  const nowMs = 1_700_000_000_000
  for (const [untilMs, isHeld] of [
    [nowMs, false],
    [nowMs + 1, true],
    [nowMs + HOUR_MS, true],
    [nowMs + 1_000 * HOUR_MS, false],
    [-nowMs, false],
  ] as const)
    expect(new Distrust([{ ...NODE, untilMs }], () => nowMs).has(NODE.nodeKey)).toBe(isHeld)
})

test('no more than 1,024 nodes are remembered, those that lied last', () => {
  const nodeKeyOf = (i: number): string => i.toString(16).padStart(64, '0')
  const distrust = new Distrust([], () => 0)
  for (let i = 0; i < 2_000; i++) distrust.note(nodeKeyOf(i), '')
  const { nodes } = distrust
  expect([nodes.length, nodes[0]!.nodeKey, nodes.at(-1)!.nodeKey]).toEqual([1_024, nodeKeyOf(976), nodeKeyOf(1_999)])
  const saved = [{ ...nodes[0]!, nodeKey: nodeKeyOf(0) }, ...nodes]
  expect(new Distrust(saved, () => 0).nodes).toEqual(nodes)
})

test.each<[string, unknown]>([
  ['no time', NODE],
  ['a time that is none', { ...NODE, untilMs: 'soon' }],
  ['a time without end', { ...NODE, untilMs: Number.POSITIVE_INFINITY }],
  ['nothing', {}],
])('what was saved with %s is held against nobody', (_, node) => {
  const client = clientOf({ nodes: [`selvedge://127.0.0.1:1/${NODE.nodeKey}`], distrusted: [node as DistrustedNode] })
  expect(client.distrusted()).toEqual([])
  expect(new Distrust([node as DistrustedNode]).has(NODE.nodeKey)).toBe(false)
})
