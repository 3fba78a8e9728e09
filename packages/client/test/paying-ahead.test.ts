import { expect, test, vi } from 'vitest'
import { type CidLike, type Tree } from '../src/index.ts'
import { MemoryContent } from './node.ts'
import { servingUnits, startPaidNode } from './paying-node.ts'
import { CREDIT, DATA, TWICE, clientOf, bytesOf, isData, faultsOf, paidTo, settled } from './paying-world.ts'

async function* filesOf(tree: Tree): AsyncGenerator<{ readonly bytes: Uint8Array }> {
  for await (const { content } of tree) for await (const bytes of content) yield { bytes }
}

test.each(['root', 'proof', 'tree'])(
  'a reader that pauses is no debtor: what may come is verified and paid meanwhile, and no more comes, by %s',
  async (how) => {
    const content = new MemoryContent()
    const node = await startPaidNode(servingUnits(content))
    const client = clientOf({ nodes: [node] })
    const root = how === 'root' ? await content.addRoot(TWICE) : await content.add({ file: TWICE })
    const parts = how === 'tree' ? filesOf(client.getTree(root as CidLike)) : await client.get(root)
    let bytes = 0
    let isPaused = true
    for await (const part of parts) {
      bytes += part.bytes.length
      if (!isPaused) continue
      isPaused = false
      const meter = node.meters[0]!
      const lane = meter.lanes.get(1)!
      // All of its credit has come, but for less than one more unit; a debt of less than one step is due later.
      await vi.waitFor(() => expect(Number(lane.sent)).toBeGreaterThan(CREDIT - 2 ** 18), { timeout: 20_000 })
      await vi.waitFor(() => expect(Number(meter.unpaid)).toBeLessThan(meter.window / 4), { timeout: 20_000 })
      expect(Number(lane.sent)).toBeLessThanOrEqual(CREDIT + bytes + 2 ** 18)
    }
    await client.close()
    await settled(node)
    expect({ bytes, faults: faultsOf(node), losses: node.books.losses }).toEqual({
      bytes: TWICE.length,
      faults: [],
      losses: { writtenOffBytes: 0n, defaults: 0 },
    })
    expect(node.meters).toHaveLength(1)
    expect(client.cost().bytes).toBeGreaterThan(BigInt(TWICE.length))
    expect(paidTo(node)).toEqual(client.cost())
  },
)

test('a paid download whose bytes are never asked for holds no more than its credit, and ends when it is closed', async () => {
  const content = new MemoryContent()
  const node = await startPaidNode(servingUnits(content))
  const client = clientOf({ nodes: [node] })
  const download = await client.get(await content.addRoot(TWICE))
  const meter = node.meters[0]!
  await vi.waitFor(() => expect(Number(meter.lanes.get(1)!.sent)).toBeGreaterThan(CREDIT - 2 ** 18), { timeout: 20_000 })
  download.close()
  await vi.waitFor(() => expect(meter.lanes.get(1)!).toMatchObject({ how: 'reset-by-client', acknowledged: meter.lanes.get(1)!.sent }), {
    timeout: 20_000,
  })
  expect(Number(meter.lanes.get(1)!.sent)).toBeLessThanOrEqual(CREDIT)
  expect(isData(await bytesOf(await client.get(await content.addRoot(DATA))))).toBe(true) // the lane's credit is the connection's again
  await client.close()
  await settled(node)
  expect(faultsOf(node)).toEqual([])
})

test('an abort ends a paid download at once, whatever is held for its reader', async () => {
  const content = new MemoryContent()
  const node = await startPaidNode(servingUnits(content))
  const client = clientOf({ nodes: [node] })
  const controller = new AbortController()
  const reason = new Error('enough')
  const parts = (await client.get(await content.addRoot(TWICE), { signal: controller.signal }))[Symbol.asyncIterator]()
  await parts.next()
  const lane = node.meters[0]!.lanes.get(1)!
  await vi.waitFor(() => expect(Number(lane.sent)).toBeGreaterThan(CREDIT / 2), { timeout: 20_000 })
  controller.abort(reason)
  await new Promise((resolve) => setImmediate(resolve))
  await expect(parts.next()).rejects.toBe(reason)
  await vi.waitFor(() => expect(lane.how).toBe('reset-by-client'), { timeout: 20_000 })
  await client.close()
  await settled(node)
  expect(faultsOf(node)).toEqual([])
})

test.each(['root', 'proof', 'tree'])(
  'an abort ends a paid download whose bytes have all come and are held for its reader, by %s',
  async (how) => {
    const content = new MemoryContent()
    const node = await startPaidNode(servingUnits(content))
    const client = clientOf({ nodes: [node] })
    const short = DATA.subarray(0, 1_000_000) // less than a lane's credit
    const address = how === 'root' ? await content.addRoot(short) : await content.add({ file: short })
    const controller = new AbortController()
    const { signal } = controller
    const source = how === 'tree' ? filesOf(client.getTree(address as CidLike, { signal })) : await client.get(address, { signal })
    const parts = source[Symbol.asyncIterator]()
    await parts.next()
    const lane = node.meters[0]!.lanes.get(1)!
    await vi.waitFor(() => expect(lane).toMatchObject({ how: expect.anything(), acknowledged: lane.sent }), { timeout: 20_000 })
    const reason = new Error('enough')
    controller.abort(reason)
    await expect(parts.next()).rejects.toBe(reason)
  },
)
