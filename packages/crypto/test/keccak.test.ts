import { createRequire } from 'node:module'
import { keccak_256 } from '@noble/hashes/sha3.js'
import { beforeAll, expect, onTestFinished, test, vi } from 'vitest'
import { chooseKeccak, hashKeccak } from '../src/keccak.node.ts'
import { hashKeccak as portable } from '../src/secp256k1-engine.ts'
import { isKeccakRight } from '../src/secp256k1-self-test.ts'

/** The same numbers on every run: xorshift32. */
function noise(size: number): Uint8Array {
  let state = (size + 1) | 0x9e3779b1
  return Uint8Array.from({ length: size }, () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return state & 255
  })
}

beforeAll(chooseKeccak)

test('it is the hash that JavaScript gives, at every length through five blocks and at long ones', () => {
  for (const size of [...Array.from({ length: 690 }, (_, i) => i), 65_536, 130_000, 131_071, 131_072, 200_000]) {
    const bytes = noise(size)
    expect({ size, hash: hashKeccak(bytes) }).toEqual({ size, hash: keccak_256(bytes) })
  }
})

test('nothing of one input is left for the next, and what is handed out is nobody else’s', () => {
  const [long, short] = [noise(1_000), noise(3)]
  const first = hashKeccak(long)
  const kept = first.slice()
  expect(hashKeccak(short)).toEqual(keccak_256(short))
  expect(first).toEqual(kept)
  expect(first.buffer.byteLength).toBe(32)
  expect(hashKeccak(Buffer.from(long).subarray(100, 300))).toEqual(keccak_256(long.subarray(100, 300)))
})

test('both pass the check, and one that is wrong after a block does not', () => {
  expect(isKeccakRight(hashKeccak)).toBe(true)
  expect(isKeccakRight(portable)).toBe(true)
  expect(isKeccakRight((bytes) => (bytes.length < 136 ? hashKeccak(bytes) : hashKeccak(bytes.subarray(1))))).toBe(false)
})

test('before the module is ready, and without WebAssembly, it is JavaScript’s', async () => {
  vi.resetModules()
  const fresh = await import('../src/keccak.node.ts')
  expect(fresh.hashKeccak(noise(300))).toEqual(keccak_256(noise(300)))
  vi.stubGlobal('WebAssembly', undefined)
  onTestFinished(() => void vi.unstubAllGlobals())
  vi.resetModules()
  const without = await import('../src/keccak.node.ts')
  await without.chooseKeccak()
  expect(without.hashKeccak(noise(300))).toEqual(keccak_256(noise(300)))
})

/** Loads the engine anew over a library whose hash of `bytes` is `hashOf(bytes)`. */
async function withLibrary(hashOf: (bytes: Uint8Array) => Uint8Array): Promise<(bytes: Uint8Array) => Uint8Array> {
  const library = createRequire(import.meta.url)('hash-wasm/dist/keccak.umd.min.js') as { createKeccak: unknown }
  const { createKeccak } = library
  onTestFinished(() => void (library.createKeccak = createKeccak))
  library.createKeccak = () => ({ init: () => ({ update: (bytes: Uint8Array) => ({ digest: () => hashOf(bytes) }) }) })
  vi.resetModules()
  const fresh = await import('../src/keccak.node.ts')
  await fresh.chooseKeccak()
  return fresh.hashKeccak
}

test('the library is what serves once it is ready, unless it is wrong', async () => {
  const asked: number[] = []
  const right = await withLibrary((bytes) => {
    asked.push(bytes.length)
    return keccak_256(bytes)
  })
  asked.length = 0
  right(noise(50))
  expect(asked).toEqual([50])
  const wrong = await withLibrary((bytes) => (bytes.length === 300 ? new Uint8Array(32) : keccak_256(bytes)))
  expect(wrong(noise(300))).toEqual(keccak_256(noise(300)))
})
