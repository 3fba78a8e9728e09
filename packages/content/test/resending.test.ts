/** What a cut has lost is made again: the same bytes, without what lies before them, bounded, one at a time, and only while somebody wants it. */
import { setImmediate as turn } from 'node:timers/promises'
import { ChunkRanges } from '@selvedge/verified-streaming'
import { importer } from 'ipfs-unixfs-importer'
import { fixedSize } from 'ipfs-unixfs-importer/chunker'
import type { CID } from 'multiformats/cid'
import { describe, expect, test } from 'vitest'
import {
  type ContentMode,
  type ContentSourcePort,
  createContentServer,
  createResender,
  decodeRequest,
  LANE_RESUME_LOST,
  openContent,
  type Served,
  serveContent,
} from '../src/index.ts'
import { createMemorySource, type MemorySource, sampleBytes } from './memory-source.ts'
import { requestOf } from './requests.ts'

const RAW = 0x55
const SIZE = 300_000
const DATA = sampleBytes(SIZE)
const WANTED = new AbortController().signal

async function collect(source: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  for await (const part of source) parts.push(part.slice())
  return new Uint8Array(Buffer.concat(parts))
}

interface Case {
  readonly name: string
  readonly mode: ContentMode
  make(source: MemorySource): Promise<Uint8Array>
}

const ranges = ChunkRanges.fromByteRanges([{ start: 10_000, end: 90_000 }, { start: 200_000 }])
const files = { 'a/one': DATA, 'a/two': sampleBytes(3), b: sampleBytes(100, 4) }

const CASES: readonly Case[] = [
  { name: 'a root', mode: 'blake3', make: async (source) => requestOf(await source.addRoot(DATA)) },
  { name: 'ranges of a root', mode: 'blake3', make: async (source) => requestOf(await source.addRoot(DATA), { ranges }) },
  { name: 'a proof', mode: 'proof', make: async (source) => requestOf(await source.addFile(DATA)) },
  { name: 'ranges of a proof', mode: 'proof', make: async (source) => requestOf(await source.addFile(DATA), { ranges }) },
  { name: 'a CAR', mode: 'car', make: async (source) => requestOf(await source.addFile(DATA), { modes: ['car'], ranges }) },
  { name: 'a tree', mode: 'car', make: async (source) => requestOf(await source.addDirectory(files), { scope: 'all' }) },
]

describe.each(CASES)('$name', ({ mode, make }) => {
  test('is made again between any two of its offsets, and what was opened for it is closed', async () => {
    const source = createMemorySource()
    const served = await createContentServer({ source }).serve(await make(source))
    expect(served.fields.mode).toBe(mode)
    const whole = await collect(served.body)
    const { length } = whole
    for (const [from, to] of [
      [0, 1],
      [0, length],
      [length - 1, length],
      [length, length],
      [5, 5],
      [9, 3],
      ...Array.from({ length: 40 }, (_, i) => [Math.min(i * 7_001, length), i * 9_000 + 1] as const),
    ] as const) {
      const again = await collect(served.resend(from, to, WANTED))
      expect(Buffer.compare(again, whole.subarray(from, Math.max(from, to)))).toBe(0)
    }
    expect((await collect(served.resend(length - 10, length + 10, WANTED))).length).toBe(10) // it has no more
    await expect(collect(served.resend(length + 1, length + 2, WANTED))).rejects.toMatchObject({ code: 'CONTENT_INTERNAL' })
    expect(source.openCount).toBe(0)
  })

  test('that nobody wants any more is made no further', async () => {
    const source = createMemorySource()
    const served = await createContentServer({ source }).serve(await make(source))
    const { length } = await collect(served.body)
    const controller = new AbortController()
    const again = served.resend(0, length, controller.signal)[Symbol.asyncIterator]()
    expect((await again.next()).done).toBe(false)
    const reason = new Error('the connection is gone')
    controller.abort(reason)
    await expect(again.next()).rejects.toBe(reason)
    await expect(collect(served.resend(0, 10, controller.signal))).rejects.toBe(reason)
    const left = served.resend(0, length, WANTED)[Symbol.asyncIterator]()
    await left.next()
    await left.return!()
    expect(source.openCount).toBe(0)
  })
})

test('what was answered without bytes has none to be made again', async () => {
  const source = createMemorySource()
  const root = await source.addRoot(DATA)
  for (const request of [requestOf(root, { head: true }), requestOf(new Uint8Array(32)), requestOf(root, { ifNoneMatch: true })]) {
    const { resend } = await createContentServer({ source }).serve(request)
    expect(await collect(resend(0, 10, WANTED))).toEqual(new Uint8Array(0))
  }
})

