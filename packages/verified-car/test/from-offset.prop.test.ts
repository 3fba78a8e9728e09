/** What a writer gives from an offset on: the tail of the whole, and no leaf asked for that ends before it. */
import fc from 'fast-check'
import { fixedSize } from 'ipfs-unixfs-importer/chunker'
import { balanced, trickle } from 'ipfs-unixfs-importer/layout'
import { expect, test } from 'vitest'
import { type ByteRange, writeCar, writeProof } from '../src/index.ts'
import { Blocks, bytesOf, importFile, joinParts } from './support.ts'
import { watched } from './watched.ts'

const RUNS = Number(process.env['RUNS'] ?? 80)
const SEED = Number(process.env['SEED'] ?? 20_261_127)
const RAW = 0x55
const writers = { car: writeCar, proof: writeProof } as const

// Goal: both forms go on at any of their bytes, and the leaves that were sent are not read again.
// Method: random files by the other implementation's importer, ranges and offsets; held against the tail of the whole, and what was asked of the
// port against what the whole was made of.
test(`what comes from an offset on is the tail of the whole; of the blocks before it only nodes are asked for, seed ${SEED}`, () =>
  fc.assert(
    fc.asyncProperty(
      fc.constantFrom('car' as const, 'proof' as const),
      fc.integer({ min: 1, max: 30_000 }),
      fc.constantFrom(257, 1_000, 5_000),
      fc.record({ rawLeaves: fc.boolean(), isTrickle: fc.boolean(), width: fc.integer({ min: 2, max: 9 }) }),
      fc.option(fc.tuple(fc.nat(30_000), fc.nat(30_000))),
      fc.boolean(),
      fc.nat(),
      async (mode, length, chunkSize, { rawLeaves, isTrickle, width }, between, header, place) => {
        const blocks = new Blocks()
        const layout = isTrickle ? trickle({ maxChildrenPerNode: width, layerRepeat: 4 }) : balanced({ maxChildrenPerNode: width })
        const root = await importFile(bytesOf(length), blocks, { chunker: fixedSize({ chunkSize }), layout, rawLeaves })
        const ranges: ByteRange[] | undefined = between === null ? undefined : [{ start: Math.min(...between), end: Math.max(...between) }]
        const base = { ...(ranges === undefined ? {} : { ranges }), ...(mode === 'car' ? { header } : {}) }
        const ends: number[] = []
        const all = watched(blocks)
        const whole = await joinParts(writers[mode](root, all, { ...base, onUnitEnd: (end) => ends.push(end) }))
        expect(ends.length).toBe(all.asked.length)
        const fromOffset = place % (whole.length + 1)

        const port = watched(blocks)
        const tailEnds: number[] = []
        const tail = await joinParts(writers[mode](root, port, { ...base, fromOffset, onUnitEnd: (end) => tailEnds.push(end) }))
        expect(Buffer.compare(tail, whole.subarray(fromOffset))).toBe(0)
        expect(tailEnds).toEqual(ends.filter((end) => end > fromOffset))
        const due = all.asked.filter(({ code }, index) => index === 0 || code !== RAW || ends[index]! > fromOffset)
        expect(port.asked.map(String)).toEqual(due.map(String))
      },
    ),
    { numRuns: RUNS, seed: SEED },
  ))
