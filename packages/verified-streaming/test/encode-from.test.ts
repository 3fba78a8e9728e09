/** A response that goes on at any of its octets: the same octets, and nothing read of what was sent before but the group that it stands in. */
import { describe, expect, test } from 'vitest'
import {
  ChunkRanges,
  createOutboard,
  createOutboardBuilder,
  decode,
  encodedBytesOf,
  encodeRanges,
  encodeRangesFrom,
  type RandomAccess,
  type ReadAt,
} from '../src/index.ts'
import { collect, contentOf, flipped, inPieces, outcomeOf } from './collect.ts'
import { everything, joined, referenceItems, referenceTree } from './reference/bao.ts'
import { inMemory, watched } from './watched.ts'

const KIB = 1024
const MIB = 2 ** 20
const HEADER_BYTES = 8

test.each([0, 1, 4])('at each single octet of a response in groups of 2^%i KiB, and none beyond its end', async (chunkGroupLog) => {
  const size = 5_000
  const data = contentOf(size)
  const { outboard } = await createOutboard(data)
  const ranges = ChunkRanges.fromBoundaries([1, 3, 4])
  const blob = { data, outboard, size }
  const whole = await collect(encodeRanges(blob, ranges, { chunkGroupLog }))
  expect(whole.length).toBe(encodedBytesOf(size, ranges, chunkGroupLog))
  for (let offset = 0; offset <= whole.length; offset++) {
    const tail = await collect(encodeRangesFrom(blob, offset, ranges, { chunkGroupLog }))
    expect(Buffer.compare(tail, whole.subarray(offset))).toBe(0)
  }
  for (const beyond of [whole.length + 1, Number.MAX_SAFE_INTEGER]) {
    await expect(collect(encodeRangesFrom(blob, beyond, ranges, { chunkGroupLog }))).rejects.toMatchObject({
      code: 'VERIFY_BAD_RANGE',
      details: { offset: beyond, end: whole.length },
    })
  }
})

describe('of 128 MiB', () => {
  const SIZE = 128 * MIB + 12_345
  const PAGE = 64 * KIB
  /** Nowhere in memory; each page has its own bytes. */
  const content: ReadAt = {
    size: SIZE,
    readAt(offset, length) {
      const out = new Uint8Array(length)
      for (let at = 0; at < length; ) {
        const page = Math.floor((offset + at) / PAGE)
        const end = Math.min(length, (page + 1) * PAGE - offset)
        out.fill(page * 7 + (page >> 8), at, end)
        at = end
      }
      return out
    },
  }
  const builder = createOutboardBuilder()
  for (let at = 0; at < SIZE; at += MIB) builder.update(content.readAt(at, Math.min(MIB, SIZE - at)) as Uint8Array)
  const { outboard: pairs, root } = builder.finish()
  const bytes = encodedBytesOf(SIZE)

  test.each([HEADER_BYTES, 5 * MIB + 1, 16 * MIB, 80 * MIB, 80 * MIB + 63, bytes - 1])(
    'the first piece from octet %i on costs one read of 64 KiB and two windows of the outboard',
    async (offset) => {
      const [data, outboard] = [watched(content), watched(inMemory(pairs))]
      const pieces = encodeRangesFrom({ data, outboard, size: SIZE }, offset)
      expect((await pieces.next()).done).toBe(false)
      await pieces.return()
      expect(data.total).toBeLessThanOrEqual(64 * KIB)
      expect(outboard.total).toBeLessThanOrEqual(2 * 64 * 64)
    },
  )

  test('head of one and tail of another connection are one response that proves itself; of the content less than a group is read twice', async () => {
    const offset = 80 * MIB + 4_321
    const blob = { data: content, outboard: pairs, size: SIZE }
    const again = watched(content)
    let wholeGroups = 0
    const onUnitEnd = (end: number): void => void (end <= offset && wholeGroups++)
    async function* both(): AsyncGenerator<Uint8Array> {
      let sent = 0
      for await (const piece of encodeRanges(blob, ChunkRanges.all, { onUnitEnd })) {
        yield piece.subarray(0, offset - sent)
        sent += piece.length
        if (sent >= offset) break
      }
      yield* encodeRangesFrom({ ...blob, data: again }, offset)
    }
    let received = 0
    for await (const part of decode(both(), root, { end: true })) received += part.bytes.length
    expect(received).toBe(SIZE)
    const cutGroup = wholeGroups * 16 * KIB
    expect(again.reads[0]!.offset).toBe(cutGroup)
    expect(again.total).toBe(SIZE - cutGroup)
  })
})

