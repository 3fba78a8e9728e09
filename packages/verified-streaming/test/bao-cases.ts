/**
 * The cases of Bao's published vectors (1 KiB groups) and of abao's (16 KiB), made anew: the same lengths, offsets, ranges
 * and corruption points by their rules, the digests by the reference implementation. A machine without the published files
 * runs these; where the files are, `vectors.test.ts` compares them entry by entry.
 */
import { referenceHash } from './reference/blake3.ts'
import {
  everything,
  type ReferenceItem,
  type ReferenceTree,
  referenceItems,
  referenceTree,
  sizeField,
  joined,
  type Selection,
} from './reference/bao.ts'

export interface SliceCase {
  start: number
  len: number
  output_len: number
  output_blake3: string
  corruptions: number[]
}

export interface BaoCases {
  hash: { input_len: number; bao_hash: string }[]
  encode: { input_len: number; output_len: number; bao_hash: string; encoded_blake3: string; corruptions: number[] }[]
  outboard: {
    input_len: number
    output_len: number
    bao_hash: string
    encoded_blake3: string
    outboard_corruptions: number[]
    input_corruptions: number[]
  }[]
  seek: { input_len: number; seek_offsets: number[] }[]
  slice: { input_len: number; bao_hash: string; slices: SliceCase[] }[]
}

/** Both suites: group size, and the lengths that the published files have. */
export const SUITES = [
  { file: 'test_vectors.json', log: 0, lengths: [0, 1, 1023, 1024, 1025, 2047, 2048, 2049, 3071, 3072, 3073, 11_264, 13_312] },
  {
    file: 'abao_16k_test_vectors.json',
    log: 4,
    lengths: [0, 1, 1023, 1024, 1025, 2048, 3072, 16_383, 16_384, 16_385, 32_768, 49_152, 180_224, 212_992],
  },
] as const

/** The published input: a u32 counter from 1. */
export function inputOf(length: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(Math.ceil(length / 4) * 4))
  for (let i = 0; i < view.byteLength / 4; i++) view.setUint32(i * 4, i + 1, true)
  return new Uint8Array(view.buffer, 0, length)
}

export const hexOf = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')

/** Where each item begins, behind the header. */
function placesOf(items: readonly ReferenceItem[]): number[] {
  let at = 8
  return items.map(({ bytes }) => {
    at += bytes.length
    return at - bytes.length
  })
}

/** Zero, both sides of every group boundary that two bytes follow, and the end, one before and one after it. */
function offsetsOf(length: number, group: number): number[] {
  const offsets = new Set([0, Math.max(0, length - 1), length, length + 1])
  for (let boundary = group; boundary < length - 1; boundary += group) offsets.add(boundary - 1).add(boundary)
  return [...offsets].sort((a, b) => a - b)
}

/** Bytes that a slice names, as a selection of whole groups; behind the end it means the last one. */
export function sliceSelection(size: number, group: number, start: number, length: number): Selection {
  const end = start + Math.max(length, 1) // of the original start, before it is clamped
  const first = Math.floor(Math.min(start, Math.max(0, size - 1)) / group)
  const last = Math.floor((end - 1) / group)
  return (chunk) => {
    const own = Math.floor((chunk * 1024) / group)
    return own >= first && own <= last
  }
}

/** Of a slice's items those whose corruption every decoder must see: what it has to look at to seek and to read. */
function isLookedAt({ start, end }: ReferenceItem, from: number, length: number, size: number): boolean {
  if (from >= size) return false
  return length === 0 ? start < from && from < end : start < from + length && from < end
}

function sliceCase(tree: ReferenceTree, log: number, start: number, len: number): SliceCase {
  const size = tree.data.length
  const items = referenceItems(tree, log, sliceSelection(size, 1024 * 2 ** log, start, len))
  const bytes = joined([sizeField(size), ...items.map((item) => item.bytes)])
  const places = placesOf(items)
  const corruptions = places.filter((place, i) => place < bytes.length && (i === 0 || isLookedAt(items[i]!, start, len, size)))
  return { start, len, output_len: bytes.length, output_blake3: hexOf(referenceHash(bytes)), corruptions: [7, ...corruptions] }
}

export function baoCases(log: number, lengths: readonly number[]): BaoCases {
  const cases: BaoCases = { hash: [], encode: [], outboard: [], seek: [], slice: [] }
  const group = 1024 * 2 ** log
  for (const input_len of lengths) {
    const tree = referenceTree(inputOf(input_len))
    const bao_hash = hexOf(tree.root)
    const items = referenceItems(tree, log, everything)
    const parents = items.filter(({ kind }) => kind === 'parent')
    const leaves = items.filter(({ kind, bytes }) => kind === 'leaf' && bytes.length > 0)
    const encoded = joined([sizeField(input_len), ...items.map(({ bytes }) => bytes)])
    const outboard = joined([sizeField(input_len), ...parents.map(({ bytes }) => bytes)])
    const corruptions = [0, ...placesOf(items).filter((place) => place < encoded.length)]
    cases.hash.push({ input_len, bao_hash })
    cases.encode.push({ input_len, output_len: encoded.length, bao_hash, encoded_blake3: hexOf(referenceHash(encoded)), corruptions })
    cases.outboard.push({
      input_len,
      output_len: outboard.length,
      bao_hash,
      encoded_blake3: hexOf(referenceHash(outboard)),
      outboard_corruptions: [0, ...placesOf(parents)],
      input_corruptions: leaves.map(({ start }) => start),
    })
    const offsets = offsetsOf(input_len, group)
    cases.seek.push({ input_len, seek_offsets: offsets })
    const slices = offsets.flatMap((start) => [0, group].map((len) => sliceCase(tree, log, start, len)))
    cases.slice.push({ input_len, bao_hash, slices })
  }
  return cases
}
