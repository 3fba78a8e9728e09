// Goal: what comes over a connection is in its one encoding or is refused, by both ends, within their limits and deadlines.
import {
  type Connection,
  createRemoteSource,
  decodeRequest,
  encodeRequest,
  FRAME_BYTES_MAX,
  ITEM_BYTES_MAX,
  serveConnection,
  SynchronizerError,
  TRANSACTION_BYTES_MAX,
  type SyncRequest,
  type SyncSource,
} from '@selvedge/synchronizer'
import { ChunkRanges } from '@selvedge/verified-streaming'
import fc from 'fast-check'
import { expect, test } from 'vitest'

const root = new Uint8Array(32).fill(5)
const requests: readonly SyncRequest[] = [
  { type: 'epochProof', epoch: 7 },
  { type: 'snapshotCertificate', epoch: 2 ** 32 - 1 },
  { type: 'blocks', from: 2 ** 40 },
  { type: 'transaction', hops: 2, transaction: new Uint8Array(300).fill(7) },
  { type: 'transaction', hops: 0, transaction: new Uint8Array(TRANSACTION_BYTES_MAX) },
  { type: 'slice', root, ranges: ChunkRanges.fromChunks(3, 9).union(ChunkRanges.lastChunk) },
]

/** The two ends of a pipe. */
function createPipe(): readonly [Connection, Connection] {
  const ends = [0, 1].map(() => ({ queue: [] as Uint8Array[], wake: () => {}, isClosed: false }))
  const endOf = (own: number): Connection => {
    const [mine, theirs] = [ends[own]!, ends[1 - own]!]
    return {
      incoming: (async function* () {
        for (;;) {
          const bytes = mine.queue.shift()
          if (bytes !== undefined) yield bytes
          else if (mine.isClosed) return
          else {
            const { promise, resolve } = Promise.withResolvers<void>()
            mine.wake = resolve
            await promise
          }
        }
      })(),
      async write(bytes) {
        if (theirs.isClosed) throw new Error('closed')
        theirs.queue.push(bytes)
        theirs.wake()
      },
      close() {
        for (const end of ends) {
          end.isClosed = true
          end.wake()
        }
      },
    }
  }
  return [endOf(0), endOf(1)]
}

const frame = (...bytes: readonly number[]): Uint8Array => Uint8Array.from([bytes.length, 0, 0, 0, ...bytes])
/** A source whose node answers with these bytes, whatever it is asked. */
const answering = (...answer: readonly Uint8Array[]): SyncSource =>
  createRemoteSource(
    async () => {
      const [own, other] = createPipe()
      for (const bytes of answer) await other.write(bytes)
      void (async () => {
        for await (const _ of other.incoming) return other.close() // after the request
      })()
      return own
    },
    { name: 'hostile' },
  )
const first = async (items: AsyncIterable<Uint8Array>): Promise<Uint8Array | undefined> => {
  for await (const item of items) return item
  return undefined
}

test('every request has one encoding', () => {
  for (const request of requests) {
    const bytes = encodeRequest(request)
    expect(decodeRequest(bytes)).toEqual(request)
    for (let length = 0; length < bytes.length; length++) expect(() => decodeRequest(bytes.subarray(0, length))).toThrow(SynchronizerError)
    expect(() => decodeRequest(Uint8Array.from([...bytes, 0]))).toThrow(SynchronizerError)
  }
})

test('no bytes make the decoder of requests throw anything but its error, and what it takes it would write', () => {
  const near = fc.tuple(fc.constantFrom(...requests), fc.nat(), fc.nat(255)).map(([request, at, byte]) => {
    const bytes = encodeRequest(request)
    bytes[at % bytes.length] = byte
    return bytes
  })
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 80 }), near), (bytes) => {
      try {
        expect(encodeRequest(decodeRequest(bytes))).toEqual(bytes)
      } catch (error) {
        expect((error as SynchronizerError).code).toBe('SYNCHRONIZER_MALFORMED')
      }
    }),
    { numRuns: Number(process.env.RUNS ?? 2_000) },
  )
})

/** A part that fills its frame: the only kind that another may follow. */
const FULL_PART = new Uint8Array(4 + FRAME_BYTES_MAX)
new DataView(FULL_PART.buffer).setUint32(0, FRAME_BYTES_MAX, true)

