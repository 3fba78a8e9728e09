import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { ChunkRanges, createOutboard, encode, encodedBytesOf, encodeRanges, hash, verifyRanges } from '../src/index.ts'
import { baoCases, hexOf, inputOf, SUITES } from './bao-cases.ts'
import { collect, flipped, isAllTrue, outcomeOf } from './collect.ts'

// Data of other projects: read where it lies beside the repository, never copied into it.
const PUBLISHED = new URL('../../../../shared/vectors/bao/', import.meta.url)

/** A slice as chunk ranges. abao rounds to groups, after clamping a start behind the end to the last byte. */
function rangesOf(size: number, log: number, start: number, len: number): ChunkRanges {
  if (log === 0) return ChunkRanges.fromSlice(start, len)
  const clamped = Math.min(start, Math.max(0, size - 1))
  return ChunkRanges.fromByteRanges([{ start: clamped, end: start + Math.max(len, 1) }]).roundUpToGroups(log)
}

describe.each(SUITES)('$file', ({ file, log, lengths }) => {
  const cases = baoCases(log, lengths)

  test('the generator makes what was published, entry by entry', () => {
    const url = new URL(file, PUBLISHED)
    if (!existsSync(url)) return console.info(`${file} is not beside this repository: only the cases generated here were run`)
    const { _comment, ...published } = JSON.parse(readFileSync(url, 'utf8'))
    expect(Object.keys(cases).sort()).toEqual(Object.keys(published).sort())
    for (const kind of ['hash', 'encode', 'outboard', 'seek', 'slice'] as const) {
      expect(cases[kind]).toHaveLength(published[kind].length)
      cases[kind].forEach((entry, i) => expect(entry).toEqual(published[kind][i]))
    }
  })

  test.each(cases.hash)('root of $input_len bytes', async ({ input_len, bao_hash }) => {
    expect(hexOf((await createOutboard(inputOf(input_len), { chunkGroupLog: log })).root)).toBe(bao_hash)
  })

  test.each(cases.encode)('combined encoding of $input_len bytes, whole and corrupted', async (entry) => {
    const data = inputOf(entry.input_len)
    const encoded = await collect(encode(data, { chunkGroupLog: log }))
    expect([encoded.length, hexOf(hash(encoded))]).toEqual([entry.output_len, entry.encoded_blake3])
    const { root } = await createOutboard(data)
    const whole = await outcomeOf(encoded, root, { chunkGroupLog: log })
    expect(whole.end).toBe('done')
    expect(whole.parts.reduce((sum, { bytes }) => sum + bytes.length, 0)).toBe(data.length)
    expect(isAllTrue(whole.parts, data)).toBe(true)
    for (const place of entry.corruptions) {
      const { end, parts } = await outcomeOf(flipped(encoded, place), root, { chunkGroupLog: log })
      expect([place, end]).toEqual([place, expect.stringMatching(/^VERIFY_/)])
      expect(isAllTrue(parts, data)).toBe(true)
    }
  })

  test.each(cases.outboard)('outboard of $input_len bytes, whole and corrupted', async (entry) => {
    const data = inputOf(entry.input_len)
    const { root, size, outboard } = await createOutboard(data, { chunkGroupLog: log, lengthField: true })
    expect([outboard.length, hexOf(hash(outboard))]).toEqual([entry.output_len, entry.encoded_blake3])
    await verifyRanges(data, outboard, root)
    for (const place of entry.outboard_corruptions) {
      await expect(verifyRanges(data, flipped(outboard, place), root)).rejects.toMatchObject({ code: 'VERIFY_MISMATCH' })
    }
    for (const place of entry.input_corruptions) {
      await expect(verifyRanges(flipped(data, place), outboard, root, ChunkRanges.all, { size })).rejects.toMatchObject({
        code: 'VERIFY_MISMATCH',
      })
    }
  })

  test.each(cases.seek)('from each offset to the end of $input_len bytes', async ({ input_len, seek_offsets }) => {
    const data = inputOf(input_len)
    const { root, outboard, size } = await createOutboard(data)
    for (const start of seek_offsets) {
      const ranges = ChunkRanges.fromByteRanges([{ start }])
      const encoded = await collect(encodeRanges({ data, outboard, size }, ranges, { chunkGroupLog: log }))
      const { end, parts } = await outcomeOf(encoded, root, { ranges, chunkGroupLog: log })
      expect(end).toBe('done')
      expect(isAllTrue(parts, data)).toBe(true)
      const tail = parts.flatMap(({ offset, bytes }) => [...bytes.subarray(Math.max(0, start - offset))])
      expect(tail).toEqual([...data.subarray(start)])
    }
  })

  test.each(cases.slice)('slices of $input_len bytes, whole and corrupted', async ({ input_len, slices }) => {
    const data = inputOf(input_len)
    const { root, outboard, size } = await createOutboard(data)
    for (const slice of slices) {
      const ranges = rangesOf(size, log, slice.start, slice.len)
      const encoded = await collect(encodeRanges({ data, outboard, size }, ranges, { chunkGroupLog: log }))
      expect([slice.start, slice.len, encoded.length, hexOf(hash(encoded))]).toEqual([
        slice.start,
        slice.len,
        slice.output_len,
        slice.output_blake3,
      ])
      expect(encodedBytesOf(size, ranges, log)).toBe(slice.output_len)
      expect((await outcomeOf(encoded, root, { ranges, chunkGroupLog: log })).end).toBe('done')
      for (const place of slice.corruptions) {
        const { end, parts } = await outcomeOf(flipped(encoded, place), root, { ranges, chunkGroupLog: log })
        expect([place, end]).toEqual([place, expect.stringMatching(/^VERIFY_/)])
        expect(isAllTrue(parts, data)).toBe(true)
      }
    }
  })
})
