/** What is paid for by root comes as views of memory that is used again: what a reader has in hand stays as it is until he asks for more. */
import { setTimeout as sleep } from 'node:timers/promises'
import { createMemoryStore, createSink } from '@selvedge/verified-streaming'
import { expect, onTestFinished, test, vi } from 'vitest'
import { createClient } from '../src/index.ts'
import { MemoryContent, sampleBytes, serving, startNode } from './node.ts'
import { servingUnits, startPaidNode } from './paying-node.ts'
import { clientOf, faultsOf, paidTo, settled, TWICE } from './paying-world.ts'

const FIRST = Number(process.env.SEED ?? 1)
const COUNT = Number(process.env.RUNS ?? 4)
const isAt = (bytes: Uint8Array, offset: number): boolean => Buffer.compare(bytes, TWICE.subarray(offset, offset + bytes.length)) === 0

// Goal: no reader ever sees a byte that is not of the part that he was given.
// Method: readers of one session who wait at random while more comes, and only then look at what they have.
test.each(Array.from({ length: COUNT }, (_, i) => FIRST + i))('a part stays as it is while its reader has it, seed %i', async (seed) => {
  const content = new MemoryContent()
  const node = await startPaidNode(servingUnits(content))
  const client = clientOf({ nodes: [node] })
  const root = await content.addRoot(TWICE)
  const draws = sampleBytes(10_000, seed)
  let drawn = 0
  const read = async (start: number): Promise<boolean> => {
    let position = start
    let isTrue = true
    for await (const { offset, bytes } of await client.get(root, { range: { start } })) {
      const draw = draws[drawn++ % draws.length]!
      if (draw < 12) await sleep(draw)
      isTrue &&= offset === position && isAt(bytes, offset)
      position = offset + bytes.length
    }
    return isTrue && position === TWICE.length
  }
  expect(await Promise.all([read(0), read(1_000_001), read(3_000_000)])).toEqual([true, true, true])
  await client.close()
  await settled(node)
  expect(faultsOf(node)).toEqual([])
  expect(paidTo(node)).toEqual(client.cost())
})

test('what its reader has when he leaves stays as it is, while what was in flight is verified', async () => {
  const content = new MemoryContent()
  const node = await startPaidNode(servingUnits(content))
  const client = clientOf({ nodes: [node] })
  const download = await client.get(await content.addRoot(TWICE))
  const parts = download[Symbol.asyncIterator]()
  for (let i = 0; i < 20; i++) await parts.next()
  const { value } = await parts.next()
  const { offset, bytes } = value!
  const lane = node.meters[0]!.lanes.get(1)!
  await vi.waitFor(() => expect(Number(lane.sent)).toBeGreaterThan(2 ** 21), { timeout: 20_000 })
  download.close()
  await vi.waitFor(() => expect(lane).toMatchObject({ how: 'reset-by-client', acknowledged: lane.sent }), { timeout: 20_000 })
  expect(isAt(bytes, offset)).toBe(true)
  await client.close()
  await settled(node)
  expect(faultsOf(node)).toEqual([])
})

test('readers who have the last part and never ask for the end leave the connection its credit', async () => {
  const content = new MemoryContent()
  const node = await startPaidNode(servingUnits(content))
  const client = clientOf({ nodes: [node] })
  const small = await content.addRoot(TWICE.subarray(0, 16_384)) // one part
  for (let i = 0; i < 1_100; i++) {
    const parts = (await client.get(small))[Symbol.asyncIterator]() // together more than the connection's credit
    const { value } = await parts.next()
    if (i % 100 === 0) expect(isAt(value!.bytes, 0)).toBe(true)
  }
  let bytes = 0
  for await (const part of await client.get(await content.addRoot(TWICE))) bytes += part.bytes.length
  expect(bytes).toBe(TWICE.length)
})

test('a guest’s part stays as it is while he has it, too, and his sink stores what came', async () => {
  const content = new MemoryContent()
  const node = await startNode(serving(content))
  const client = createClient({ nodes: [node] })
  onTestFinished(() => client.close())
  const root = await content.addRoot(TWICE)
  let position = 0
  let isTrue = true
  for await (const { offset, bytes } of await client.get(root)) {
    if (position % 7 === 0) await sleep(1)
    isTrue &&= offset === position && isAt(bytes, offset)
    position += bytes.length
  }
  expect([isTrue, position]).toEqual([true, TWICE.length])
  const store = createMemoryStore()
  const writeContent = async (offset: number, bytes: Uint8Array): Promise<void> => {
    await sleep(1) // more comes meanwhile
    store.writeContent(offset, bytes)
  }
  await client.receive(root, createSink(root, { store: { ...store, writeContent } }))
  expect(isAt(store.readContent(0, TWICE.length), 0)).toBe(true)
})

test('guests who leave with the last part leave the connection its credit', async () => {
  const content = new MemoryContent()
  const node = await startNode(serving(content))
  const client = createClient({ nodes: [node] })
  onTestFinished(() => client.close())
  const small = await content.addRoot(TWICE.subarray(0, 80_000)) // two pieces
  for (let i = 0; i < 350; i++) {
    let bytes = 0
    for await (const part of await client.get(small)) {
      if ((bytes += part.bytes.length) < 80_000) continue
      await sleep(2) // the end comes too
      break
    }
  }
  let bytes = 0
  for await (const part of await client.get(await content.addRoot(TWICE))) bytes += part.bytes.length
  expect(bytes).toBe(TWICE.length)
})
