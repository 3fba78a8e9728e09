import { encodeAnswer } from '@selvedge/content'
import { expect, test, vi } from 'vitest'
import type { Client } from '../src/index.ts'
import { MemoryContent } from './node.ts'
import { NO_ANSWER, servingUnits, startPaidNode, type PaidNode } from './paying-node.ts'
import { CREDIT, DATA, clientOf, bytesOf, errorOf, isData, faultsOf, settled } from './paying-world.ts'

test.each(['root', 'cid'])('a node that flips a bit is paid for nothing behind the last unit that was true, by %s', async (how) => {
  const content = new MemoryContent()
  const address = how === 'root' ? await content.addRoot(DATA) : await content.add({ file: DATA })
  const liar = await startPaidNode(servingUnits(content, { flipAt: 500_000 }))
  const client = clientOf({ nodes: [liar] })
  const error = await errorOf(async () => await bytesOf(await client.get(address)))
  expect(error.code).toBe('CLIENT_UNVERIFIED')
  await lastWordOf(client, liar, await content.addRoot(DATA.subarray(0, 1_000)))
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
  const small = await content.addRoot(DATA.subarray(0, 1_000))
  await lastWordOf(client, liar, small)
  const honest = await startPaidNode(servingUnits(content))
  const other = clientOf({ nodes: [honest] })
  await bytesOf(await other.get(cid))
  await lastWordOf(other, honest, small)
  const [padded, plain] = [liar, honest].map(({ meters }) => meters[0]!.lanes.get(1)!)
  expect(padded!.sent).toBeGreaterThan(plain!.sent)
  expect(padded!.acknowledged).toBe(plain!.acknowledged)
  expect(client.cost()).toEqual(other.cost())
})

/** All that the client says of its first lane has come, for the life of another one is behind it; then it leaves. */
async function lastWordOf(client: Client, node: PaidNode, small: Uint8Array): Promise<void> {
  await vi.waitFor(() => expect(node.meters[0]!.lanes.get(1)!.how).toBeDefined(), { timeout: 20_000 })
  await bytesOf(await client.get(small))
  await client.close()
  await settled(node)
  expect(node.meters).toHaveLength(1)
}

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
