/**
 * Memory through encode and decode: heapUsed + external + arrayBuffers after a collection, every 64 MiB from 256 MiB to 4 GiB, with a
 * reader that takes all it gets and with one that stops for a while at every mark. Prints a table and exits with 1 when a line fitted
 * through the points rises by 1 MiB or more over the run, or a point stands more than 16 MiB above the first.
 *
 *   node --expose-gc --conditions=@selvedge/source bench/memory.ts [GIB] [JOB]
 */
import { setImmediate as turn } from 'node:timers/promises'
import { createOutboard, decode, encode, encodeRanges, type ReadAt } from '@selvedge/verified-streaming'

const MIB = 2 ** 20
const FIRST = 256 * MIB
const STEP = 64 * MIB
const SIZE = Number(process.argv[2] ?? 4) * 1024 * MIB

/** Content of any size that takes no memory: one MiB, again and again. */
function madeUp(size: number): ReadAt {
  const mib = Uint8Array.from({ length: MIB }, (_, i) => (i * 31 + (i >> 8)) & 0xff)
  return {
    size,
    readAt(offset, length) {
      const bytes = new Uint8Array(length)
      for (let at = 0; at < length; ) {
        const inMib = (offset + at) % MIB
        const taken = Math.min(length - at, MIB - inMib)
        bytes.set(mib.subarray(inMib, inMib + taken), at)
        at += taken
      }
      return bytes
    },
  }
}

/** Buffers are freed by another thread after a collection, so a second one counts them. */
async function usedMib(): Promise<number> {
  globalThis.gc?.()
  await turn()
  globalThis.gc?.()
  const { heapUsed, external, arrayBuffers } = process.memoryUsage()
  return (heapUsed + external + arrayBuffers) / MIB
}

async function pointsOf(source: AsyncIterable<Uint8Array>, isStopping: boolean): Promise<number[]> {
  const points: number[] = []
  let seen = 0
  for await (const bytes of source) {
    const before = seen
    seen += bytes.length
    if (seen < FIRST || Math.floor(before / STEP) === Math.floor(seen / STEP)) continue
    // A stopped reader: whatever runs ahead of it has all these turns to do so.
    if (isStopping) for (let i = 0; i < 1000; i++) await turn()
    points.push(await usedMib())
  }
  return points
}

/** Rise of the least-squares line over all points. */
function riseOf(points: readonly number[]): number {
  const middle = (points.length - 1) / 2
  const mean = points.reduce((sum, point) => sum + point, 0) / points.length
  const slope =
    points.reduce((sum, point, i) => sum + (i - middle) * (point - mean), 0) / points.reduce((sum, _, i) => sum + (i - middle) ** 2, 0)
  return slope * (points.length - 1)
}

async function* bytesOf(parts: AsyncIterable<{ bytes: Uint8Array }>): AsyncGenerator<Uint8Array> {
  for await (const { bytes } of parts) yield bytes
}

if (globalThis.gc === undefined) throw new Error('run with --expose-gc')
const data = madeUp(SIZE)
const { root, size, outboard } = await createOutboard(data, { workers: 0 })
const runs: [string, (isStopping: boolean) => AsyncIterable<Uint8Array>][] = [
  ['encode', () => encode(data)],
  ['encodeRanges', () => encodeRanges({ data, outboard, size })],
  ['decode', () => bytesOf(decode(encodeRanges({ data, outboard, size }), root))],
  [
    'decode, 1 KiB groups',
    () => bytesOf(decode(encodeRanges({ data, outboard, size }, undefined, { chunkGroupLog: 0 }), root, { chunkGroupLog: 0 })),
  ],
]
console.log('| job | reader | points | first MiB | highest above it | line rises by |\n|---|---|---|---|---|---|')
for (const [name, run] of runs.filter(([job]) => job.startsWith(process.argv[3] ?? ''))) {
  for (const isStopping of [false, true]) {
    const points = await pointsOf(run(isStopping), isStopping)
    const first = points[0] ?? Number.NaN
    const above = Math.max(...points) - first
    const rise = riseOf(points)
    const isGood = rise < 1 && above <= 16
    console.log(
      `| ${name} | ${isStopping ? 'stopping' : 'fast'} | ${points.length} | ${first.toFixed(1)} | ${above.toFixed(2)} | ${rise.toFixed(3)}${isGood ? '' : ' TOO MUCH'} |`,
    )
    if (!isGood) process.exitCode = 1
  }
}
