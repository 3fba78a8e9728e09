import { CarError, flatBytes, listEntries, verifyCar, verifyProof } from '@selvedge/verified-car'
import { ChunkRanges, decode } from '@selvedge/verified-streaming'
import { CID } from 'multiformats/cid'
import { expect, test } from 'vitest'
import {
  byteRangesOf,
  ContentError,
  createContentServer,
  decodeAnswer,
  encodeRequest,
  LANE_CONTENT_REFUSED,
  LANE_INTERNAL,
  LANE_ORIGIN_FAILED,
  sniffContentType,
  type ContentMode,
  type ContentRequest,
} from '../src/index.ts'
import { createMemorySource, sampleBytes } from './memory-source.ts'

const EMPTY = new Uint8Array(0)
const SIZE = 100_000
const DATA = sampleBytes(SIZE)

function requestOf(address: CID | Uint8Array, modes: readonly ContentMode[], changes: Partial<ContentRequest> = {}): Uint8Array {
  const isRoot = address instanceof Uint8Array
  return encodeRequest({
    kind: isRoot ? 'root' : 'cid',
    address: isRoot ? address : address.bytes,
    modes,
    head: false,
    mappingProof: false,
    outboardOnly: false,
    scope: 'entity',
    traceparent: EMPTY,
    ranges: ChunkRanges.all,
    ...changes,
  })
}

async function collect(source: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  for await (const part of source) parts.push(part.slice())
  return new Uint8Array(Buffer.concat(parts))
}

async function* once(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes
}

async function joined(parts: AsyncIterable<{ offset: number; bytes: Uint8Array }>): Promise<Uint8Array> {
  const out: Uint8Array[] = []
  for await (const { bytes } of parts) out.push(bytes.slice())
  return new Uint8Array(Buffer.concat(out))
}

test('a root is answered with a BLAKE3 response of its own size', async () => {
  const source = createMemorySource()
  const root = await source.addRoot(DATA)
  const { answer, body } = await createContentServer({ source }).serve(requestOf(root, ['blake3']))
  expect(decodeAnswer(answer)).toMatchObject({ status: 200, mode: 'blake3', size: SIZE, chunkGroupLog: 4, root })
  expect(await joined(decode(body, root, { end: true }))).toEqual(DATA)
  expect(source.openCount).toBe(0)
})

test('several ranges of a root are one response, in order', async () => {
  const source = createMemorySource()
  const root = await source.addRoot(DATA)
  const ranges = ChunkRanges.fromByteRanges([
    { start: 70_000, end: 71_000 },
    { start: 0, end: 10 },
    { start: 5, end: 2000 },
  ])
  const { answer, body } = await createContentServer({ source }).serve(requestOf(root, ['blake3'], { ranges }))
  expect(decodeAnswer(answer).status).toBe(206)
  const offsets: number[] = []
  for await (const { offset, bytes } of decode(body, root, { ranges, end: true })) {
    expect(bytes).toEqual(DATA.subarray(offset, offset + bytes.length))
    offsets.push(offset)
  }
  expect(offsets).toEqual([0, 69_632])
})

test('a CID that is complete is answered in mode proof, checked by nothing but the CID', async () => {
  const source = createMemorySource()
  const cid = await source.addFile(DATA)
  const { answer, body } = await createContentServer({ source }).serve(requestOf(cid, ['car', 'proof']))
  expect(decodeAnswer(answer)).toMatchObject({ status: 200, mode: 'proof', size: SIZE, root: undefined })
  expect(await joined(flatBytes(verifyProof(body, cid, { size: SIZE })))).toEqual(DATA)
})

test('a file of one raw block needs only the size of the answer', async () => {
  const source = createMemorySource()
  const cid = await source.addFile(DATA.subarray(0, 3000))
  const { fields, body } = await createContentServer({ source }).serve(requestOf(cid, ['proof']))
  expect(await collect(body)).toEqual(DATA.subarray(0, 3000))
  expect(fields.size).toBe(3000)
})

test('a CID that is still arriving is answered with CAR blocks without a header, as they come', async () => {
  const source = createMemorySource()
  const cid = await source.addFile(DATA)
  source.opened = { complete: false }
  const { answer, body } = await createContentServer({ source }).serve(requestOf(cid, ['car', 'proof']))
  expect(decodeAnswer(answer)).toMatchObject({ status: 200, mode: 'car' })
  expect(await joined(flatBytes(verifyCar(body, cid, { header: false })))).toEqual(DATA)
})

