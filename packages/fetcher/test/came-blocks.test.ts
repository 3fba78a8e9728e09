import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { CameBlocks } from '../src/index.ts'

const blockOf = (digest: Uint8Array): { multihash: { code: number; digest: Uint8Array; bytes: Uint8Array } } => ({
  multihash: { code: 0x12, digest, bytes: digest },
})
const digestOf = (i: number): Uint8Array => createHash('sha256').update(String(i)).digest()

test('what came is never denied, and of 100,000 that did not come after as many, no more than one in fifty is said to have', () => {
  const came = new CameBlocks()
  expect(came.has(blockOf(digestOf(0)))).toBe(false)
  for (let i = 0; i < 100_000; i++) came.add(blockOf(digestOf(i)))
  let [denied, wrong] = [0, 0]
  for (let i = 0; i < 100_000; i++) if (!came.has(blockOf(digestOf(i)))) denied++
  for (let i = 100_000; i < 200_000; i++) if (came.has(blockOf(digestOf(i)))) wrong++
  expect(denied).toBe(0)
  expect(wrong).toBeLessThan(2_000)
})

test('a digest of any length is one, though it has fewer bytes than are looked at, or none', () => {
  for (let length = 0; length < 12; length++) {
    const came = new CameBlocks()
    const digest = new Uint8Array(length).fill(255)
    came.add(blockOf(digest))
    expect(came.has(blockOf(digest))).toBe(true)
    expect(came.has(blockOf(digestOf(1)))).toBe(false)
  }
})
