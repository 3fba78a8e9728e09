import { ChunkRanges, createMemoryStore, createOutboard, createSink, encodeRanges } from '@selvedge/verified-streaming'
import { expect, onTestFinished, test } from 'vitest'
import { createClient, type Client, type NodeAddress } from '../src/index.ts'
import { MemoryContent, sampleBytes, saying, serving, startNode } from './node.ts'

const SIZE = 300_000
const DATA = sampleBytes(SIZE)

function clientOf(...nodes: NodeAddress[]): Client {
  const client = createClient({ nodes })
  onTestFinished(() => client.close())
  return client
}

async function sliceOf(ranges: ChunkRanges): Promise<{ root: Uint8Array; slice: Uint8Array }> {
  const { root, outboard } = await createOutboard(DATA)
  const parts: Uint8Array[] = []
  for await (const part of encodeRanges({ data: DATA, outboard, root, size: SIZE }, ranges)) parts.push(part.slice())
  return { root, slice: new Uint8Array(Buffer.concat(parts)) }
}

test('a sink gets only what it has not got', async () => {
  const content = new MemoryContent()
  const root = await content.addRoot(DATA)
  const half = ChunkRanges.fromByteRanges([{ start: 0, end: 163_840 }])
  const store = createMemoryStore()
  const first = createSink(root, { store })
  await first.receive((await sliceOf(half)).slice, { ranges: half })
  const sink = createSink(root, { store, state: await first.save() }) // another life of the process
  const { receivedBytes } = await clientOf(await startNode(serving(content))).receive(root, sink)
  expect(sink.isComplete).toBe(true)
  expect(store.readContent(0, SIZE)).toEqual(DATA)
  expect(receivedBytes).toBeLessThan(SIZE - 163_840 + 4096)
})

test('the next node goes on where the first was cut or lied, and is asked for the rest only', async () => {
  const content = new MemoryContent()
  const { root, slice } = await sliceOf(ChunkRanges.all)
  await content.addRoot(DATA)
  const lie = slice.slice()
  lie[200_000]! ^= 1
  for (const bytes of [lie, slice.subarray(0, 200_000)]) {
    const bad = await startNode(saying({ mode: 'blake3', size: SIZE, chunkGroupLog: 4 }, [bytes]))
    const good = await startNode(serving(content))
    const store = createMemoryStore()
    const sink = createSink(root, { store })
    const { node, receivedBytes } = await clientOf(bad, good).receive(root, sink)
    expect(node).toContain(`:${good.port}/`)
    expect(store.readContent(0, SIZE)).toEqual(DATA)
    expect(receivedBytes).toBeLessThan(bytes.length + SIZE - 160_000)
  }
})

test('what is larger than the sink takes is refused before anything is stored, and is no lie', async () => {
  const content = new MemoryContent()
  const root = await content.addRoot(DATA)
  const client = clientOf(await startNode(serving(content)))
  const store = createMemoryStore()
  const sink = createSink(root, { store, maxSize: SIZE - 1 })
  await expect(client.receive(root, sink, { signal: undefined })).rejects.toMatchObject({ code: 'CLIENT_TOO_LARGE' })
  expect([sink.held.isEmpty, client.distrusted()]).toEqual([true, []])
  const large = createSink(root, { store, maxSize: SIZE })
  await client.receive(root, large)
  expect(store.readContent(0, SIZE)).toEqual(DATA)
})

test('the last node that fails is the error', async () => {
  const { root, slice } = await sliceOf(ChunkRanges.all)
  const lie = slice.slice()
  lie[200_000]! ^= 1
  const bad = await startNode(saying({ mode: 'blake3', size: SIZE, chunkGroupLog: 4 }, [lie]))
  const sink = createSink(root, { store: createMemoryStore() })
  await expect(clientOf(bad).receive(root, sink)).rejects.toMatchObject({
    code: 'CLIENT_UNVERIFIED',
    details: { finer: 'VERIFY_MISMATCH' },
  })
  await expect(clientOf(bad).receive('bafkqaaa', sink)).rejects.toMatchObject({ code: 'CLIENT_BAD_ARGUMENT' })
})