test('of a root nothing is read before the chunk group of the offset', async () => {
  const source = createMemorySource()
  const root = await source.addRoot(DATA)
  const served = await createContentServer({ source }).serve(requestOf(root))
  const whole = await collect(served.body)
  const reads: number[] = []
  const watching: ContentSourcePort = {
    ...source,
    async openRoot(asked) {
      const blob = (await source.openRoot(asked))!
      const data = blob.data as Exclude<typeof blob.data, Uint8Array>
      return { ...blob, data: { size: data.size, readAt: (offset, length) => (reads.push(offset), data.readAt(offset, length)) } }
    },
  }
  const from = 250_000
  const again = await collect(createResender(watching)(served)(from, from + 1_000, WANTED))
  expect(Buffer.compare(again, whole.subarray(from, from + 1_000))).toBe(0)
  expect(reads).toEqual([15 * 16_384]) // before that group stand 15 others, 16 parents and the size
})

/** What `source` gives, and of which blocks. */
function watched(source: ContentSourcePort): { readonly source: ContentSourcePort; readonly asked: CID[] } {
  const asked: CID[] = []
  const openCid: ContentSourcePort['openCid'] = async (cid, options) => {
    const opened = await source.openCid(cid, options)
    return { ...opened, blocks: { get: (each, abort) => (asked.push(each), opened.blocks.get(each, abort)) } }
  }
  return { asked, source: { ...source, openCid, openTree: openCid } }
}

test.each(['proof', 'car'] as const)('of a file in mode %s no leaf is read before the offset', async (mode) => {
  const memory = createMemorySource()
  const cid = await memory.addFile(DATA, 1_024)
  const served = await createContentServer({ source: memory }).serve(requestOf(cid, { modes: [mode] }))
  const { length } = await collect(served.body)
  const { source, asked } = watched(memory)
  const resend = createResender(source, { readBytesMax: 100_000 })(served)
  expect((await collect(resend(length - 100, length, WANTED))).length).toBe(100)
  expect(asked.filter(({ code }) => code === RAW)).toHaveLength(1)
})

/** A file whose leaves are nodes, so that nobody but they themselves tells their length. */
async function addWrapped(source: MemorySource): Promise<CID> {
  const put = async (cid: CID, bytes: Uint8Array): Promise<CID> => {
    source.blocks.set(Buffer.from(cid.multihash.bytes).toString('hex'), bytes)
    return cid
  }
  const options = { cidVersion: 1, rawLeaves: false, wrapWithDirectory: false, chunker: fixedSize({ chunkSize: 10_000 }) } as const
  let root: CID | undefined
  for await (const { cid } of importer([{ path: 'file', content: DATA }], { put } as never, options)) root = cid
  return root!
}

describe('leaves that are nodes', () => {
  /** The source has no record of such a file, but of one with the same bytes. */
  async function serving(readBytesMax: number) {
    const memory = createMemorySource()
    const cid = await addWrapped(memory)
    const known = await memory.addFile(DATA)
    const { source, asked } = watched({ ...memory, openCid: () => memory.openCid(known) })
    const request = decodeRequest(requestOf(cid))
    const served: Served = await serveContent(request, await openContent(source, request))
    const whole = await collect(served.body)
    asked.length = 0
    return { whole, resend: createResender(source, { readBytesMax })(served), memory, asked }
  }

  test('are read up to the offset, as far as the bound, and not beyond it', async () => {
    const { whole, resend, memory, asked } = await serving(100_000)
    const near = 100_000
    const again = await collect(resend(near, near + 50_000, WANTED))
    expect(Buffer.compare(again, whole.subarray(near, near + 50_000))).toBe(0)
    asked.length = 0
    const failure = await collect(resend(250_000, 250_100, WANTED)).then(
      () => undefined,
      (error: unknown) => error,
    )
    expect(failure).toMatchObject({ code: 'CONTENT_TOO_FAR', laneCode: LANE_RESUME_LOST })
    expect(asked.length).toBeLessThanOrEqual(13) // 100,000 bytes of them, two blocks more, and the root
    expect(memory.openCount).toBe(0)
  })

  test('that follow the first wanted byte are not counted: the bound is on what is read for nothing', async () => {
    const { whole, resend } = await serving(0)
    const again = await collect(resend(0, whole.length, WANTED))
    expect(Buffer.compare(again, whole)).toBe(0)
  })
})

