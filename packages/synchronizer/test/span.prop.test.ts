// Goal: the sources together are asked for all that is missing, in spans of bounded length, and for the same only when nothing else is left.
import { ChunkRanges } from '@selvedge/verified-streaming'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { nextSpan } from '../src/download.ts'

const ranges = fc
  .array(fc.tuple(fc.nat(500), fc.integer({ min: 1, max: 60 })), { maxLength: 8 })
  .map((spans) => spans.reduce((all, [start, count]) => all.union(ChunkRanges.fromChunks(start, start + count)), ChunkRanges.none))

test('a span is missing, bounded, and free while anything is free', () => {
  fc.assert(
    fc.property(ranges, ranges, fc.integer({ min: 1, max: 100 }), (missing, owed, most) => {
      const span = nextSpan(missing, owed, most)
      expect(span.isEmpty).toBe(missing.isEmpty)
      expect(span.difference(missing).isEmpty).toBe(true)
      if (!missing.difference(owed).isEmpty) expect(span.intersect(owed).isEmpty).toBe(true)
      for (const { start, end } of span.spans()) expect(end - start).toBeLessThanOrEqual(most)
    }),
  )
})

test('asked one after the other, all is asked for', () => {
  fc.assert(
    fc.property(ranges, fc.integer({ min: 1, max: 100 }), (missing, most) => {
      let owed = ChunkRanges.none
      while (!missing.difference(owed).isEmpty) owed = owed.union(nextSpan(missing, owed, most))
      expect(owed.equals(missing)).toBe(true)
    }),
  )
})
