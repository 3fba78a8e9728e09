/** ipfs.md §1.3: each rule broken by itself. The hashes are right throughout, so that only the rule can refuse. */
import { CID } from 'multiformats/cid'
import { create } from 'multiformats/hashes/digest'
import { describe, expect, test } from 'vitest'
import {
  CarError,
  type CarErrorCode,
  flatBytes,
  type Limits,
  listEntries,
  resolvePath,
  verifyBlocks,
  verifyCar,
  verifyProof,
  writeCar,
  writeProof,
} from '../src/index.ts'
import { DIRECTORY, FILE, identityCid, type Link, MURMUR, put, putNode, putRaw, SHARD, unixfs, varint } from './nodes.ts'
import { codeOf, refusal } from './refusal.ts'
import { Blocks, bytesOf, carOf, chunked, collect, joinFlat, joinParts } from './support.ts'

describe('sizes of a file', () => {
  const leaf = bytesOf(100)
  const sizes: [string, CarErrorCode, object, number][] = [
    ['a filesize above the sum', 'CAR_BAD_SIZE', { fileSize: 201, blockSizes: [100, 100] }, 2],
    ['a filesize below the sum', 'CAR_BAD_SIZE', { fileSize: 199, blockSizes: [100, 100] }, 2],
    ['a part smaller than declared', 'CAR_BAD_SIZE', { fileSize: 201, blockSizes: [100, 101] }, 2],
    ['a part larger than declared', 'CAR_BAD_SIZE', { fileSize: 199, blockSizes: [99, 100] }, 2],
    ['fewer block sizes than links', 'CAR_BAD_SIZE', { fileSize: 100, blockSizes: [100] }, 2],
    ['more block sizes than links', 'CAR_BAD_SIZE', { fileSize: 200, blockSizes: [100, 100] }, 1],
    ['no block sizes', 'CAR_BAD_SIZE', { fileSize: 0 }, 1],
    ['sizes beyond 2^53', 'CAR_BAD_SIZE', { blockSizes: [2 ** 53 - 1, 2 ** 53 - 1] }, 2],
    ['own data that the filesize forgets', 'CAR_BAD_SIZE', { fileSize: 100, blockSizes: [100], data: leaf }, 1],
  ]
  test.each(sizes)('%s is %s', async (_, code, message, links) => {
    const blocks = new Blocks()
    const cid = await putRaw(blocks, leaf)
    const root = await putNode(
      blocks,
      { type: FILE, ...message },
      Array.from({ length: links }, () => ({ cid })),
    )
    expect(await refusal(root, blocks)).toBe(code)
  })

  test('that lie two levels down are refused there, with everything before them handed on', async () => {
    const blocks = new Blocks()
    const cid = await putRaw(blocks, leaf)
    const good = await putNode(blocks, { type: FILE, blockSizes: [100], fileSize: 100 }, [{ cid }])
    const bad = await putNode(blocks, { type: FILE, blockSizes: [101], fileSize: 101 }, [{ cid }])
    const root = await putNode(blocks, { type: FILE, blockSizes: [100, 101], fileSize: 201 }, [{ cid: good }, { cid: bad }])
    const offsets: number[] = []
    const walk = (async () => {
      for await (const { offset } of flatBytes(verifyBlocks(root, blocks))) offsets.push(offset)
    })()
    await expect(walk).rejects.toMatchObject({ code: 'CAR_BAD_SIZE' })
    expect(offsets).toEqual([0])
  })

  test('that a proof claims are checked against the DAG, and needed for a raw root', async () => {
    const blocks = new Blocks()
    const cid = await putRaw(blocks, leaf)
    const root = await putNode(blocks, { type: FILE, blockSizes: [100], fileSize: 100 }, [{ cid }])
    const proof = await joinParts(writeProof(root, blocks, { size: 100 }))
    expect(await codeOf(() => collect(verifyProof(chunked(proof, 7), root, { size: 99 })))).toBe('CAR_BAD_SIZE')
    expect(await codeOf(() => joinParts(writeProof(root, blocks, { size: 99 })))).toBe('CAR_BAD_SIZE')
    expect(await codeOf(() => collect(verifyProof(chunked(leaf, 7), cid)))).toBe('CAR_MALFORMED')
    expect(await codeOf(() => collect(verifyProof(chunked(leaf, 7), cid, { size: 99 })))).toBe('CAR_BAD_HASH')
    expect(await codeOf(() => collect(verifyProof(chunked(leaf, 7), cid, { size: 101 })))).toBe('CAR_TRUNCATED')
    expect(await codeOf(() => collect(verifyProof(chunked(leaf, 7), cid, { size: 2 ** 21 + 1 })))).toBe('CAR_TOO_LARGE')
  })

  test('may be left out: then the parts decide', async () => {
    const blocks = new Blocks()
    const cid = await putRaw(blocks, leaf)
    const root = await putNode(blocks, { type: FILE, blockSizes: [100, 100] }, [{ cid }, { cid }])
    expect(await joinFlat(flatBytes(verifyBlocks(root, blocks)))).toEqual(new Uint8Array([...leaf, ...leaf]))
  })
})

