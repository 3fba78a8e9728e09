/**
 * Random DAGs by the other implementation's importer (chunk sizes, widths, layouts, leaf kinds, CID versions), and every way that we
 * have of carrying them: the bytes that come out are those that went in, whole and in ranges, and the other reader agrees.
 */
import { CarReader } from '@ipld/car'
import fc from 'fast-check'
import { exporter, type UnixFSFile } from 'ipfs-unixfs-exporter'
import { fixedSize, rabin } from 'ipfs-unixfs-importer/chunker'
import { balanced, flat, trickle } from 'ipfs-unixfs-importer/layout'
import type { CID } from 'multiformats/cid'
import { expect, test } from 'vitest'
import {
  type ByteRange,
  CarError,
  createVerifiedWalk,
  flatBytes,
  listEntries,
  resolvePath,
  verifyBlocks,
  verifyCar,
  verifyProof,
  writeCar,
  writeProof,
} from '../src/index.ts'
import { Blocks, bytesOf, chunked, importDirectory, importFile, joinFlat, joinParts } from './support.ts'

const RUNS = Number(process.env['RUNS'] ?? 60)
const SEED = Number(process.env['SEED'] ?? 20_261_123)

const shape = fc.record({
  length: fc.oneof(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 0, max: 40_000 })),
  seed: fc.integer({ min: 1, max: 2 ** 30 }),
  chunkSize: fc.constantFrom(1, 17, 256, 1_000, 4_096),
  isRabin: fc.boolean(),
  layout: fc.constantFrom('balanced', 'flat', 'trickle'),
  width: fc.integer({ min: 2, max: 9 }),
  rawLeaves: fc.boolean(),
  cidVersion: fc.constantFrom<0 | 1>(0, 1),
  leafType: fc.constantFrom<'file' | 'raw'>('file', 'raw'),
  reduceSingleLeafToSelf: fc.boolean(),
})
type Shape = typeof shape extends fc.Arbitrary<infer T> ? T : never

async function importShape(content: Uint8Array, blocks: Blocks, { chunkSize, isRabin, layout, width, ...rest }: Shape): Promise<CID> {
  const size = rest.length > 2_000 ? Math.max(chunkSize, 256) : chunkSize
  const chunker =
    isRabin && size >= 256 ? rabin({ minChunkSize: 64, avgChunkSize: size, maxChunkSize: size * 4 }) : fixedSize({ chunkSize: size })
  const layouts = {
    balanced: balanced({ maxChildrenPerNode: width }),
    flat: flat(),
    trickle: trickle({ layerRepeat: 4, maxChildrenPerNode: width }),
  }
  const { rawLeaves, cidVersion, leafType, reduceSingleLeafToSelf } = rest
  return await importFile(content, blocks, { chunker, layout: layouts[layout], rawLeaves, cidVersion, leafType, reduceSingleLeafToSelf })
}

const fractions = fc.array(fc.tuple(fc.double({ min: 0, max: 1.1, noNaN: true }), fc.double({ min: 0, max: 1.1, noNaN: true })), {
  maxLength: 5,
})

function rangesOf(parts: readonly (readonly [number, number])[], length: number): ByteRange[] {
  return parts.map(([a, b]) => {
    const [start, end] = [Math.floor(Math.min(a, b) * length), Math.floor(Math.max(a, b) * length)]
    return a > 1 ? { start } : { start, end }
  })
}

/** The obvious way: which bytes are wanted, one by one. */
function expectedBytes(content: Uint8Array, ranges: readonly ByteRange[]): Uint8Array {
  return content.filter((_, index) => ranges.some(({ start, end = Number.POSITIVE_INFINITY }) => index >= start && index < end))
}

