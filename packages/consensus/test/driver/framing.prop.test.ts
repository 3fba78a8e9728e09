import fc from 'fast-check'
import { expect, test } from 'vitest'
import { FrameSplitter, lengthPrefix } from '../../src/tls/framing.ts'

test('frames come out as they went in, however the stream is cut', () => {
  const frames = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 12 })
  const cuts = fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 20 })
  fc.assert(
    fc.property(frames, cuts, (sent, sizes) => {
      const stream = Buffer.concat(sent.flatMap((frame) => [lengthPrefix(frame.length), frame]))
      const splitter = new FrameSplitter()
      const received: Uint8Array[] = []
      let offset = 0
      for (let i = 0; offset < stream.length; i++) {
        const size = sizes[i % sizes.length]!
        splitter.push(new Uint8Array(stream.subarray(offset, offset + size)))
        offset += size
        for (let frame = splitter.take(); frame !== 'incomplete'; frame = splitter.take()) {
          expect(frame).not.toBe('oversize')
          received.push(frame as Uint8Array)
        }
      }
      expect(received).toEqual(sent)
      expect(splitter.bytes).toBe(0)
    }),
  )
})

test('a length beyond the limit is said before anything is held for it', () => {
  const splitter = new FrameSplitter()
  splitter.push(Buffer.from([0xff, 0xff, 0xff, 0xff]))
  expect(splitter.take()).toBe('oversize')
  expect(splitter.bytes).toBe(0)
})