describe('kinds inside a file', () => {
  const parts: [string, (blocks: Blocks) => Promise<CID>][] = [
    ['a directory', (blocks) => putNode(blocks, { type: DIRECTORY })],
    ['a symlink', (blocks) => putNode(blocks, { type: 4, data: bytesOf(100) })],
    ['a shard', (blocks) => putNode(blocks, { type: SHARD, hashType: MURMUR, fanout: 256 })],
    ['a node that is no UnixFS', (blocks) => putNode(blocks, undefined)],
    ['dag-cbor', (blocks) => put(blocks, 0x71, Uint8Array.of(0xa0))],
  ]
  test.each(parts)('%s is no part of one', async (_, make) => {
    const blocks = new Blocks()
    const root = await putNode(blocks, { type: FILE, blockSizes: [100] }, [{ cid: await make(blocks) }])
    expect(await refusal(root, blocks)).toBe('CAR_BAD_UNIXFS')
  })

  test.each([
    ['a type that nobody knows', { type: 9 }, []],
    ['a metadata node', { type: 3 }, []],
    ['a raw leaf that links on', { type: 0, blockSizes: [5] }, [{ name: '' }]],
    ['a part with a name', { type: FILE, blockSizes: [5] }, [{ name: 'x' }]],
    ['a symlink that links on', { type: 4, data: bytesOf(3) }, [{ name: '' }]],
  ])('%s is refused', async (_, message, links) => {
    const blocks = new Blocks()
    const cid = await putRaw(blocks, bytesOf(5))
    const root = await putNode(
      blocks,
      message,
      links.map((link) => ({ ...link, cid })),
    )
    expect(await refusal(root, blocks)).toBe('CAR_BAD_UNIXFS')
  })

  test.each([
    ['no type', Uint8Array.of(0x18, 5)],
    ['a type twice', Uint8Array.of(0x08, 2, 0x08, 2)],
    ['data twice', Uint8Array.of(0x08, 2, 0x12, 0, 0x12, 0)],
    ['a number that ends nowhere', Uint8Array.of(0x08, 2, 0x18, 0x80)],
    ['a number above 2^53', Uint8Array.of(0x08, 2, 0x18, ...Array<number>(9).fill(0xff), 1)],
    ['data beyond its end', Uint8Array.of(0x08, 2, 0x12, 200, 1)],
    ['a group', Uint8Array.of(0x08, 2, 0x4b)],
    ['a type as bytes', Uint8Array.of(0x0a, 1, 2)],
    ['packed sizes that end askew', Uint8Array.of(0x08, 2, 0x22, 1, 0x80, 0x01)],
  ])('a UnixFS message with %s is refused', async (_, message) => {
    const blocks = new Blocks()
    expect(await refusal(await putNode(blocks, message), blocks)).toBe('CAR_BAD_UNIXFS')
  })

  test('fields that later versions add are passed over, packed sizes are read', async () => {
    const blocks = new Blocks()
    const cid = await putRaw(blocks, bytesOf(300))
    const later = [0x38, 0xa4, 3, 0x42, 2, 8, 1, 0x4d, 1, 2, 3, 4, 0x51, 1, 2, 3, 4, 5, 6, 7, 8, 0x58, ...Array<number>(9).fill(0xff), 1]
    const message = Uint8Array.of(0x08, 2, 0x18, ...varint(600), 0x22, 4, ...varint(300), ...varint(300), ...later)
    const root = await putNode(blocks, message, [{ cid }, { cid }])
    expect((await joinFlat(flatBytes(verifyBlocks(root, blocks)))).length).toBe(600)
  })
})

