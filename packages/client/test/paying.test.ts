import { checkAcknowledgement } from '@selvedge/delivery-acknowledgement'
import { createMemoryStore, createSink } from '@selvedge/verified-streaming'
import { expect, onTestFinished, test, vi } from 'vitest'
import { createClient, type Client } from '../src/index.ts'
import { MemoryContent } from './node.ts'
import { payingAccount, priceOfBytes, servingUnits, startPaidNode } from './paying-node.ts'
import { SIZE, DATA, clientOf, bytesOf, errorOf, isData, faultsOf, paidTo, settled } from './paying-world.ts'

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

test('the cost is seen while the body streams: it rises as it is signed for, and never above the cap', async () => {
  const content = new MemoryContent()
  const node = await startPaidNode(servingUnits(content))
  const root = await content.addRoot(DATA) // some 30 µUSD
  for (const { capMicroUsd, code } of [
    { capMicroUsd: 1_000n, code: undefined },
    { capMicroUsd: 12n, code: 'CLIENT_CAP' },
  ]) {
    const client = clientOf({ nodes: [node], capMicroUsd })
    const seen: bigint[] = []
    const reading = (async () => {
      for await (const _ of await client.get(root)) seen.push(client.cost().microUsd)
    })()
    if (code === undefined) await reading
    else expect(await errorOf(() => reading)).toMatchObject({ code })
    await client.close()
    const { microUsd } = client.cost()
    expect(seen.every((cost, i) => cost >= (seen[i - 1] ?? 0n) && cost <= capMicroUsd)).toBe(true)
    expect(new Set(seen).size).toBeGreaterThan(3)
    expect(microUsd).toBe(code === undefined ? priceOfBytes(client.cost().bytes) : capMicroUsd)
  }
})

test('bytes alone drive acknowledgements: with timers that never fire everything comes, and is paid', async () => {
  const content = new MemoryContent()
  const node = await startPaidNode(servingUnits(content))
  const root = await content.addRoot(DATA)
  const client = clientOf({ nodes: [node] })
  vi.useFakeTimers({ toFake: ['setTimeout', 'setInterval'] })
  try {
    expect(isData(await bytesOf(await client.get(root)))).toBe(true)
    expect(node.meters[0]!.acknowledgements.length).toBeGreaterThan(3)
    expect(vi.getTimerCount()).toBeGreaterThan(0) // they were asked for, and nobody waited for them
  } finally {
    vi.useRealTimers()
  }
  await client.close()
  await settled(node)
  expect([faultsOf(node), node.books.losses]).toEqual([[], { writtenOffBytes: 0n, defaults: 0 }])
  expect(paidTo(node)).toEqual(client.cost())
})
