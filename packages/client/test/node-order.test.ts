import { connectSession } from '@selvedge/handshake'
import { expect, onTestFinished, test, vi } from 'vitest'
import { createClient, type Connect, type Goaway } from '../src/index.ts'
import { openDownload } from '../src/download.ts'
import { Distrust } from '../src/distrust.ts'
import { createNodeLink, type NodeLink } from '../src/node-link.ts'
import { inOrder } from '../src/node-order.ts'
import { targetOf } from '../src/target.ts'
import { MemoryContent, sampleBytes, serving, startNode, stoppingAfter, type TestNode } from './node.ts'

const DATA = sampleBytes(300_000)
const PACE = { bytesPerSecondMin: 0, rateWindowMs: 60_000 }

interface Sent {
  nowMs: number
  /** What each node has said last, by its port. */
  readonly goaways: Map<number, Goaway>
}

/** Sessions that end as ever, and say what `sent` holds for their node. */
function linksOf(nodes: readonly TestNode[], sent: Sent, indices: readonly number[], stallTimeoutMs = 60_000): NodeLink[] {
  const connect: Connect = async (options) => {
    const session = await connectSession(options)
    return {
      openLane: (asked) => session.openLane(asked),
      close: () => session.close(),
      closed: session.closed,
      get goaway() {
        return sent.goaways.get(options.port)
      },
    }
  }
  return nodes.map((node, i) => {
    const options = { chainId: 1337, lanesMax: 4, stallTimeoutMs, pace: PACE, clockMs: () => sent.nowMs }
    const link = createNodeLink({ ...node, nodeIndex: indices[i]! }, connect, options)
    onTestFinished(() => link.close())
    return link
  })
}

test('who sends the client away is asked last until his time is over, whom he names first, and nobody else is added', async () => {
  const content = new MemoryContent()
  const root = await content.addRoot(DATA)
  const nodes = [await startNode(serving(content)), await startNode(serving(content)), await startNode(serving(content))]
  const sent: Sent = { nowMs: 0, goaways: new Map() }
  const links = linksOf(nodes, sent, [10, 11, 12])
  const order = (): (number | undefined)[] => inOrder(links, links).map(({ nodeIndex }) => nodeIndex)
  const ask = async (): Promise<void> => (await openDownload(inOrder(links, links), targetOf(root), {})).close()
  const asked = (): number[] => nodes.map(({ requests }) => requests.length)
  await ask()
  expect([order(), asked()]).toEqual([
    [10, 11, 12],
    [1, 0, 0],
  ])
  sent.goaways.set(nodes[0]!.port, { code: 17, retryAfterMs: 5_000, nodes: [12, 99] })
  expect(order()).toEqual([12, 11, 10])
  await ask()
  expect(asked()).toEqual([1, 0, 1])
  sent.nowMs = 4_999
  expect(order()).toEqual([12, 11, 10])
  sent.nowMs = 5_000
  expect(order()).toEqual([10, 11, 12])
})

test('a farewell holds for a second at least and ten minutes at most; one of another reason is none', async () => {
  const content = new MemoryContent()
  const root = await content.addRoot(DATA)
  const nodes = [await startNode(serving(content)), await startNode(serving(content))]
  for (const [goaway, heldMs] of [
    [{ code: 17, retryAfterMs: 0, nodes: [] }, 1_000],
    [{ code: 7, retryAfterMs: 2 ** 32 - 1, nodes: [] }, 600_000],
    [{ code: 11, retryAfterMs: 9_000, nodes: [3] }, 9_000],
    [{ code: 16, retryAfterMs: 9_000, nodes: [] }, 0], // idle
    [{ code: 25, retryAfterMs: 0, nodes: [] }, 0],
  ] as const) {
    const sent: Sent = { nowMs: 0, goaways: new Map() }
    const links = linksOf(nodes, sent, [0, 1])
    ;(await openDownload(links, targetOf(root), {})).close()
    sent.goaways.set(nodes[0]!.port, goaway)
    const isLast = (nowMs: number): boolean => {
      sent.nowMs = nowMs
      return inOrder(links, links)[1] === links[0]
    }
    expect([isLast(0), isLast(Math.max(0, heldMs - 1)), isLast(heldMs)]).toEqual([heldMs > 0, heldMs > 0, false])
  }
})