test(`every file comes back as it went in, by every way, whole and in ranges, seed ${SEED}`, async () => {
  await fc.assert(
    fc.asyncProperty(shape, fractions, fc.integer({ min: 1, max: 5_000 }), async (file, parts, chunkBytes) => {
      const blocks = new Blocks()
      const content = bytesOf(file.length, file.seed)
      const root = await importShape(content, blocks, file)
      const ranges = rangesOf(parts, content.length)
      const wanted = expectedBytes(content, ranges)
      const size = content.length
      const car = await joinParts(writeCar(root, blocks))
      const proof = await joinParts(writeProof(root, blocks, { size }))
      const partCar = await joinParts(writeCar(root, blocks, { ranges }))
      const partProof = await joinParts(writeProof(root, blocks, { ranges, size }))
      expect(await joinFlat(flatBytes(verifyCar(chunked(car, chunkBytes), root)))).toEqual(content)
      expect(await joinFlat(flatBytes(verifyProof(chunked(proof, chunkBytes), root, { size })))).toEqual(content)
      expect(await joinFlat(flatBytes(verifyCar(chunked(partCar, chunkBytes), root, { ranges }), ranges))).toEqual(wanted)
      expect(await joinFlat(flatBytes(verifyProof(chunked(partProof, chunkBytes), root, { ranges, size }), ranges))).toEqual(wanted)
      expect(await joinFlat(flatBytes(verifyBlocks(root, blocks, { ranges, ahead: 4 }), ranges))).toEqual(wanted)
      for await (const { kind, fileSize } of verifyCar(chunked(car, chunkBytes), root)) expect([kind, fileSize]).toEqual(['file', size])
    }),
    { numRuns: RUNS, seed: SEED },
  )
})

test(`the other implementation reads our CARs, seed ${SEED}`, async () => {
  await fc.assert(
    fc.asyncProperty(shape, async (file) => {
      const blocks = new Blocks()
      const content = bytesOf(file.length, file.seed)
      const root = await importShape(content, blocks, file)
      const reader = await CarReader.fromBytes(await joinParts(writeCar(root, blocks)))
      expect((await reader.getRoots()).map(String)).toEqual([root.toString()])
      const theirs = {
        async *get(cid: CID): AsyncGenerator<Uint8Array> {
          yield (await reader.get(cid))!.bytes
        },
      }
      const entry = (await exporter(root, theirs as unknown as Parameters<typeof exporter>[1])) as UnixFSFile
      expect(await joinParts(entry.content())).toEqual(content)
    }),
    { numRuns: Math.ceil(RUNS / 2), seed: SEED },
  )
})

test(`a walk that loses its source anywhere goes on at the next one, seed ${SEED}`, async () => {
  await fc.assert(
    fc.asyncProperty(shape, fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 4 }), async (file, cuts) => {
      const blocks = new Blocks()
      const content = bytesOf(file.length, file.seed)
      const root = await importShape(content, blocks, file)
      const walk = createVerifiedWalk(root)
      const sent = async function* () {
        for (const cut of [...cuts, 1]) {
          const range = walk.resumeRange
          const car = await joinParts(writeCar(root, blocks, range === undefined ? {} : { range }))
          try {
            yield* walk.readCar(chunked(car.subarray(0, Math.ceil(cut * car.length)), 100))
            return
          } catch (error) {
            if (!(error instanceof CarError) || error.code !== 'CAR_TRUNCATED') throw error
          }
        }
      }
      expect(await joinFlat(flatBytes(sent()))).toEqual(content)
    }),
    { numRuns: RUNS, seed: SEED },
  )
})

test(`every directory lists what was put in, and every name is found, seed ${SEED}`, async () => {
  const names = fc.uniqueArray(
    fc.stringMatching(/^[^/\0]{1,12}$/u).filter((name) => name !== '.' && name !== '..' && name.isWellFormed()),
    { minLength: 1, maxLength: 60 },
  )
  const options = fc.record({ shardSplitThresholdBytes: fc.constantFrom(1, 2 ** 20), shardFanoutBits: fc.constantFrom(3, 4, 8, 10) })
  await fc.assert(
    fc.asyncProperty(names, options, async (list, sharding) => {
      const blocks = new Blocks()
      const files = Object.fromEntries(list.map((name, index) => [name, bytesOf(index + 1, index)]))
      const root = await importDirectory(files, blocks, sharding)
      const found: string[] = []
      for await (const { name, cid } of listEntries(root, blocks)) {
        found.push(name)
        expect((await resolvePath(root, [name], blocks)).cid.toString()).toBe(cid.toString())
      }
      expect(found.toSorted()).toEqual(list.toSorted())
      await expect(resolvePath(root, ['/no such name'], blocks)).rejects.toMatchObject({ code: 'CAR_NOT_FOUND' })
    }),
    { numRuns: Math.ceil(RUNS / 2), seed: SEED },
  )
})
