/** What a source can do to the bytes on the way: nothing wrong is handed on before the error, and the error says which. */
import { CarBufferWriter } from '@ipld/car'
import { fixedSize } from 'ipfs-unixfs-importer/chunker'
import { CID } from 'multiformats/cid'
import { create } from 'multiformats/hashes/digest'
import { beforeAll, describe, expect, test } from 'vitest'
import {
  CarError,
  createVerifiedWalk,
  flatBytes,
  type VerifiedBlock,
  verifyBlocks,
  verifyCar,
  verifyProof,
  writeCar,
  writeProof,
} from '../src/index.ts'
import { identityCid, varint } from './nodes.ts'
import { Blocks, bytesOf, carOf, chunked, collect, concat, importFile, joinFlat, joinParts, stream } from './support.ts'

const CONTENT = bytesOf(2_500)
const blocks = new Blocks()
let root: CID
let car: Uint8Array
let proof: Uint8Array
let sections: { cid: CID; bytes: Uint8Array }[]

beforeAll(async () => {
  root = await importFile(CONTENT, blocks, { chunker: fixedSize({ chunkSize: 250 }) })
  car = await joinParts(writeCar(root, blocks))
  proof = await joinParts(writeProof(root, blocks))
  sections = []
  for await (const { cid, block } of verifyBlocks(root, blocks)) sections.push({ cid, bytes: block.slice() })
})

interface Outcome {
  readonly code: string
  readonly bytes: Uint8Array
}

/** The code in which reading ends, and what was handed on before. */
async function outcome(walk: AsyncIterable<VerifiedBlock>): Promise<Outcome> {
  const parts: Uint8Array[] = []
  try {
    for await (const { bytes } of flatBytes(walk)) parts.push(bytes.slice())
    return { code: 'complete', bytes: concat(parts) }
  } catch (error) {
    if (!(error instanceof CarError)) throw error
    return { code: error.code, bytes: concat(parts) }
  }
}

const isPrefix = (bytes: Uint8Array): boolean => Buffer.from(CONTENT).subarray(0, bytes.length).equals(bytes)
const read = (bytes: Uint8Array, size = 64): Promise<Outcome> => outcome(verifyCar(chunked(bytes, size), root))

describe('cut', () => {
  test('at every byte: a CAR is CAR_TRUNCATED, with every whole block before the cut and no other byte', async () => {
    for (let length = 0; length < car.length; length++) {
      const { code, bytes } = await read(car.subarray(0, length), 100)
      expect([length, code, isPrefix(bytes), bytes.length % 250]).toEqual([length, 'CAR_TRUNCATED', true, 0])
    }
  })

  test('at every byte: a proof is CAR_TRUNCATED', async () => {
    for (let length = 0; length < proof.length; length++) {
      const { code, bytes } = await outcome(verifyProof(chunked(proof.subarray(0, length), 100), root))
      expect([length, code, isPrefix(bytes)]).toEqual([length, 'CAR_TRUNCATED', true])
    }
  })
})

describe('changed', () => {
  test('in any byte: a CAR ends in an error, or the byte was one that decides nothing', async () => {
    const harmless: number[] = []
    for (let at = 0; at < car.length; at++) {
      const wrong = car.slice()
      wrong[at]! ^= 0x01 << (at % 8)
      const { code, bytes } = await read(wrong, 300)
      expect([at, isPrefix(bytes)]).toEqual([at, true])
      if (code === 'complete') harmless.push(at)
    }
    const headerBytes = varint(58).length + 58
    // The roots of the header, and the codec of a section's CID: whoever verifies by CID needs neither.
    const codecs: number[] = []
    let offset = headerBytes
    for (const { bytes } of sections) {
      const head = varint(bytes.length + 36).length
      codecs.push(offset + head + 1)
      offset += head + 36 + bytes.length
    }
    expect(offset).toBe(car.length)
    expect(harmless.filter((at) => at >= headerBytes && !codecs.includes(at))).toEqual([])
    expect(harmless.length).toBeGreaterThan(0)
  })

  test('in any byte: a proof ends in an error', async () => {
    for (let at = 0; at < proof.length; at++) {
      const wrong = proof.slice()
      wrong[at]! ^= 0x80 >> (at % 8)
      const { code, bytes } = await outcome(verifyProof(chunked(wrong, 300), root))
      expect([at, code === 'complete', isPrefix(bytes)]).toEqual([at, false, true])
    }
  })

  test.each([
    [0, 'CAR_BAD_NODE', 0],
    [1, 'CAR_BAD_HASH', 0],
    [5, 'CAR_BAD_HASH', 1_000],
    [10, 'CAR_BAD_HASH', 2_250],
  ])('in block %i: %s, after %i bytes', async (index, code, length) => {
    const wrong = sections.map(({ cid, bytes }, at) => ({ cid, bytes: at === index ? flip(bytes) : bytes }))
    expect(await read(carOf(root, wrong))).toEqual({ code, bytes: CONTENT.subarray(0, length) })
  })
})