test.each(['car', 'proof'] as const)('several ranges in mode %s are their union, each block once', async (mode) => {
  const source = createMemorySource()
  const cid = await source.addFile(DATA)
  const ranges = ChunkRanges.fromByteRanges([
    { start: 50_000, end: 50_001 },
    { start: 8192, end: 9000 },
    { start: 8200, end: 12_288 },
  ])
  const asked = byteRangesOf(ranges)!
  const { fields, body } = await createContentServer({ source }).serve(requestOf(cid, [mode], { ranges }))
  const bytes = await collect(body)
  expect(fields.mode).toBe(mode)
  expect(bytes.length).toBeLessThan(4 * 4096) // two leaves, one node
  const blocks =
    mode === 'car' ? verifyCar(once(bytes), cid, { header: false, ranges: asked }) : verifyProof(once(bytes), cid, { ranges: asked })
  const offsets: number[] = []
  for await (const { offset, bytes: part } of flatBytes(blocks)) {
    expect(part).toEqual(DATA.subarray(offset, offset + part.length))
    offsets.push(offset)
  }
  expect(offsets).toEqual([8192, 49_152])
})

test('a directory answers with its own nodes', async () => {
  const source = createMemorySource()
  const cid = await source.addDirectory({ 'a.txt': DATA.subarray(0, 10), 'b.txt': DATA.subarray(0, 9000) })
  const { fields, body } = await createContentServer({ source }).serve(requestOf(cid, ['proof']))
  expect(fields.contentType).toBe('inode/directory')
  const nodes: Uint8Array[] = []
  for await (const { block } of verifyProof(body, cid)) nodes.push(block.slice())
  expect(nodes).toHaveLength(1)
  const names: string[] = []
  for await (const { name } of listEntries(cid, { get: async () => nodes[0]! })) names.push(name)
  expect(names).toEqual(['a.txt', 'b.txt'])
})

test.each([
  ['a root by proof', 'root', ['proof', 'car'], true],
  ['a CID by BLAKE3', 'cid', ['blake3'], true],
  ['a CID by attestation', 'cid', ['attested'], true],
  ['arriving content by proof', 'cid', ['proof'], false],
] as const)('%s is not acceptable: 406, and nothing stays open', async (_, kind, modes, complete) => {
  const source = createMemorySource()
  source.opened = { complete }
  const address = kind === 'root' ? await source.addRoot(DATA) : await source.addFile(DATA)
  const { answer, body } = await createContentServer({ source }).serve(requestOf(address, modes))
  expect(decodeAnswer(answer)).toMatchObject({ status: 406, mode: undefined })
  expect(await collect(body)).toEqual(EMPTY)
  expect(source.openCount).toBe(0)
})

test('what is absent is an answer: 404', async () => {
  const server = createContentServer({ source: createMemorySource() })
  const absent = CID.parse('bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy')
  for (const address of [absent, new Uint8Array(32).fill(1)]) {
    const { answer } = await server.serve(requestOf(address, ['proof', 'blake3']))
    expect(decodeAnswer(answer)).toMatchObject({ status: 404, mode: undefined, size: undefined })
  }
})

test('what this first form does not do says so: 501', async () => {
  const source = createMemorySource()
  const root = await source.addRoot(DATA)
  const server = createContentServer({ source })
  expect((await server.serve(requestOf(root, ['blake3'], { outboardOnly: true }))).fields.status).toBe(501)
  expect((await server.serve(requestOf(root, ['blake3'], { kind: 'url' }))).fields.status).toBe(501)
})

test('HEAD has the answer and no bytes', async () => {
  const source = createMemorySource()
  const root = await source.addRoot(DATA)
  const { fields, body } = await createContentServer({ source }).serve(requestOf(root, ['blake3'], { head: true }))
  expect(fields).toMatchObject({ status: 200, size: SIZE })
  expect(await collect(body)).toEqual(EMPTY)
  expect(source.openCount).toBe(0)
})

test('a client that holds the content is told that it is served, or that it is not, and gets no bytes', async () => {
  const source = createMemorySource()
  const root = await source.addRoot(DATA)
  const server = createContentServer({ source })
  const { answer, body } = await server.serve(requestOf(root, ['blake3'], { ifNoneMatch: true }))
  expect(decodeAnswer(answer)).toMatchObject({ status: 304, mode: undefined, size: undefined })
  expect(await collect(body)).toEqual(EMPTY)
  expect(source.openCount).toBe(0)
  expect((await server.serve(requestOf(new Uint8Array(32), ['blake3'], { ifNoneMatch: true }))).fields.status).toBe(404)
})

test('a server that asks no service keeps nothing for anybody', async () => {
  const source = createMemorySource()
  const root = await source.addRoot(DATA)
  const { fields, body } = await createContentServer({ source }).serve(requestOf(root, ['blake3'], { pin: true }))
  expect(fields.status).toBe(501)
  expect(await collect(body)).toEqual(EMPTY)
  expect(source.openCount).toBe(0)
})

test('a reader that stops closes what was opened', async () => {
  const source = createMemorySource()
  const cid = await source.addFile(DATA)
  const { body } = await createContentServer({ source }).serve(requestOf(cid, ['proof']))
  for await (const part of body) {
    expect(part.length).toBeGreaterThan(0)
    break
  }
  expect(source.openCount).toBe(0)
})