describe('layouts', () => {
  test('a trickle layout, whose inner nodes hold data before their links, reads in order, in ranges too', async () => {
    const blocks = new Blocks()
    const content = bytesOf(1_000)
    const at = (from: number, to: number): Uint8Array => content.subarray(from, to)
    const leaf = await putRaw(blocks, at(300, 500))
    const wrapped = await putNode(blocks, { type: 0, data: at(600, 700), fileSize: 100 })
    const inner = await putNode(blocks, { type: FILE, data: at(500, 600), fileSize: 200, blockSizes: [100] }, [{ cid: wrapped }])
    const last = await putNode(blocks, { type: FILE, data: at(700, 1_000), fileSize: 300 })
    const message = { type: FILE, data: at(0, 300), fileSize: 1_000, blockSizes: [200, 200, 300] }
    const root = await putNode(blocks, message, [{ cid: leaf }, { cid: inner }, { cid: last }])
    for (let start = 0; start < 1_000; start += 90) {
      for (const end of [start + 1, start + 250, 1_000]) {
        const range = { start, end: Math.min(end, 1_000) }
        const car = await joinParts(writeCar(root, blocks, { range }))
        const proof = await joinParts(writeProof(root, blocks, { range }))
        expect(await joinFlat(flatBytes(verifyCar(chunked(car, 61), root, { range }), range))).toEqual(
          content.slice(range.start, range.end),
        )
        expect(await joinFlat(flatBytes(verifyProof(chunked(proof, 61), root, { range }), range))).toEqual(
          content.slice(range.start, range.end),
        )
      }
    }
  })

  test('parts of no bytes come with a whole file, and may not link on', async () => {
    const blocks = new Blocks()
    const [empty, leaf] = [await putRaw(blocks, new Uint8Array(0)), await putRaw(blocks, bytesOf(10))]
    const links = [{ cid: empty }, { cid: leaf }, { cid: empty }]
    const root = await putNode(blocks, { type: FILE, blockSizes: [0, 10, 0] }, links)
    expect((await collect(verifyBlocks(root, blocks))).length).toBe(4)
    const bomb = await putNode(blocks, { type: FILE, blockSizes: [0] }, [{ cid: empty }])
    const holder = await putNode(blocks, { type: FILE, blockSizes: [0, 10] }, [{ cid: bomb }, { cid: leaf }])
    expect(await refusal(holder, blocks)).toBe('CAR_BAD_UNIXFS')
  })

  test('a one-byte range reads one block a level', async () => {
    const blocks = new Blocks()
    let level: Link[] = await Promise.all(
      Array.from({ length: 64 }, async (_, index) => ({ cid: await putRaw(blocks, bytesOf(16, index)) })),
    )
    let size = 16
    for (; level.length > 1; size *= 4) {
      const groups = Array.from({ length: level.length / 4 }, (_, index) => level.slice(index * 4, index * 4 + 4))
      const node = { type: FILE, blockSizes: Array<number>(4).fill(size) }
      level = await Promise.all(groups.map(async (links) => ({ cid: await putNode(blocks, node, links) })))
    }
    blocks.reads = 0
    await joinParts(writeCar(level[0]!.cid, blocks, { range: { start: 777, end: 778 } }))
    expect(blocks.reads).toBe(4)
  })
})

describe('limits', () => {
  test('a file of 33 levels is CAR_TOO_DEEP, one of 32 is not', async () => {
    const blocks = new Blocks()
    let cid = await putRaw(blocks, bytesOf(5))
    const chain: CID[] = []
    for (let level = 1; level <= 33; level++) chain.push((cid = await putNode(blocks, { type: FILE, blockSizes: [5] }, [{ cid }])))
    expect(await joinFlat(flatBytes(verifyBlocks(chain[31]!, blocks)))).toEqual(bytesOf(5))
    expect(await refusal(chain[32]!, blocks)).toBe('CAR_TOO_DEEP')
  })

  test('directories in directories end at 1,024 levels', async () => {
    const blocks = new Blocks()
    let cid = await putNode(blocks, { type: DIRECTORY })
    for (let level = 1; level <= 1_025; level++) cid = await putNode(blocks, { type: DIRECTORY }, [{ cid, name: 'd' }])
    expect(await refusal(cid, blocks, { scope: 'all' })).toBe('CAR_TOO_DEEP')
    expect((await collect(verifyBlocks(cid, blocks))).length).toBe(1)
  })

  test('a small DAG that unfolds without end stops at the output limit', async () => {
    const blocks = new Blocks()
    let cid = await putNode(blocks, { type: DIRECTORY })
    for (let level = 0; level < 40; level++)
      cid = await putNode(
        blocks,
        { type: DIRECTORY },
        Array.from({ length: 50 }, (_, index) => ({ cid, name: `${index}` })),
      )
    const limits: Limits = { outputBytesMax: 1_000_000 }
    expect(await refusal(cid, blocks, { scope: 'all', limits })).toBe('CAR_TOO_LARGE')
  })

  test('65,537 links are too many, and links that wait on the stack have a limit together', async () => {
    const blocks = new Blocks()
    const tiny = identityCid(new Uint8Array(0))
    const links = Array.from({ length: 65_537 }, () => ({ cid: tiny }))
    const wide = await putNode(blocks, { type: DIRECTORY }, links)
    expect(await refusal(wide, blocks)).toBe('CAR_TOO_LARGE')
    let cid = tiny
    for (let level = 0; level < 4; level++) cid = await putNode(blocks, { type: DIRECTORY }, [{ cid, name: 'a' }, ...links.slice(0, 5_000)])
    expect(await refusal(cid, blocks, { scope: 'all', limits: { stackBytesMax: 200_000 } })).toBe('CAR_TOO_LARGE')
  })

  test('a block above 2 MiB is too large wherever it comes from', async () => {
    const blocks = new Blocks()
    expect(await refusal(await putRaw(blocks, new Uint8Array(2 ** 21 + 1)), blocks)).toBe('CAR_TOO_LARGE')
    expect((await joinFlat(flatBytes(verifyBlocks(await putRaw(blocks, new Uint8Array(2 ** 21)), blocks)))).length).toBe(2 ** 21)
  })

  test('limits may be lowered and not raised, and undefined leaves them', () => {
    const cid = identityCid(bytesOf(3))
    expect(() => verifyCar(chunked(bytesOf(1), 1), cid, { limits: { blockBytesMax: 2 ** 21 + 1 } })).toThrow(RangeError)
    expect(() => verifyCar(chunked(bytesOf(1), 1), cid, { limits: { fileDepthMax: Number.NaN } })).toThrow(RangeError)
    expect(() =>
      verifyCar(chunked(bytesOf(1), 1), identityCid(bytesOf(129)), { limits: { identityBytesMax: undefined as unknown as number } }),
    ).toThrow(CarError)
  })

  test('a path has 256 segments at most', async () => {
    await expect(resolvePath(identityCid(bytesOf(3)), Array<string>(257).fill('a'), new Blocks())).rejects.toMatchObject({
      code: 'CAR_TOO_LARGE',
    })
  })
})