test.each<readonly [string, string, readonly Uint8Array[]]>([
  ['a frame longer than the limit', 'SYNCHRONIZER_TOO_LARGE', [Uint8Array.from([1, 0, 4, 0])]],
  ['an unknown kind of frame', 'SYNCHRONIZER_MALFORMED', [frame(9)]],
  ['an empty frame', 'SYNCHRONIZER_MALFORMED', [frame()]],
  ['an end inside an item', 'SYNCHRONIZER_MALFORMED', [FULL_PART, frame(2)]],
  ['an end with something in it', 'SYNCHRONIZER_MALFORMED', [frame(2, 1)]],
  ['a stream that ends inside a frame', 'SYNCHRONIZER_CLOSED', [frame(1, 2, 3).subarray(0, 6)]],
  ['a stream that ends inside an item', 'SYNCHRONIZER_CLOSED', [FULL_PART]],
  ['a stream that ends at once', 'SYNCHRONIZER_CLOSED', []],
])('%s is %s', async (_, code, answer) => {
  await expect(first(answering(...answer).blocks(1, {}))).rejects.toMatchObject({ code })
})

test('an item of more parts than the limit is refused before the last of them is there', async () => {
  const part = new Uint8Array(4 + FRAME_BYTES_MAX)
  new DataView(part.buffer).setUint32(0, FRAME_BYTES_MAX, true)
  const parts = Array.from({ length: Math.ceil(ITEM_BYTES_MAX / FRAME_BYTES_MAX) + 1 }, () => part)
  await expect(first(answering(...parts).blocks(1, {}))).rejects.toMatchObject({ code: 'SYNCHRONIZER_TOO_LARGE' })
})

test('what a node does not have is an absence, not an error', async () => {
  expect(await answering(frame(3)).epochProof(1, {})).toBeUndefined()
})

const silent: SyncSource = {
  name: 'silent',
  epochProof: async () => Uint8Array.of(1),
  snapshotCertificate: async () => undefined,
  async *snapshotSlice() {},
  async *blocks() {},
}

test('an item of any length arrives as it was sent', async () => {
  for (const length of [0, 1, FRAME_BYTES_MAX - 1, FRAME_BYTES_MAX, 3 * FRAME_BYTES_MAX + 7]) {
    const item = new Uint8Array(length).fill(length)
    const source = createRemoteSource(
      async () => {
        const [own, other] = createPipe()
        void serveConnection(other, {
          ...silent,
          async *blocks() {
            yield item
          },
        })
        return own
      },
      { name: 'pipe' },
    )
    const items: Uint8Array[] = []
    for await (const each of source.blocks(1, {})) items.push(each)
    expect(items).toEqual([item])
  }
})

test('a server does not wait for a request for ever, nor for an asker that takes nothing', async () => {
  const [own, other] = createPipe()
  await serveConnection(other, silent, { msMax: 20 })
  await expect(own.write(Uint8Array.of(1))).rejects.toThrow('closed')
  const [asker, server] = createPipe()
  await asker.write(Uint8Array.from([10, 0, 0, 0, ...encodeRequest({ type: 'epochProof', epoch: 1 })]))
  await serveConnection({ ...server, write: () => Promise.withResolvers<void>().promise }, silent, { msMax: 20 })
  await expect(asker.write(Uint8Array.of(1))).rejects.toThrow('closed')
})

test('a server closes on a request that is none, and on one that is too long', async () => {
  for (const bytes of [frame(1, 9), frame(2, 1), Uint8Array.from([0, 0, 1, 0])]) {
    const [own, other] = createPipe()
    await own.write(bytes)
    await serveConnection(other, silent)
    expect(await first(own.incoming)).toBeUndefined()
  }
})

test("what the served source throws is the server's to know, and the asker sees an end", async () => {
  const [own, other] = createPipe()
  await own.write(Uint8Array.from([10, 0, 0, 0, ...encodeRequest({ type: 'epochProof', epoch: 1 })]))
  const broken: SyncSource = { ...silent, epochProof: () => Promise.reject(new Error('the disk is gone')) }
  await expect(serveConnection(other, broken)).rejects.toThrow('the disk is gone')
  expect(await first(own.incoming)).toBeUndefined()
})

test('an asker that leaves ends the feed that it was served', async () => {
  const [own, other] = createPipe()
  const { promise: ended, resolve } = Promise.withResolvers<unknown>()
  const feed: SyncSource = {
    ...silent,
    async *blocks(_, { signal }) {
      signal!.addEventListener('abort', () => resolve(signal!.reason))
      yield await ended.then(() => Uint8Array.of(1))
    },
  }
  const job = serveConnection(other, feed)
  await own.write(Uint8Array.from([10, 0, 0, 0, ...encodeRequest({ type: 'blocks', from: 1 })]))
  own.close()
  await job
  expect(await ended).toMatchObject({ code: 'SYNCHRONIZER_CLOSED' })
})
