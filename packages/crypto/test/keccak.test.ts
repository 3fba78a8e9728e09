import { keccak_256 } from '@noble/hashes/sha3.js'
import { expect, onTestFinished, test, vi } from 'vitest'
import { hashKeccak } from '../src/keccak.node.ts'
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

test('both pass the check at first use, and one that is wrong after a block does not', () => {
  expect(isKeccakRight(hashKeccak)).toBe(true)
  expect(isKeccakRight(portable)).toBe(true)
  expect(isKeccakRight((bytes) => (bytes.length < 136 ? hashKeccak(bytes) : hashKeccak(bytes.subarray(1))))).toBe(false)
})

test('without WebAssembly it is JavaScript’s', async () => {
  vi.stubGlobal('WebAssembly', undefined)
  onTestFinished(() => void vi.unstubAllGlobals())
  vi.resetModules()
  const { hashKeccak: without } = await import('../src/keccak.node.ts')
  expect(without(noise(300))).toEqual(keccak_256(noise(300)))
})
