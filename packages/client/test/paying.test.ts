import { encodeAnswer } from '@selvedge/content'
import { checkAcknowledgement } from '@selvedge/delivery-acknowledgement'
import { createKeyPair } from '@selvedge/crypto'
import { connectSession } from '@selvedge/handshake'
import { createMemoryStore, createSink } from '@selvedge/verified-streaming'
import { expect, onTestFinished, test, vi } from 'vitest'
import {
  ClientError,
  connectOverWebSocket,
  createClient,
  parseNodeAddress,
  type Client,
  type ClientOptions,
  type VerifiedPart,
} from '../src/index.ts'
import { openDownload } from '../src/download.ts'
import { createNodeLink } from '../src/node-link.ts'
import { createPurse } from '../src/purse.ts'
import { targetOf } from '../src/target.ts'
import { MemoryContent, sampleBytes } from './node.ts'
import {
  CHAIN_ID,
  NO_ANSWER,
  noiseRecordOf,
  payingAccount,
  priceOfBytes,
  servingUnits,
  startPaidNode,
  type PaidNode,
} from './paying-node.ts'

/** Of a lane that is paid for. */
const CREDIT = 2 ** 21 + 2 ** 18
/** Several windows, so that a client that did not sign would wait for ever. */
const SIZE = 3_000_000
const DATA = sampleBytes(SIZE)

function clientOf(options: Omit<ClientOptions, 'account'>, account = payingAccount()): Client {
  const client = createClient({ account, ...options })
  onTestFinished(() => client.close())
  return client
}

async function bytesOf(download: AsyncIterable<VerifiedPart>): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  for await (const { bytes } of download) parts.push(bytes.slice())
  return new Uint8Array(Buffer.concat(parts))
}

