/** ipfs.md §1.3: shards, directories and generic blocks, each rule broken by itself; the hashes are right throughout. */
import type { CID } from 'multiformats/cid'
import { describe, expect, test } from 'vitest'
import { type CarErrorCode, flatBytes, listEntries, resolvePath, verifyBlocks } from '../src/index.ts'
import { DIRECTORY, MURMUR, put, putNode, putRaw, SHARD } from './nodes.ts'
import { codeOf, refusal } from './refusal.ts'
import { Blocks, bytesOf, collect, joinFlat } from './support.ts'

describe('shards', () => {
  const bitfield = (...slots: number[]): Uint8Array => {
    const bytes = new Uint8Array(32)
    for (const slot of slots) bytes[31 - (slot >> 3)]! |= 1 << (slot & 7)
    return bytes
  }
  const message = { type: SHARD, hashType: MURMUR, fanout: 256 }
  const wrong: [string, CarErrorCode, object, string[]][] = [
    ['fanout 2^31', 'CAR_BAD_UNIXFS', { fanout: 2 ** 31 }, []],
    ['fanout 2^32', 'CAR_BAD_UNIXFS', { fanout: 2 ** 32 }, []],
    ['fanout 2,048', 'CAR_BAD_UNIXFS', { fanout: 2_048 }, []],
    ['fanout 4', 'CAR_BAD_UNIXFS', { fanout: 4 }, []],
    ['fanout 24', 'CAR_BAD_UNIXFS', { fanout: 24 }, []],
    ['fanout 0', 'CAR_BAD_UNIXFS', { fanout: 0 }, []],
    ['another order', 'CAR_BAD_UNIXFS', { hashType: 0x12 }, []],
    ['a bitfield of 33 bytes', 'CAR_BAD_UNIXFS', { data: new Uint8Array(33) }, []],
    ['a filled slot without a link', 'CAR_BAD_UNIXFS', { data: bitfield(7) }, []],
    ['a link whose slot is not filled', 'CAR_BAD_UNIXFS', { data: bitfield() }, ['07']],
    ['a lower-case slot', 'CAR_BAD_UNIXFS', { data: bitfield(0xab) }, ['ab']],
    ['a slot of one digit', 'CAR_BAD_UNIXFS', { data: bitfield(7) }, ['7']],
    ['no slot', 'CAR_BAD_UNIXFS', { data: bitfield(7) }, ['']],
    ['a slot that is no number', 'CAR_BAD_UNIXFS', { data: bitfield(7) }, ['0xfoo']],
    ['a slot twice', 'CAR_BAD_UNIXFS', { data: bitfield(7) }, ['07', '07']],
    ['an entry where its hash does not lead', 'CAR_BAD_UNIXFS', { data: bitfield(7) }, ['07name']],
  ]
  test.each(wrong)('with %s are %s', async (_, code, fields, names) => {
    const blocks = new Blocks()
    const cid = await putRaw(blocks, bytesOf(3))
    const root = await putNode(
      blocks,
      { ...message, data: bitfield(), ...fields },
      names.map((name) => ({ cid, name })),
    )
    expect(await refusal(root, blocks)).toBe(code)
    await expect(resolvePath(root, ['name'], blocks)).rejects.toMatchObject({ code })
  })

  test('of another fanout, or no shard at all, do not stand below one', async () => {
    const blocks = new Blocks()
    for (const inner of [
      await putNode(blocks, { ...message, fanout: 16 }),
      await putNode(blocks, { type: DIRECTORY }),
      await putRaw(blocks, bytesOf(3)),
    ]) {
      const root = await putNode(blocks, { ...message, data: bitfield(7) }, [{ cid: inner, name: '07' }])
      expect(await refusal(root, blocks)).toBe('CAR_BAD_UNIXFS')
    }
  })

  test('nine deep have no bits of the hash left', async () => {
    const blocks = new Blocks()
    let cid = await putNode(blocks, message)
    for (let level = 0; level < 8; level++) cid = await putNode(blocks, { ...message, data: bitfield(7) }, [{ cid, name: '07' }])
    expect(await refusal(cid, blocks)).toBe('CAR_TOO_DEEP')
  })
})

