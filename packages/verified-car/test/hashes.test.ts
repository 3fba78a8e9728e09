import { blake2b } from '@noble/hashes/blake2.js'
import { blake3 } from '@noble/hashes/blake3.js'
import { sha256, sha512 } from '@noble/hashes/sha2.js'
import { keccak_256, sha3_256 } from '@noble/hashes/sha3.js'
import { CID } from 'multiformats/cid'
import { create } from 'multiformats/hashes/digest'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { defaultHashes, type HashTable, verifyBlocks, verifyCar } from '../src/index.ts'
import * as portable from '../src/sha2-engine.ts'
import { bytesOf, carOf, chunked, collect } from './support.ts'

const CONTENT = bytesOf(70_000)
const codes: [string, number, (bytes: Uint8Array) => Uint8Array][] = [
  ['sha2-256', 0x12, sha256],
  ['sha2-512', 0x13, sha512],
  ['sha3-256', 0x16, sha3_256],
  ['keccak-256', 0x1b, keccak_256],
  ['blake3', 0x1e, blake3],
  ['blake2b-256', 0xb220, (bytes) => blake2b(bytes, { dkLen: 32 })],
]

async function check(code: number, digest: Uint8Array, hashes: HashTable): Promise<void> {
  const cid = CID.createV1(0x55, create(code, digest))
  expect((await collect(verifyCar(chunked(carOf(cid, [{ cid, bytes: CONTENT }]), 5_000), cid, { hashes })))[0]!.bytes).toEqual(CONTENT)
  const wrong = CONTENT.slice()
  wrong[69_999]! ^= 1
  await expect(collect(verifyCar(chunked(carOf(cid, [{ cid, bytes: wrong }]), 5_000), cid, { hashes }))).rejects.toMatchObject({
    code: 'CAR_BAD_HASH',
  })
}

test.each(codes)('%s blocks are checked', async (_, code, hash) => {
  await check(code, hash(CONTENT), defaultHashes)
})

describe('where there is no node:crypto', () => {
  afterEach(() => vi.unstubAllGlobals())
  const table: HashTable = new Map([
    [0x12, { name: 'sha2-256', digestBytes: 32, create: portable.createSha256 }],
    [0x13, { name: 'sha2-512', digestBytes: 64, create: portable.createSha512 }],
  ])

  test.each(['WebCrypto', 'no WebCrypto'])('the engine with %s checks the same', async (engine) => {
    if (engine === 'no WebCrypto') vi.stubGlobal('crypto', {}) // a page that is no secure context
    await check(0x12, sha256(CONTENT), table)
    await check(0x13, sha512(CONTENT), table)
  })
})

test('a weak function is used only where the caller hands it in', async () => {
  const { sha1 } = await import('@noble/hashes/legacy.js')
  const cid = CID.createV1(0x55, create(0x11, sha1(CONTENT)))
  const port = { get: async () => CONTENT }
  expect(() => verifyCar(chunked(CONTENT, 100), cid)).toThrow(expect.objectContaining({ code: 'CAR_BAD_CID' }))
  const hashes = new Map([...defaultHashes, [0x11, { name: 'sha1', digestBytes: 20, create: () => sha1.create() }]])
  expect((await collect(verifyBlocks(cid, port, { hashes }))).length).toBe(1)
})

test('nothing of the package needs a clock or chance', async () => {
  const throwing = (): never => {
    throw new Error('not deterministic')
  }
  vi.stubGlobal('performance', { now: throwing })
  vi.spyOn(Date, 'now').mockImplementation(throwing)
  vi.spyOn(Math, 'random').mockImplementation(throwing)
  try {
    await check(0x12, sha256(CONTENT), defaultHashes)
  } finally {
    vi.restoreAllMocks()
    vi.unstubAllGlobals()
  }
})
