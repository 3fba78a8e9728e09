/**
 * Goal: no count and no length that a peer writes makes a decoder allocate for it. Method: encodings of every codec with a huge number in
 * the place of each of their four-byte windows, the true counts among them; what one decoding adds to the heap and to array buffers is
 * measured, and may be four times the input and what an error with its message costs, while the number asks for 16 MiB at least.
 */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ConsensusError } from '../../src/errors.ts'
import { codecs } from './codecs.ts'

/** Of a list of so many, were it made: one byte each. */
const NUMBERS = [2 ** 24, 2 ** 31 - 1, 2 ** 32 - 1]
const SAMPLES = 2
const WINDOWS_MAX = 512
const SEED = Number(process.env['SEED'] ?? 1)
/** An error, its message and its trace; views of what was read before; code that is compiled meanwhile. */
const SLACK_BYTES = 256 * 2 ** 10
/** Now and then the heap grows by a page of its own while something is decoded: what a decoder allocates it allocates each time. */
const TRIES = 4

function allocatedBy(decode: (bytes: Uint8Array) => unknown, bytes: Uint8Array): number {
  const before = process.memoryUsage()
  try {
    decode(bytes)
  } catch (error) {
    if (!(error instanceof ConsensusError)) throw error
  }
  const after = process.memoryUsage()
  return after.heapUsed - before.heapUsed + after.arrayBuffers - before.arrayBuffers // a collection in between makes it less, never more
}

test.each(codecs)(`$name allocates nothing for what is only claimed, seed ${SEED}`, ({ values, encode, decode }) => {
  let tried = 0
  for (const value of fc.sample(values, { seed: SEED, numRuns: SAMPLES })) {
    const encoded = encode(value as never)
    for (let at = 0; at + 4 <= Math.min(encoded.length, WINDOWS_MAX); at++) {
      const bytes = encoded.slice()
      for (const number of NUMBERS) {
        new DataView(bytes.buffer).setUint32(at, number, true)
        let allocated = Number.POSITIVE_INFINITY
        for (let left = TRIES; left > 0 && allocated > 4 * bytes.length + SLACK_BYTES; left--) {
          allocated = Math.min(allocated, allocatedBy(decode, bytes))
        }
        if (allocated > 4 * bytes.length + SLACK_BYTES) expect.fail(`${allocated} bytes for ${number} at ${at} of ${bytes.length}`)
        tried++
      }
    }
  }
  expect(tried).toBeGreaterThan(0)
})
