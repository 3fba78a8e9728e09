import { expect, test } from 'vitest'
import { gathered } from '../src/index.ts'

async function* piecesOf(count: number, bytes: number): AsyncGenerator<Uint8Array> {
  for (let i = 0; i < count; i++) yield new Uint8Array(bytes).fill(i)
}

test('pieces that come while a reader is busy come together, in order, none lost, and no more than the bound waits', async () => {
  let pulled = 0
  async function* counted(): AsyncGenerator<Uint8Array> {
    for await (const piece of piecesOf(1000, 100)) {
      pulled++
      yield piece
    }
  }
  const parts: Uint8Array[] = []
  let taken = 0
  for await (const part of gathered(counted(), 5_000)) {
    parts.push(part)
    taken += part.length
    for (let turn = 0; turn < 500; turn++) await Promise.resolve() // the reader is busy
    expect(pulled * 100).toBeLessThanOrEqual(taken + 5_100)
  }
  expect(Buffer.concat(parts)).toEqual(Buffer.concat(await all(piecesOf(1000, 100))))
  expect(parts.length).toBeLessThan(100)
})

test('a failure comes after the pieces before it; a source that stalls does not hold back the end', async () => {
  async function* failing(): AsyncGenerator<Uint8Array> {
    yield Uint8Array.of(1)
    yield Uint8Array.of(2)
    throw new Error('broke')
  }
  const seen: number[] = []
  await expect(
    (async () => {
      for await (const part of gathered(failing(), 100)) seen.push(...part)
    })(),
  ).rejects.toThrow('broke')
  expect(seen).toEqual([1, 2])

  let isClosed = false
  let wake = (): void => {}
  async function* stalling(): AsyncGenerator<Uint8Array> {
    try {
      yield Uint8Array.of(1)
      await new Promise<void>((resolve) => (wake = resolve))
      yield Uint8Array.of(2)
    } finally {
      isClosed = true
    }
  }
  for await (const _ of gathered(stalling(), 100)) break
  expect(isClosed).toBe(false)
  wake()
  await expect.poll(() => isClosed).toBe(true)
})

test('a large piece is handed on as it is, between the small ones around it', async () => {
  const large = new Uint8Array(20_000).fill(9)
  async function* pieces(): AsyncGenerator<Uint8Array> {
    for (let i = 0; i < 10; i++) yield Uint8Array.of(i)
    yield large
    for (let i = 0; i < 10; i++) yield Uint8Array.of(i)
  }
  const parts: Uint8Array[] = []
  for await (const part of gathered(pieces(), 100_000)) {
    parts.push(part)
    for (let turn = 0; turn < 200; turn++) await Promise.resolve()
  }
  expect(parts).toContain(large)
  const digits = Array.from({ length: 10 }, (_, i) => i)
  expect(Buffer.concat(parts)).toEqual(Buffer.concat([Uint8Array.from(digits), large, Uint8Array.from(digits)]))
  expect(parts.length).toBeLessThan(6)
})

async function all(pieces: AsyncIterable<Uint8Array>): Promise<Uint8Array[]> {
  const out: Uint8Array[] = []
  for await (const piece of pieces) out.push(piece)
  return out
}
