/**
 * Makes the data of this folder from the slow reference implementation of the tests, never from the code that is tested:
 *
 *   node vectors/generate.ts
 *
 * Input byte i of every blob is byte i of a little-endian u32 counter that begins at 1, as in Bao's own vectors. Digests are
 * BLAKE3, all bytes hex. `boundaries` are chunk numbers (1 KiB): selected from the first up to the second, and so on; a list of
 * odd length is open. "last" stands for the u64 maximum, which selects the last chunk.
 */
import { writeFileSync } from 'node:fs'
import { hexOf, inputOf } from '../test/bao-cases.ts'
import { referenceHash } from '../test/reference/blake3.ts'
import {
  joined,
  referenceDecode,
  type ReferenceTree,
  referenceEncoding,
  referenceTree,
  type Selection,
  sizeField,
  truncated,
} from '../test/reference/bao.ts'

type Boundary = number | 'last'

const U64_MAX = 2n ** 64n - 1n
/** Above this the bytes themselves are left out, and the digest stands for them. */
const HEX_BYTES_MAX = 150

const SIZES = [0, 1, 1024, 1025, 3073, 16_384, 16_385, 20_000, 40_000, 100_000]
const RANGES: Boundary[][] = [
  [],
  [0],
  ['last'],
  [0, 1],
  [1, 3],
  [2],
  [0, 1, 2, 3],
  [3, 5, 17, 18],
  [0, 16],
  [15, 17],
  [16, 32, 33],
  [5, 6, 'last'],
  [19, 20],
  [1000, 2000],
  [7, 8, 1000, 2000],
]

function varint(value: bigint): number[] {
  return value < 128n ? [Number(value)] : [Number(value & 127n) | 128, ...varint(value >> 7n)]
}

function wireOf(boundaries: readonly Boundary[]): number[] {
  const values = boundaries.map((boundary) => (boundary === 'last' ? U64_MAX : BigInt(boundary)))
  return [...varint(BigInt(values.length)), ...values.flatMap((value, i) => varint(value - (values[i - 1] ?? 0n)))]
}

function selectionOf(boundaries: readonly Boundary[], size: number): Selection {
  const values = boundaries.map((boundary) => (boundary === 'last' ? Number.POSITIVE_INFINITY : boundary))
  const contains: Selection = (chunk) => values.filter((value) => value <= chunk).length % 2 === 1
  const last = Math.max(1, Math.ceil(size / 1024)) - 1
  return truncated(contains, size, values.length % 2 === 1 || values.some((value) => value > last))
}

function described(bytes: Uint8Array): { bytes: number; blake3: string; hex?: string } {
  const both = { bytes: bytes.length, blake3: hexOf(referenceHash(bytes)) }
  return bytes.length <= HEX_BYTES_MAX ? { ...both, hex: hexOf(bytes) } : both
}

const trees = new Map<number, ReferenceTree>()
function treeOf(size: number): ReferenceTree {
  const tree = trees.get(size) ?? referenceTree(inputOf(size))
  trees.set(size, tree)
  return tree
}

/** Responses to sets of ranges, with partial groups and several ranges at once. */
export function responses(): object[] {
  return SIZES.flatMap((size) =>
    [0, 2, 4].flatMap((chunkGroupLog) =>
      RANGES.map((boundaries) => ({
        size,
        chunkGroupLog,
        boundaries,
        rangesOnTheWire: hexOf(Uint8Array.from(wireOf(boundaries))),
        root: hexOf(treeOf(size).root),
        response: described(referenceEncoding(treeOf(size), chunkGroupLog, selectionOf(boundaries, size))),
      })),
    ),
  )
}

/** Hash sequences: requests as iroh has them, with the response of all blobs on one stream. */
export function sequences(): object[] {
  const lists = [[], [0], [1, 1024, 20_000], [16_385, 0, 3073, 40_000]]
  const requests: { ranges: Boundary[][]; repeatLast: boolean }[] = [
    { ranges: [[0]], repeatLast: false },
    { ranges: [[0]], repeatLast: true },
    { ranges: [[0], [], [0, 1, 16]], repeatLast: false },
    { ranges: [[0], ['last']], repeatLast: true },
  ]
  return lists.flatMap((sizes) => requests.map((request) => sequenceOf(sizes, request.ranges, request.repeatLast)))
}