function flip(bytes: Uint8Array): Uint8Array {
  const wrong = bytes.slice()
  wrong[bytes.length >> 1]! ^= 1
  return wrong
}

describe('in another order', () => {
  test('two leaves exchanged are CAR_UNEXPECTED_BLOCK', async () => {
    const swapped = [...sections]
    ;[swapped[3], swapped[7]] = [swapped[7]!, swapped[3]!]
    expect(await read(carOf(root, swapped))).toEqual({ code: 'CAR_UNEXPECTED_BLOCK', bytes: CONTENT.subarray(0, 500) })
  })

  test('two leaves exchanged under the CIDs of each other are CAR_BAD_HASH', async () => {
    const swapped = sections.map((section, index) => (index === 3 ? { ...section, bytes: sections[7]!.bytes } : section))
    expect(await read(carOf(root, swapped))).toEqual({ code: 'CAR_BAD_HASH', bytes: CONTENT.subarray(0, 500) })
  })

  test('a block twice, and one that nobody asked, are CAR_UNEXPECTED_BLOCK', async () => {
    expect((await read(carOf(root, [sections[0]!, sections[1]!, ...sections.slice(1)]))).code).toBe('CAR_UNEXPECTED_BLOCK')
    const other = await importFile(bytesOf(10, 5), blocks)
    const unasked = { cid: other, bytes: bytesOf(10, 5) }
    expect((await read(carOf(root, [sections[0]!, unasked, ...sections.slice(1)]))).code).toBe('CAR_UNEXPECTED_BLOCK')
  })

  test("another file's CAR is CAR_WRONG_ROOT, though its header names ours", async () => {
    const other = await importFile(bytesOf(700, 3), blocks, { chunker: fixedSize({ chunkSize: 250 }) })
    expect((await read(await joinParts(writeCar(other, blocks)))).code).toBe('CAR_WRONG_ROOT')
    const relabelled = concat([carOf(root, []), await joinParts(writeCar(other, blocks, { header: false }))])
    expect((await read(relabelled)).code).toBe('CAR_WRONG_ROOT')
  })

  test("the codec of a section's CID is not looked at: the expected CID decides", async () => {
    const relabelled = sections.map(({ cid, bytes }) => ({ cid: CID.createV1(0x71, cid.multihash), bytes }))
    expect(await read(carOf(root, relabelled))).toEqual({ code: 'complete', bytes: CONTENT })
    const version0 = sections.map(({ cid, bytes }) => ({ cid: CID.createV0(cid.multihash as never), bytes }))
    expect(await read(carOf(root, version0))).toEqual({ code: 'complete', bytes: CONTENT })
  })

  test('inline blocks that nobody needs are passed over', async () => {
    const inline = { cid: identityCid(bytesOf(5)), bytes: bytesOf(5) }
    expect(
      await read(
        carOf(
          root,
          sections.flatMap((section) => [inline, section]),
        ),
      ),
    ).toEqual({ code: 'complete', bytes: CONTENT })
  })

  test('inline blocks without end, or with more than an inline block holds, end the reading', async () => {
    let pulled = 0
    const sectionOf = (length: number): Uint8Array => carOf(root, [{ cid: identityCid(bytesOf(5)), bytes: bytesOf(length) }], false)
    async function* withInline(length: number, count: number): AsyncGenerator<Uint8Array> {
      yield carOf(root, sections.slice(0, -1))
      for (pulled = 0; pulled < count; pulled++) yield sectionOf(length)
      yield carOf(root, sections.slice(-1), false)
    }
    expect((await outcome(verifyCar(withInline(5, 10_000), root))).code).toBe('CAR_MALFORMED')
    expect(pulled).toBeLessThan(2_000)
    expect((await outcome(verifyCar(withInline(129, 1), root))).code).toBe('CAR_MALFORMED')
    expect((await outcome(verifyCar(withInline(5, 1_000), root))).code).toBe('complete')
  })

  test('a source that goes on where another failed gets nothing past the first block that is not what it was', async () => {
    const walk = createVerifiedWalk(root, { scope: 'all' })
    const half = carOf(root, sections.slice(0, 6))
    await expect(collect(walk.readCar(chunked(half, 64)))).rejects.toMatchObject({ code: 'CAR_TRUNCATED' })
    let pulled = 0
    async function* junk(): AsyncGenerator<Uint8Array> {
      yield carOf(root, [])
      for (; pulled < 6; pulled++) yield carOf(root, [{ cid: sections[0]!.cid, bytes: bytesOf(1_000) }], false)
    }
    await expect(collect(walk.readCar(junk()))).rejects.toMatchObject({ code: 'CAR_BAD_NODE' })
    expect(pulled).toBeLessThan(3)
    expect((await collect(walk.readCar(chunked(car, 64)))).length).toBe(sections.length - 6) // and the next source does
  })

  test('what follows the last block is not looked at, nor is more than 64 KiB of it read', async () => {
    expect((await read(concat([car, bytesOf(1_000)]))).code).toBe('complete')
    let read2 = 0
    const endless = (async function* () {
      yield car
      for (;;) {
        read2 += 1_000
        yield bytesOf(1_000)
      }
    })()
    expect(await joinFlat(flatBytes(verifyCar(endless, root)))).toEqual(CONTENT)
    expect(read2).toBeLessThan(70_000)
  })
})