describe('turns', () => {
  /** A source whose blocks come when they are let go. */
  async function halting() {
    const memory = createMemorySource()
    const cid = await memory.addFile(DATA)
    const served = await createContentServer({ source: memory }).serve(requestOf(cid))
    const whole = await collect(served.body)
    const waiting: (() => void)[] = []
    let opened = 0
    const source: ContentSourcePort = {
      ...memory,
      async openCid(asked, options) {
        opened++
        const entity = await memory.openCid(asked, options)
        const get: typeof entity.blocks.get = async (each, { signal } = {}) => {
          await new Promise<void>((resolve, reject) => {
            waiting.push(resolve)
            signal?.addEventListener('abort', () => reject(signal?.reason as Error), { once: true })
          })
          return await entity.blocks.get(each)
        }
        return { ...entity, blocks: { get } }
      },
    }
    const letGo = (): void => {
      for (const go of waiting.splice(0)) go()
    }
    return { memory, served, whole, resendOf: createResender(source), letGo, opened: () => opened }
  }

  test('one body is looked through at a time; whoever has its first byte is in nobody’s way', async () => {
    const { served, whole, resendOf, letGo, opened } = await halting()
    const resend = resendOf(served)
    const still = resend(100_000, whole.length, WANTED)[Symbol.asyncIterator]()
    const first = still.next()
    const second = collect(resend(50_000, 50_100, WANTED))
    await turn()
    expect(opened()).toBe(1)
    let isFirstThere = false
    void first.then(() => (isFirstThere = true))
    while (!isFirstThere) {
      letGo()
      await turn()
    }
    let isSecondThere = false
    void second.then(() => (isSecondThere = true))
    while (!isSecondThere) {
      letGo()
      await turn()
    }
    expect(Buffer.compare(await second, whole.subarray(50_000, 50_100))).toBe(0)
    await still.return!()
  })

  test('a source that stands still gives up its turn when the lane or the connection is gone', async () => {
    const { memory, served, resendOf, letGo } = await halting()
    const [lane, connection] = [new AbortController(), new AbortController()]
    const byLane = collect(resendOf(served, { signal: lane.signal })(100, 200, WANTED))
    const byConnection = collect(resendOf(served)(100, 200, connection.signal))
    const last = collect(resendOf(served)(100, 200, WANTED))
    await turn()
    lane.abort(new Error('the lane is over'))
    await expect(byLane).rejects.toThrow('the lane is over')
    await turn()
    connection.abort(new Error('the connection is gone'))
    await expect(byConnection).rejects.toThrow('the connection is gone')
    let isThere = false
    void last.then(() => (isThere = true))
    while (!isThere) {
      letGo()
      await turn()
    }
    expect((await last).length).toBe(100)
    expect(memory.openCount).toBe(0)
  })

  test('whoever waits for a turn and is not wanted any more hears it at once, and keeps nobody waiting', async () => {
    const { served, resendOf, letGo, opened } = await halting()
    const resend = resendOf(served)
    const first = collect(resend(0, 100, WANTED))
    const leaving = new AbortController()
    const second = collect(resend(0, 100, leaving.signal))
    const third = collect(resend(100, 200, WANTED))
    await turn()
    leaving.abort(new Error('not wanted any more'))
    await expect(second).rejects.toThrow('not wanted any more')
    expect(opened()).toBe(1) // the first has its turn still, and the third has to wait for it
    let isThere = false
    void third.then(() => (isThere = true))
    while (!isThere) {
      letGo()
      await turn()
    }
    expect([(await first).length, (await third).length, opened()]).toEqual([100, 100, 2])
  })

  test('what was served and is gone is not made again, and its turn is over', async () => {
    const source = createMemorySource()
    const cid = await source.addFile(DATA)
    const served = await createContentServer({ source }).serve(requestOf(cid))
    await collect(served.body)
    const gone = Object.assign(new Error('no more'), { code: 'FETCHER_NOT_FOUND' })
    let isGone = true
    const resend = createResender({ ...source, openCid: (asked) => (isGone ? Promise.reject(gone) : source.openCid(asked)) })(served)
    await expect(collect(resend(0, 10, WANTED))).rejects.toMatchObject({ code: 'CONTENT_NOT_FOUND' })
    isGone = false
    expect((await collect(resend(0, 10, WANTED))).length).toBe(10)
  })
})