test('who lied comes behind all others, also those that sent the client away, for an hour; whom he names is nothing to go by', async () => {
  const clock = { nowMs: 1_000_000 }
  const distrust = new Distrust([], () => clock.nowMs)
  const goaways = new Map<number, Goaway>()
  const links = [0, 1, 2, 3].map((nodeIndex) => {
    const address = { host: '127.0.0.1', port: 1 + nodeIndex, nodeKey: new Uint8Array(32).fill(nodeIndex), nodeIndex }
    const connect: Connect = async () => await Promise.reject(Object.assign(new Error('not now'), { goaway: goaways.get(nodeIndex) }))
    return createNodeLink(address, connect, { chainId: 1, lanesMax: 1, stallTimeoutMs: 10, pace: PACE, distrust, clockMs: () => 0 })
  })
  const order = (): (number | undefined)[] => inOrder(links, links).map(({ nodeIndex }) => nodeIndex)
  links[0]!.lied('VERIFY_MISMATCH')
  expect(order()).toEqual([1, 2, 3, 0])
  for (const [nodeIndex, nodes] of [
    [0, [3]],
    [1, [0]],
  ] as const) {
    goaways.set(nodeIndex, { code: 17, retryAfterMs: 5_000, nodes })
    await expect(links[nodeIndex]!.open(new Uint8Array(0))).rejects.toMatchObject({ code: 'CLIENT_UNREACHABLE' })
  }
  expect(order()).toEqual([2, 3, 1, 0])
  clock.nowMs += 3_599_999
  expect(order()).toEqual([2, 3, 1, 0])
  clock.nowMs += 1
  expect(order()).toEqual([3, 2, 0, 1]) // both have sent the client away, and name whom they like
})

test('in the middle of a download the node that was named goes on', async () => {
  const content = new MemoryContent()
  const root = await content.addRoot(DATA)
  const sent: Sent = { nowMs: 0, goaways: new Map() }
  const stopping = await startNode(async (request) => {
    await stoppingAfter(100_000, serving(content))(request)
    sent.goaways.set(stopping.port, { code: 17, retryAfterMs: 1_000, nodes: [2] })
    request.reset(23)
  })
  const nodes = [stopping, await startNode(serving(content)), await startNode(serving(content))]
  const parts: Uint8Array[] = []
  for await (const { bytes } of await openDownload(linksOf(nodes, sent, [0, 1, 2]), targetOf(root), {})) parts.push(bytes.slice())
  expect(new Uint8Array(Buffer.concat(parts))).toEqual(DATA)
  expect(nodes.map(({ requests }) => requests.length)).toEqual([1, 0, 1])
})

test('a node that is the only one is asked though it has sent the client away', async () => {
  const content = new MemoryContent()
  const root = await content.addRoot(DATA)
  const node = await startNode(serving(content))
  const sent: Sent = { nowMs: 0, goaways: new Map([[node.port, { code: 17, retryAfterMs: 9_000, nodes: [] }]]) }
  const links = linksOf([node], sent, [0])
  for (let i = 0; i < 2; i++) (await openDownload(inOrder(links, links), targetOf(root), {})).close()
  expect(links[0]!.farewell).toBeDefined()
  expect(node.requests).toHaveLength(2)
})

test('a node under load sends a client to another, and is asked last from then on', async () => {
  const content = new MemoryContent()
  const root = await content.addRoot(DATA)
  const full = await startNode(serving(content), undefined, { maxSessions: 1, others: () => [7, 2] })
  const nodes = [full, await startNode(serving(content)), await startNode(serving(content))]
  const session = await connectSession({ ...full, chainId: 1337 })
  onTestFinished(() => session.close())
  const client = createClient({ nodes: nodes.map((node, nodeIndex) => ({ ...node, nodeIndex })) })
  onTestFinished(() => client.close())
  for (let i = 0; i < 2; i++) {
    const parts: Uint8Array[] = []
    for await (const { bytes } of await client.get(root)) parts.push(bytes.slice())
    expect(new Uint8Array(Buffer.concat(parts))).toEqual(DATA)
  }
  expect(nodes.map(({ requests }) => requests.length)).toEqual([0, 0, 2])
})

test('a node that stops says farewell to its sessions', async () => {
  const content = new MemoryContent()
  const root = await content.addRoot(DATA)
  const node = await startNode(serving(content), undefined, { others: () => [4] })
  const options = { chainId: 1337, lanesMax: 4, stallTimeoutMs: 60_000, pace: PACE, clockMs: () => 0 }
  const link = createNodeLink(node, connectSession, options)
  onTestFinished(() => link.close())
  for await (const _ of await openDownload([link], targetOf(root), {}));
  expect(link.farewell).toBeUndefined()
  await node.stop()
  await vi.waitFor(() => expect(link.farewell).toMatchObject({ nodes: [4] }), { timeout: 20_000 })
})