async function errorOf(action: () => Promise<unknown>): Promise<ClientError> {
  const error = await action().then(
    () => new Error('nothing was thrown'),
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(ClientError)
  return error as ClientError
}

/** A comparison by `toEqual` would take longer than all the rest. */
const isData = (bytes: Uint8Array): boolean => Buffer.compare(bytes, DATA) === 0
const sumOf = (values: readonly bigint[]): bigint => values.reduce((sum, value) => sum + value, 0n)
const faultsOf = (node: PaidNode): number[] => node.meters.flatMap(({ faults }) => faults)
/** What a node may claim. */
const paidTo = (node: PaidNode): { bytes: bigint; microUsd: bigint } => {
  const newest = node.meters.map(({ last }) => last)
  return { bytes: sumOf(newest.map((each) => each?.cumBytes ?? 0n)), microUsd: sumOf(newest.map((each) => each?.cumPrice ?? 0n)) }
}
/** Whatever was on its way to the node has come. */
const settled = async (...nodes: readonly PaidNode[]): Promise<void> =>
  await vi.waitFor(() => expect(nodes.flatMap(({ meters }) => meters).every(({ isOver }) => isOver)).toBe(true), { timeout: 20_000 })

const WAYS: Readonly<
  Record<string, (client: Client, content: MemoryContent) => Promise<{ readonly data: Uint8Array; readonly receivedBytes: number }>>
> = {
  async root(client, content) {
    const download = await client.get(await content.addRoot(DATA))
    return { data: await bytesOf(download), receivedBytes: download.receivedBytes }
  },
  async proof(client, content) {
    const download = await client.get(await content.add({ file: DATA }))
    return { data: await bytesOf(download), receivedBytes: download.receivedBytes }
  },
  async car(client, content) {
    content.isComplete = false
    const download = await client.get(await content.add({ file: DATA }))
    return { data: await bytesOf(download), receivedBytes: download.receivedBytes }
  },
  async tree(client, content) {
    const cid = await content.add({ a: DATA.subarray(0, 1_000_000), b: DATA.subarray(1_000_000) })
    const tree = client.getTree(cid)
    const parts: Uint8Array[] = []
    for await (const { content: bytes } of tree) for await (const part of bytes) parts.push(part.slice())
    return { data: new Uint8Array(Buffer.concat(parts)), receivedBytes: tree.receivedBytes }
  },
  async receive(client, content) {
    const root = await content.addRoot(DATA)
    const store = createMemoryStore()
    const { receivedBytes } = await client.receive(root, createSink(root, { store }))
    return { data: store.readContent(0, SIZE), receivedBytes }
  },
}

test.each(Object.keys(WAYS))('content by %s is paid to the last byte and no further', async (how) => {
  const content = new MemoryContent()
  const node = await startPaidNode(servingUnits(content))
  const client = clientOf({ nodes: [node] })
  const { data, receivedBytes } = await WAYS[how]!(client, content)
  expect(isData(data)).toBe(true)
  await client.close()
  await settled(node)
  expect(faultsOf(node)).toEqual([])
  expect(receivedBytes).toBeGreaterThan(SIZE)
  expect(client.cost()).toEqual({ bytes: BigInt(receivedBytes), microUsd: priceOfBytes(BigInt(receivedBytes)) })
  expect(paidTo(node)).toEqual(client.cost())
  expect(node.meters).toHaveLength(1)
  expect(node.meters[0]!.last!.isFinal).toBe(true)
})

test('receipts are the last word of each session, and can be checked without the node', async () => {
  const content = new MemoryContent()
  const nodes = [await startPaidNode(servingUnits(content), { nodeIndex: 4 }), await startPaidNode(servingUnits(content), { nodeIndex: 9 })]
  const root = await content.addRoot(DATA)
  const account = payingAccount()
  const receipts = []
  for (const node of nodes) {
    const client = clientOf({ nodes: [node] }, account)
    await bytesOf(await client.get(root))
    await client.close()
    expect(client.receipts()).toHaveLength(1)
    receipts.push(...client.receipts())
  }
  await settled(...nodes)
  for (const [i, { evidence, nodeKey }] of receipts.entries()) {
    expect(evidence.acknowledgement).toEqual(nodes[i]!.meters[0]!.last)
    expect(nodeKey).toEqual(nodes[i]!.nodeKey)
    expect(checkAcknowledgement(evidence, nodes[i]!.rules)).toMatchObject({ isPayable: true, amount: evidence.acknowledgement.cumPrice })
    expect(checkAcknowledgement(evidence, nodes[1 - i]!.rules)).toMatchObject({ isPayable: false })
  }
})

test('a guest pays nothing and has no receipts', async () => {
  const content = new MemoryContent()
  const node = await startPaidNode(servingUnits(content))
  const client = createClient({ nodes: [node] })
  onTestFinished(() => client.close())
  expect(isData(await bytesOf(await client.get(await content.addRoot(DATA))))).toBe(true)
  expect({ cost: client.cost(), receipts: client.receipts(), meters: node.meters }).toEqual({
    cost: { bytes: 0n, microUsd: 0n },
    receipts: [],
    meters: [],
  })
  expect((await errorOf(async () => createClient({ nodes: [node], capMicroUsd: 5n }))).code).toBe('CLIENT_BAD_ARGUMENT')
})

test.each(['root', 'cid'])('each node is paid for its own bytes when one breaks off in the middle, by %s', async (how) => {
  const content = new MemoryContent()
  const address = how === 'root' ? await content.addRoot(DATA) : await content.add({ file: DATA })
  const breaking = await startPaidNode(servingUnits(content, { breakAt: 1_000_000 }))
  const whole = await startPaidNode(servingUnits(content))
  const client = clientOf({ nodes: [breaking, whole] })
  const download = await client.get(address)
  expect(isData(await bytesOf(download))).toBe(true)
  await client.close()
  await settled(breaking, whole)
  expect([...faultsOf(breaking), ...faultsOf(whole)]).toEqual([])
  const [first, second] = [paidTo(breaking), paidTo(whole)]
  expect(first.bytes).toBeGreaterThan(900_000n)
  expect(first.bytes).toBeLessThanOrEqual(1_000_000n)
  expect(first.microUsd).toBe(priceOfBytes(first.bytes))
  expect(second.microUsd).toBe(priceOfBytes(second.bytes))
  expect(first.bytes + second.bytes).toBe(BigInt(download.receivedBytes))
  expect(client.cost()).toEqual({ bytes: first.bytes + second.bytes, microUsd: first.microUsd + second.microUsd })
})

test('a tree that goes on at a second node is paid there for the blocks that are sent again, once they are verified again', async () => {
  const content = new MemoryContent()
  const cid = await content.add({ a: DATA.subarray(0, 1_500_000), b: DATA.subarray(1_500_000) })
  const breaking = await startPaidNode(servingUnits(content, { breakAt: 1_000_000 }))
  const whole = await startPaidNode(servingUnits(content))
  const client = clientOf({ nodes: [breaking, whole] })
  const tree = client.getTree(cid)
  let bytes = 0
  for await (const { content: parts } of tree) for await (const part of parts) bytes += part.length
  await client.close()
  await settled(breaking, whole)
  expect(bytes).toBe(SIZE)
  expect([...faultsOf(breaking), ...faultsOf(whole)]).toEqual([])
  expect(paidTo(whole).bytes).toBeGreaterThan(BigInt(SIZE)) // all of it
  expect(paidTo(breaking).bytes + paidTo(whole).bytes).toBe(BigInt(tree.receivedBytes))
})

test.each(['root', 'cid'])('a node that flips a bit is paid for nothing behind the last unit that was true, by %s', async (how) => {
  const content = new MemoryContent()
  const address = how === 'root' ? await content.addRoot(DATA) : await content.add({ file: DATA })
  const liar = await startPaidNode(servingUnits(content, { flipAt: 500_000 }))
  const client = clientOf({ nodes: [liar] })
  const error = await errorOf(async () => await bytesOf(await client.get(address)))
  expect(error.code).toBe('CLIENT_UNVERIFIED')
  await client.close()
  await settled(liar)
  expect(faultsOf(liar)).toEqual([])
  expect(paidTo(liar).bytes).toBeLessThanOrEqual(500_000n)
  expect(paidTo(liar).bytes).toBeGreaterThan(400_000n)
})

test.each([
  ['not found', { status: 404, mode: undefined }],
  ['in a mode that was not asked for', { status: 200, mode: 'car' as const }],
])('bytes behind an answer that is %s are paid for by nobody', async (_, fields) => {
  const root = await new MemoryContent().addRoot(DATA)
  const liar = await startPaidNode(async (request) => {
    const lane = request.accept(encodeAnswer({ ...NO_ANSWER, ...fields }))
    await lane.write(new Uint8Array(100_000))
  })
  const client = clientOf({ nodes: [liar] })
  await errorOf(async () => await client.get(root))
  await vi.waitFor(() => expect(liar.meters[0]!.lanes.get(1)!.how).toBe('reset-by-client'), { timeout: 20_000 })
  await client.close()
  await settled(liar)
  expect({ cost: client.cost(), acknowledgements: liar.meters[0]!.acknowledgements }).toEqual({
    cost: { bytes: 0n, microUsd: 0n },
    acknowledgements: [],
  })
})

test('bytes behind the end of what was asked for are paid for by nobody', async () => {
  const content = new MemoryContent()
  const cid = await content.add({ file: DATA })
  const serve = servingUnits(content, { padding: 100_000 })
  const liar = await startPaidNode(serve)
  const client = clientOf({ nodes: [liar] })
  const download = await client.get(cid)
  expect(isData(await bytesOf(download))).toBe(true)
  await client.close()
  await settled(liar)
  const honest = await startPaidNode(servingUnits(content))
  const other = clientOf({ nodes: [honest] })
  await bytesOf(await other.get(cid))
  await other.close()
  expect(client.cost()).toEqual(other.cost())
})

test.each([
  [0n, 0],
  [7n, 1],
  [20n, 1],
])('a cap of %s µUSD is where it stops', async (capMicroUsd, sessions) => {
  const content = new MemoryContent()
  const root = await content.addRoot(DATA) // some 30 µUSD
  const nodes = [await startPaidNode(servingUnits(content)), await startPaidNode(servingUnits(content))]
  const client = clientOf({ nodes, capMicroUsd })
  let bytes = 0
  const error = await errorOf(async () => {
    for await (const part of await client.get(root)) bytes += part.bytes.length
  })
  expect(error.code).toBe('CLIENT_CAP')
  expect((await errorOf(async () => await client.get(root))).code).toBe('CLIENT_CAP')
  await client.close()
  await settled(...nodes)
  expect(client.cost().microUsd).toBe(capMicroUsd)
  expect(sumOf(nodes.map((node) => paidTo(node).microUsd))).toBe(capMicroUsd)
  expect(nodes.flatMap(({ meters }) => meters)).toHaveLength(sessions) // the second node was not even asked
  expect(nodes.flatMap(faultsOf)).toEqual([])
  const steps = nodes.flatMap(({ meters }) => meters).map(({ window }) => window / 4)
  expect(BigInt(bytes)).toBeLessThanOrEqual(client.cost().bytes + BigInt(Math.max(0, ...steps))) // verified, and not yet due to be signed for
})

test('one cap holds for two nodes that are asked at once', async () => {
  const content = new MemoryContent()
  const root = await content.addRoot(DATA)
  const nodes = [await startPaidNode(servingUnits(content)), await startPaidNode(servingUnits(content))]
  const account = payingAccount()
  const purse = createPurse({ account, chainId: CHAIN_ID, capMicroUsd: 40n })
  const pace = { bytesPerSecondMin: 0, rateWindowMs: 60_000 }
  const links = nodes.map((node) =>
    createNodeLink(node, connectSession, { chainId: CHAIN_ID, lanesMax: 4, stallTimeoutMs: 60_000, pace, purse }),
  )
  const codes = await Promise.all(
    links.map(async (link) => (await errorOf(async () => await bytesOf(await openDownload([link], targetOf(root), {})))).code),
  )
  expect(codes).toContain('CLIENT_CAP')
  await Promise.all(links.map((link) => link.close()))
  await settled(...nodes)
  expect(purse.cost.microUsd).toBe(40n)
  expect(sumOf(nodes.map((node) => paidTo(node).microUsd))).toBe(40n)
})

test("the delegation's own cap ends a node's session, and the next node is asked", async () => {
  const content = new MemoryContent()
  const root = await content.addRoot(DATA)
  const nodes = [await startPaidNode(servingUnits(content)), await startPaidNode(servingUnits(content))]
  const client = clientOf({ nodes }, payingAccount({ spendCap: 20n }))
  expect(isData(await bytesOf(await client.get(root)))).toBe(true)
  await client.close()
  await settled(...nodes)
  expect(nodes.flatMap(faultsOf)).toEqual([])
  expect(paidTo(nodes[0]!).microUsd).toBe(20n)
  expect(paidTo(nodes[1]!).microUsd).toBeLessThanOrEqual(20n)
})

test('what a reader leaves is paid for as far as the node has sent it, exactly', async () => {
  const content = new MemoryContent()
  const root = await content.addRoot(DATA)
  const node = await startPaidNode(servingUnits(content))
  const client = clientOf({ nodes: [node] })
  for await (const { offset } of await client.get(root)) if (offset > 400_000) break
  const meter = node.meters[0]!
  await vi.waitFor(() => expect(meter.lanes.get(1)!).toMatchObject({ how: 'reset-by-client', acknowledged: meter.lanes.get(1)!.sent }), {
    timeout: 20_000,
  })
  expect(meter.unpaid).toBe(0n)
  expect(meter.lanes.get(1)!.sent).toBeLessThan(400_000n + BigInt(CREDIT)) // no more than its credit let out
  await client.close()
  await settled(node)
  expect(faultsOf(node)).toEqual([])
})

test('over WebSocket the same bytes are paid the same', async () => {
  const content = new MemoryContent()
  const root = await content.addRoot(DATA)
  const cid = await content.add({ file: DATA })
  const costs = []
  for (const connect of [undefined, connectOverWebSocket]) {
    const node = await startPaidNode(servingUnits(content))
    const client = clientOf({ nodes: [node], ...(connect === undefined ? {} : { connect }) })
    expect(isData(await bytesOf(await client.get(root)))).toBe(true)
    expect(isData(await bytesOf(await client.get(cid)))).toBe(true)
    await client.close()
    await settled(node)
    expect(faultsOf(node)).toEqual([])
    expect(paidTo(node)).toEqual(client.cost())
    costs.push(client.cost())
  }
  expect(costs[1]).toEqual(costs[0])
})

test("a record of the key for sessions that is not the node's own for this chain is not used", async () => {
  const content = new MemoryContent()
  const identity = createKeyPair()
  const node = await startPaidNode(servingUnits(content), { identity })
  const x25519 = new Uint8Array(32).fill(9)
  const { url, noiseRecord } = node.websocket
  for (const [record, code] of [
    [noiseRecord.subarray(1), 'CLIENT_UNREACHABLE'],
    [noiseRecord.with(135, noiseRecord[135]! ^ 1), 'CLIENT_UNREACHABLE'],
    [noiseRecordOf(createKeyPair(), x25519), 'CLIENT_UNREACHABLE'],
    [noiseRecordOf(identity, x25519, CHAIN_ID + 1), 'CLIENT_UNREACHABLE'],
    [noiseRecordOf(identity, x25519), 'CLIENT_UNREACHABLE'], // signed, and not the key that the node has
  ] as const) {
    const client = clientOf({ nodes: [{ ...node, websocket: { url, noiseRecord: record } }], connect: connectOverWebSocket })
    expect((await errorOf(async () => await client.get(new Uint8Array(32)))).code).toBe(code)
  }
  expect(node.meters).toEqual([])
})

test('an address with a WebSocket is read from its text', () => {
  const noise = '0a'.repeat(136)
  const text = `selvedge://node.example:4433/${'67'.repeat(32)}?ws=${encodeURIComponent('wss://node.example/ws?x=1')}&noise=${noise}`
  expect(parseNodeAddress(text)).toMatchObject({
    host: 'node.example',
    websocket: { url: 'wss://node.example/ws?x=1', noiseRecord: new Uint8Array(136).fill(10) },
  })
  for (const wrong of [
    text.replace('wss', 'https'),
    text.slice(0, -1),
    `${text}&more=1`,
    text.replace(/&noise=.*/, ''),
    text.replace(/\?ws=[^&]*&/, '?'),
  ])
    expect(() => parseNodeAddress(wrong)).toThrow(expect.objectContaining({ code: 'CLIENT_BAD_ARGUMENT' }))
})