const coded = (code: string, cause?: unknown): Error => Object.assign(new Error(`because of ${code}`, { cause }), { code })

test.each([
  ['a block that does not match', new CarError('CAR_BAD_HASH', 'leaf 3'), LANE_CONTENT_REFUSED, 'CAR_BAD_HASH'],
  ['the same below an origin error', coded('ORIGIN_FAILED', new CarError('CAR_BAD_NODE', 'x')), LANE_CONTENT_REFUSED, 'CAR_BAD_NODE'],
  ['a cut CAR', new CarError('CAR_TRUNCATED', 'x'), LANE_ORIGIN_FAILED, 'CAR_TRUNCATED'],
  ['a page instead of a CAR', new CarError('CAR_NOT_A_CAR', 'x'), LANE_ORIGIN_FAILED, 'CAR_NOT_A_CAR'],
  ['an origin out of reach', coded('ORIGIN_UNREACHABLE'), LANE_ORIGIN_FAILED, 'ORIGIN_UNREACHABLE'],
  ['a disk that fails', coded('EIO'), LANE_INTERNAL, 'EIO'],
])('%s ends the lane with its code, and the finer one first in the reason', async (_, failure, laneCode, finer) => {
  const source = createMemorySource()
  const cid = await source.addFile(DATA)
  const good = (await source.openCid(cid)).blocks
  let served = 0
  const get = async (each: CID): Promise<Uint8Array> => {
    if (served++ === 3) throw failure
    return await good.get(each)
  }
  source.opened = { complete: false, blocks: { get } }
  const { body } = await createContentServer({ source }).serve(requestOf(cid, ['car']))
  const error = await collect(body).then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(ContentError)
  const { laneCode: code, reason } = error as ContentError
  expect({ code, first: reason.split(' ')[0] }).toEqual({ code: laneCode, first: finer })
  expect(new TextEncoder().encode(reason).length).toBeLessThanOrEqual(256)
})

test('a root block that is refused rejects the request itself', async () => {
  const source = createMemorySource()
  source.openCid = async () => Promise.reject(new CarError('CAR_WRONG_ROOT', 'x'.repeat(300)))
  const cid = CID.parse('bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy')
  const error = (await createContentServer({ source })
    .serve(requestOf(cid, ['car']))
    .catch((thrown: unknown) => thrown)) as ContentError
  expect(error.laneCode).toBe(LANE_CONTENT_REFUSED)
  expect(error.reason).toMatch(/^CAR_WRONG_ROOT /)
  expect(error.reason.length).toBe(256)
})

test('an abort ends the body with its own reason', async () => {
  const source = createMemorySource()
  const cid = await source.addFile(DATA)
  const controller = new AbortController()
  const { body } = await createContentServer({ source }).serve(requestOf(cid, ['proof']), { signal: controller.signal })
  const reason = new Error('enough')
  const reading = (async () => {
    for await (const _ of body) controller.abort(reason)
  })()
  await expect(reading).rejects.toBe(reason)
  expect(source.openCount).toBe(0)
})

test('the content type is a guess from the first bytes', () => {
  expect(sniffContentType(new TextEncoder().encode('hello\n'))).toBe('text/plain; charset=utf-8')
  expect(sniffContentType(new TextEncoder().encode('naïve ').subarray(0, 3))).toBe('text/plain; charset=utf-8') // cut inside a character
  expect(sniffContentType(Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a))).toBe('image/png')
  expect(sniffContentType(Uint8Array.of(0xff, 0xfe, 0x00))).toBe('')
  expect(sniffContentType(EMPTY)).toBe('')
})

test('a body that is ended before its first byte closes what was opened, once', async () => {
  const source = createMemorySource()
  const root = await source.addRoot(DATA)
  const { body } = await createContentServer({ source }).serve(requestOf(root, ['blake3']))
  expect(source.openCount).toBe(1)
  const iterator = body[Symbol.asyncIterator]()
  await iterator.return!()
  await iterator.return!()
  expect(source.openCount).toBe(0)
  expect(await iterator.next()).toMatchObject({ done: true })
})

test.each(['root', 'cid'] as const)('what a store opens by %s after the abort is closed', async (kind) => {
  const source = createMemorySource()
  const controller = new AbortController()
  const address = kind === 'root' ? await source.addRoot(DATA) : await source.addFile(DATA)
  const abortAfter = <Opened>(opened: Promise<Opened>): Promise<Opened> =>
    opened.finally(() => controller.abort(new Error('the client left')))
  const late = {
    openRoot: (wanted: Uint8Array) => abortAfter(source.openRoot(wanted)),
    openCid: (wanted: CID) => abortAfter(source.openCid(wanted)),
  }
  const serving = createContentServer({ source: late }).serve(requestOf(address, ['blake3', 'proof']), { signal: controller.signal })
  await expect(serving).rejects.toThrow('the client left')
  expect(source.openCount).toBe(0)
})