describe('no CAR', () => {
  const cbor = (...bytes: number[]): Uint8Array => Uint8Array.from([...varint(bytes.length), ...bytes])
  test.each([
    ['a page', new TextEncoder().encode('<!DOCTYPE html><html><body>502 Bad Gateway</body></html>'), 'CAR_NOT_A_CAR'],
    ['a short page', new TextEncoder().encode('<html>'), 'CAR_NOT_A_CAR'],
    ['JSON', new TextEncoder().encode('{"error":"not found"}'), 'CAR_NOT_A_CAR'],
    ['nothing', new Uint8Array(0), 'CAR_TRUNCATED'],
    ['a CARv2', Uint8Array.from([0x0a, 0xa1, 0x67, ...new TextEncoder().encode('version'), 2, ...new Uint8Array(40)]), 'CAR_NOT_A_CAR'],
    ['a header of no bytes', Uint8Array.of(0, 1, 2), 'CAR_NOT_A_CAR'],
    ['a header of 2^63 bytes', Uint8Array.from([...Array<number>(9).fill(0xff), 1]), 'CAR_NOT_A_CAR'],
    ['a header above 64 KiB', Uint8Array.from([...varint(65_537), 0xa2]), 'CAR_NOT_A_CAR'],
    ['a header without a version', cbor(0xa0), 'CAR_NOT_A_CAR'],
    ['a header that is not CBOR', cbor(0xa1, 0xff), 'CAR_NOT_A_CAR'],
    [
      'a header that nests without end',
      Uint8Array.from([...varint(65_536), 0xa1, 0x61, 0x61, ...Array<number>(65_533).fill(0x81)]),
      'CAR_NOT_A_CAR',
    ],
  ])('%s is refused', async (_, bytes, code) => {
    expect(await read(bytes)).toEqual({ code, bytes: new Uint8Array(0) })
  })

  test.each([
    ['no length', Uint8Array.of(0), 'CAR_MALFORMED'],
    ['a length in a long form', Uint8Array.of(0x81, 0x00), 'CAR_MALFORMED'],
    ['a length of 2^63', Uint8Array.from([...Array<number>(9).fill(0xff), 1]), 'CAR_MALFORMED'],
    ['a length of 2^40', Uint8Array.from(varint(2 ** 40)), 'CAR_TOO_LARGE'],
    ['a length above a block', Uint8Array.from(varint(2 ** 21 + 129)), 'CAR_TOO_LARGE'],
    ['a CID of version 7', Uint8Array.of(3, 7, 1, 1), 'CAR_MALFORMED'],
    ['a CID longer than the section', Uint8Array.of(6, 1, 0x55, 0x12, 0x20, 1, 1), 'CAR_MALFORMED'],
    ['a CID of endless numbers', Uint8Array.from([20, ...Array<number>(20).fill(0xff)]), 'CAR_MALFORMED'],
    ['a section of one byte', Uint8Array.of(1, 1), 'CAR_MALFORMED'],
  ])('a section with %s is %s', async (_, bytes, code) => {
    expect((await read(concat([carOf(root, []), bytes, bytesOf(64)]))).code).toBe(code)
  })

  test('a CAR of the other implementation is read, whatever roots it names', async () => {
    const buffer = new ArrayBuffer(20_000)
    const writer = CarBufferWriter.createWriter(buffer, { roots: [sections[1]!.cid, sections[2]!.cid] })
    for (const section of sections) writer.write(section)
    expect(await read(writer.close({ resize: true }))).toEqual({ code: 'complete', bytes: CONTENT })
  })
})

