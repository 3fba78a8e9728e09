import { afterAll, beforeAll, expect, test } from 'vitest'
import { Collection, Iroh, SetTagOption } from '@number0/iroh'
import { createOutboard, encodeCollection, hash } from '../src/index.ts'
import { hexOf } from './bao-cases.ts'
import { contentOf } from './collect.ts'

// The native node of iroh 0.35, in this process: its answers are not ours. Bytes go to it as arrays of numbers.
let iroh: Iroh

beforeAll(async () => {
  iroh = await Iroh.memory()
})

afterAll(async () => {
  await iroh.node.shutdown()
})

/** iroh writes hashes as hex or as base32 without padding, by version. */
function hexOfText(text: string): string {
  if (/^[0-9a-f]{64}$/.test(text)) return text
  const bits = [...text].map((letter) => 'abcdefghijklmnopqrstuvwxyz234567'.indexOf(letter).toString(2).padStart(5, '0')).join('')
  return (bits.slice(0, 256).match(/.{4}/g) ?? []).map((nibble) => Number.parseInt(nibble, 2).toString(16)).join('')
}

test.each([0, 1, 1023, 1024, 1025, 16_384, 16_385, 65_537, 300_001])('iroh names %i bytes by the same root', async (size) => {
  const data = contentOf(size)
  const added = await iroh.blobs.addBytes([...data])
  expect(hexOf((await createOutboard(data)).root)).toBe(hexOfText(added.hash))
})

test('iroh gives back the bytes that our root names', async () => {
  const data = contentOf(40_000)
  const added = await iroh.blobs.addBytes([...data])
  expect(Uint8Array.from(await iroh.blobs.readToBytes(added.hash))).toEqual(data)
})

test('iroh makes the same collection of the same files: metadata, sequence and root', async () => {
  const collection = new Collection()
  const files = [
    ['a.txt', contentOf(10)],
    ['photos/ä.jpg', contentOf(20_000)],
  ] as const
  for (const [name, data] of files) collection.push(name, (await iroh.blobs.addBytes([...data])).hash)
  const made = await iroh.blobs.createCollection(collection, SetTagOption.auto(), [])
  const ours = encodeCollection(files.map(([name, data]) => ({ name, root: hash(data) })))
  expect(hexOfText(made.hash)).toBe(hexOf(ours.root))
  expect(Uint8Array.from(await iroh.blobs.readToBytes(made.hash))).toEqual(ours.sequence)
})
