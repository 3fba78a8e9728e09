// Every engine, and the calls that the codec makes, held against the plain reference at all the edges where lanes, levels and
// halves of the counter change hands.
import { describe, expect, test } from 'vitest'
import { CHUNK_END, CHUNK_START, CV_BYTES, CVS_AT, IV, IV_AT, STAGE_AT } from '../src/kernel/constants.ts'
import type { Engine } from '../src/kernel/engine.ts'
import { generateKernel } from '../src/kernel/generate.ts'
import { parentCv, parentCvs, parentMatches, subtreeCv, subtreeCvs, subtreeMatches } from '../src/kernel/index.ts'
import { createPortableEngine } from '../src/kernel/portable.ts'
import { compiled } from '../src/kernel/select.ts'
import { chunksInto, parents, reduce } from '../src/kernel/subtree.ts'
import { createWasmKernel } from '../src/kernel/wasm.ts'
import { toHex } from './blake3-cases.ts'
import { referenceHash, referenceParentCv, referenceSubtreeCv } from './reference/blake3.ts'

const ENGINES: [string, () => Engine][] = [
  ['portable', createPortableEngine],
  ['WebAssembly', () => createWasmKernel(new WebAssembly.Module(generateKernel())).engine],
]
const START_CHUNKS = [0, 5, 2 ** 32 - 3, 2 ** 32, 2 ** 43 - 64]
const bytesOf = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => (i * 167 + (i >> 8) * 13) & 255)
const reference = (pairs: Uint8Array, i: number): Uint8Array => referenceParentCv(pairs.subarray(64 * i, 64 * i + 64), false)

function foldOf(cvs: Uint8Array[]): Uint8Array {
  if (cvs.length === 1) return cvs[0]!
  let left = 1
  while (left * 2 < cvs.length) left *= 2
  return referenceParentCv(Uint8Array.from([...foldOf(cvs.slice(0, left)), ...foldOf(cvs.slice(left))]), false)
}

describe.each(ENGINES)('%s', (_, create) => {
  const engine = create()
  const cvAt = (at: number): string => toHex(engine.memory.subarray(at, at + CV_BYTES))

  test('chunks of every count up to nine, whole and short, at every kind of counter', () => {
    for (const chunks of [1, 2, 3, 4, 5, 6, 7, 8, 9]) {
      for (const cut of [0, 1, 63, 64, 960, 1023]) {
        const bytes = bytesOf(chunks * 1024 - cut)
        engine.memory.fill(0xaa, STAGE_AT, STAGE_AT + 16_384)
        for (const start of START_CHUNKS) {
          expect(chunksInto(engine, bytes, 0, bytes.length, start, 0, 0, IV_AT)).toBe(chunks)
          for (let i = 0; i < chunks; i++) {
            expect(cvAt(CVS_AT + i * CV_BYTES)).toBe(toHex(referenceSubtreeCv(bytes.subarray(i * 1024, i * 1024 + 1024), start + i)))
          }
        }
      }
    }
  })

  test('lanes write no further than they say', () => {
    engine.memory.fill(0xaa, CVS_AT, CVS_AT + 2048)
    engine.lanes(STAGE_AT, 1024, 0, 0, CHUNK_START, CHUNK_END, IV_AT, CVS_AT, 7)
    expect(engine.memory.subarray(CVS_AT + 7 * CV_BYTES + 96, CVS_AT + 2048).every((byte) => byte === 0xaa)).toBe(true)
    expect(Array.from(engine.words.subarray(IV_AT / 4, IV_AT / 4 + 8), (word) => word >>> 0)).toEqual(IV)
  })

  test('parents of every count up to nine, in place or not', () => {
    for (let count = 1; count <= 9; count++) {
      const pairs = bytesOf(count * 64)
      for (const out of [CVS_AT, STAGE_AT]) {
        engine.memory.set(pairs, CVS_AT)
        parents(engine, CVS_AT, count, 0, IV_AT, out)
        for (let i = 0; i < count; i++) expect(cvAt(out + i * CV_BYTES)).toBe(toHex(reference(pairs, i)))
      }
    }
  })

  test('reduce folds any count to the tree that BLAKE3 prescribes, and stops where it is told', () => {
    for (let count = 1; count <= 40; count++) {
      const cvs = Array.from({ length: count }, (__, i) => bytesOf(count * 32).subarray(i * 32, i * 32 + 32))
      for (const size of [1, 2, 4, 8, 64]) {
        const limit = Math.ceil(count / size)
        cvs.forEach((cv, i) => engine.memory.set(cv, CVS_AT + i * CV_BYTES))
        reduce(engine, CVS_AT, count, limit, 0, 0, IV_AT)
        for (let i = 0; i < limit; i++) {
          expect(cvAt(CVS_AT + i * CV_BYTES), `${count} by ${size}`).toBe(toHex(foldOf(cvs.slice(i * size, i * size + size))))
        }
      }
    }
  })
})

