import { encodeAnswer } from '@selvedge/content'
import { expect, onTestFinished, test, vi } from 'vitest'
import { createClient } from '../src/index.ts'
import { MemoryContent, saying, serving, startNode } from './node.ts'
import { NO_ANSWER, priceOfBytes, servingUnits, startPaidNode } from './paying-node.ts'
import { bytesOf, clientOf, DATA, SIZE } from './paying-world.ts'

const CID_ANSWER = { ...NO_ANSWER, mode: 'proof' as const }

test.each([
  ['root', undefined],
  ['root', { start: 100_000, end: 900_001 }],
  ['cid', undefined],
  ['cid', { start: 100_000, end: 900_001 }],
  ['cid', { start: 2_000_000 }],
] as const)('what is quoted is not less than what is paid, and nothing is paid for it, by %s, range %o', async (how, range) => {
  const content = new MemoryContent()
  const address = how === 'root' ? await content.addRoot(DATA) : await content.add({ file: DATA }, 4_096)
  const node = await startPaidNode(servingUnits(content))
  const client = clientOf({ nodes: [node] })
  const options = range === undefined ? {} : { range }
  const quote = await client.quote(address, options)
  expect(quote).toMatchObject({ sizeClaim: SIZE, priceVersion: 3, node: expect.stringContaining(`:${node.port}/`) })
  expect(client.cost()).toEqual({ bytes: 0n, microUsd: 0n })
  expect([...node.meters[0]!.lanes.values()].map(({ sent }) => sent)).toEqual([0n])
  const download = await client.get(address, options)
  await bytesOf(download)
  await client.close()
  expect(quote.microUsdMax!).toBeGreaterThanOrEqual(client.cost().microUsd)
  expect(quote.microUsdMax).toBe(priceOfBytes(BigInt(quote.laneBytesMax!)) + 1n)
  if (how === 'root') expect(quote.laneBytesMax).toBe(download.receivedBytes)
  else expect(quote.laneBytesMax!).toBeLessThan(download.receivedBytes * 1.05 + 65_536 + 2 ** 21)
})

test('a guest is quoted nothing to pay', async () => {
  const content = new MemoryContent()
  const client = createClient({ nodes: [await startNode(serving(content))] })
  onTestFinished(() => client.close())
  const { microUsdMax, priceVersion, sizeClaim } = await client.quote(await content.addRoot(DATA))
  expect({ microUsdMax, priceVersion, sizeClaim }).toEqual({ microUsdMax: 0n, priceVersion: undefined, sizeClaim: SIZE })
})

test('where a node does not know the size, the price is known of what has an end', async () => {
  const cid = await new MemoryContent().add({ file: DATA })
  const node = await startPaidNode(async (request) => {
    await request.accept(encodeAnswer(CID_ANSWER)).end()
  })
  const client = clientOf({ nodes: [node] })
  expect(await client.quote(cid)).toMatchObject({ sizeClaim: undefined, laneBytesMax: undefined, microUsdMax: undefined })
  const { laneBytesMax, microUsdMax } = await client.quote(cid, { range: { start: 0, end: 1_000_000 } })
  expect(laneBytesMax).toBe(1_000_000 + 31_250 + 65_536 + 2 ** 21)
  expect(microUsdMax).toBe(priceOfBytes(BigInt(laneBytesMax!)) + 1n)
})

test('a node that sends bytes for a quote is not paid for them, and the next one is asked', async () => {
  const content = new MemoryContent()
  const root = await content.addRoot(DATA)
  const liar = await startPaidNode(async (request) => {
    const lane = request.accept(encodeAnswer(NO_ANSWER))
    await lane.write(new Uint8Array(100_000))
    await lane.end()
  })
  const honest = await startPaidNode(servingUnits(content))
  const client = clientOf({ nodes: [liar, honest] })
  expect((await client.quote(root)).node).toContain(`:${honest.port}/`)
  await vi.waitFor(() => expect(liar.meters[0]!.lanes.get(1)!.how).toBeDefined(), { timeout: 20_000 })
  await client.close()
  expect(client.cost()).toEqual({ bytes: 0n, microUsd: 0n })
  expect(liar.meters[0]!.acknowledgements).toEqual([])
})

test('what nobody has is not quoted; an abort and a closed client say so', async () => {
  const client = createClient({
    nodes: [await startNode(serving(new MemoryContent())), await startNode(saying({ status: 404, mode: undefined }, []))],
  })
  const root = await new MemoryContent().addRoot(DATA)
  await expect(client.quote(root)).rejects.toMatchObject({ code: 'CLIENT_NOT_FOUND' })
  const reason = new Error('enough')
  await expect(client.quote(root, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
  await expect(client.quote(root, { range: { start: 2, end: 1 } })).rejects.toMatchObject({ code: 'CLIENT_BAD_ARGUMENT' })
  await client.close()
  await expect(client.quote(root)).rejects.toMatchObject({ code: 'CLIENT_CLOSED' })
})