describe('what is wrong', () => {
  const SIZE = 300_000
  const data = contentOf(SIZE)
  const blobOf = async (): Promise<{ root: Uint8Array; size: number; outboard: Uint8Array; data: Uint8Array }> => ({
    ...(await createOutboard(data)),
    data,
  })

  test('a damaged pair is sent as it is: the receiver refuses it where it comes, and elsewhere it does not matter', async () => {
    const blob = await blobOf()
    const whole = await collect(encodeRanges(blob))
    const offset = 150_000
    const items = referenceItems(referenceTree(data), 4, everything)
    const parents: { readonly at: number; readonly end: number }[] = []
    items.reduce((at, item) => {
      if (item.kind === 'parent') parents.push({ at, end: at + item.bytes.length })
      return at + item.bytes.length
    }, HEADER_BYTES)
    expect(blob.outboard.length).toBe(parents.length * 64) // in this order, the order of the encoding
    for (const [index, { at, end }] of parents.entries()) {
      const damaged = { ...blob, outboard: flipped(blob.outboard, index * 64 + 5) }
      const tail = await collect(encodeRangesFrom(damaged, offset))
      const isInTail = at + 5 >= offset
      expect(Buffer.compare(tail, whole.subarray(offset)) === 0).toBe(!isInTail)
      const outcome = await outcomeOf(inPieces(joined([whole.subarray(0, offset), tail]), 10_000), blob.root)
      expect(outcome.end).toBe(isInTail ? 'VERIFY_MISMATCH' : 'done')
      expect(end - at).toBe(64)
    }
  })

  test('an outboard of another length, content that is too short, and offsets that are none are refused before anything is read', async () => {
    const blob = await blobOf()
    const none: ReadAt = { size: SIZE, readAt: () => Promise.reject(new Error('was read')) }
    const refused = async (changes: Partial<{ data: RandomAccess; outboard: RandomAccess }>, offset: number): Promise<unknown> =>
      collect(encodeRangesFrom({ ...blob, data: none, ...changes }, offset)).then(
        () => 'done',
        ({ code }: { code: unknown }) => code,
      )
    const bad = 'VERIFY_BAD_ARGUMENT'
    expect(await refused({ outboard: blob.outboard.subarray(64) }, 100_000)).toBe(bad)
    expect(await refused({ outboard: blob.outboard.subarray(0, -1) }, 100_000)).toBe(bad)
    expect(await refused({ data: data.subarray(1) }, 100_000)).toBe(bad)
    for (const offset of [-1, 0.5, Number.NaN, Infinity, 2 ** 53]) expect(await refused({}, offset)).toBe(bad)
    expect(await refused({}, encodedBytesOf(SIZE) + 1)).toBe('VERIFY_BAD_RANGE')
    expect(await refused({}, encodedBytesOf(SIZE))).toBe('done') // nothing is left, so nothing is read
  })

  test('what the store throws goes through, for the outboard too', async () => {
    const blob = await blobOf()
    const failure = new Error('the disk is gone')
    const failing = (size: number): ReadAt => ({ size, readAt: () => Promise.reject(failure) })
    await expect(collect(encodeRangesFrom({ ...blob, data: failing(SIZE) }, 100_000))).rejects.toBe(failure)
    await expect(collect(encodeRangesFrom({ ...blob, outboard: failing(blob.outboard.length) }, 20_000))).rejects.toBe(failure)
  })

  test('an abort is heard while the store stalls, and before anything is begun', async () => {
    const blob = await blobOf()
    const stalled: ReadAt = { size: SIZE, readAt: () => new Promise(() => {}) }
    const controller = new AbortController()
    const waiting = encodeRangesFrom({ ...blob, data: stalled }, 100_000, ChunkRanges.all, { signal: controller.signal }).next()
    const reason = new Error('nobody wants it')
    controller.abort(reason)
    await expect(waiting).rejects.toBe(reason)
    await expect(encodeRangesFrom(blob, 0, ChunkRanges.all, { signal: controller.signal }).next()).rejects.toBe(reason)
  })
})
