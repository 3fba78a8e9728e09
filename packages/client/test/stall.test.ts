import { encodeAnswer } from '@selvedge/content'
import type { LaneRequest } from '@selvedge/handshake/tls'
import { expect, onTestFinished, test } from 'vitest'
import { createClient, type Client, type ClientOptions } from '../src/index.ts'
import { MemoryContent, sampleBytes, serving, startNode, stoppingAfter } from './node.ts'

const DATA = sampleBytes(300_000)
const STALL_MS = 1_000

function clientOf(options: ClientOptions): Client {
  const client = createClient({ stallTimeoutMs: STALL_MS, ...options })
  onTestFinished(() => client.close())
  return client
}

/** A node that lives, and stops: before its answer, after it, or after so many bytes of `honest`. */
function stopping(moment: 'silent' | 'answered' | number, honest?: (request: LaneRequest) => Promise<void>) {
  return async (request: LaneRequest): Promise<void> => {
    if (moment === 'silent') return
    if (moment === 'answered') {
      const none = { size: undefined, root: undefined, contentType: '', mappingProof: new Uint8Array(0) }
      request.accept(encodeAnswer({ status: 200, mode: 'proof', chunkGroupLog: 0, ...none }))
      return
    }
    await stoppingAfter(moment, honest!)(request)
  }
}

test.each(['silent', 'answered', 10, 150_000] as const)(
  'a node that stops (%s) is left for the next, and its lane is ended',
  async (moment) => {
    const content = new MemoryContent()
    const cid = await content.add({ file: DATA })
    const stopped = await startNode(stopping(moment, serving(content)))
    const client = clientOf({ nodes: [stopped, await startNode(serving(content))] })
    const parts: Uint8Array[] = []
    for await (const { bytes } of await client.get(cid)) parts.push(bytes.slice())
    expect(new Uint8Array(Buffer.concat(parts))).toEqual(DATA)
    const { signal } = stopped.requests[0]!
    if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve))
  },
)

test('the last node that stops is told as an interruption, and all its lanes can be used again', async () => {
  const content = new MemoryContent()
  const cid = await content.add({ file: DATA })
  let isStopping = true
  const honest = serving(content)
  const node = await startNode((request) => (isStopping ? stopping('silent')(request) : honest(request)))
  const client = clientOf({ nodes: [node] })
  const asked = Array.from({ length: 6 }, () => client.get(cid))
  for (const outcome of await Promise.allSettled(asked)) expect(outcome).toMatchObject({ reason: { code: 'CLIENT_INTERRUPTED' } })
  isStopping = false
  expect((await client.get(cid)).size).toBe(DATA.length)
})

test('a node that trickles, never silent for long, is left for the next one, which goes on where it was', async () => {
  const content = new MemoryContent()
  const cid = await content.add({ file: DATA })
  const honest = serving(content)
  const trickling = await startNode(async (request) => {
    const accept: LaneRequest['accept'] = (metadata) => {
      const lane = request.accept(metadata)
      const write = async (bytes: Uint8Array | readonly Uint8Array[]): Promise<void> => {
        for (const byte of bytes as Uint8Array) {
          await lane.write(Uint8Array.of(byte))
          await new Promise((resolve) => setTimeout(resolve, 10))
        }
      }
      return Object.assign(Object.create(lane) as typeof lane, { write })
    }
    await honest({ ...request, accept }).catch(() => undefined)
  })
  const fast = await startNode(honest)
  const client = clientOf({ nodes: [trickling, fast], stallTimeoutMs: 60_000, bytesPerSecondMin: 10_000, rateWindowMs: 200 })
  const parts: Uint8Array[] = []
  for await (const { bytes } of await client.get(cid)) parts.push(bytes.slice())
  expect(new Uint8Array(Buffer.concat(parts))).toEqual(DATA)
  expect([trickling.requests.length, fast.requests.length]).toEqual([1, 1])
  const alone = clientOf({ nodes: [trickling], stallTimeoutMs: 60_000, bytesPerSecondMin: 10_000, rateWindowMs: 200 })
  await expect(alone.get(cid)).rejects.toMatchObject({ code: 'CLIENT_INTERRUPTED' })
})

test('a reader that takes its time is no stalled node', async () => {
  const content = new MemoryContent()
  const cid = await content.add({ file: DATA })
  const client = clientOf({ nodes: [await startNode(serving(content))] })
  let bytes = 0
  for await (const part of await client.get(cid)) {
    if (bytes === 0) await new Promise((resolve) => setTimeout(resolve, 2 * STALL_MS))
    bytes += part.bytes.length
  }
  expect(bytes).toBe(DATA.length)
})
