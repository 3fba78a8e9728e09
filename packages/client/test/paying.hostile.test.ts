import { encodeAnswer } from '@selvedge/content'
import { createMemoryStore, createSink } from '@selvedge/verified-streaming'
import { expect, test, vi } from 'vitest'
import { connectToNode } from '../src/connect.ts'
import type { Client, Connect, LanePort } from '../src/index.ts'
import { MemoryContent } from './node.ts'
import { NO_ANSWER, servingUnits, startPaidNode, type PaidNode } from './paying-node.ts'
import { CREDIT, DATA, SIZE, clientOf, bytesOf, errorOf, isData, faultsOf, settled } from './paying-world.ts'

test.each(['root', 'cid'])('a node that flips a bit is paid for nothing behind the last unit that was true, by %s', async (how) => {
  const content = new MemoryContent()
  const address = how === 'root' ? await content.addRoot(DATA) : await content.add({ file: DATA })
  const liar = await startPaidNode(servingUnits(content, { flipAt: 500_000 }))
  const client = clientOf({ nodes: [liar] })
  const error = await errorOf(async () => await bytesOf(await client.get(address)))
  expect(error.code).toBe('CLIENT_UNVERIFIED')
  await settled(liar) // with what it will never be paid for in its window, the client has left
  await client.close()
  expect(faultsOf(liar)).toEqual([])
  const { acknowledged, sent } = liar.meters[0]!.lanes.get(1)!
  expect(sent).toBeGreaterThan(500_000n)
  expect(acknowledged).toBeLessThanOrEqual(500_000n)
  expect(acknowledged).toBeGreaterThan(400_000n)
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
  expect(isData(await bytesOf(await client.get(cid)))).toBe(true)
  await settled(liar)
  await client.close()
  const honest = await startPaidNode(servingUnits(content))
  const other = clientOf({ nodes: [honest] })
  await bytesOf(await other.get(cid))
  await other.close()
  await settled(honest)
  const [padded, plain] = [liar, honest].map(({ meters }) => meters[0]!.lanes.get(1)!)
  expect(padded!.sent).toBeGreaterThan(plain!.sent)
  expect(padded!.acknowledged).toBe(plain!.acknowledged)
  expect(client.cost()).toEqual(other.cost())
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

/** A group of chunks with what proves it: what a client of a root verifies as a whole. */
const GROUP = 16_384 + 1_024

/** What a node does that hears of a reset before it is there: it sends `bytes` of nothing behind true units, the first of them like the next unit's. */
function dumping(
  content: MemoryContent,
  bytes: number,
  headBytes: number,
): { readonly connect: Connect; readonly serve: Parameters<typeof startPaidNode>[0] } {
  let tell = (): void => {}
  const isLeft = new Promise<void>((resolve) => (tell = resolve))
  const serve = servingUnits(content, { dump: { atBytes: 150_000, headBytes, bytes, when: isLeft } })
  const connect: Connect = async (options) => {
    const session = await connectToNode(options)
    const told = (lane: LanePort): LanePort => ({
      laneId: lane.laneId,
      metadata: lane.metadata,
      source: lane.source,
      end: () => lane.end(),
      release: (bytes) => lane.release?.(bytes),
      reset(code, reason) {
        lane.reset(code, reason)
        tell()
      },
    })
    return {
      openLane: async (options) => told(await session.openLane(options)),
      settle: () => session.settle(),
      close: () => session.close(),
      closed: session.closed,
    }
  }
  return { connect, serve }
}

/** `isThere`: the node is where it waits for the reset. */
const WAYS: Readonly<Record<string, (client: Client, root: Uint8Array, isThere: () => Promise<void>) => Promise<void>>> = {
  async 'a reader that breaks off'(client, root, isThere) {
    for await (const _ of await client.get(root)) {
      await isThere()
      break
    }
  },
  async 'a download that is closed'(client, root, isThere) {
    const download = await client.get(root)
    await isThere()
    download.close()
  },
  async 'an abort'(client, root, isThere) {
    const controller = new AbortController()
    const parts = (await client.get(root, { signal: controller.signal }))[Symbol.asyncIterator]()
    await parts.next()
    await isThere()
    controller.abort(new Error('enough'))
    await expect(parts.next()).rejects.toThrow('enough')
  },
  async 'a sink that is left'(client, root, isThere) {
    const controller = new AbortController()
    const sink = createSink(root, { store: createMemoryStore() })
    const receiving = client.receive(root, sink, { signal: controller.signal }).catch((error: unknown) => error)
    await isThere()
    controller.abort(new Error('enough'))
    expect(await receiving).toMatchObject({ message: 'enough' })
  },
}

/** Leaves it when it has sent the unit in which the first 150,000 bytes end. */
async function leave(how: string, client: Client, root: Uint8Array, node: PaidNode): Promise<void> {
  const isThere = (): Promise<void> =>
    vi.waitFor(() => expect(Number(node.meters[0]?.lanes.get(1)?.sent ?? 0n)).toBeGreaterThanOrEqual(150_000), { timeout: 20_000 })
  await WAYS[how]!(client, root, isThere)
}

test.each(Object.keys(WAYS))(
  'of what comes behind a reset whole units of true bytes are paid for, and nothing of the garbage: the session is left: %s',
  async (how) => {
    const content = new MemoryContent()
    const root = await content.addRoot(DATA)
    const { connect, serve } = dumping(content, 100_000, 30_000) // a whole unit, and a part of the next
    const node = await startPaidNode(serve)
    const client = clientOf({ nodes: [node], connect })
    await leave(how, client, root, node)
    await settled(node)
    await client.close()
    const { sent, acknowledged, how: ended } = node.meters[0]!.lanes.get(1)!
    expect(ended).toBe('reset-by-client')
    const honest = Number(sent) - 100_000
    expect(honest).toBeGreaterThanOrEqual(150_000)
    expect(Number(acknowledged)).toBeGreaterThan(honest)
    expect(Number(acknowledged)).toBeLessThanOrEqual(honest + GROUP + 1_024)
    expect(client.distrusted()).toMatchObject([{ finer: expect.stringMatching(/^VERIFY_/) }])
    expect(faultsOf(node)).toEqual([])
  },
)

test.each(Object.keys(WAYS))('of garbage that fills no unit one unit is lost at most: %s', async (how) => {
  const content = new MemoryContent()
  const root = await content.addRoot(DATA)
  const { connect, serve } = dumping(content, 10_000, 2_000)
  const node = await startPaidNode(serve)
  const client = clientOf({ nodes: [node], connect })
  await leave(how, client, root, node)
  const meter = node.meters[0]!
  await vi.waitFor(() => expect(meter.lanes.get(1)!).toMatchObject({ how: 'reset-by-client', acknowledged: meter.lanes.get(1)!.sent }), {
    timeout: 20_000,
  })
  await client.close()
  await settled(node)
  const { sent, acknowledged } = meter.lanes.get(1)!
  expect(Number(acknowledged)).toBe(Number(sent)) // nobody can tell it from the beginning of a unit
  expect(Number(acknowledged) - (Number(sent) - 10_000)).toBeLessThanOrEqual(GROUP)
  expect({ faults: faultsOf(node), losses: node.books.losses }).toEqual({ faults: [], losses: { writtenOffBytes: 0n, defaults: 0 } })
})

test('what a node sends before it hears that nobody waits for its answer any more is paid for: of one unit at most, which nobody can verify', async () => {
  const root = await new MemoryContent().addRoot(DATA)
  const controller = new AbortController()
  const node = await startPaidNode(async (request) => {
    const lane = request.accept(encodeAnswer({ ...NO_ANSWER, size: SIZE }))
    const writing = lane.write(new Uint8Array(200_000)).catch(() => {})
    controller.abort(new Error('enough'))
    await writing
  })
  const client = clientOf({ nodes: [node] })
  await expect(client.get(root, { signal: controller.signal })).rejects.toThrow('enough')
  const meter = node.meters[0]!
  await vi.waitFor(() => expect(meter.lanes.get(1)!).toMatchObject({ how: 'reset-by-client', acknowledged: meter.lanes.get(1)!.sent }), {
    timeout: 20_000,
  })
  await client.close()
  await settled(node)
  expect({ faults: faultsOf(node), losses: node.books.losses }).toEqual({ faults: [], losses: { writtenOffBytes: 0n, defaults: 0 } })
})