describe('directories and other blocks', () => {
  test('of two equal names the first counts, in lists and in paths', async () => {
    const blocks = new Blocks()
    const [first, second] = [await putRaw(blocks, bytesOf(1)), await putRaw(blocks, bytesOf(2))]
    const root = await putNode(blocks, { type: DIRECTORY }, [
      { cid: first, name: 'x' },
      { cid: second, name: 'x' },
    ])
    const listed: string[] = []
    for await (const { cid } of listEntries(root, blocks)) listed.push(cid.toString())
    expect(listed).toEqual([first.toString()])
    expect((await resolvePath(root, ['x'], blocks)).cid.toString()).toBe(first.toString())
  })

  test('flat bytes of no file and entries of no directory are refused', async () => {
    const blocks = new Blocks()
    const [file, directory, symlink] = [
      await putRaw(blocks, bytesOf(1)),
      await putNode(blocks, { type: DIRECTORY }),
      await putNode(blocks, { type: 4, data: bytesOf(3) }),
    ]
    for (const cid of [directory, symlink])
      expect(await codeOf(() => joinFlat(flatBytes(verifyBlocks(cid, blocks))))).toBe('CAR_NOT_A_FILE')
    for (const cid of [file, symlink])
      expect(await codeOf(async () => await listEntries(cid, blocks)[Symbol.asyncIterator]().next())).toBe('CAR_NOT_A_DIRECTORY')
    const two = await putNode(blocks, { type: DIRECTORY }, [
      { cid: file, name: 'a' },
      { cid: file, name: 'b' },
    ])
    expect(await codeOf(() => joinFlat(flatBytes(verifyBlocks(two, blocks, { scope: 'all' }))))).toBe('CAR_NOT_A_FILE')
  })

  test.each([
    ['dag-pb', 0x70, Uint8Array.of(0xff)],
    ['dag-cbor cut short', 0x71, Uint8Array.of(0x82, 0x01)],
    ['dag-cbor with bytes after it', 0x71, Uint8Array.of(0x01, 0x01)],
    ['dag-cbor of indefinite length', 0x71, Uint8Array.of(0x9f, 0xff)],
    ['dag-cbor with another tag', 0x71, Uint8Array.of(0xc1, 0x01)],
    ['dag-cbor with a link that is no CID', 0x71, Uint8Array.of(0xd8, 42, 0x42, 0x00, 0x01)],
    ['dag-cbor that promises 2^63 items', 0x71, Uint8Array.of(0x9b, 0x80, 0, 0, 0, 0, 0, 0, 0)],
    ['dag-json', 0x0129, new TextEncoder().encode('{"a":')],
    ['dag-json that is no UTF-8', 0x0129, Uint8Array.of(0x22, 0xff, 0x22)],
    ['dag-json with a link that is no CID', 0x0129, new TextEncoder().encode('{"/":"x"}')],
  ])('%s that does not decode is CAR_BAD_BLOCK', async (_, codec, bytes) => {
    const blocks = new Blocks()
    expect(await refusal(await put(blocks, codec, bytes), blocks, { scope: 'all' })).toBe('CAR_BAD_BLOCK')
  })

  test.each([
    ['dag-cbor', 0x71, new Uint8Array(1_000_001).fill(0x81, 0, 1_000_000)],
    ['dag-json', 0x0129, new TextEncoder().encode('['.repeat(500_000) + ']'.repeat(500_000))],
  ])('%s nested without end is read without end of the stack', async (_, codec, bytes) => {
    const blocks = new Blocks()
    const cid = await put(blocks, codec, bytes)
    expect((await collect(verifyBlocks(cid, blocks, { scope: 'all' }))).length).toBe(1)
  })

  test('links of dag-cbor and dag-json are followed with scope all, in their order', async () => {
    const blocks = new Blocks()
    const leaves = await Promise.all([1, 2, 3].map((seed) => putRaw(blocks, bytesOf(9, seed))))
    const json = await put(
      blocks,
      0x0129,
      new TextEncoder().encode(JSON.stringify({ b: [{ '/': `${leaves[0]}` }, { '/': { bytes: 'AA' } }], a: { '/': `${leaves[1]}` } })),
    )
    const link = (cid: CID): number[] => [0xd8, 42, 0x58, cid.bytes.length + 1, 0, ...cid.bytes]
    const cbor = await put(
      blocks,
      0x71,
      Uint8Array.from([0xa2, 0x61, 0x62, ...link(leaves[2]!), 0x62, 0x31, 0x30, 0x82, ...link(json), 0xfb, 1, 2, 3, 4, 5, 6, 7, 8]),
    )
    const seen = (await collect(verifyBlocks(cbor, blocks, { scope: 'all' }))).map(({ cid }) => cid)
    expect(seen).toEqual([cbor, leaves[2], json, leaves[0], leaves[1]].map(String))
    expect((await collect(verifyBlocks(cbor, blocks))).length).toBe(1)
  })
})