// The codec's calls, twice: while the portable engine still runs, and after enough work has brought the compiled one.
describe.each(['portable', 'compiled'])('the calls of the codec, %s', (stage) => {
  const out = new Uint8Array(40 * CV_BYTES)
  const cvOf = (i: number): string => toHex(out.subarray(i * CV_BYTES, i * CV_BYTES + CV_BYTES))

  test('the engine is the one this run is about', () => {
    if (stage === 'compiled') subtreeCv(new Uint8Array(2 ** 20), 0, 2 ** 20, 0, false, out, 0)
    expect(compiled !== undefined).toBe(stage === 'compiled')
  })

  test('parents, as values and as answers', () => {
    const pairs = bytesOf(3 + 5 * 64)
    const exact = bytesOf(64)
    const expected = new Int32Array(16)
    for (const isRoot of [false, true]) {
      parentCv(pairs, 3, isRoot, out, 32)
      expect(cvOf(1)).toBe(toHex(referenceParentCv(pairs.subarray(3, 67), isRoot)))
      for (const [pair, at] of [
        [pairs, 3],
        [exact, 0],
      ] as const) {
        new Uint8Array(expected.buffer).set(referenceParentCv(pair.subarray(at, at + 64), isRoot), 32)
        expect(parentMatches(pair, at, isRoot, expected, 8)).toBe(true)
        expect(parentMatches(pair, at, !isRoot, expected, 8)).toBe(false)
        for (let i = 8; i < 16; i++) {
          expected[i]! ^= 1 << i
          expect(parentMatches(pair, at, isRoot, expected, 8)).toBe(false)
          expected[i]! ^= 1 << i
        }
      }
    }
    parentCvs(pairs.subarray(3), 5, out)
    for (let i = 0; i < 5; i++) expect(cvOf(i)).toBe(toHex(reference(pairs.subarray(3), i)))
  })

  test('one subtree, from an unaligned view', () => {
    const lengths = stage === 'portable' ? [1, 64, 1025, 4097] : [1, 1024, 1025, 4096, 4097, 16_383, 16_384, 16_385, 65_537, 100_000]
    for (const length of lengths) {
      const bytes = bytesOf(length + 9)
      const part = bytes.subarray(5, length + 5)
      const expected = new Int32Array(8)
      for (const start of START_CHUNKS.slice(0, 2).map((chunk) => chunk * 1024)) {
        subtreeCv(bytes, 5, length + 5, start, false, out, 3)
        const cv = referenceSubtreeCv(part, start)
        expect(toHex(out.subarray(3, 35))).toBe(toHex(cv))
        new Uint8Array(expected.buffer).set(cv)
        expect(subtreeMatches(bytes, 5, length + 5, start, false, expected, 0)).toBe(true)
        expect(subtreeMatches(bytes, 5, length + 4, start, false, expected, 0)).toBe(false)
      }
      subtreeCv(bytes, 5, length + 5, 0, true, out, 0)
      expect(cvOf(0)).toBe(toHex(referenceHash(part)))
    }
  })

  test.each([0, 1, 2, 3, 4, 5])('consecutive subtrees of 2^%i chunks', (log) => {
    const groupBytes = 1024 * 2 ** log
    for (const length of [1, groupBytes - 1, groupBytes, groupBytes + 1, 3 * groupBytes + 1024, 7 * groupBytes - 5]) {
      if (stage === 'portable' && length > 5000) continue
      const bytes = bytesOf(length + 3)
      const count = subtreeCvs(bytes, 3, length + 3, 2 ** 32 - 2 ** log, log, out, 64)
      expect(count).toBe(Math.ceil(length / groupBytes))
      for (let i = 0; i < count; i++) {
        const part = bytes.subarray(3 + i * groupBytes, Math.min(length + 3, 3 + (i + 1) * groupBytes))
        expect(cvOf(2 + i)).toBe(toHex(referenceSubtreeCv(part, 2 ** 32 - 2 ** log + i * 2 ** log)))
      }
    }
  })
})

test('runs of subtrees longer than the kernel takes at once', () => {
  const bytes = bytesOf(200_000)
  for (const log of [0, 2, 4, 10]) {
    const groupBytes = 1024 * 2 ** log
    const out = new Uint8Array(Math.ceil(bytes.length / groupBytes) * CV_BYTES)
    subtreeCvs(bytes, 0, bytes.length, 7 * 2 ** log, log, out, 0)
    for (let i = 0; i * groupBytes < bytes.length; i++) {
      if (log === 0 && i % 13 !== 0 && i !== 195) continue
      const expected = referenceSubtreeCv(bytes.subarray(i * groupBytes, (i + 1) * groupBytes), (7 + i) * 2 ** log)
      expect(toHex(out.subarray(i * CV_BYTES, (i + 1) * CV_BYTES))).toBe(toHex(expected))
    }
  }
})