describe('a source', () => {
  test('that drips single bytes costs no more than one that does not', async () => {
    const large = await importFile(bytesOf(300_000, 7), blocks)
    const one = await joinParts(writeCar(large, blocks))
    const counted: number[] = []
    for await (const { parts } of verifyCar(chunked(one, 1), large)) counted.push(parts.length)
    expect(Math.max(...counted)).toBeLessThan(100)
    expect(await joinFlat(flatBytes(verifyCar(chunked(one, 1), large)))).toEqual(bytesOf(300_000, 7))
  })

  test('that stalls is left at once by an abort, and nobody waits for its end', async () => {
    const controller = new AbortController()
    const stalled = (async function* () {
      yield car.subarray(0, 700)
      controller.abort(new Error('enough'))
      await new Promise(() => undefined)
    })()
    await expect(collect(verifyCar(stalled, root, { signal: controller.signal }))).rejects.toThrow('enough')
    await expect(collect(verifyProof(chunked(proof, 5), root, { signal: AbortSignal.abort(new Error('before')) }))).rejects.toThrow(
      'before',
    )
  })

  test('that throws is heard unchanged; one that is left early is told so', async () => {
    const reason = new Error('connection reset')
    const breaking = (async function* () {
      yield car.subarray(0, 700)
      throw reason
    })()
    await expect(collect(verifyCar(breaking, root))).rejects.toBe(reason)
    let isClosed = false
    const watched = (async function* () {
      try {
        yield* chunked(car, 100)
      } finally {
        isClosed = true
      }
    })()
    for await (const _ of verifyCar(watched, root)) break
    expect(isClosed).toBe(true)
  })

  test('is read no further than the block that is asked for', async () => {
    let given = 0
    const counting = (async function* () {
      for await (const chunk of chunked(car, 50)) {
        given += chunk.length
        yield chunk
      }
    })()
    for await (const { fileOffset, dataEnd } of verifyCar(counting, root)) {
      if (dataEnd > 0 && fileOffset === 500) break
    }
    const upTo = carOf(root, sections.slice(0, 4)).length
    expect(given).toBeLessThan(upTo + 50)
  })
})

describe('a walk over several sources', () => {
  test('goes on where each of them failed, and yields every block once', async () => {
    for (let cut = 0; cut < car.length; cut += 37) {
      const walk = createVerifiedWalk(root)
      const seen = await partly(walk.readCar(chunked(car.subarray(0, cut), 64)))
      const range = walk.resumeRange
      const rest = await joinParts(writeCar(root, blocks, range === undefined ? {} : { range }))
      seen.push(...(await collect(walk.readCar(chunked(rest, 64)))))
      expect(seen.map(({ cid }) => cid)).toEqual(sections.map(({ cid }) => cid.toString()))
      expect([walk.isComplete, walk.offset]).toEqual([true, CONTENT.length])
    }
  })

  test('refuses a second source that repeats another node', async () => {
    const walk = createVerifiedWalk(root)
    await partly(walk.readCar(chunked(car.subarray(0, 1_500), 64)))
    const other = await importFile(bytesOf(700, 3), blocks, { chunker: fixedSize({ chunkSize: 250 }) })
    const rest = await joinParts(writeCar(other, blocks))
    await expect(collect(walk.readCar(chunked(rest, 64)))).rejects.toMatchObject({ code: 'CAR_UNEXPECTED_BLOCK' })
    expect((await collect(walk.readBlocks(blocks, { ahead: 3 }))).at(-1)!.fileOffset).toBe(2_250)
  })

  test('of which one has single blocks: at most 16 are asked for at once, and each is checked', async () => {
    let running = 0
    let peak = 0
    const port = {
      get: async (cid: CID) => {
        peak = Math.max(peak, ++running)
        await Promise.resolve()
        const bytes = await blocks.get(cid)
        running--
        return cid.equals(sections[6]!.cid) ? flip(bytes) : bytes
      },
    }
    await expect(collect(verifyBlocks(root, port, { ahead: 15 }))).rejects.toMatchObject({ code: 'CAR_BAD_HASH' })
    expect(peak).toBe(10) // the root alone, then all ten leaves
    await expect(collect(verifyBlocks(root, port, { ahead: 16 }))).rejects.toThrow(RangeError)
  })
})

async function partly(walk: AsyncIterable<VerifiedBlock>): Promise<{ cid: string; fileOffset: number }[]> {
  const seen: { cid: string; fileOffset: number }[] = []
  try {
    for await (const { cid, fileOffset } of walk) seen.push({ cid: cid.toString(), fileOffset })
  } catch (error) {
    if (!(error instanceof CarError)) throw error
  }
  return seen
}

test('a digest that is cut to 32 of 64 bytes is compared in what it has', async () => {
  const { sha512 } = await import('multiformats/hashes/sha2')
  const bytes = bytesOf(100)
  const { digest } = await sha512.digest(bytes)
  const cid = CID.createV1(0x55, create(0x13, digest.slice(0, 32)))
  expect((await collect(verifyCar(stream(carOf(cid, [{ cid, bytes }])), cid))).length).toBe(1)
  await expect(collect(verifyCar(stream(carOf(cid, [{ cid, bytes: flip(bytes) }])), cid))).rejects.toMatchObject({ code: 'CAR_BAD_HASH' })
})
