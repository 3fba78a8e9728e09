/** The body in whole units: the same bytes, each write of which a reader can verify to its end. */
import { verifyCar, verifyProof, type VerifiedBlock } from '@selvedge/verified-car'
import { decode } from '@selvedge/verified-streaming'
import { describe, expect, test } from 'vitest'
import { createContentServer, type Served, type WholeUnits } from '../src/index.ts'
import { createMemorySource, sampleBytes, type MemorySource } from './memory-source.ts'
import { requestOf } from './requests.ts'

const SIZE = 200_000
const DATA = sampleBytes(SIZE)

const joined = (parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts))

async function bodyOf({ body }: Served): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  for await (const part of body) parts.push(part.slice())
  return joined(parts)
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}

interface Case {
  readonly name: string
  /** Its request, and how far its bytes are verified. */
  make(source: MemorySource): Promise<{ request: Uint8Array; verified(bytes: Uint8Array): Promise<number> }>
}

async function endOf(blocks: AsyncIterable<VerifiedBlock>): Promise<number> {
  let end = 0
  try {
    for await (const { streamEnd } of blocks) end = streamEnd
  } catch (error) {
    expect(error).toMatchObject({ code: 'CAR_TRUNCATED' })
  }
  return end
}

async function ofRoot(source: MemorySource, data: Uint8Array): ReturnType<Case['make']> {
  const root = await source.addRoot(data)
  const verified = async (bytes: Uint8Array): Promise<number> => {
    const decoding = decode(bytes, root)
    try {
      for await (const _ of decoding);
    } catch (error) {
      expect(error).toMatchObject({ code: 'VERIFY_TRUNCATED' })
    }
    return decoding.verifiedOffset
  }
  return { request: requestOf(root), verified }
}

async function ofFile(source: MemorySource, complete: boolean): ReturnType<Case['make']> {
  const cid = await source.addFile(DATA, 30_000)
  source.opened = { complete }
  const verified = (bytes: Uint8Array): Promise<number> =>
    endOf(complete ? verifyProof(once(bytes), cid) : verifyCar(once(bytes), cid, { header: false, onlyAsked: true }))
  return { request: requestOf(cid), verified }
}

async function ofTree(source: MemorySource): ReturnType<Case['make']> {
  const cid = await source.addDirectory({ 'a/one': DATA, 'a/two': sampleBytes(3), b: sampleBytes(100, 4) })
  const verified = (bytes: Uint8Array): Promise<number> =>
    endOf(verifyCar(once(bytes), cid, { header: false, scope: 'all', onlyAsked: true }))
  return { request: requestOf(cid, { scope: 'all' }), verified }
}

const CASES: readonly Case[] = [
  { name: 'a root', make: (source) => ofRoot(source, DATA) },
  { name: 'the root of nothing', make: (source) => ofRoot(source, new Uint8Array(0)) },
  { name: 'a proof', make: (source) => ofFile(source, true) },
  { name: 'a CAR', make: (source) => ofFile(source, false) },
  { name: 'a tree', make: ofTree },
]

describe.each(CASES)('$name', ({ make }) => {
  test('is the same bytes in whole units, and each of their ends is as far as all is verified', async () => {
    const source = createMemorySource()
    const { request, verified } = await make(source)
    const server = createContentServer({ source })
    const expected = await bodyOf(await server.serve(request))
    const pieces: Uint8Array[] = []
    const ends: number[] = []
    let offset = 0
    for await (const { parts, unitEnds } of (await server.serve(request)).units()) {
      const bytes = joined(parts)
      expect(unitEnds.at(-1)).toBe(bytes.length)
      ends.push(...unitEnds.map((end) => offset + end))
      offset += bytes.length
      pieces.push(bytes)
    }
    expect(joined(pieces)).toEqual(expected)
    for (const end of ends) expect(await verified(expected.subarray(0, end))).toBe(end)
    expect(source.openCount).toBe(0)
  })

  test('that is left before its first unit or after it gives back what was opened', async () => {
    const source = createMemorySource()
    const { request } = await make(source)
    const server = createContentServer({ source })
    await (await server.serve(request)).units()[Symbol.asyncIterator]().return?.()
    expect(source.openCount).toBe(0)
    for await (const _ of (await server.serve(request)).units()) break
    expect(source.openCount).toBe(0)
  })
})

test('what is absent has no units', async () => {
  const { fields, units } = await createContentServer({ source: createMemorySource() }).serve(requestOf(new Uint8Array(32)))
  const all: WholeUnits[] = []
  for await (const each of units()) all.push(each)
  expect([fields.status, all]).toEqual([404, []])
})

test('a failure inside a unit leaves out its bytes, which nobody could verify', async () => {
  const source = createMemorySource()
  const cid = await source.addFile(DATA, 30_000)
  source.opened = { complete: false }
  const server = createContentServer({ source })
  const whole = await bodyOf(await server.serve(requestOf(cid)))
  source.blocks.delete([...source.blocks.keys()][3]!)
  const pieces: Uint8Array[] = []
  await expect(
    (async () => {
      for await (const { parts } of (await server.serve(requestOf(cid))).units()) pieces.push(joined(parts))
    })(),
  ).rejects.toMatchObject({ code: 'CONTENT_INTERNAL' })
  const sent = joined(pieces)
  expect(sent).toEqual(whole.subarray(0, sent.length))
  expect(await endOf(verifyCar(once(sent), cid, { header: false }))).toBe(sent.length)
})