function sequenceOf(sizes: readonly number[], ranges: Boundary[][], repeatLast: boolean): object {
  const sequence = joined(sizes.map((size) => treeOf(size).root))
  const blobs = [referenceTree(sequence), ...sizes.map(treeOf)]
  const entries: number[][] = []
  let from = 0
  ;(repeatLast ? ranges : [...ranges, []]).forEach((boundaries, index) => {
    const before = index === 0 ? [] : (ranges[index - 1] ?? [])
    if (JSON.stringify(boundaries) === JSON.stringify(before)) return
    entries.push([...varint(BigInt(index - from)), ...wireOf(boundaries)])
    from = index
  })
  const request = [0, ...blobs[0]!.root, ...varint(BigInt(entries.length)), ...entries.flat()]
  const wanted = blobs.map((_, index) => ranges[index] ?? (repeatLast ? ranges[ranges.length - 1]! : []))
  const encodings = blobs.flatMap((tree, index) => {
    const boundaries = wanted[index]!
    return boundaries.length === 0 ? [] : [referenceEncoding(tree, 4, selectionOf(boundaries, tree.data.length))]
  })
  return {
    sizes,
    sequence: hexOf(sequence),
    root: hexOf(blobs[0]!.root),
    ranges,
    repeatLast,
    request: hexOf(Uint8Array.from(request)),
    response: described(joined(encodings)),
  }
}

/**
 * Encodings whose length lies. All must be refused, with nothing but true bytes handed out before, except where `isSilent`: there the
 * ranges leave out the last chunk and what was asked for hangs on the same path, so that the length must stay unproven.
 */
export function lyingLengths(): object[] {
  const claims = (size: number): bigint[] => [
    0n,
    1n,
    BigInt(size) - 1n,
    BigInt(size) + 1n,
    BigInt(size) + 1024n,
    2n ** 32n,
    2n ** 53n - 1n,
    2n ** 53n,
    2n ** 63n,
    U64_MAX,
  ]
  return [1025, 3073, 20_000].flatMap((size) =>
    [0, 4].flatMap((chunkGroupLog) =>
      [[0], [0, 1], ['last' as const]].flatMap((boundaries) =>
        claims(size)
          .filter((claimed) => claimed !== BigInt(size))
          .map((claimed) => lieOf(size, chunkGroupLog, boundaries, claimed)),
      ),
    ),
  )
}

function lieOf(size: number, chunkGroupLog: number, boundaries: readonly Boundary[], claimed: bigint): object {
  const { root } = treeOf(size)
  const encoded = joined([sizeField(0), referenceEncoding(treeOf(size), chunkGroupLog, selectionOf(boundaries, size)).subarray(8)])
  new DataView(encoded.buffer).setBigUint64(0, claimed, true)
  let isSilent = claimed < 2n ** 20n // far longer trees are deeper, and contradict the first leaf
  try {
    if (isSilent) referenceDecode(encoded, root, chunkGroupLog, (said) => selectionOf(boundaries, said), [])
  } catch {
    isSilent = false
  }
  return { size, claimed: String(claimed), chunkGroupLog, boundaries, root: hexOf(root), encoding: described(encoded), isSilent }
}

export const FILES: Readonly<Record<string, () => object[]>> = {
  'responses.json': responses,
  'sequences.json': sequences,
  'lying-lengths.json': lyingLengths,
}

/** One entry a line: a change shows as one. */
export function textOf(entries: readonly object[]): string {
  return `[\n${entries.map((entry) => JSON.stringify(entry)).join(',\n')}\n]\n`
}

if (import.meta.main) for (const [name, make] of Object.entries(FILES)) writeFileSync(new URL(name, import.meta.url), textOf(make()))