describe('CIDs', () => {
  const digest = bytesOf(64)
  test.each([
    ['sha1', 0x11, 20],
    ['md5', 0xd5, 16],
    ['dbl-sha2-256', 0x56, 32],
    ['murmur', 0x22, 32],
    ['sha2-256 cut to 31 bytes', 0x12, 31],
    ['sha2-256 of no bytes', 0x12, 0],
    ['sha2-256 of 33 bytes', 0x12, 33],
    ['sha2-512 cut to 31 bytes', 0x13, 31],
    ['an identity of 129 bytes', 0x00, 129],
  ])('%s is refused before anything is read', (_, code, length) => {
    const cid = CID.createV1(0x55, create(code, bytesOf(length)))
    expect(() => verifyCar(chunked(digest, 1), cid)).toThrow(expect.objectContaining({ code: 'CAR_BAD_CID' }))
  })

  test('inline ones are read from themselves: not asked for, not written, not missed', async () => {
    const blocks = new Blocks()
    const inline = identityCid(bytesOf(128))
    const leaf = await putRaw(blocks, bytesOf(10))
    const root = await putNode(blocks, { type: FILE, blockSizes: [128, 10, 128] }, [{ cid: inline }, { cid: leaf }, { cid: inline }])
    const car = await joinParts(writeCar(root, blocks))
    expect(blocks.reads).toBe(2)
    expect(await joinFlat(flatBytes(verifyCar(chunked(car, 13), root)))).toEqual(
      new Uint8Array([...bytesOf(128), ...bytesOf(10), ...bytesOf(128)]),
    )
    const proof = await joinParts(writeProof(root, blocks))
    expect((await joinFlat(flatBytes(verifyProof(chunked(proof, 13), root)))).length).toBe(266)
    const sent = [
      { cid: root, bytes: await blocks.get(root) },
      { cid: inline, bytes: bytesOf(128) },
      { cid: leaf, bytes: bytesOf(10) },
    ]
    expect((await joinFlat(flatBytes(verifyCar(chunked(carOf(root, sent), 13), root)))).length).toBe(266)
  })

  test('an inline directory is a whole DAG by itself', async () => {
    const inline = identityCid(bytesOf(3))
    const { encode, prepare } = await import('@ipld/dag-pb')
    const node = encode(prepare({ Data: unixfs({ type: DIRECTORY }), Links: [{ Hash: inline, Name: 'x', Tsize: 3 }] }))
    const root = identityCid(node, 0x70)
    const names: string[] = []
    for await (const { name } of listEntries(root, new Blocks())) names.push(name)
    expect(names).toEqual(['x'])
    expect((await collect(verifyCar(chunked(carOf(root, []), 5), root, { scope: 'all' }))).length).toBe(2)
  })
})
